"""The rows of neural networks: convolution, pooling, cross-entropies.

The legend of every rule: g the upstream gradient, z the output, then the inputs: x the data, w the
filters. A convolution and its two gradients are linear in each argument, and each is the
gradient of the others: three rows close the circle, to any order.

Inside, channels come first: sums over positions then run along memory. What comes out is handed
over as it lies there, seen as (batch, height, width, channels): the operations that follow keep the
order in memory, so that nothing is copied to and fro.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import InvalidArgumentError, UnimplementedError, refused
from ..primitive import kernel, primitive
from ..tensor import Tensor
from .arithmetic import add, maximum, multiply, negative, subtract
from .elementwise import abs, cast, exp, log1p
from .reduce import log_softmax, reduce_sum
from .shape import as_tensor, one_hot, whole


def _pads(size: int, window: int, stride: int, padding: str) -> tuple[int, int, int]:
    """The length of the output, and the zeros before and after: TensorFlow's SAME and VALID."""
    if padding == "VALID":
        return (size - window) // stride + 1, 0, 0
    out = -(-size // stride)
    total = max((out - 1) * stride + window - size, 0)
    return out, total // 2, total - total // 2


def _windows(size: tuple, window: tuple, strides: tuple, padding: str) -> list:
    return [_pads(n, k, s, padding) for n, k, s in zip(size, window, strides, strict=True)]


def _channels_first(x: Any, pads: list, value: float = 0.0) -> Any:
    """(batch, h, w, c) as (c, batch, h, w) with the borders filled."""
    (_, top, bottom), (_, left, right) = pads
    batch, height, width, channels = x.shape
    out = np.full((channels, batch, height + top + bottom, width + left + right), value, x.dtype)
    out[:, :, top : top + height, left : left + width] = x.transpose(3, 0, 1, 2)
    return out


def _offsets(window: tuple, strides: tuple, pads: list):
    """For each place in the window, the slices of the padded image that it touches."""
    for i in range(window[0]):
        for j in range(window[1]):
            rows = slice(i, i + strides[0] * (pads[0][0] - 1) + 1, strides[0])
            columns = slice(j, j + strides[1] * (pads[1][0] - 1) + 1, strides[1])
            yield i, j, rows, columns


def _columns(x: Any, window: tuple, strides: tuple, pads: list) -> Any:
    """Every window of the image as a column: (window places x channels, positions)."""
    padded = _channels_first(x, pads)
    channels, batch = padded.shape[:2]
    out = np.empty((*window, channels, batch, pads[0][0], pads[1][0]), x.dtype)
    for i, j, rows, columns in _offsets(window, strides, pads):
        out[i, j] = padded[:, :, rows, columns]
    return out.reshape(window[0] * window[1] * channels, -1)


@kernel
def labels_kernel(labels: Any, *, classes: int) -> Any:
    """The labels, once each is seen to be a class. A row, so that a replay looks again."""
    if labels.size and not (labels.min() >= 0 and labels.max() < classes):
        wrong = labels.max() if labels.max() >= classes else labels.min()
        raise InvalidArgumentError(
            f"Received a label value of {wrong} which is outside the valid range of [0, {classes})."
        )
    return labels


@kernel
def fractions_kernel(x: Any) -> Any:
    """The numbers, once each is seen to lie between 0 and 1. A row for the same reason.

    Up to a half beyond passes: labels of a GAN have noise added. It is -1, 2, 255 that are wrong.
    """
    if x.size and not (x.min() > -0.5 and x.max() < 1.5):
        raise InvalidArgumentError(
            f"labels lie between 0 and 1; these run from {x.min():g} to {x.max():g}. Labels -1 and "
            "1 become 0 and 1 by (y + 1) / 2"
        )
    return x


@kernel
def conv2d_kernel(x: Any, w: Any, *, strides: tuple, padding: str) -> Any:
    """The cross-correlation of (batch, h, w, in) with filters (h, w, in, out)."""
    if x.ndim != 4 or w.ndim != 4 or x.shape[3] != w.shape[2]:
        raise ValueError(
            f"images (batch, height, width, channels) and filters (height, width, in, out) with "
            f"as many channels as in; got {x.shape} and {w.shape}"
        )
    pads = _windows(x.shape[1:3], w.shape[:2], strides, padding)
    columns = _columns(x, w.shape[:2], strides, pads)
    out = np.dot(w.reshape(-1, w.shape[3]).T, columns)
    shape = (w.shape[3], x.shape[0], pads[0][0], pads[1][0])
    return out.reshape(shape).transpose(1, 2, 3, 0)


@kernel
def conv2d_back_input(g: Any, w: Any, *, strides: tuple, padding: str, shape: tuple) -> Any:
    """The gradient of a convolution by its images, which have ``shape``."""
    pads = _windows(shape[1:3], w.shape[:2], strides, padding)
    flat = g.transpose(3, 0, 1, 2).reshape(w.shape[3], -1)
    columns = np.dot(w.reshape(-1, w.shape[3]), flat)
    columns = columns.reshape(*w.shape[:3], shape[0], pads[0][0], pads[1][0])
    padded = _channels_first(np.zeros(shape, g.dtype), pads)
    for i, j, rows, cols in _offsets(w.shape[:2], strides, pads):
        padded[:, :, rows, cols] += columns[i, j]
    top, left = pads[0][1], pads[1][1]
    inside = padded[:, :, top : top + shape[1], left : left + shape[2]]
    return inside.transpose(1, 2, 3, 0)


@kernel
def conv2d_back_filters(x: Any, g: Any, *, strides: tuple, padding: str, shape: tuple) -> Any:
    """The gradient of a convolution by its filters, which have ``shape``."""
    pads = _windows(x.shape[1:3], shape[:2], strides, padding)
    columns = _columns(x, shape[:2], strides, pads)
    flat = g.transpose(3, 0, 1, 2).reshape(shape[3], -1)
    positions = pads[0][0] * pads[1][0]
    if not len(columns) < 64 <= positions:
        return np.dot(columns, flat.T).reshape(shape)
    # long and narrow: image by image it takes a quarter of the time
    columns = columns.reshape(len(columns), len(x), positions).transpose(1, 0, 2)
    each = np.matmul(columns, flat.reshape(shape[3], len(x), positions).transpose(1, 2, 0))
    return np.add.reduce(each, axis=0).reshape(shape)


@kernel
def max_pool_kernel(x: Any, *, window: tuple, strides: tuple, padding: str) -> Any:
    """The largest number of each window of (batch, h, w, c)."""
    places = _pool_places(x, window, strides, padding)
    return places.max(0).transpose(1, 2, 3, 0)


@kernel
def max_pool_gather(v: Any, x: Any, *, window: tuple, strides: tuple, padding: str) -> Any:
    """The numbers of ``v`` at the places where the windows of ``x`` have their largest."""
    chosen = _pool_places(x, window, strides, padding).argmax(0)
    values = _pool_places(v, window, strides, padding)
    taken = np.take_along_axis(values, chosen[None], 0)[0]
    return taken.transpose(1, 2, 3, 0)


@kernel
def max_pool_scatter(g: Any, x: Any, *, window: tuple, strides: tuple, padding: str) -> Any:
    """``g`` put back where the windows of ``x`` have their largest number; the first at a tie."""
    pads = _windows(x.shape[1:3], window, strides, padding)
    chosen = _pool_places(x, window, strides, padding).argmax(0)
    padded = _channels_first(np.zeros(x.shape, g.dtype), pads)
    g = g.transpose(3, 0, 1, 2)
    for place, (_, _, rows, cols) in enumerate(_offsets(window, strides, pads)):
        padded[:, :, rows, cols] += np.where(chosen == place, g, g.dtype.type(0))
    top, left = pads[0][1], pads[1][1]
    inside = padded[:, :, top : top + x.shape[1], left : left + x.shape[2]]
    return inside.transpose(1, 2, 3, 0)


def _pool_places(x: Any, window: tuple, strides: tuple, padding: str) -> Any:
    """(places in the window, c, batch, out h, out w)."""
    pads = _windows(x.shape[1:3], window, strides, padding)
    padded = _channels_first(x, pads, -np.inf)
    return np.stack([padded[:, :, r, c] for _, _, r, c in _offsets(window, strides, pads)])


# ---------------------------------------------------------------- the rows
# fmt: off
_labels = primitive(labels_kernel, name="labels")
fractions = primitive(fractions_kernel, lambda g, z, x: g, name="fractions")
_conv2d = primitive(conv2d_kernel,
    lambda g, z, x, w, *, strides, padding:
        conv2d_back_input(g, w, strides=strides, padding=padding, shape=x.shape),
    lambda g, z, x, w, *, strides, padding:
        conv2d_back_filters(x, g, strides=strides, padding=padding, shape=w.shape),
    name="conv2d")
_conv2d_back_input = primitive(conv2d_back_input,
    lambda g, z, x, w, *, strides, padding, shape:
        conv2d_kernel(g, w, strides=strides, padding=padding),
    lambda g, z, x, w, *, strides, padding, shape:
        conv2d_back_filters(g, x, strides=strides, padding=padding, shape=w.shape),
    name="conv2d_back_input")
_conv2d_back_filters = primitive(conv2d_back_filters,
    lambda g, z, x, y, *, strides, padding, shape:
        conv2d_back_input(y, g, strides=strides, padding=padding, shape=x.shape),
    lambda g, z, x, y, *, strides, padding, shape:
        conv2d_kernel(x, g, strides=strides, padding=padding),
    name="conv2d_back_filters")
_max_pool = primitive(max_pool_kernel,
    lambda g, z, x, *, window, strides, padding:
        max_pool_scatter(g, x, window=window, strides=strides, padding=padding),
    name="max_pool2d")
_max_pool_scatter = primitive(max_pool_scatter,
    lambda g, z, v, x, *, window, strides, padding:
        max_pool_gather(g, x, window=window, strides=strides, padding=padding),
    lambda g, z, v, x, *, window, strides, padding: g * 0.0,  # as for relu, and not None
    name="max_pool2d_scatter")
_max_pool_gather = primitive(max_pool_gather,
    lambda g, z, v, x, *, window, strides, padding:
        max_pool_scatter(g, x, window=window, strides=strides, padding=padding),
    None, name="max_pool2d_gather")
# fmt: on


# ---------------------------------------------------------------- the functions users call
def _how(op: str, padding: str, data_format: str, **given: Any) -> dict:
    """Windows and strides as TensorFlow takes them, n, [h, w] or [1, h, w, 1], and the padding."""
    if data_format != "NHWC":
        raise refused(op, f"data_format={data_format!r} is not built; put the channels last: NHWC")
    how: dict[str, Any] = {"padding": str(padding).upper()}
    if how["padding"] not in ("SAME", "VALID"):
        raise refused(op, f"padding={padding!r}: write 'SAME' or 'VALID'")
    for name, value in given.items():
        found = whole(value, op, name)
        pair = found if isinstance(found, tuple) else (found, found)
        if len(pair) == 4 and (pair[0], pair[3]) != (1, 1):
            why = f"{name}={value!r} steps over images or channels: write 1 in front and at the end"
            raise refused(op, why, UnimplementedError)
        how[name] = pair = pair[1:3] if len(pair) == 4 else pair * 2 if len(pair) == 1 else pair
        if len(pair) != 2 or None in pair or min(pair) < 1:
            raise refused(op, f"{name}={value!r}: write a whole number or [height, width]")
    return how


def conv2d(
    input: Any,
    filters: Any,
    strides: Any,
    padding: str,
    data_format: str = "NHWC",
    name: Any = None,
) -> Tensor:
    """Slide filters (h, w, in, out) over images (batch, h, w, in), as TensorFlow's conv2d."""
    return _conv2d(input, filters, **_how("conv2d", padding, data_format, strides=strides))


def max_pool2d(
    input: Any, ksize: Any, strides: Any, padding: str, data_format: str = "NHWC", name: Any = None
) -> Tensor:
    """The largest number of each window of images (batch, h, w, channels)."""
    return _max_pool(
        input, **_how("max_pool2d", padding, data_format, window=ksize, strides=strides)
    )


def softmax_cross_entropy_with_logits(
    labels: Any, logits: Any, axis: int = -1, name: str | None = None
) -> Tensor:
    """-sum(labels * log_softmax(logits)) along ``axis``."""
    logits = as_tensor(logits)
    labels = cast(as_tensor(labels), logits.dtype)
    return negative(reduce_sum(multiply(log_softmax(logits, axis), labels), axis))


def sparse_softmax_cross_entropy_with_logits(
    labels: Any, logits: Any, name: str | None = None
) -> Tensor:
    """-log_softmax(logits) at each label, a whole number from 0 to the number of classes - 1."""
    op, logits, labels = (
        "sparse_softmax_cross_entropy_with_logits",
        *map(as_tensor, (logits, labels)),
    )
    if not logits.ndim or labels.shape != logits.shape[:-1]:
        raise refused(
            op,
            f"one label is needed for each row of logits; the labels have shape {labels.shape}, "
            f"the logits {logits.shape}. Write tf.reshape(labels, logits.shape[:-1])",
            ValueError,
        )
    if labels.dtype not in (np.int32, np.int64):
        name = labels.dtype.name
        raise refused(op, f"the labels are {name}. Write tf.cast(labels, tf.int64)")
    classes = logits.shape[-1]
    checked = cast(_labels(labels, classes=classes), np.int64)
    return softmax_cross_entropy_with_logits(one_hot(checked, classes, dtype=logits.dtype), logits)


def sigmoid_cross_entropy_with_logits(
    labels: Any = None, logits: Any = None, name: str | None = None
) -> Tensor:
    """max(x, 0) - x * labels + log(1 + exp(-abs(x))): finite for any logits x."""
    logits, labels = as_tensor(logits), as_tensor(labels)
    if labels.shape != logits.shape:
        raise refused(
            "sigmoid_cross_entropy_with_logits",
            "logits and labels must have the same shape; these have "
            f"{logits.shape} and {labels.shape}. Write tf.reshape(labels, logits.shape)",
            ValueError,
        )
    positive = maximum(logits, 0.0)
    return add(subtract(positive, multiply(logits, labels)), log1p(exp(negative(abs(logits)))))
