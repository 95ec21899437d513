"""``keras.ops``: the operations under Keras' names; they take symbolic tensors too."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..ops import arithmetic, create, elementwise, linalg, reduce
from ..ops import shape as shapes  # keras.ops has a shape of its own
from . import activations
from .symbolic import apply


def _named(function: Callable, name: str) -> Callable:
    def operation(*args: Any, **kwargs: Any) -> Any:
        return apply(function, *args, **kwargs)

    operation.__name__ = operation.__qualname__ = name
    operation.__doc__ = (function.__doc__ or "").partition("\n")[0]
    return operation


def _floats(x: Any) -> Any:
    """Whole numbers and bools as float32."""
    x = create.convert_to_tensor(x)
    return x if x.dtype.is_floating else elementwise.cast(x, "float32")


def _of_floats(function: Callable) -> Callable:
    @functools.wraps(function)
    def operation(x: Any, *args: Any, **kwargs: Any) -> Any:
        return function(_floats(x), *args, **kwargs)

    return operation


def _divide(x1: Any, x2: Any) -> Any:
    """x1 / x2; of whole numbers as float32."""
    whole = not any(create.convert_to_tensor(x).dtype.is_floating for x in (x1, x2))
    return arithmetic.divide(*map(_floats, (x1, x2))) if whole else arithmetic.divide(x1, x2)


def _sum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The sum over an axis, several, or all; of bools how many hold."""
    x = create.convert_to_tensor(x)
    return reduce.reduce_sum(elementwise.cast(x, "int32") if x.dtype.is_bool else x, axis, keepdims)


def _concatenate(xs: Any, axis: int = 0) -> Any:
    """Join along an axis, the first if not given."""
    return shapes.concat(xs, axis)


def _clip(x: Any, x_min: Any, x_max: Any) -> Any:
    """Numbers below the minimum or above the maximum are set to it."""
    return elementwise.clip_by_value(x, x_min, x_max)


def _take(x: Any, indices: Any, axis: int = 0) -> Any:
    """The slices of x along an axis that the indices name."""
    return shapes.gather(x, indices, axis=axis)


def _one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = "float32") -> Any:
    """Labels as rows of zeros with a one at the label."""
    return shapes.one_hot(x, num_classes, axis=axis, dtype=dtype)


def shape(x: Any) -> tuple:
    """The shape as a tuple."""
    return tuple(x.shape)


def convert_to_numpy(x: Any) -> Any:
    """The values as an array."""
    return x.numpy() if hasattr(x, "numpy") else create.convert_to_tensor(x).numpy()


def _argmax(x: Any, axis: int | None = None) -> Any:
    """Where the largest number is, as int32; in x as one row, if there is no axis."""
    if axis is None:
        x, axis = shapes.reshape(x, (-1,)), 0
    return elementwise.cast(reduce.argmax(x, axis), "int32")


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """The length of a vector, over all axes if none is given."""
    return reduce.norm(x, "euclidean" if ord is None else ord, axis, keepdims)


_FUNCTIONS: dict[str, Callable] = {
    **{
        name: getattr(module, name)
        for module, names in {
            arithmetic: "add subtract multiply negative maximum minimum greater "
            "greater_equal less less_equal equal not_equal logical_and logical_or logical_not",
            elementwise: "abs cast floor relu round sign square stop_gradient where elu leaky_relu",
            linalg: "einsum matmul",
            create: "convert_to_tensor eye linspace ones ones_like zeros zeros_like",
            reduce: "cumsum",
            shapes: "broadcast_to expand_dims meshgrid repeat reshape squeeze stack tile "
            "transpose unstack",
        }.items()
        for name in names.split()
    },
    **{
        name: _of_floats(getattr(module, name))
        for module, names in {
            elementwise: "cos cosh exp log log1p sin sinh sqrt tan tanh",
            activations: "log_softmax sigmoid softmax softplus",
        }.items()
        for name in names.split()
    },
    "argmax": _argmax,
    "clip": _clip,
    "concatenate": _concatenate,
    "max": reduce.reduce_max,
    "divide": _divide,
    "mean": _of_floats(reduce.reduce_mean),
    "min": reduce.reduce_min,
    "norm": _norm,
    "one_hot": _one_hot,
    "power": arithmetic.pow,
    "prod": reduce.reduce_prod,
    "sum": _sum,
    "take": _take,
}

globals().update({name: _named(function, name) for name, function in _FUNCTIONS.items()})

__all__ = sorted([*_FUNCTIONS, "shape", "convert_to_numpy"])
