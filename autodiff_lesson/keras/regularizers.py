"""Penalties on weights, added to the loss: ``Dense(8, kernel_regularizer="l2")``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ops.elementwise import abs, square
from ..ops.reduce import reduce_sum
from ..tensor import Tensor
from .names import resolve, unwritten


class Regularizer:
    """Base of penalties: subclass it and write ``__call__(self, x)``, which gives a scalar."""

    def __call__(self, x: Any) -> Tensor:
        raise unwritten(self, "__call__(self, x) that gives a scalar tensor")


class L1L2(Regularizer):
    """``l1 * sum(abs(x)) + l2 * sum(square(x))``."""

    def __init__(self, l1: float = 0.0, l2: float = 0.0):
        self.l1, self.l2 = (_strength(n, v) for n, v in (("l1", l1), ("l2", l2)))

    def __call__(self, x: Any) -> Tensor:
        penalty: Any = 0.0
        if self.l1:
            penalty = self.l1 * reduce_sum(abs(x))  # type: ignore[operator]
        if self.l2 or not self.l1:
            penalty = penalty + self.l2 * reduce_sum(square(x))  # type: ignore[operator]
        return penalty

    def __repr__(self) -> str:
        given = ", ".join(f"{n}={v}" for n, v in vars(self).items() if v)
        return f"{type(self).__name__}({given})"


class L1(L1L2):
    """``l1 * sum(abs(x))``: pulls weights to exactly zero (Tibshirani 1996)."""

    def __init__(self, l1: float = 0.01):
        super().__init__(l1=l1)


class L2(L1L2):
    """``l2 * sum(square(x))``: keeps weights small (Hoerl & Kennard 1970).

    >>> import autodiff_lesson as tf
    >>> print(L2(0.5)(tf.constant([1.0, 2.0])))
    tf.Tensor(2.5, shape=(), dtype=float32)
    """

    def __init__(self, l2: float = 0.01):
        super().__init__(l2=l2)


def _strength(name: str, value: Any) -> float:
    if not isinstance(value, (int, float)) or value < 0:
        raise ValueError(f"{name}={value!r}: the strength of a penalty is a number, 0 or more")
    return float(value)


l1, l2, l1_l2 = L1, L2, L1L2  # older names, which the Keras guides use
_KNOWN = {"l1": L1, "l2": L2, "l1l2": L1L2, "L1": L1, "L2": L2, "L1L2": L1L2}


def get(identifier: Any) -> Callable | None:
    """The regularizer of a name; a callable is itself, None is none."""
    return resolve("regularizer", identifier, _KNOWN)
