"""The rows that move numbers without changing them: reshape, transpose, concat, gather, slices.

The legend of every rule: g the upstream gradient, z the output, then the inputs. What scatters
(the gradient of a slice, of a gather) is a row of its own, so that it has a gradient too.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from .. import arguments
from ..arguments import tensor_of
from ..dtypes import numpy_dtype
from ..errors import refused
from ..lines import here
from ..primitive import kernel, primitive
from ..recorder import left
from ..tensor import Tensor
from ..values import constant


# ---------------------------------------------------------------- kernels NumPy does not have
@kernel
def sum_to(g: Any, *, shape: tuple) -> Any:
    """Undo a broadcast: sum over the axes along which an array of ``shape`` was repeated."""
    extra = g.ndim - len(shape)
    if extra == 1 and g.shape[1:] == shape and g.ndim == 2:
        # a bias: a product with ones takes a quarter of the time of sum(axis=0)
        return np.dot(_ones(g.shape[0], g.dtype), g)
    axes = tuple(range(extra)) + tuple(
        i + extra for i, n in enumerate(shape) if n == 1 and g.shape[i + extra] != 1
    )
    # not g.sum(): a warning of overflow would come from NumPy's own file, past our filter
    return np.add.reduce(g, axis=axes).reshape(shape) if axes else g.reshape(shape)


@functools.lru_cache(maxsize=64)
def _ones(length: int, dtype: np.dtype) -> np.ndarray:
    return np.ones(length, dtype)


@kernel
def broadcast_kernel(x: Any, *, shape: tuple) -> Any:
    """``x`` repeated along axes of length 1 and new ones in front."""
    if math.prod(shape) > 4096:
        return np.broadcast_to(x, shape)  # a view: large ones need not be written out
    out = np.empty(shape, x.dtype)  # for small ones, five times as fast
    out[...] = x
    return out


@kernel
def laid_out(x: Any, *, order: list[int]) -> Any:
    """The same numbers, in memory with the axes in this order, the outermost first."""
    back = sorted(order, key=order.__getitem__)
    return np.ascontiguousarray(x.transpose(order)).transpose(back)


def order_of(x: Any) -> list[int]:
    """The axes, those with the longest steps through memory first."""
    return sorted(range(x.ndim), key=lambda axis: -x.strides[axis])


@kernel
def slice_kernel(x: Any, *, key: Any) -> Any:
    """The part of ``x`` that ``key`` names."""
    return x[key]


@kernel
def one_hot_kernel(indices: Any, *, depth: int, on: Any, off: Any, dtype: np.dtype) -> Any:
    hot = indices[..., None] == np.arange(depth)
    if (on, off) == (1, 0):  # nearly always, and several times faster
        return hot.astype(dtype)
    return np.where(hot, dtype.type(on), dtype.type(off))


@kernel
def slice_embed(g: Any, *, key: Any, shape: tuple) -> Any:
    """Zeros of ``shape`` with ``g`` added at ``key``: the way back of a slice."""
    if _repeats(key):
        return embed_adding(g, key=key, shape=shape)
    return embed(g, key=key, shape=shape)


@kernel
def embed(g: Any, *, key: Any, shape: tuple) -> Any:
    """Zeros of ``shape`` with ``g`` at ``key``, which names no place twice."""
    out = np.zeros(shape, g.dtype)
    out[key] = g
    return out


@kernel
def embed_adding(g: Any, *, key: Any, shape: tuple) -> Any:
    """Zeros of ``shape`` with ``g`` added at ``key``, where a place may come twice."""
    out = np.zeros(shape, g.dtype)
    np.add.at(out, key, g)
    return out


@kernel
def gather_kernel(x: Any, indices: Any, *, axis: int) -> Any:
    """The slices of ``x`` along ``axis`` that ``indices`` name."""
    _check_indices(indices, x.shape[axis])
    return np.take(x, indices, axis=axis)


@kernel
def scatter_add(g: Any, indices: Any, *, axis: int, shape: tuple) -> Any:
    """Zeros of ``shape`` with the slices of ``g`` added where ``indices`` say."""
    out = np.zeros(shape, g.dtype)
    where = (slice(None),) * axis + (indices,)
    np.add.at(out, where, g)
    return out


@kernel
def pad_kernel(x: Any, *, paddings: tuple, value: float) -> Any:
    """``value`` around ``x``: (before, after) for each axis."""
    return np.pad(x, paddings, constant_values=value)


@kernel
def concat_kernel(*xs: Any, axis: int) -> Any:
    """The arrays joined along an axis that they have."""
    if not all(x.ndim for x in xs):
        raise ValueError("scalars have no axis to be joined along: use tf.stack")
    return np.concatenate(xs, axis)


@kernel
def unstack_kernel(x: Any, *, axis: int) -> Any:
    """The slices along ``axis``, each an output of its own."""
    return tuple(np.moveaxis(x, axis, 0)) if x.shape[axis] != 1 else (x.squeeze(axis),)


# ---------------------------------------------------------------- the rows
# fmt: off
_sum_to = primitive(sum_to, lambda g, z, x, *, shape: broadcast_back(g, z, x), name="sum_to")
_broadcast = primitive(broadcast_kernel, lambda g, z, x, *, shape: sum_to(g, shape=x.shape),
                       name="broadcast_to")
_reshape = primitive(np.reshape, lambda g, z, x, *, shape: np.reshape(g, x.shape))
_transpose = primitive(np.transpose,
    lambda g, z, x, *, axes: np.transpose(g, inverse(axes, x.ndim)))
_concat = primitive(
    concat_kernel,
    lambda g, z, *xs, position, axis: slice_kernel(g, key=part(xs, position, axis)),
    name="concat", variadic=True)
_stack = primitive(
    kernel(lambda *xs, axis: np.stack(xs, axis)),
    lambda g, z, *xs, position, axis: slice_kernel(g, key=along(axis, position)),
    name="stack", variadic=True)
_unstack = primitive(unstack_kernel, lambda g, z, x, *, axis: stack_kernel(*g, axis=axis),
                     name="unstack")
_slice = primitive(slice_kernel,
    lambda g, z, x, *, key: slice_embed(g, key=key, shape=x.shape), name="slice")
_slice_embed = primitive(slice_embed,
    lambda g, z, x, *, key, shape: slice_kernel(g, key=key), name="slice_embed")
_laid_out = primitive(laid_out, lambda g, z, x, *, order: g, name="laid_out")
contiguous = primitive(kernel(lambda x: np.ascontiguousarray(x)), name="contiguous")
_gather = primitive(gather_kernel,
    lambda g, z, x, indices, *, axis: scatter_add(g, indices, axis=axis, shape=x.shape),
    None, name="gather")
_scatter_add = primitive(scatter_add,
    lambda g, z, x, indices, *, axis, shape: gather_kernel(g, indices, axis=axis),
    None, name="scatter_add")
_pad = primitive(pad_kernel,
    lambda g, z, x, *, paddings, value: slice_kernel(g, key=inner(paddings, x.shape)),
    name="pad")
_one_hot = primitive(one_hot_kernel, name="one_hot")
# fmt: on
stack_kernel: Any = _stack.forward


# ---------------------------------------------------------------- what the rules compute with
def broadcast_back(g: Any, z: Any, x: Any) -> Any:
    """The way back of `sum_to`: axes of length 1 where they were summed, then repeated."""
    aligned = (1,) * (x.ndim - z.ndim) + z.shape
    return broadcast_kernel(np.reshape(g, aligned), shape=x.shape)


def inverse(axes: tuple | None, ndim: int) -> tuple:
    """The order of axes that undoes ``axes`` (None: the reverse order)."""
    order = axes if axes is not None else tuple(range(ndim))[::-1]
    return tuple(sorted(range(ndim), key=[a % ndim for a in order].__getitem__))


def along(axis: int, position: Any) -> tuple:
    """The key of one slice along ``axis``."""
    if axis < 0:
        return (..., position) + (slice(None),) * (-axis - 1)
    return (slice(None),) * axis + (position,)


def part(xs: tuple, position: int, axis: int) -> tuple:
    """The key of one of the arrays that were joined along ``axis``."""
    start = sum(x.shape[axis] for x in xs[:position])
    return along(axis, slice(start, start + xs[position].shape[axis]))


def inner(paddings: tuple, shape: tuple) -> tuple:
    """The key of what was padded."""
    return tuple(slice(p[0], p[0] + n) for p, n in zip(paddings, shape, strict=True))


def _repeats(key: Any) -> bool:
    """Whether a key may name one place twice: only arrays of indices do."""
    return type(key) is not int and any(
        isinstance(k, (list, np.ndarray)) and np.asarray(k).dtype.kind != "b"
        for k in (key if isinstance(key, tuple) else (key,))
    )


def _check_indices(indices: Any, length: int) -> None:
    if indices.size and not (indices.min() >= 0 and indices.max() < length):
        raise IndexError(f"indices must lie in [0, {length}), got {indices}")


def whole(value: Any, op: str = "", what: str = "axis") -> Any:
    """Whole numbers as a user may write them: ints, lists, tensors of ints."""
    if value is None or isinstance(value, int):
        return value
    value = _numbers(tensor_of(value))
    if isinstance(value, (list, tuple)):
        return tuple(whole(v, op, what) for v in value)
    array = np.asarray(value)
    if array.dtype.kind not in "iub" and array.size:
        named = f"{op} at {here()}: {what} must be" if op else f"at {here()} there must be"
        raise TypeError(f"{named} whole numbers, not {value!r}")
    return int(array) if not array.ndim else tuple(map(whole, array.tolist()))


def axis_of(op: str, axis: Any, ndim: int) -> int:
    """An axis as a user may write it (None: the first), counted from the front, if it exists."""
    found = 0 if axis is None else whole(axis, op)
    if isinstance(found, tuple) and len(found) == 1:
        found = found[0]
    if not isinstance(found, int) or not -ndim <= found < ndim:
        raise refused(op, f"axis={found} is out of range for a tensor with {ndim} axes")
    return found % ndim


def _numbers(found: Any) -> Any:
    """The numbers of a tensor that decides about shapes, and so leaves a recording."""
    if type(found) is not Tensor:
        return found
    left(found, "index")
    return found._value


def lengths(shape: Any, op: str = "") -> tuple:
    """A shape as a user may write it: a list, a tensor, or the length of the only axis."""
    found = whole(shape, op, "shape")
    return (found,) if isinstance(found, int) else found


def as_tensor(x: Any) -> Tensor:
    """The tensor that ``x`` stands for; a list that holds tensors stays connected to them."""
    found = tensor_of(x)
    return found if type(found) is Tensor else constant(found)


def packed(items: list | tuple) -> Any:
    """A list that holds tensors, or lists of them, stacked; any other list as it is."""
    found = [tensor_of(item) for item in items]
    return _stack(*found, axis=0) if any(type(t) is Tensor for t in found) else items


arguments.packed = packed


# ---------------------------------------------------------------- the functions users call
def reshape(tensor: Any, shape: Any, name: str | None = None) -> Tensor:
    """The same numbers in another shape; one length may be -1."""
    return _reshape(tensor, shape=lengths(shape, "reshape"))


def broadcast_to(input: Any, shape: Any, name: str | None = None) -> Tensor:
    """Repeat along axes of length 1, and along new ones in front, up to ``shape``."""
    return _broadcast(input, shape=lengths(shape, "broadcast_to"))


def transpose(a: Any, perm: Any = None, name: str | None = None) -> Tensor:
    """Change the order of the axes; without ``perm``, reverse it."""
    return _transpose(a, axes=whole(perm, "transpose", "perm"))


def expand_dims(input: Any, axis: int, name: str | None = None) -> Tensor:
    """Put a new axis of length 1 at ``axis``."""
    x = as_tensor(input)
    at = axis_of("expand_dims", axis, x.ndim + 1)
    return reshape(x, (*x.shape[:at], 1, *x.shape[at:]))


def squeeze(input: Any, axis: Any = None, name: str | None = None) -> Tensor:
    """Leave out axes of length 1: all of them, or those named."""
    x = as_tensor(input)
    axes = lengths(axis) if axis is not None else ()
    gone = {axis_of("squeeze", a, x.ndim) for a in axes}
    gone = gone or {i for i, n in enumerate(x.shape) if n == 1}
    if any(x.shape[a] != 1 for a in gone):
        raise refused("squeeze", f"not all axes {axis} have length 1 in shape {x.shape}")
    return reshape(x, tuple(n for i, n in enumerate(x.shape) if i not in gone))


def concat(values: Any, axis: int, name: str | None = None) -> Tensor:
    """Join tensors along an axis they have."""
    at = whole(axis, "concat")
    parts = [values] if isinstance(values, Tensor) else values
    return _concat(*parts, axis=at)


def stack(values: Any, axis: int = 0, name: str | None = None) -> Tensor:
    """Join tensors of one shape along a new axis."""
    at = whole(axis, "stack")
    return _stack(*values, axis=at)


def unstack(value: Any, num: int | None = None, axis: int = 0, name: str | None = None) -> list:
    """The slices along an axis, as a list of tensors."""
    x = as_tensor(value)
    if not x.ndim:
        raise refused("unstack", "it needs at least one axis; this is a scalar")
    axis = axis_of("unstack", axis, x.ndim)
    if num is not None and num != x.shape[axis]:
        raise refused("unstack", f"num={num}, but the axis has length {x.shape[axis]}")
    if x.shape[axis] == 0:
        return []
    made = _unstack(x, axis=axis)
    return list(made) if type(made) is tuple else [made]


def split(value: Any, num_or_size_splits: Any, axis: int = 0, name: str | None = None) -> list:
    """Cut along an axis into equal parts, or into parts of the given lengths."""
    x = as_tensor(value)
    sizes = whole(num_or_size_splits)
    axis = axis_of("split", axis, x.ndim)
    length = x.shape[axis]
    if isinstance(sizes, int):
        if sizes < 1 or length % sizes:
            raise refused("split", f"{length} cannot be cut into {sizes} equal parts")
        sizes = (length // sizes,) * sizes
    if sizes.count(-1) == 1:  # the part that gets what is left
        rest = length - sum(sizes) - 1
        sizes = tuple(rest if n == -1 else n for n in sizes)
    if sum(sizes) != length or min(sizes, default=0) < 0:
        raise refused("split", f"the parts {sizes} do not add up to {length}")
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    return [_slice(x, key=along(axis, slice(s, s + n))) for s, n in zip(starts, sizes, strict=True)]


def tile(input: Any, multiples: Any, name: str | None = None) -> Tensor:
    """Repeat the whole tensor along each axis."""
    x, times = as_tensor(input), lengths(multiples, "tile")
    if len(times) != x.ndim:
        raise refused("tile", f"{len(times)} multiples {times} for a tensor of shape {x.shape}")
    spread = [1 if k % 2 == 0 else n for n in x.shape for k in (0, 1)]
    wide = [m if k == 0 else n for m, n in zip(times, x.shape, strict=True) for k in (0, 1)]
    repeated = broadcast_to(reshape(x, spread), wide)
    return reshape(repeated, [m * n for m, n in zip(times, x.shape, strict=True)])


def repeat(input: Any, repeats: Any, axis: int | None = None, name: str | None = None) -> Tensor:
    """Repeat each element (or each slice along ``axis``) in place."""
    x = as_tensor(input) if axis is not None else reshape(input, (-1,))
    axis = axis_of("repeat", axis, x.ndim)
    counts, length = lengths(repeats, "repeat"), x.shape[axis]
    if len(counts) not in (1, length):
        raise refused("repeat", f"{len(counts)} repeats {counts} for an axis of length {length}")
    return gather(x, np.repeat(np.arange(length), counts), axis=axis)


def pad(
    tensor: Any,
    paddings: Any,
    mode: str = "CONSTANT",
    constant_values: float = 0,
    name: str | None = None,
) -> Tensor:
    """Put ``constant_values`` around a tensor: ``paddings`` is (before, after) for each axis."""
    if mode.upper() != "CONSTANT":
        raise refused("pad", f"mode {mode!r} is not built; write mode='CONSTANT'")
    x, pairs = as_tensor(tensor), whole(paddings, "pad", "paddings")
    if np.shape(pairs) != (x.ndim, 2):
        raise refused(
            "pad",
            f"the first dimension of paddings must be the rank, {x.ndim}: write "
            f"one [before, after] for each axis, not {paddings!r}",
        )
    return _pad(x, paddings=pairs, value=constant_values)


def gather(
    params: Any,
    indices: Any,
    validate_indices: Any = None,
    axis: int | None = None,
    batch_dims: int = 0,
    name: str | None = None,
) -> Tensor:
    """The slices of ``params`` along ``axis`` that whole-number ``indices`` name.

    >>> gather(constant([10.0, 20.0, 30.0]), [2, 0, 2]).numpy()
    array([30., 10., 30.], dtype=float32)
    """
    if batch_dims:
        raise refused("gather", "batch_dims is not built; use a mask with tf.one_hot")
    x = as_tensor(params)
    axis = axis_of("gather", axis, x.ndim)
    return _gather(x, _indices("gather", indices), axis=axis)


def _indices(op: str, indices: Any) -> Tensor:
    found = as_tensor(indices)
    if not found._value.size:  # of [] nobody knows the dtype
        found = constant(found._value, np.int32)
    if found._value.dtype.kind not in "iu":
        dtype = found.dtype.name
        raise refused(op, f"the indices are {dtype}, not whole numbers. Write tf.cast(i, tf.int32)")
    return found


def one_hot(
    indices: Any,
    depth: int,
    on_value: Any = None,
    off_value: Any = None,
    axis: int | None = None,
    dtype: Any = None,
    name: str | None = None,
) -> Tensor:
    """A 1 at each index, 0 elsewhere, along a new last axis of length ``depth``.

    The dtype is float32, or that of ``on_value`` and ``off_value``.
    """
    if axis not in (None, -1):
        raise refused("one_hot", "only the last axis is built; use tf.transpose")
    given = [as_tensor(value)._value for value in (on_value, off_value) if value is not None]
    if dtype is None:
        dtype = given[0].dtype if given else np.float32
        if any(value.dtype != dtype for value in given):
            raise refused("one_hot", "on_value and off_value have different dtypes", TypeError)
    found = _indices("one_hot", indices)
    on = 1 if on_value is None else given[0]
    off = 0 if off_value is None else given[-1]
    return _one_hot(found, depth=int(depth), on=on, off=off, dtype=numpy_dtype(dtype))


def meshgrid(*args: Any, indexing: str = "xy", name: str | None = None) -> list[Tensor]:
    """Coordinates of the points of a grid, one tensor per axis."""
    flat = [reshape(a, (-1,)) for a in args]
    order = [1, 0, *range(2, len(flat))] if indexing == "xy" and len(flat) > 1 else range(len(flat))
    shape = [0] * len(flat)
    for at, x in zip(order, flat, strict=True):
        shape[at] = len(x)
    return [
        broadcast_to(reshape(x, [-1 if i == at else 1 for i in range(len(flat))]), shape)
        for at, x in zip(order, flat, strict=True)
    ]


def getitem(x: Any, key: Any) -> Tensor:
    """``x[key]``: whole numbers, slices, ``...``, ``tf.newaxis``, a tensor or array of bools."""
    if type(key) is not int:
        key = tuple(key) if isinstance(key, list) else key
        at = key if isinstance(key, tuple) else tensor_of(key)
        if type(at) is Tensor and not at._value.ndim and at._value.dtype.kind in "iu":
            if not x.shape:
                raise refused("slice", "a scalar has no axis to choose from")
            # a position that may change at the next call of a function
            return gather(x, at if at._value >= 0 else at + len(x))  # type: ignore[operator]
        key = _plain_key(key)
    return _slice(x, key=key)


def _plain_key(key: Any) -> Any:
    if isinstance(key, tuple):
        return tuple(_plain_key(k) for k in key)
    if isinstance(key, slice):
        return slice(whole(key.start), whole(key.stop), whole(key.step))
    found = _numbers(tensor_of(key))
    if found is None or found is ... or type(found) is int:
        return found
    array = np.asarray(found)
    if array.dtype.kind not in "biu" or (not array.ndim and array.dtype.kind == "b"):
        raise TypeError(f"a tensor is indexed by whole numbers, slices or a mask, not by {key!r}")
    return found


def boolean_mask(tensor: Any, mask: Any, axis: int = 0, name: str | None = None) -> Tensor:
    """The elements where ``mask`` holds; a number holds if it is not 0."""
    if axis:
        raise refused("boolean_mask", "only axis=0 is built; use tf.transpose")
    holds = np.asarray(_numbers(tensor_of(mask)), dtype=bool)
    if not holds.ndim:
        raise refused("boolean_mask", "mask cannot be scalar", ValueError)
    return _slice(tensor, key=holds)


def size(input: Any, out_type: Any = np.int32, name: str | None = None) -> Tensor:
    """How many numbers, as an int32 scalar."""
    return constant(math.prod(as_tensor(input).shape), out_type)


def shape(input: Any, out_type: Any = np.int32, name: str | None = None) -> Tensor:
    """The shape, as an int32 vector."""
    return constant(np.array(as_tensor(input).shape, int), out_type)


def rank(input: Any, name: str | None = None) -> Tensor:
    """How many axes, as an int32 scalar."""
    return constant(as_tensor(input).ndim, np.int32)
