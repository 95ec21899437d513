"""What a call is known by: the dtypes and shapes of its tensors, and its Python values.

Two calls with equal keys can be played by one trace.
"""

from __future__ import annotations

import contextlib
import weakref
from typing import Any

import numpy as np

from ..arguments import tensor_of
from ..dtypes import DType, TensorShape, as_dtype, numpy_dtype
from ..errors import InvalidArgumentError
from ..nest import flatten, with_values
from ..tensor import Tensor
from ..values import as_value

_PLAIN = (type(None), bool, int, str, bytes, complex, type, np.dtype, DType)


class TensorSpec:
    """What tensors a function takes: shape (None: any length) and dtype.

    >>> TensorSpec([None, 2], "float32")
    TensorSpec(shape=(None, 2), dtype=tf.float32, name=None)
    """

    def __init__(self, shape: Any = None, dtype: Any = np.float32, name: str | None = None):
        self.shape = None if shape is None else TensorShape(shape)
        self.dtype = as_dtype(dtype)
        self.name = name

    @classmethod
    def from_tensor(cls, tensor: Any, name: str | None = None) -> TensorSpec:
        """The spec that describes a tensor."""
        return cls(tensor.shape, tensor.dtype, name)

    def is_compatible_with(self, tensor: Any) -> bool:
        """Whether a tensor has the dtype, and the lengths where they are given."""
        if tensor.dtype != self.dtype or self.shape is None:
            return tensor.dtype == self.dtype
        return len(self.shape) == len(tensor.shape) and all(
            wanted in (None, n) for wanted, n in zip(self.shape, tensor.shape, strict=True)
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TensorSpec) and (self.shape, self.dtype) == (
            other.shape,
            other.dtype,
        )

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype))

    def __repr__(self) -> str:
        return f"TensorSpec(shape={self.shape}, dtype=tf.{self.dtype.name}, name={self.name!r})"


def take_apart(value: Any, key: list, tensors: list[Tensor], held: list) -> Any:
    """Note one argument of a call; give it back with its arrays made tensors.

    Args:
        key: gets what the call is known by; calls with equal keys can share a trace.
        tensors: gets the tensors in the argument.
        held: gets the objects that are known by their identity only.
    """
    kind = type(value)
    if kind is Tensor:
        array = value._value
        key.append((array.shape, array.dtype, array.strides))
        tensors.append(value)
        return value
    if kind is tuple or isinstance(value, (list, tuple)):
        key.append((kind, "of", len(value)))
        items = [take_apart(item, key, tensors, held) for item in value]
        return tuple(items) if kind is tuple else _like(value, items)
    if isinstance(value, dict):
        keys = sorted(value, key=str)
        key.append((kind, tuple(keys)))
        made = {name: take_apart(value[name], key, tensors, held) for name in keys}
        return with_values(value, made)
    if isinstance(value, (np.ndarray, np.generic)):
        return take_apart(Tensor(as_value(value)), key, tensors, held)
    if isinstance(value, _PLAIN):
        key.append((kind, value))
    elif kind is float:
        key.append((kind, value.hex()))
    else:
        key.append((kind, "object", id(value)))
        held.append(value)
    return value


def note_repeated(key: list, tensors: list[Tensor]) -> None:
    """One tensor handed in twice is a case of its own: its gradients add up."""
    ids = list(map(id, tensors))
    if len(set(ids)) < len(ids):
        key.append(("same", tuple(map(ids.index, ids))))


def _like(value: Any, items: list) -> Any:
    if hasattr(value, "_fields"):
        return type(value)(*items)
    return items if isinstance(value, list) else tuple(items)


def names_of(path: str, value: Any) -> list[str]:
    """A name for each tensor in an argument: ``data_0``, ``data_1``."""
    if type(value) is Tensor or isinstance(value, (np.ndarray, np.generic)):
        return [path]
    if isinstance(value, dict):
        return [n for k in sorted(value, key=str) for n in names_of(f"{path}_{k}", value[k])]
    if isinstance(value, (list, tuple)):
        return [n for i, item in enumerate(value) for n in names_of(f"{path}_{i}", item)]
    return []


def checked(input_signature: Any) -> tuple | None:
    """A signature as a tuple, if it is one."""
    if input_signature is None:
        return None
    if not isinstance(input_signature, (list, tuple)):
        raise TypeError(
            "input_signature is a list with a TensorSpec for each argument: write "
            f"input_signature=[{input_signature!r}]"
        )
    for leaf in flatten(input_signature):
        if not isinstance(leaf, TensorSpec):
            raise TypeError(
                f"input_signature holds {leaf!r}, and takes TensorSpecs: "
                "tf.TensorSpec([None, 2], tf.float32), for example"
            )
    return tuple(input_signature)


def conformed(value: Any, spec: Any, name: str) -> Any:
    """An argument as the tensor, or nest of tensors, that a signature asks for; else TypeError."""
    found = tensor_of(value)
    if isinstance(spec, dict) and isinstance(value, dict) and value.keys() == spec.keys():
        return {key: conformed(value[key], spec[key], name) for key in spec}
    if isinstance(spec, (list, tuple)) and isinstance(value, (list, tuple)):
        if len(value) == len(spec):
            return _like(spec, [conformed(*each, name) for each in zip(value, spec, strict=True)])
    elif isinstance(spec, TensorSpec):
        if type(found) is not Tensor:
            with contextlib.suppress(InvalidArgumentError, ValueError, TypeError):
                found = Tensor(as_value(found, numpy_dtype(spec.dtype)))
        if type(found) is Tensor and spec.is_compatible_with(found):
            return found
    if type(found) is Tensor:
        found = TensorSpec.from_tensor(found)
    raise TypeError(
        f"Can not cast {found!r:.200} to {spec!r}: argument {name} does not fit the input_signature"
    )


def weakly(value: Any, gone: Any) -> Any:
    """A function that gives the object back, or None once it is gone; ``gone`` is called then."""
    try:
        return weakref.ref(value, gone)
    except TypeError:
        return lambda: value


def described(part: tuple) -> str:
    """One part of a key in words."""
    if isinstance(part[0], tuple):
        return f"{as_dtype(part[1]).name} {part[0]}"
    if part[0] == "same":
        return "one tensor in several places"
    kind = part[0].__name__
    if part[0] in (int, bool, complex):
        return f"Python number {part[1]}"
    if part[0] is float:
        return f"Python number {float.fromhex(part[1])}"
    if len(part) == 3:
        return f"{kind} of {part[2]}" if part[1] == "of" else f"another {kind} object"
    return f"{kind} {part[1]!r}"


def difference(names: list[str], old: tuple, new: tuple) -> str:
    """Why a call with key ``new`` could not be played by a trace with key ``old``."""
    if len(old) != len(new):
        return "the arguments have another structure"
    found = []
    for name, before, now in zip(names, old, new, strict=True):
        if before == now:
            continue
        if isinstance(before[0], tuple) and isinstance(now[0], tuple):
            found.append(f"{name}: {_changed(before, now)}")
        else:
            advice = ""
            if before[0] in (int, float) and now[0] in (int, float):
                advice = f"; pass constant({described(now).split()[-1]})"
            old_text, new_text = described(before), described(now).removeprefix("Python number ")
            change = new_text if old_text == new_text else f"{old_text} -> {new_text}"
            found.append(f"{name}: {change}{advice}")
    return ", ".join(found)


def _changed(before: tuple, now: tuple) -> str:
    if before[1] != now[1]:
        return f"dtype {before[1].name} -> {now[1].name}"
    if before[0] != now[0]:
        return f"shape {before[0]} -> {now[0]}"
    return "layout in memory"
