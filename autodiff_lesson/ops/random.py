"""Random draws: recorded like any operation, so that they can be drawn anew on replay."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from ..arguments import tensor_of
from ..dtypes import numpy_dtype
from ..errors import refused
from ..primitive import Primitive
from ..tensor import Tensor
from .arithmetic import add, multiply, subtract
from .shape import gather, whole


class Source:
    """Where draws come from; one for the whole program, set by `set_seed`."""

    @cached_property
    def generator(self) -> np.random.Generator:
        """Made at the first draw: only then does NumPy load what it draws with (18 ms)."""
        return np.random.default_rng()


source = Source()


def normal_kernel(*, shape: tuple, mean: float, stddev: float, dtype: np.dtype) -> Any:
    """Draws from a normal distribution."""
    return source.generator.normal(mean, stddev, shape).astype(dtype)


def truncated_kernel(*, shape: tuple, mean: float, stddev: float, dtype: np.dtype) -> Any:
    """Draws from a normal distribution; those beyond two standard deviations are drawn again."""
    draws = source.generator.normal(0.0, 1.0, shape)
    while (far := np.abs(draws) > 2).any():
        draws = np.where(far, source.generator.normal(0.0, 1.0, shape), draws)
    return (draws * stddev + mean).astype(dtype)


def uniform_kernel(*, shape: tuple, low: Any, high: Any, dtype: Any) -> Any:
    """Draws that are equally likely between ``low`` and ``high`` (not included)."""
    if dtype.kind in "iu":
        return source.generator.integers(low, high, shape, dtype)
    return source.generator.uniform(low, high, shape).astype(dtype)


def permutation_kernel(*, n: int) -> Any:
    """The whole numbers below ``n`` in random order."""
    return source.generator.permutation(n)


# no inputs, so no rules; and rules do not draw, so these are not in the table
_normal = Primitive(normal_kernel, name="random_normal")
_truncated = Primitive(truncated_kernel, name="truncated_normal")
_uniform = Primitive(uniform_kernel, name="random_uniform")
_permutation = Primitive(permutation_kernel, name="random_permutation")


def set_seed(seed: int) -> None:
    """Start the draws anew: after the same seed come the same numbers."""
    source.generator = np.random.default_rng(seed)


def _connected(parameter: Any) -> bool:
    """Whether a gradient may flow back to it: then the draws are scaled and shifted by rows."""
    return isinstance(tensor_of(parameter), Tensor)


def _vector(op: str, shape: Any) -> tuple:
    found = whole(shape, op, "shape")
    if isinstance(found, int):
        raise refused(op, f"shape must be a vector: write [{found}], or all lengths in one list")
    return found


def _shape_and_dtype(op: str, shape: Any, dtype: Any) -> dict[str, Any]:
    found = numpy_dtype(dtype)
    if found.kind != "f":
        why = f"the draws are floating numbers, not {found}. Use tf.random.uniform"
        raise refused(op, why, TypeError)
    return {"shape": _vector(op, shape), "dtype": found}


# fmt: off
def normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = np.float32,
           seed: int | None = None, name: str | None = None) -> Tensor:
    """Draws from a normal distribution."""
    how = _shape_and_dtype("random.normal", shape, dtype)
    if not any(map(_connected, (mean, stddev))):
        return _normal(mean=mean, stddev=stddev, **how)
    return add(multiply(_normal(mean=0.0, stddev=1.0, **how), stddev), mean)


def truncated_normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = np.float32,
                     seed: int | None = None, name: str | None = None) -> Tensor:
    """Draws from a normal distribution, none further than two standard deviations from its mean."""
    how = _shape_and_dtype("random.truncated_normal", shape, dtype)
    if not any(map(_connected, (mean, stddev))):
        return _truncated(mean=mean, stddev=stddev, **how)
    return add(multiply(_truncated(mean=0.0, stddev=1.0, **how), stddev), mean)


def uniform(shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = np.float32,
            seed: int | None = None, name: str | None = None) -> Tensor:
    """Draws between ``minval`` and ``maxval`` (1 for floats), which is not included."""
    dtype = numpy_dtype(dtype)
    if maxval is None:
        if dtype.kind != "f":
            raise ValueError("uniform draws of whole numbers need a maxval")
        maxval = 1.0
    shape = _vector("random.uniform", shape)
    if dtype.kind != "f" or not any(map(_connected, (minval, maxval))):
        return _uniform(shape=shape, low=minval, high=maxval, dtype=dtype)
    draws = _uniform(shape=shape, low=0.0, high=1.0, dtype=dtype)
    return add(multiply(draws, subtract(maxval, minval)), minval)
# fmt: on


def shuffle(value: Any, seed: int | None = None, name: str | None = None) -> Tensor:
    """The slices along the first axis in random order."""
    return gather(value, _permutation(n=len(value)))
