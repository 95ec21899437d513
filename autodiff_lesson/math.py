"""``tf.math``: the operations on numbers, under the names TensorFlow gives them."""

# fmt: off
from .ops.arithmetic import (
    add, divide, equal, floordiv, greater, greater_equal, less, less_equal, logical_and,
    logical_not, logical_or, maximum, minimum, mod, multiply, negative, not_equal, pow, subtract,
)
from .ops.elementwise import (
    abs, acos, asin, atan, ceil, cos, cosh, exp, expm1, floor, is_finite, is_inf, is_nan, log,
    log1p, reciprocal, round, sigmoid, sign, sin, sinh, softplus, sqrt, square, tan, tanh,
)
from .ops.reduce import (
    argmax, argmin, cumsum, reduce_all, reduce_any, reduce_logsumexp, reduce_max, reduce_mean,
    reduce_min, reduce_prod, reduce_std, reduce_sum, reduce_variance, softmax,
)

__all__ = [name for name in dir() if not name.startswith("_")]
