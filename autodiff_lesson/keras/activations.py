"""Activation functions, by name or callable: ``Dense(8, activation="relu")``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ops.arithmetic import multiply
from ..ops.elementwise import elu, relu, sigmoid, softplus, tanh
from ..ops.elementwise import exp as exponential
from ..ops.elementwise import leaky_relu as _leaky_relu
from ..ops.reduce import log_softmax, softmax
from ..tensor import Tensor
from .names import resolve


def linear(x: Any) -> Any:
    """x itself."""
    return x


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Tensor:
    """x where it is positive, ``negative_slope * x`` elsewhere (Maas, Hannun & Ng 2013)."""
    return _leaky_relu(x, negative_slope)


def silu(x: Any) -> Tensor:
    """x * sigmoid(x), also called swish (Ramachandran, Zoph & Le 2017).

    >>> float(silu(0.0))
    0.0
    """
    return multiply(x, sigmoid(x))


_KNOWN: dict[str, Callable] = {
    "linear": linear, "relu": relu, "leaky_relu": leaky_relu, "elu": elu, "sigmoid": sigmoid,
    "tanh": tanh, "softmax": softmax, "log_softmax": log_softmax, "softplus": softplus,
    "exponential": exponential, "silu": silu, "swish": silu,
}  # fmt: skip


def get(identifier: Any) -> Callable:
    """The activation of a name; a callable is itself, None is `linear`.

    >>> get("tanh") is tanh, get(None) is linear
    (True, True)
    """
    return linear if identifier is None else resolve("activation", identifier, _KNOWN)
