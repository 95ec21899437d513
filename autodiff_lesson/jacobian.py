"""The derivative of every element of a tensor: a backward pass for each, the results stacked."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .arguments import tensor_of
from .backward import Backward
from .ops.shape import reshape, stack
from .tensor import Tensor


def of_elements(backward: Backward, target: Tensor, sources: list, zeros: bool) -> list:
    """Per source the derivative of each element, of shape ``target.shape + source.shape``.

    ``backward`` leads to these sources. Where nothing connects, None, or with ``zeros`` zeros.
    """
    shape = tuple(target.shape)
    size = math.prod(shape)
    seeds = np.eye(size, dtype=target._value.dtype).reshape(size, *shape)
    rows = [backward.gradients(target, Tensor(seed)) for seed in seeds]
    return [
        _stacked([row[i] for row in rows], 0, shape + tuple(s.shape), target, zeros)
        for i, s in enumerate(sources)
    ]


def of_examples(backward: Backward, target: Tensor, source: Tensor) -> Tensor | None:
    """The same for one source, where example i of ``target`` depends on example i of it alone.

    One pass then serves all examples, and the shape is ``target.shape + source.shape[1:]``. Where
    nothing connects there are zeros, as in TensorFlow.
    """
    batch, *rest = target.shape
    size = math.prod(rest)
    seeds = np.eye(size, dtype=target._value.dtype).reshape(size, 1, *rest)
    seeds = np.broadcast_to(seeds, (size, batch, *rest))
    rows = [backward.gradients(target, Tensor(seed))[0] for seed in seeds]
    return _stacked(rows, 1, (batch, *rest, *source.shape[1:]), target, zeros=True)


def _stacked(rows: list, axis: int, shape: tuple, target: Tensor, zeros: bool) -> Tensor | None:
    if rows and rows[0] is not None:
        return reshape(stack(rows, axis=axis), shape)
    empty = not rows and 0 in shape
    return Tensor(np.zeros(shape, target._value.dtype)) if zeros or empty else None


def one_tensor(given: Any) -> Tensor:
    """What a Jacobian can be made of, which is no list."""
    found = None if isinstance(given, (list, tuple)) else tensor_of(given)
    if type(found) is not Tensor:
        raise TypeError(
            f"a Jacobian is made of one tensor, not of {given!r:.100} of type "
            f"{type(given).__name__!r}: join several with tf.stack or tf.concat inside the `with`"
        )
    return found


def in_batches(target: Any, source: Any) -> tuple[Tensor, Tensor]:
    """The two as tensors, which must have a first axis of the same length."""
    y, x = one_tensor(target), one_tensor(source)
    if not y.ndim or not x.ndim or len(y) != len(x):
        raise ValueError(
            "Need first dimension of target shape "
            f"({y.shape}) and source shape ({x.shape}) to match."
        )
    return y, x
