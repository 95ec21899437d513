"""The rows that make many numbers into fewer: sums, means, extremes, softmax.

The legend of every rule: g the upstream gradient, z the output, x the input.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import refused
from ..primitive import kernel, of_floats, of_numbers, primitive
from ..tensor import Tensor
from .arithmetic import add, divide, greater, maximum, multiply, subtract
from .create import ones
from .elementwise import (
    abs,
    cast,
    cast_kernel,
    exp,
    is_finite,
    log,
    sqrt,
    square,
    stop_gradient,
    where,
)
from .shape import (
    along,
    as_tensor,
    axis_of,
    broadcast_kernel,
    getitem,
    laid_out,
    order_of,
    pad,
    reshape,
    slice_kernel,
    transpose,
    unstack,
    whole,
)


@kernel
def sum_kernel(x: Any, *, axis: Any, keepdims: bool) -> Any:
    """The sum, in the dtype of ``x``."""
    return np.add.reduce(x, axis=axis, keepdims=keepdims, dtype=x.dtype)  # type: ignore[call-overload]


@kernel
def mean_kernel(x: Any, *, axis: Any, keepdims: bool) -> Any:
    """The mean, in the dtype of ``x``: of whole numbers a whole one, rounded toward 0."""
    whole = x.dtype.kind in "iu"
    # summed as int64: the sum of many small whole numbers does not fit their own dtype
    total: Any = np.add.reduce(  # type: ignore[call-overload]
        x, axis=axis, keepdims=keepdims, dtype=np.int64 if whole else x.dtype
    )
    count = x.size // max(total.size, 1) if x.size else 0
    if whole:
        return ((total - np.fmod(total, count or 1)) // (count or 1)).astype(x.dtype)
    return total if count == 1 else total / x.dtype.type(count)


@kernel
def max_kernel(x: Any, *, axis: Any, keepdims: bool) -> Any:
    """The largest number; of none at all the least that the dtype has."""
    if x.size:
        return np.max(x, axis=axis, keepdims=keepdims)
    least = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    return np.max(x, axis=axis, keepdims=keepdims, initial=least)


@kernel
def min_kernel(x: Any, *, axis: Any, keepdims: bool) -> Any:
    """The least number; of none at all the largest that the dtype has."""
    if x.size:
        return np.min(x, axis=axis, keepdims=keepdims)
    largest = np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).max
    return np.min(x, axis=axis, keepdims=keepdims, initial=largest)


@kernel
def argmax_kernel(x: Any, *, axis: int) -> Any:
    """Where the largest number is; nan is passed over."""
    if x.dtype.kind == "f" and np.isnan(x).any():
        x = np.where(np.isnan(x), -np.inf, x)
    return np.argmax(x, axis=axis)


@kernel
def argmin_kernel(x: Any, *, axis: int) -> Any:
    """Where the smallest number is; nan is passed over."""
    if x.dtype.kind == "f" and np.isnan(x).any():
        x = np.where(np.isnan(x), np.inf, x)
    return np.argmin(x, axis=axis)


@kernel
def softmax_kernel(x: Any, *, axis: int) -> Any:
    """exp(x) / sum(exp(x)), with the largest number subtracted first so that exp stays finite."""
    powers = np.exp(x - np.max(x, axis=axis, keepdims=True, initial=-np.inf))
    return powers / np.sum(powers, axis=axis, keepdims=True)


@kernel
def log_softmax_kernel(x: Any, *, axis: int) -> Any:
    """The logarithm of softmax, computed without it."""
    shifted = x - np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


# ---------------------------------------------------------------- what the rules compute with
def spread(g: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """Give the gradient of a reduction back to each number that went into it."""
    g = kept(g, x, axis, keepdims)
    if x.ndim == g.ndim > 2:
        order = order_of(x)
        if order != sorted(order):  # after a convolution: what follows is faster in one layout
            g = laid_out(g, order=order)
    return broadcast_kernel(g, shape=x.shape)


def kept(g: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """``g`` with the reduced axes as axes of length 1."""
    if keepdims or axis is None:  # a scalar spreads over any shape as it is
        return g
    gone = {a % x.ndim for a in ((axis,) if isinstance(axis, int) else axis)}
    return np.reshape(g, tuple(1 if i in gone else n for i, n in enumerate(x.shape)))


def shared(g: Any, z: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """The gradient of an extreme: shared equally among the numbers that reach it."""
    ties = cast_kernel(x == kept(z, x, axis, keepdims), dtype=x.dtype)
    count = sum_kernel(ties, axis=axis, keepdims=True)
    return kept(g, x, axis, keepdims) * (ties / count)


def reverse(x: Any, axis: int) -> Any:
    """The slices along ``axis`` from the last to the first."""
    return slice_kernel(x, key=along(axis, slice(None, None, -1)))


# ---------------------------------------------------------------- the rows
# fmt: off
_sum = of_numbers(sum_kernel,
    lambda g, z, x, *, axis, keepdims: spread(g, x, axis, keepdims), name="reduce_sum")
_mean = of_numbers(mean_kernel,
    lambda g, z, x, *, axis, keepdims:
        spread(g * (z.size / max(x.size, 1)), x, axis, keepdims),
    name="reduce_mean")
_max = of_numbers(max_kernel,
    lambda g, z, x, *, axis, keepdims: shared(g, z, x, axis, keepdims), name="reduce_max")
_min = of_numbers(min_kernel,
    lambda g, z, x, *, axis, keepdims: shared(g, z, x, axis, keepdims), name="reduce_min")
_argmax = primitive(argmax_kernel, name="argmax")
_argmin = primitive(argmin_kernel, name="argmin")
_any = primitive(kernel(lambda x, *, axis, keepdims: np.any(x, axis=axis, keepdims=keepdims)),
                 name="reduce_any")
_all = primitive(kernel(lambda x, *, axis, keepdims: np.all(x, axis=axis, keepdims=keepdims)),
                 name="reduce_all")
_softmax = of_floats(softmax_kernel,
    lambda g, z, x, *, axis: (g - sum_kernel(g * z, axis=axis, keepdims=True)) * z,
    name="softmax")
_log_softmax = of_floats(log_softmax_kernel,
    lambda g, z, x, *, axis:
        g - np.exp(z) * sum_kernel(g, axis=axis, keepdims=True), name="log_softmax")
_cumsum = of_numbers(kernel(lambda x, *, axis: np.cumsum(x, axis, dtype=x.dtype)),
    lambda g, z, x, *, axis: reverse(cumsum_kernel(reverse(g, axis), axis=axis), axis),
    name="cumsum")
# fmt: on
cumsum_kernel: Any = _cumsum.forward
_CAST = "Write tf.cast(x, tf.float32)"


# ---------------------------------------------------------------- the functions users call
def reduce_sum(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """The sum over ``axis`` (one, several, or all), in the tensor's dtype.

    >>> reduce_sum([[1.0, 2.0], [3.0, 4.0]], axis=0).numpy()
    array([4., 6.], dtype=float32)
    """
    return _sum(input_tensor, axis=whole(axis, "reduce_sum"), keepdims=keepdims)


def reduce_mean(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """The mean over ``axis``, in the tensor's dtype: the mean of ints is an int."""
    return _mean(input_tensor, axis=whole(axis, "reduce_mean"), keepdims=keepdims)


