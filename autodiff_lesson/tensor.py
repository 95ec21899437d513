"""Tensor: what flows through the operations. An array that never changes, and how it prints."""

from __future__ import annotations

from typing import Any

import numpy as np

from .dtypes import DType, TensorShape, as_dtype, numpy_dtype
from .errors import InvalidArgumentError
from .recorder import left, thread


class Tensor:
    """An array of one dtype that never changes; operations on it make new tensors.

    It holds a NumPy array or scalar and knows nothing of gradients: who is interested in those
    listens (see `recorder`). NumPy's own functions accept a tensor and answer with an array, which
    no tape sees. Make one with `constant`.
    """

    __slots__ = ("_value", "_name")
    _name: str | None

    # `array + tensor` is left to the tensor, so that it is recorded (and is a tensor)
    __array_priority__ = 100
    __hash__ = None  # type: ignore[assignment]  # == compares element by element

    def __init__(self, value: Any):
        self._value = value

    @property
    def shape(self) -> TensorShape:
        """The length of each axis."""
        return TensorShape(self._value.shape)

    @property
    def dtype(self) -> DType:
        """The type of the numbers, ``tf.float32`` for instance."""
        return as_dtype(self._value.dtype)

    @property
    def ndim(self) -> int:
        """How many axes."""
        return self._value.ndim

    @property
    def name(self) -> str | None:
        """The name it was given with ``name=``, or None."""
        return getattr(self, "_name", None)

    def get_shape(self) -> TensorShape:
        """The shape, in TensorFlow's older spelling."""
        return self.shape

    def numpy(self) -> Any:
        """The value as a NumPy array (read-only, not copied) or scalar. No tape sees it leave."""
        left(self, "numpy")
        return handed_out(self._value)

    def ref(self) -> Reference:
        """Something hashable that stands for this very tensor, to use as a key in a dict."""
        return Reference(self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        left(self, "array")
        value = handed_out(self._value)
        return np.array(value, dtype=dtype) if copy else np.asarray(value, dtype=dtype)

    def __bool__(self) -> bool:
        left(self, "bool")
        return bool(self._value)

    def __float__(self) -> float:
        left(self, "float")
        return float(self._value)

    def __int__(self) -> int:
        left(self, "int")
        return int(self._value)

    def __index__(self) -> int:
        left(self, "index")
        return self._value.__index__()

    def __len__(self) -> int:
        if not self._value.ndim:
            raise TypeError("a scalar tensor has no len(): its shape is ()")
        return len(self._value)

    def __format__(self, spec: str) -> str:
        left(self, "format")  # as in TensorFlow, f"{t}" is the bare number and print(t) is not
        return format(self._value[()], spec)

    def __str__(self) -> str:
        text = str(self._value)
        line = "\n" if "\n" in text else ""
        return f"tf.Tensor({line}{text}, shape={self.shape}, dtype={self.dtype.name})"

    def __repr__(self) -> str:
        return (
            f"<tf.Tensor: shape={self.shape}, dtype={self.dtype.name}, "
            f"numpy={value_text(self._value)}>"
        )

    def __copy__(self) -> Tensor:
        return self

    def __deepcopy__(self, memo: dict) -> Tensor:
        return self

    def __setitem__(self, key: Any, value: Any) -> None:
        raise TypeError(
            "a tensor cannot be changed in place. Build a new one with tf.where, tf.concat or "
            "tf.stack, or keep changing numbers in a tf.Variable"
        )


class Reference:
    """Stands for one tensor or variable in a set or as a key; `deref` gives it back."""

    __slots__ = ("_object",)

    def __init__(self, referred: Any):
        self._object = referred

    def deref(self) -> Any:
        """The tensor or variable itself."""
        return self._object

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reference) and self._object is other._object

    def __hash__(self) -> int:
        return id(self._object)

    def __repr__(self) -> str:
        return f"<Reference wrapping {self._object!r}>"


def handed_out(value: Any) -> Any:
    """A value as it may be given to the user: scalars as they are, arrays locked for writing.

    The lock stays on the array itself. It is also the sign that somebody outside may hold it.
    """
    if isinstance(value, np.ndarray):
        if not value.ndim:
            return value[()]
        value.flags.writeable = False
    return value


def value_text(value: Any) -> str:
    """The value as it stands in a repr."""
    text = repr(value) if value.ndim else str(value.item())
    return "\n" + text if "\n" in text else text


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> Tensor:
    """Make a tensor of Python numbers, nested lists of them, or a NumPy array (copied).

    Python floats become float32 and ints int32; NumPy arrays keep their dtype. ``shape`` fills
    or reshapes. A ragged list is a ValueError. A tensor comes back as it is, still connected.

    >>> constant([1.0, 2.0])
    <tf.Tensor: shape=(2,), dtype=float32, numpy=array([1., 2.], dtype=float32)>
    >>> print(constant(3))
    tf.Tensor(3, shape=(), dtype=int32)
    """
    if type(value) is Tensor and shape is None and dtype in (None, value.dtype):
        return value
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
        arrays = _holds_arrays(value)
        if array.dtype == np.float64 and not arrays:
            return array.astype(np.float32)
        if array.dtype == np.int64 and not arrays:
            return _as_int32(array)
        return array
    if array.dtype.kind == "f" and dtype.kind in "iub":
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


def _holds_arrays(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(_holds_arrays(item) for item in value)
    return isinstance(value, (np.ndarray, np.generic, Tensor)) or hasattr(value, "__array__")


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
