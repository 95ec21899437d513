"""What a user hands to an operation: made into tensors that fit, or refused with words.

``row`` is the `primitive.Primitive` that is to run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import InvalidArgumentError
from .lines import here
from .tensor import Tensor
from .values import as_value

if TYPE_CHECKING:
    from .primitive import Primitive

packed: Any = None
"""Stacks lists that hold tensors; the table puts it here."""

_PLAIN = {Tensor, int, float, bool, np.ndarray, np.float32, np.float64}


def tensor_of(x: Any) -> Any:
    """The tensor that ``x`` stands for, if it is one or is read like one; else ``x`` itself."""
    if type(x) in _PLAIN:
        return x
    if type(x) is list or type(x) is tuple:
        return packed(x)
    read = getattr(x, "_read", None)  # a Variable, or a Keras object that holds one
    return x if read is None else read()


def as_tensors(row: Primitive, inputs: tuple) -> tuple[Tensor, ...]:
    """Whatever is not a tensor takes the dtype of the tensors beside it."""
    found = [*map(tensor_of, inputs)]
    if {*map(type, found)} == {Tensor}:
        return tuple(found)
    alike = row.alike or range(len(found))
    dtype = next((found[i]._value.dtype for i in alike if type(found[i]) is Tensor), None)
    if dtype is None and row.variadic:  # of the parts of a list any float one decides
        parts = [as_value(x).dtype for x in found]
        dtype = next((part for part in parts if part.kind == "f"), None)
    for i, x in enumerate(found):
        if type(x) is not Tensor:
            found[i] = Tensor(_converted(row, x, dtype if i in alike else None))
            if dtype is None and i in alike:  # no tensor at all: the first number decides
                dtype = found[i]._value.dtype
    return tuple(found)


def as_pair(row: Primitive, x: Any, y: Any) -> tuple[Tensor, ...]:
    """The same for two inputs of one dtype; one beside a tensor is the commonest."""
    if type(x) is not Tensor:
        x = tensor_of(x)
    if type(y) is not Tensor:
        y = tensor_of(y)
    if type(x) is Tensor:
        if type(y) is not Tensor:
            y = Tensor(_converted(row, y, x._value.dtype))
    elif type(y) is Tensor:
        x = Tensor(_converted(row, x, y._value.dtype))
    else:
        return as_tensors(row, (x, y))
    return x, y


def _converted(row: Primitive, value: Any, dtype: np.dtype | None) -> Any:
    try:
        return as_value(value, dtype)
    except (InvalidArgumentError, ValueError, TypeError) as error:
        raise type(error)(f"{row.name} at {here()}: {error}") from None


def by_name(row: Primitive, inputs: tuple, attributes: dict) -> tuple[tuple, dict]:
    """Inputs may be given by name; every operation takes (and does not need) a ``name``."""
    other = {"features": "x", "input": "x"} if "x" in row.inputs else {}
    attributes = {other.get(k, k): value for k, value in attributes.items() if k != "name"}
    named = row.inputs[len(inputs) :]
    inputs += tuple(attributes.pop(key) for key in named if key in attributes)
    unknown = attributes.keys() - set(row.attributes)
    if unknown:
        raise TypeError(
            f"{row.name} at {here()} got an unexpected keyword argument "
            f"{sorted(unknown)[0]!r}. It takes {', '.join(row.inputs + row.attributes)}"
        )
    return inputs, attributes


def check_dtypes(row: Primitive, inputs: tuple[Tensor, ...]) -> None:
    """Inputs that are numbers of one kind must have one dtype."""
    checked = [inputs[i] for i in row.alike] if row.alike else list(inputs)
    dtypes = [x._value.dtype for x in checked]
    for other in dtypes[1:]:
        if other != dtypes[0]:
            wanted = next((d for d in dtypes if d.kind == "f"), dtypes[0])
            raise InvalidArgumentError(
                f"{row.name} at {here()}: the inputs have the dtypes "
                f"{' and '.join(d.name for d in dtypes)}, which do not mix. Bring one to the "
                f"other's: tf.cast(..., tf.{wanted.name})"
            )


def refusal(row: Primitive, inputs: tuple, attributes: dict, error: Exception) -> Exception:
    """The error to raise when NumPy refused the values with ``error``."""
    if len(inputs) != len(row.inputs) and not row.variadic:
        takes = f"{len(row.inputs)} inputs ({', '.join(row.inputs)})"
        return TypeError(f"{row.name} at {here()} takes {takes}, not {len(inputs)}")
    shapes = ", ".join(f"{tuple(x.shape)} {x.dtype.name}" for x in inputs)
    with_ = "".join(f", {key}={value!r}" for key, value in attributes.items())
    return InvalidArgumentError(
        f"{row.name} at {here()} cannot take inputs of shape {shapes}{with_}: {error}"
    )
