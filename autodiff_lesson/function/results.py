"""What a function returns: taken apart, and put together again at each call."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NamedTuple

from .. import nest
from ..arguments import tensor_of
from ..ops.elementwise import identity
from ..tensor import Tensor
from ..values import constant


def flat_result(name: str, result: Any) -> tuple[Any, list[Tensor]]:
    """A result with the numbers of its tensors in their places, and the tensors."""
    outputs: list[Tensor] = []

    def leaf(value: Any) -> Any:
        if value is None or isinstance(value, str):
            return value
        found = tensor_of(value)
        if type(found) is not Tensor:
            try:
                found = constant(found)
            except (ValueError, TypeError):
                raise TypeError(
                    f"{name} returned {value!r:.100} of type {type(value).__name__}: a function "
                    "returns tensors, numbers, None, and lists, tuples and dicts of them"
                ) from None
        elif found is not value:
            found = identity(found)  # of a variable, its value of now
        outputs.append(found)
        return _Output(len(outputs) - 1)

    return nest.map_structure(leaf, result), outputs


class _Output(NamedTuple):
    """Stands in a structure for the tensor with this number."""

    number: int


def packer_of(structure: Any) -> Callable:
    """A function from a list of tensors to the structure with the tensors in it."""
    if type(structure) is _Output:
        return operator.itemgetter(structure.number)
    if isinstance(structure, dict):
        parts = {key: packer_of(part) for key, part in structure.items()}
        return lambda tensors: {key: part(tensors) for key, part in parts.items()}
    if isinstance(structure, (list, tuple)):
        packers = [packer_of(part) for part in structure]
        kind = structure._make if hasattr(structure, "_make") else type(structure)
        return lambda tensors: kind([part(tensors) for part in packers])
    return lambda tensors: structure
