"""DType and TensorShape: what a tensor says of itself, printed as TensorFlow prints it."""

from __future__ import annotations

from typing import Any

import numpy as np


class DType:
    """The type of a tensor's numbers: ``tf.float32``, ``tf.int64``, ...

    Compares equal to the NumPy dtype and to the name, and NumPy takes it for its own. Python's
    ``float`` is float32.

    >>> print(float32)
    <dtype: 'float32'>
    >>> float32 == "float32", float32 == np.float32, np.zeros(2, float32.as_numpy_dtype).dtype
    (True, True, dtype('float32'))
    """

    __slots__ = ("dtype", "name")

    def __init__(self, dtype: Any):
        self.dtype = np.dtype(dtype)
        self.name = self.dtype.name

    @property
    def as_numpy_dtype(self) -> type:
        """The NumPy scalar type, for example ``numpy.float32``."""
        return self.dtype.type

    @property
    def is_floating(self) -> bool:
        """True for float16, float32 and float64: the types a gradient can have."""
        return self.dtype.kind == "f"

    @property
    def is_integer(self) -> bool:
        """True for the integers, signed or not."""
        return self.dtype.kind in "iu"

    @property
    def is_bool(self) -> bool:
        """True for bool."""
        return self.dtype.kind == "b"

    @property
    def size(self) -> int:
        """Bytes per number."""
        return self.dtype.itemsize

    @property
    def min(self) -> Any:
        """The smallest number of this type."""
        return (np.finfo if self.is_floating else np.iinfo)(self.dtype).min

    @property
    def max(self) -> Any:
        """The largest number of this type."""
        return (np.finfo if self.is_floating else np.iinfo)(self.dtype).max

    def __eq__(self, other: object) -> bool:
        try:
            return self.dtype == numpy_dtype(other)
        except TypeError:
            return False

    def __hash__(self) -> int:
        return hash(self.dtype)

    def __str__(self) -> str:
        return f"<dtype: '{self.name}'>"

    def __repr__(self) -> str:
        return f"tf.{self.name}"


float16, float32, float64 = DType("float16"), DType("float32"), DType("float64")
int8, int16, int32, int64 = DType("int8"), DType("int16"), DType("int32"), DType("int64")
uint8, uint16, uint32, uint64 = DType("uint8"), DType("uint16"), DType("uint32"), DType("uint64")
bool_ = DType("bool")

_BY_NUMPY = {
    d.dtype: d
    for d in (float16, float32, float64, int8, int16, int32, int64, uint8, uint16, uint32, uint64)
} | {bool_.dtype: bool_}


def numpy_dtype(dtype: Any) -> np.dtype:
    """The NumPy dtype of a DType, a NumPy dtype or a name; TypeError for anything else."""
    if isinstance(dtype, DType):
        return dtype.dtype
    if dtype is float or (type(dtype) is str and dtype == "float"):
        return float32.dtype  # NumPy would make it float64
    if dtype is None:  # NumPy reads None as float64, nobody else does
        raise TypeError("a dtype is missing: write for example dtype=tf.float32")
    try:
        return np.dtype(dtype)
    except TypeError:
        raise TypeError(f"{dtype!r} is not a dtype: write for example tf.float32") from None


def as_dtype(dtype: Any) -> DType:
    """The DType of a DType, a NumPy dtype or a name, as ``tf.as_dtype``.

    >>> as_dtype("int64")
    tf.int64
    """
    found = _BY_NUMPY.get(numpy_dtype(dtype))
    if found is None:
        raise TypeError(f"{dtype!r} is not a dtype of this package: numbers and bool only")
    return found


class TensorShape(tuple):
    """A tensor's shape: a tuple that also equals a list, and has ``as_list()`` and ``rank``.

    >>> shape = TensorShape((2, 3))
    >>> shape == [2, 3], shape == (2, 3), shape.as_list(), shape.rank
    (True, True, [2, 3], 2)
    >>> shape, str(shape)
    (TensorShape([2, 3]), '(2, 3)')
    """

    __slots__ = ()

    @property
    def rank(self) -> int:
        """How many axes."""
        return len(self)

    @property
    def ndims(self) -> int:
        """How many axes."""
        return len(self)

    def as_list(self) -> list:
        """The shape as a list."""
        return list(self)

    def num_elements(self) -> int:
        """How many numbers."""
        return int(np.prod(self, dtype=int))

    def __eq__(self, other: object) -> bool:
        return tuple.__eq__(self, tuple(other)) if isinstance(other, (tuple, list)) else False

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = tuple.__hash__

    def __getitem__(self, key: Any) -> Any:
        found = tuple.__getitem__(self, key)
        return TensorShape(found) if isinstance(key, slice) else found

    def __add__(self, other: Any) -> TensorShape:
        return TensorShape(tuple(self) + tuple(other))

    def __radd__(self, other: Any) -> TensorShape:
        return TensorShape(tuple(other) + tuple(self))

    def __str__(self) -> str:
        return tuple.__repr__(self)

    def __repr__(self) -> str:
        return f"TensorShape({list(self)})"
