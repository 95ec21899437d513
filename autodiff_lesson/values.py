"""Numbers as a user may write them, made into arrays; `constant` makes tensors of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .dtypes import TensorShape, as_dtype, numpy_dtype
from .errors import InvalidArgumentError, refused
from .recorder import thread
from .tensor import Tensor


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> Tensor:
    """Make a tensor of Python numbers, nested lists of them, or a NumPy array (copied).

    Python floats become float32 and ints int32; NumPy arrays keep their dtype. ``shape`` fills
    or reshapes. A ragged list is a ValueError, and so is one of tensors: ``tf.stack`` keeps them
    connected. A tensor comes back as it is, still connected.

    >>> constant([1.0, 2.0])
    <tf.Tensor: shape=(2,), dtype=float32, numpy=array([1., 2.], dtype=float32)>
    >>> print(constant(3))
    tf.Tensor(3, shape=(), dtype=int32)
    """
    if type(value) is Tensor:
        if dtype not in (None, value.dtype):
            given, name = value.dtype.name, numpy_dtype(dtype).name
            why = (
                f"Expected a tensor with dtype {name}, but got {given}. Write tf.cast(t, tf.{name})"
            )
            raise refused("constant", why, TypeError)
        if shape is None:
            return value
    elif isinstance(value, (list, tuple)) and _holds_tensors(value):
        why = "a list that holds tensors would lose the connection to them. Write tf.stack([...])"
        raise refused("constant", why, ValueError)
    array = as_value(value, None if dtype is None else numpy_dtype(dtype))
    if shape is not None:
        array = _shaped(array, tuple(shape))
    made = Tensor(array)
    made._name = name
    return made


def _shaped(array: Any, shape: tuple) -> Any:
    if array.size == 1:
        return np.full(shape, array.reshape(()))
    if array.size != TensorShape(shape).num_elements():
        raise TypeError(
            f"constant was given {array.size} numbers for the shape {shape}, which holds "
            f"{TensorShape(shape).num_elements()}"
        )
    return array.reshape(shape)


def as_value(value: Any, dtype: np.dtype | None = None) -> Any:
    """A NumPy array or scalar of our own for whatever a user may write.

    With a ``dtype`` the value takes it; only a Python float is not silently made an integer.
    """
    if dtype is None and type(value) is float:
        return np.float32(value)
    if dtype is not None and type(value) in (float, int) and dtype.kind == "f":
        return dtype.type(value)  # x * 0.5: by far the commonest, and six times faster so
    if isinstance(value, Tensor):
        return value._value if dtype is None else value._value.astype(dtype, copy=False)
    if value is None:
        raise ValueError("None values not supported: a number, a list or an array is needed here")
    if isinstance(value, (np.ndarray, np.generic)):
        array = _checked(np.array(value, dtype=dtype))
    else:
        array = _from_python(value, dtype)
    return array if array.ndim else array[()]


def _from_python(value: Any, dtype: np.dtype | None) -> np.ndarray:
    array = _checked(_read_list(value))
    if dtype is None:
        if hasattr(value, "__array__"):
            return array
        if array.dtype.kind == "f":
            return array.astype(_first_float(value), copy=False)
        return _as_int32(array) if array.dtype.kind in "iu" else array
    if array.dtype.kind == "f" and dtype.kind in "iub" and array.size:
        raise InvalidArgumentError(
            f"{value!r} has a fraction, but {dtype.name} is needed here. Write whole numbers, or "
            "make the tensor a float one: tf.cast(t, tf.float32)"
        )
    return array.astype(dtype)


def _read_list(value: Any) -> np.ndarray:
    try:
        if isinstance(value, (list, tuple)):
            value = [_plain(item) for item in value]
        return np.array(value)
    except ValueError:
        raise ValueError(
            "Can't convert a non-rectangular Python sequence to a tensor: the rows of "
            f"{value!r} have different lengths"
        ) from None


def _plain(item: Any) -> Any:
    if isinstance(item, (list, tuple)):
        return [_plain(inner) for inner in item]
    if not isinstance(item, Tensor):
        return item
    for recorder in thread.active:
        if not recorder.is_tape:  # `explain` sees by itself that the numbers came back
            recorder.left(item, "constant")
    return item._value


def _holds_tensors(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_holds_tensors, value))
    return isinstance(value, Tensor) or hasattr(value, "_read")  # a variable has that


def _first_float(value: Any) -> np.dtype:
    """Of a list the first number decides, if it is one of NumPy's floats; Python's are float32."""
    while isinstance(value, (list, tuple)) and value:
        value = value[0]
    value = value._value if isinstance(value, Tensor) else value
    numpy_float = isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind == "f"
    return value.dtype if numpy_float else np.dtype(np.float32)


def _as_int32(array: np.ndarray) -> np.ndarray:
    """Python's whole numbers become int32; those that do not fit stay int64."""
    small = array.astype(np.int32)
    return small if (small == array).all() else array


def _checked(array: np.ndarray) -> np.ndarray:
    try:
        as_dtype(array.dtype)
    except TypeError:
        raise ValueError(
            f"a tensor holds numbers or bools; this is {array.dtype}: {array!r:.200}"
        ) from None
    return array
