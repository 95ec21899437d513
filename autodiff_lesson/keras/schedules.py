"""Learning rates that change with the step: ``SGD(learning_rate=CosineDecay(0.1, 1000))``.

A schedule is a function of the number of steps made so far. It is computed with operations, from
the optimizer's variable ``iterations``, so a replayed training step sees the step of now.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..ops.elementwise import cast
from ..tensor import Tensor
from .names import unwritten
from .variables import run


class LearningRateSchedule:
    """Base of schedules: subclass it and write ``__call__(self, step)``, which gives a scalar."""

    def __call__(self, step: Any) -> Any:
        raise unwritten(self, "__call__(self, step) that gives the rate after that many steps")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{n}={v}' for n, v in vars(self).items())})"


@dataclass(eq=False, repr=False)  # quicker to import
class _Decay(LearningRateSchedule):
    initial_learning_rate: float
    decay_steps: int

    def __post_init__(self) -> None:
        if self.decay_steps <= 0:
            raise ValueError(f"Argument `decay_steps` must be > 0. Received: {self.decay_steps}")

    def __call__(self, step: Any) -> Tensor:
        return run(lambda n: (self._after(n),), cast(step, np.float32))[0]

    def _after(self, n: Any) -> Any:
        """The rate after n steps; like a rule, with operators and NumPy functions."""
        raise NotImplementedError


@dataclass(eq=False, repr=False)
class ExponentialDecay(_Decay):
    """``initial_learning_rate * decay_rate ** (step / decay_steps)``.

    With ``staircase`` the exponent is rounded down, so that the rate falls in steps.

    >>> print(ExponentialDecay(0.5, decay_steps=10, decay_rate=0.5)(20))
    tf.Tensor(0.125, shape=(), dtype=float32)
    """

    decay_rate: float
    staircase: bool = False

    def _after(self, n: Any) -> Any:
        exponent = n / self.decay_steps
        if self.staircase:
            exponent = np.floor(exponent)
        return self.initial_learning_rate * self.decay_rate**exponent


@dataclass(eq=False, repr=False)
class PolynomialDecay(_Decay):
    """From the initial rate along ``(1 - step / decay_steps) ** power`` to the end rate."""

    end_learning_rate: float = 0.0001
    power: float = 1.0

    def _after(self, n: Any) -> Any:
        done = np.minimum(n, self.decay_steps) / self.decay_steps
        fall = self.initial_learning_rate - self.end_learning_rate
        return fall * (1.0 - done) ** self.power + self.end_learning_rate


@dataclass(eq=False, repr=False)
class CosineDecay(_Decay):
    """Half a wave of the cosine down to ``alpha`` times the start (Loshchilov & Hutter 2017).

    With ``warmup_target`` the rate first rises on a straight line to it, for ``warmup_steps``
    steps, and falls from there.
    """

    alpha: float = 0.0
    warmup_target: float | None = None
    warmup_steps: int = 0

    def _after(self, n: Any) -> Any:
        if self.warmup_target is None:
            return self._fallen(self.initial_learning_rate, n)
        fall = self._fallen(self.warmup_target, n - self.warmup_steps)
        if not self.warmup_steps:
            return fall
        slope = (self.warmup_target - self.initial_learning_rate) / self.warmup_steps
        return np.where(n < self.warmup_steps, self.initial_learning_rate + slope * n, fall)

    def _fallen(self, start: float, n: Any) -> Any:
        done = np.minimum(n, self.decay_steps) / self.decay_steps
        wave = 0.5 * (1.0 + np.cos(math.pi * done))
        return start * ((1.0 - self.alpha) * wave + self.alpha)
