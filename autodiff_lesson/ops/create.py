"""Tensors made of nothing: zeros, ones, ranges, grids."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arguments import as_tensors, check_dtypes, tensor_of
from ..dtypes import as_dtype, numpy_dtype
from ..errors import refused
from ..tensor import Tensor
from ..values import constant
from .arithmetic import add, multiply, subtract
from .elementwise import cast, identity
from .shape import broadcast_to, lengths


def _sizes(op: str, shape: Any) -> tuple:
    found = lengths(shape, op)
    if any(n < 0 for n in found):
        raise refused(op, f"the lengths in shape={found} must be >= 0")
    return found


def zeros(shape: Any, dtype: Any = np.float32, name: str | None = None) -> Tensor:
    """Zeros of a shape."""
    return constant(np.zeros(_sizes("zeros", shape), numpy_dtype(dtype)), name=name)


def ones(shape: Any, dtype: Any = np.float32, name: str | None = None) -> Tensor:
    """Ones of a shape."""
    return constant(np.ones(_sizes("ones", shape), numpy_dtype(dtype)), name=name)


def fill(dims: Any, value: Any, name: str | None = None) -> Tensor:
    """One value everywhere; a gradient flows back to a value that is a tensor."""
    sizes = _sizes("fill", dims)
    if isinstance(tensor_of(value), Tensor):
        return broadcast_to(value, sizes)
    return constant(value, shape=sizes, name=name)


def zeros_like(input: Any, dtype: Any = None, name: str | None = None) -> Tensor:
    """Zeros in the shape and dtype of another tensor."""
    x = convert_to_tensor(input)
    return zeros(x.shape, dtype or x.dtype, name)


def ones_like(input: Any, dtype: Any = None, name: str | None = None) -> Tensor:
    """Ones in the shape and dtype of another tensor."""
    x = convert_to_tensor(input)
    return ones(x.shape, dtype or x.dtype, name)


def eye(
    num_rows: int, num_columns: int | None = None, dtype: Any = np.float32, name: Any = None
) -> Tensor:
    """The identity matrix."""
    sizes = _sizes("eye", [num_rows, num_rows if num_columns is None else num_columns])
    return constant(np.eye(*sizes, dtype=numpy_dtype(dtype)), name=name)


def range(
    start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: str | None = None
) -> Tensor:
    """Numbers from ``start`` up to, not including, ``limit``."""
    if limit is None:
        start, limit = 0, start
    ends = [tensor_of(end) for end in (start, limit, delta)]
    ends = [end if isinstance(end, Tensor) else convert_to_tensor(end, dtype) for end in ends]
    if any(end.shape for end in ends):
        raise refused("range", "start, limit and delta must be single numbers")
    if dtype is None:
        dtype = max((end.dtype for end in ends), key=lambda d: (d.is_floating, d.size))
    # a whole number leaves as one: where it may change, the error then says what to pass
    numbers: Any = [int(end) if end.dtype.is_integer else np.asarray(end) for end in ends]
    first, end, step = numbers
    if step == 0 or (end - first) * step < 0:
        raise refused("range", f"there is no way from {first} to {end} in steps of {step}")
    return constant(np.arange(*numbers, dtype=numpy_dtype(dtype)), name=name)


def linspace(start: Any, stop: Any, num: int, name: str | None = None, axis: int = 0) -> Tensor:
    """``num`` numbers from ``start`` to ``stop``, both included; of ints, float64.

    Of ends that are vectors the results lie along a new axis in front.
    """
    if axis:
        raise refused("linspace", "only axis=0 is built; use tf.transpose")
    first, last = as_tensors(subtract, (start, stop))  # in one dtype
    check_dtypes(subtract, (first, last))
    if first.dtype.is_integer:
        first, last = cast(first, np.float64), cast(last, np.float64)
    count = lengths(num)
    if not any(isinstance(tensor_of(end), Tensor) for end in (start, stop)):
        values = np.linspace(first._value, last._value, *count)
        return constant(values.astype(first._value.dtype), name=name)
    steps = np.linspace(0.0, 1.0, *count)  # a gradient flows back to ends that are tensors
    steps = steps.reshape(-1, *(1,) * max(first.ndim, last.ndim))
    return add(multiply(first, 1.0 - steps), multiply(last, steps))


def convert_to_tensor(
    value: Any, dtype: Any = None, dtype_hint: Any = None, name: str | None = None
) -> Tensor:
    """A tensor for whatever stands for one; a tensor itself comes back unchanged."""
    found = tensor_of(value)
    if type(found) is not Tensor:
        made = constant(found, dtype, name=name)
        hint = made.dtype if dtype is not None or dtype_hint is None else as_dtype(dtype_hint)
        if hint == made.dtype or (made.dtype.is_floating and not hint.is_floating):
            return made
        return constant(found, hint, name=name)
    if dtype not in (None, found.dtype):
        raise ValueError(
            f"Tensor conversion requested dtype {numpy_dtype(dtype).name} for Tensor with "
            f"dtype {found.dtype.name}: write tf.cast"
        )
    return found if found is value else identity(found)  # of a variable, as `Variable.value` does