def reduce_max(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """The largest number over ``axis``. Numbers that tie for it share the gradient."""
    return _max(input_tensor, axis=whole(axis, "reduce_max"), keepdims=keepdims)


def reduce_min(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """The smallest number over ``axis``. Numbers that tie for it share the gradient."""
    return _min(input_tensor, axis=whole(axis, "reduce_min"), keepdims=keepdims)


def reduce_prod(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """The product over ``axis``, multiplied one slice after the other, so zeros are no trouble."""
    x = as_tensor(input_tensor)
    if x.dtype.is_bool:
        raise refused("reduce_prod", f"it is for numbers, not bools. {_CAST}")
    axes = whole(axis, "reduce_prod")
    axes = tuple(range(x.ndim)) if axes is None else (axes,) if isinstance(axes, int) else axes
    gone = sorted(axis_of("reduce_prod", a, x.ndim) for a in axes)
    kept_axes = [a for a in range(x.ndim) if a not in gone]
    moved = transpose(x, [*gone, *kept_axes]) if gone else x
    left = [x.shape[a] for a in kept_axes]
    factors = unstack(reshape(moved, [-1, *left])) if math.prod(x.shape) else []
    product = factors[0] if factors else ones(left, x.dtype)
    for factor in factors[1:]:
        product = multiply(product, factor)
    if not keepdims:
        return product
    return reshape(product, [1 if a in gone else n for a, n in enumerate(x.shape)])


def reduce_any(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """Whether any is true."""
    return _any(input_tensor, axis=whole(axis, "reduce_any"), keepdims=keepdims)


def reduce_all(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """Whether all are true."""
    return _all(input_tensor, axis=whole(axis, "reduce_all"), keepdims=keepdims)


def reduce_std(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """The standard deviation (of the population)."""
    return sqrt(reduce_variance(input_tensor, axis, keepdims))


def reduce_variance(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """The mean of the squared distances to the mean."""
    x = as_tensor(input_tensor)
    if not x.dtype.is_floating:  # their mean would be rounded
        raise refused("reduce_variance", f"it is not for {x.dtype.name}. {_CAST}", TypeError)
    return reduce_mean(square(subtract(x, reduce_mean(x, axis, True))), axis, keepdims)


def cumsum(
    x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None
) -> Tensor:
    """The running sum along ``axis``: from the end with ``reverse``, of those before each number
    with ``exclusive``."""
    x = as_tensor(x)
    axis = axis_of("cumsum", axis, x.ndim)
    backwards = along(axis, slice(None, None, -1))
    if reverse:
        x = getitem(x, backwards)
    if exclusive and x.shape[axis]:
        shifted = getitem(x, along(axis, slice(0, -1)))
        x = pad(shifted, [[int(a == axis), 0] for a in range(x.ndim)])
    total = _cumsum(x, axis=axis)
    return getitem(total, backwards) if reverse else total


def argmax(input: Any, axis: int | None = None, output_type: Any = np.int64, name: Any = None):
    """Where along ``axis`` (default 0) the largest number is, as int64. It has no gradient."""
    x = as_tensor(input)
    return cast(_argmax(x, axis=axis_of("argmax", axis, x.ndim)), output_type)


def argmin(input: Any, axis: int | None = None, output_type: Any = np.int64, name: Any = None):
    """Where along ``axis`` (default 0) the smallest number is, as int64. It has no gradient."""
    x = as_tensor(input)
    return cast(_argmin(x, axis=axis_of("argmin", axis, x.ndim)), output_type)


def softmax(logits: Any, axis: int = -1, name: str | None = None) -> Tensor:
    """exp(x) / sum(exp(x)) along ``axis``."""
    return _softmax(logits, axis=axis)


def log_softmax(logits: Any, axis: int = -1, name: str | None = None) -> Tensor:
    """The logarithm of softmax, finite also where softmax is 0."""
    return _log_softmax(logits, axis=axis)


def norm(
    tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: Any = None, name: Any = None
) -> Tensor:
    """The length of a vector: ``ord`` 'euclidean' (2), 1 or infinity. Its slope at 0 is nan."""
    x, axis = as_tensor(tensor), whole(axis, "norm")
    if np.size(axis) == 2 and ord not in ("euclidean", "fro"):
        raise refused("norm", f"of matrices only ord='euclidean' is built, not {ord!r}", ValueError)
    if ord in ("euclidean", "fro", 2):
        return sqrt(reduce_sum(square(x), axis, bool(keepdims)))
    if ord == 1:
        return reduce_sum(abs(x), axis, bool(keepdims))
    if ord == math.inf:
        return reduce_max(abs(x), axis, bool(keepdims))
    raise refused("norm", f"ord={ord!r} is not built; write 'euclidean', 1, 2 or inf", ValueError)


def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None, name: str | None = None) -> Tensor:
    """Scale down to ``clip_norm`` what is longer than that."""
    x = as_tensor(t)
    total = reduce_sum(square(x), axes, True)
    safe = where(greater(total, 0.0), total, 1.0)
    length = where(greater(total, 0.0), sqrt(safe), total)
    return divide(multiply(x, clip_norm), maximum(length, clip_norm))


def global_norm(t_list: Any, name: str | None = None) -> Tensor:
    """The length of all the tensors together, taken as one vector; None is passed over."""
    sums = [reduce_sum(square(t)) for t in t_list if t is not None]
    total = sums[0]
    for part in sums[1:]:
        total = add(total, part)
    return sqrt(total)


def clip_by_global_norm(
    t_list: Any, clip_norm: Any, use_norm: Any = None, name: str | None = None
) -> tuple[list, Tensor]:
    """Scale all tensors by one factor so that together they are no longer than ``clip_norm``."""
    length = use_norm if use_norm is not None else global_norm(t_list)
    factor = divide(clip_norm, maximum(length, clip_norm))
    factor = add(factor, subtract(length, length))  # of an infinite length, nan for all
    return [None if t is None else multiply(t, factor) for t in t_list], length


def reduce_logsumexp(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """log(sum(exp(x))), with the largest number taken out so that exp stays finite."""
    x = as_tensor(input_tensor)
    top = reduce_max(x, axis, True)
    top = stop_gradient(where(is_finite(top), top, 0.0))  # inf - inf would be nan
    total = add(log(reduce_sum(exp(subtract(x, top)), axis, True)), top)
    return total if keepdims else reshape(total, reduce_max(x, axis).shape)
