"""Where weights start: ``Dense(8, kernel_initializer="he_normal")``.

The variance of a layer's output is that of its input times the variance of a weight times the
number of inputs, ``fan_in``; backward the same holds with ``fan_out``. The families below pick the
variance of a weight so that neither grows nor dies away from layer to layer.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.random  # now: NumPy itself would load it at the first draw, for 18 ms

from ..dtypes import numpy_dtype
from ..ops.random import source
from ..ops.shape import whole
from ..tensor import Tensor
from ..values import constant
from .names import resolve, unwritten, with_snake_case


class Initializer:
    """Base of initializers: subclass it and write ``__call__(self, shape, dtype=None)``.

    With a ``seed`` an initializer draws the same numbers each time it is called.
    """

    seed: int | None = None

    def __call__(self, shape: Any, dtype: Any = None, **kwargs: Any) -> Tensor:
        """A tensor of a shape, float32 unless ``dtype`` says otherwise."""
        lengths = whole(shape)
        lengths = (lengths,) if isinstance(lengths, int) else tuple(lengths)
        kind = np.dtype(np.float32) if dtype is None else numpy_dtype(dtype)
        generator = source.generator if self.seed is None else np.random.default_rng(self.seed)
        return constant(np.asarray(self.draw(lengths, generator)).astype(kind))

    def draw(self, shape: tuple[int, ...], generator: np.random.Generator) -> Any:
        """The numbers, as an array of ``shape``."""
        raise unwritten(self, "__call__(self, shape, dtype=None)")

    def __repr__(self) -> str:
        given = (f"{n}={v!r}" for n, v in vars(self).items() if v is not None)
        return f"{type(self).__name__}({', '.join(given)})"


class Zeros(Initializer):
    """All 0: for biases."""

    def draw(self, shape: tuple[int, ...], generator: np.random.Generator) -> Any:
        return np.zeros(shape)


class Ones(Initializer):
    """All 1."""

    def draw(self, shape: tuple[int, ...], generator: np.random.Generator) -> Any:
        return np.ones(shape)


class Constant(Initializer):
    """All of one value, or the numbers of an array of the shape asked for.

    >>> Constant(0.5)((2,)).numpy()
    array([0.5, 0.5], dtype=float32)
    """

    def __init__(self, value: Any = 0.0):
        self.value = value

    def draw(self, shape: tuple[int, ...], generator: np.random.Generator) -> Any:
        return np.broadcast_to(np.asarray(self.value), shape)


class RandomNormal(Initializer):
    """Draws from a normal distribution."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None):
        self.mean, self.stddev, self.seed = mean, stddev, seed

    def draw(self, shape: tuple[int, ...], generator: np.random.Generator) -> Any:
        return generator.normal(self.mean, self.stddev, shape)


class TruncatedNormal(RandomNormal):
    """Draws from a normal distribution; those beyond two ``stddev`` are drawn again."""

    def draw(self, shape: tuple[int, ...], generator: np.random.Generator) -> Any:
        draws = generator.normal(0.0, 1.0, shape)
        while (far := np.abs(draws) > 2).any():
            draws = np.where(far, generator.normal(0.0, 1.0, shape), draws)
        return self.mean + self.stddev * draws


class RandomUniform(Initializer):
    """Draws that are equally likely between ``minval`` and ``maxval``."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None):
        self.minval, self.maxval, self.seed = minval, maxval, seed

    def draw(self, shape: tuple[int, ...], generator: np.random.Generator) -> Any:
        return generator.uniform(self.minval, self.maxval, shape)


class _Scaled(Initializer):
    """Draws of the variance ``scale / fan_in``, or over the mean of both fans: see the families."""

    scale = 1.0
    both_fans = uniform = False

    def __init__(self, seed: int | None = None):
        self.seed = seed

    def draw(self, shape: tuple[int, ...], generator: np.random.Generator) -> Any:
        fan_in, fan_out = fans(shape)
        fan = (fan_in + fan_out) / 2 if self.both_fans else fan_in
        variance = self.scale / max(1.0, fan)
        if self.uniform:
            limit = math.sqrt(3 * variance)  # a uniform draw has the variance limit**2 / 3
            return generator.uniform(-limit, limit, shape)
        # cutting a normal distribution off at two standard deviations leaves 0.8796 of its own
        stddev = math.sqrt(variance) / 0.87962566103423978
        return TruncatedNormal(0.0, stddev).draw(shape, generator)


def fans(shape: tuple[int, ...]) -> tuple[float, float]:
    """How many inputs one output of a kernel has, and how many outputs one input.

    >>> fans((3, 3, 8, 16))
    (72, 144)
    """
    if len(shape) < 2:
        return (shape[0], shape[0]) if shape else (1, 1)
    field = math.prod(shape[:-2])
    return shape[-2] * field, shape[-1] * field


class GlorotUniform(_Scaled):
    """Variance 2 / (fan_in + fan_out), uniform; Keras' default (Glorot & Bengio 2010)."""

    both_fans = uniform = True


class GlorotNormal(_Scaled):
    """Variance 2 / (fan_in + fan_out), truncated normal (Glorot & Bengio 2010)."""

    both_fans = True


class HeUniform(_Scaled):
    """Variance 2 / fan_in, uniform; made for relu (He, Zhang, Ren & Sun 2015)."""

    scale, uniform = 2.0, True


class HeNormal(_Scaled):
    """Variance 2 / fan_in, truncated normal; made for relu (He, Zhang, Ren & Sun 2015)."""

    scale = 2.0


class LecunUniform(_Scaled):
    """Variance 1 / fan_in, uniform (LeCun, Bottou, Orr & Mueller 1998)."""

    uniform = True


class LecunNormal(_Scaled):
    """Variance 1 / fan_in, truncated normal (LeCun, Bottou, Orr & Mueller 1998)."""


_KNOWN: dict[str, type] = with_snake_case(
    Zeros, Ones, Constant, RandomNormal, RandomUniform, TruncatedNormal, GlorotUniform,
    GlorotNormal, HeUniform, HeNormal, LecunUniform, LecunNormal,
)  # fmt: skip


def get(identifier: Any) -> Any:
    """The initializer of a name; an object or a function of (shape, dtype) is itself.

    >>> get("he_normal")
    HeNormal()
    """
    return resolve("initializer", identifier, _KNOWN)
