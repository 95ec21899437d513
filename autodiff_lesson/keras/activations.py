"""Activation functions, by name or callable: ``Dense(8, activation="relu")``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ops import elementwise, reduce
from ..ops.arithmetic import multiply
from ..ops.elementwise import elu, relu, softplus, tanh
from ..ops.elementwise import exp as exponential
from ..ops.reduce import log_softmax
from ..tensor import Tensor
from .names import resolve


def linear(x: Any) -> Any:
    """x itself."""
    return x


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Tensor:
    """x where it is positive, ``negative_slope * x`` elsewhere (Maas, Hannun & Ng 2013)."""
    return elementwise.leaky_relu(x, negative_slope)


def sigmoid(x: Any) -> Tensor:
    """1 / (1 + exp(-x)), between 0 and 1."""
    return _of_logits(elementwise.sigmoid(x), x)


def softmax(x: Any, axis: int = -1) -> Tensor:
    """exp(x) / sum(exp(x)): positive, with sum 1 along ``axis`` (Bridle 1990)."""
    return _of_logits(reduce.softmax(x, axis), x)


def _of_logits(made: Any, x: Any) -> Any:
    """Let the cross-entropies see what probabilities were made of: it does not end at 0 and 1."""
    if type(made) is Tensor and type(x) is Tensor:
        made._logits = x
    return made


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
