"""A small autodiff module that is used as TensorFlow is: ``import autodiff_lesson as tf``.

Everything spelled ``tf.`` here is spelled so, and behaves so, in TensorFlow too; ``keras`` is
Keras. This package's own are `show` (pictures), `explain` (sentences, formulas, checks), `data`,
and a tape's ``walk`` and ``records``.
"""

# fmt: off
from __future__ import annotations

import importlib
import sys
from typing import Any

from . import tracebacks as _tracebacks

# the numbers
from . import config, errors, linalg, math, nest, nn, random
# how gradients are made
from .custom_gradient import custom_gradient, recompute_grad
from .dtypes import (
    DType, TensorShape, as_dtype, float16, float32, float64, int8, int16, int32, int64, uint8,
    uint16, uint32, uint64,
)
from .dtypes import bool_ as bool
# the same recording, played again
from .function import TensorSpec, function
# operations
from .ops.arithmetic import (
    add, divide, equal, floordiv, greater, greater_equal, less, less_equal, logical_and,
    logical_not, logical_or, maximum, minimum, multiply, negative, not_equal, pow, subtract,
)
from .ops.control import cond
from .ops.create import (
    convert_to_tensor, eye, fill, linspace, ones, ones_like, range, zeros, zeros_like,
)
from .ops.elementwise import (
    abs, acos, asin, atan, cast, clip_by_value, cos, cosh, exp, floor, identity, round, sigmoid,
    sign, sin, sinh, sqrt, square, stop_gradient, tan, tanh, where,
)
from .ops.linalg import einsum, matmul, tensordot
from .ops.reduce import (
    argmax, argmin, clip_by_global_norm, clip_by_norm, cumsum, norm, reduce_all, reduce_any,
    reduce_logsumexp, reduce_max, reduce_mean, reduce_min, reduce_prod, reduce_sum,
)
from .ops.shape import (
    boolean_mask, broadcast_to, concat, expand_dims, gather, meshgrid, one_hot, pad, rank, repeat,
    reshape, shape, size, split, squeeze, stack, tile, transpose, unstack,
)
from .printing import print
from .tape import GradientTape, UnconnectedGradients
from .tensor import Tensor
from .values import constant
from .variable import Module, Variable

newaxis = None
__version__ = "0.1.0"

_LATER = {"data", "explain", "keras", "show"}

_tracebacks.install()


def __getattr__(name: str) -> Any:
    """Import ``tf.keras``, ``tf.data`` and what is this package's own when first used."""
    if name in _LATER:
        return importlib.import_module(f".{name}", __name__)
    meant = errors.MEANT.get(name)
    raise AttributeError(
        f"{__name__} has no {name!r}: of TensorFlow it holds what its lessons use"
        + (f". Is {meant} meant?" if meant else ""),
        name=name,
        obj=sys.modules[__name__],  # so that Python can suggest a name that is meant
    )
