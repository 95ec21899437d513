"""The rows that work on each number by itself: exp, sin, sigmoid, clip, cast, where.

The legend of every rule: g the upstream gradient, z the output, then the inputs.
"""

# fmt: off
from __future__ import annotations

from typing import Any

import numpy as np

from ..arguments import tensor_of
from ..dtypes import as_dtype, numpy_dtype
from ..errors import refused
from ..lifted import Lifted
from ..primitive import kernel, of_floats, of_numbers, primitive
from ..recorder import left
from ..tensor import Tensor
from ..values import constant
from .shape import as_tensor


@kernel
def sigmoid_kernel(x: Any) -> Any:
    """1 / (1 + exp(-x)): where exp overflows, that is 0, as it should be."""
    return 1 / (1 + np.exp(-x))


@kernel
def softplus_kernel(x: Any) -> Any:
    """log(1 + exp(x)) without overflow."""
    return np.logaddexp(x, np.zeros((), x.dtype))


@kernel
def step_kernel(x: Any) -> Any:
    """1 where x is positive, 0 elsewhere."""
    return (x > 0).astype(x.dtype)


@kernel
def identity_kernel(x: Any) -> Any:
    """The same value."""
    return x


@kernel
def cast_kernel(x: Any, *, dtype: np.dtype) -> Any:
    """The same numbers in another dtype."""
    return x.astype(dtype)


@kernel
def stop_kernel(x: Any) -> Any:
    """The same value, through which nothing flows back."""
    return x


# number by number, of floats alone
# where nothing comes from upstream nothing goes on, also where the slope is infinite or nan
sqrt = of_floats(np.sqrt, lambda g, z, x: np.where(g == 0, 0.0, g * 0.5 / z))
exp = of_floats(np.exp, lambda g, z, x: g * z)
expm1 = of_floats(np.expm1, lambda g, z, x: g * (z + 1))
log = of_floats(np.log, lambda g, z, x: g / x)
log1p = of_floats(np.log1p, lambda g, z, x: g / (1 + x))
sin = of_floats(np.sin, lambda g, z, x: g * np.cos(x))
cos = of_floats(np.cos, lambda g, z, x: -g * np.sin(x))
tan = of_floats(np.tan, lambda g, z, x: g * (1 + z * z))
asin = of_floats(np.arcsin, lambda g, z, x: g / np.sqrt(1 - x * x), name="asin")
acos = of_floats(np.arccos, lambda g, z, x: -g / np.sqrt(1 - x * x), name="acos")
atan = of_floats(np.arctan, lambda g, z, x: g / (1 + x * x), name="atan")
sinh = of_floats(np.sinh, lambda g, z, x: g * np.cosh(x))
cosh = of_floats(np.cosh, lambda g, z, x: g * np.sinh(x))
tanh = of_floats(np.tanh, lambda g, z, x: g * (1 - z * z))
sigmoid = of_floats(sigmoid_kernel, lambda g, z, x: g * (z * (1 - z)), name="sigmoid")
softplus = of_floats(softplus_kernel, lambda g, z, x: g * sigmoid_kernel(x), name="softplus")
reciprocal = of_floats(np.reciprocal, lambda g, z, x: np.where(g == 0, 0.0, -g * z * z))

# flat wherever they do not jump: no rule
floor = of_floats(np.floor)
ceil = of_floats(np.ceil)
rint = of_floats(np.rint, name="round")
is_nan = of_floats(np.isnan, name="is_nan")
is_inf = of_floats(np.isinf, name="is_inf")
is_finite = of_floats(np.isfinite, name="is_finite")

_leaky = of_floats(kernel(lambda x, *, alpha: np.where(x > 0, x, x * alpha)),
                   lambda g, z, x, *, alpha: np.where(x > 0, g, g * alpha), name="leaky_relu")
_elu = of_floats(kernel(lambda x, *, alpha: np.where(x > 0, x, alpha * np.expm1(x))),
                 lambda g, z, x, *, alpha: np.where(x > 0, g, g * (z + alpha)), name="elu")

# number by number, of whole numbers too; relu'(0) = abs'(0) = 0
relu = of_numbers(kernel(lambda x: np.maximum(x, x.dtype.type(0))),
                  lambda g, z, x: g * step_kernel(x), name="relu")
