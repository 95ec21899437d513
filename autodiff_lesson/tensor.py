"""Tensor: what flows through the operations. An array that never changes, and how it prints."""

from __future__ import annotations

from typing import Any

import numpy as np

from .dtypes import DType, TensorShape, as_dtype
from .recorder import left


class Tensor:
    """An array of one dtype that never changes; operations on it make new tensors.

    It holds a NumPy array or scalar and knows nothing of gradients: who is interested in those
    listens (see `recorder`). NumPy's own functions accept a tensor and answer with an array, which
    no tape sees. Make one with ``tf.constant``.
    """

    __slots__ = ("_value", "_name", "_logits")
    _name: str | None
    _logits: Tensor
    """What a Keras softmax or sigmoid was made of; unset in others."""

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
        if self._value.size > 1:
            raise ValueError(
                "The truth value of an array with more than one element is ambiguous. Use "
                "tf.reduce_all(x) or tf.reduce_any(x); to choose element by element, tf.where"
            )
        return bool(self._value.any())

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