abs = of_numbers(np.abs, lambda g, z, x: g * np.sign(x), name="abs")
square = of_numbers(np.square, lambda g, z, x: g * (2 * x))
# in TensorFlow too these have the slope 0, and not None: relu and abs have a second derivative
sign = of_numbers(np.sign, lambda g, z, x: g * 0.0)
_step = primitive(step_kernel, lambda g, z, x: g * 0.0, name="step")

# the same numbers
identity = primitive(identity_kernel, lambda g, z, x: g, name="identity")
stop_gradient = primitive(stop_kernel, name="stop_gradient")
_cast = primitive(cast_kernel, lambda g, z, x, *, dtype: cast_kernel(g, dtype=x.dtype),
                  name="cast")
Lifted.cast = _cast
_truncate = primitive(kernel(lambda x, *, dtype: x.astype(dtype)), name="cast")

# at the edge of the range the gradient passes
_clip = of_numbers(
    kernel(lambda x, low, high: np.maximum(np.minimum(x, high), low)),
    lambda g, z, x, low, high: g * ((x >= low) & (x <= high)),
    lambda g, z, x, low, high: g * (x < low),
    lambda g, z, x, low, high: g * ((x > high) & (x >= low)), name="clip_by_value")
bitwise_and = primitive(np.bitwise_and, name="logical_and")  # the & of the rule above

# the part that was not chosen gets 0
_where = primitive(np.where, None,
    lambda g, z, condition, x, y: np.where(condition, g, 0.0),
    lambda g, z, condition, x, y: np.where(condition, 0.0, g), name="where")
_positions = primitive(kernel(lambda x: np.argwhere(x)), name="where")
# fmt: on


def cast(x: Any, dtype: Any, name: str | None = None) -> Tensor:
    """Convert to another dtype. A gradient flows back only between floating dtypes.

    >>> cast(constant([1.7, -1.7]), "int32")
    <tf.Tensor: shape=(2,), dtype=int32, numpy=array([ 1, -1], dtype=int32)>
    """
    if type(x) is Tensor and x._value.dtype is dtype:
        return x  # what losses and metrics ask for most
    x = tensor_of(x)
    as_dtype(dtype)
    wanted = numpy_dtype(dtype)
    if type(x) is Tensor and x._value.dtype == wanted:
        return x
    whole = type(x) is Tensor and x._value.dtype.kind != "f"
    return (_truncate if whole or wanted.kind != "f" else _cast)(x, dtype=wanted)


def leaky_relu(features: Any, alpha: float = 0.2, name: str | None = None) -> Tensor:
    """x where it is positive, ``alpha * x`` elsewhere (Maas, Hannun & Ng 2013)."""
    x = as_tensor(features)
    return _leaky(cast(x, np.float32) if x.dtype.is_integer else x, alpha=alpha)


def elu(features: Any, alpha: float = 1.0, name: str | None = None) -> Tensor:
    """x where it is positive, ``alpha * (exp(x) - 1)`` elsewhere (Clevert et al. 2015)."""
    return _elu(features, alpha=alpha)


def clip_by_value(
    t: Any, clip_value_min: Any, clip_value_max: Any, name: str | None = None
) -> Tensor:
    """Numbers below the minimum or above the maximum are set to it; their gradient is 0."""
    return _clip(t, clip_value_min, clip_value_max)


def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Tensor:
    """x where the condition holds, y elsewhere; with the condition alone, where it holds.

    >>> where(constant([True, False]), [1.0, 2.0], [10.0, 20.0]).numpy()
    array([ 1., 20.], dtype=float32)
    """
    if x is None and y is None:
        condition = as_tensor(condition)
        left(condition, "array")  # how many there are depends on the values
        return _positions(condition)
    if x is None or y is None:
        raise ValueError("where takes x and y, both or neither")
    condition = as_tensor(condition)
    if condition._value.dtype.kind != "b":
        dtype = condition.dtype.name
        raise refused("where", f"the condition is {dtype}, not bool. Write a comparison: x > 0")
    if type(tensor_of(x)) is not Tensor and type(tensor_of(y)) is not Tensor:
        x = constant(x)
    return _where(condition, x, y)


def round(x: Any, name: str | None = None) -> Tensor:
    """Round to the nearest whole number, halves to the even one. It has no gradient."""
    found = as_tensor(x)
    return found if found.dtype.is_integer else rint(found)
