"""Metrics: numbers that are gathered batch by batch and read when one likes.

A metric keeps what it has seen in Variables, so a replayed training step goes on counting.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..dtypes import numpy_dtype
from ..ops.arithmetic import equal, greater, multiply
from ..ops.create import convert_to_tensor
from ..ops.elementwise import cast, sqrt
from ..ops.reduce import argmax, reduce_mean, reduce_sum
from ..tensor import Tensor
from ..variable import Module, Variable
from . import initializers, losses
from .names import OfFunction, resolve, snake_case, unwritten, with_snake_case
from .variables import run


class Metric(Module):
    """Base of metrics: write ``update_state`` and ``result``, with state made by `add_variable`.

    >>> import autodiff_lesson as tf
    >>> class Largest(Metric):
    ...     def __init__(self, name="largest"):
    ...         super().__init__(name=name)
    ...         self.top = self.add_variable((), name="top")
    ...     def update_state(self, values):
    ...         self.top.assign(tf.maximum(self.top, tf.reduce_max(values)))
    ...     def result(self):
    ...         return self.top.value()
    >>> print(Largest()([1.0, 3.0, 2.0]))
    tf.Tensor(3.0, shape=(), dtype=float32)
    """

    def __init__(self, dtype: Any = None, name: str | None = None):
        super().__init__(name or snake_case(type(self).__name__))
        self.dtype = numpy_dtype(np.float32 if dtype is None else dtype)

    def add_variable(
        self,
        shape: Any = (),
        initializer: Any = "zeros",
        dtype: Any = None,
        name: str | None = None,
    ) -> Variable:
        """A variable of the state, which `reset_state` sets to zeros."""
        start = initializers.get(initializer or "zeros")(shape, dtype or self.dtype)
        return Variable(start, trainable=False, name=name)

    add_weight = add_variable

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Take a batch into account."""
        raise unwritten(self, "update_state(self, ...)")

    def result(self) -> Any:
        """The number so far, a tensor."""
        raise unwritten(self, "result(self)")

    def reset_state(self) -> None:
        """Forget everything seen so far."""
        for variable in self.variables:
            variable.assign(np.zeros(variable.shape))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Take a batch into account, and give the number so far."""
        self.update_state(*args, **kwargs)
        return self.result()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.name}>"


class Sum(Metric):
    """The (weighted) sum of all values."""

    _of_example = staticmethod(reduce_sum)

    def __init__(self, name: str | None = None, dtype: Any = None):
        super().__init__(dtype, name)
        self.total = self.add_variable(name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        values, _ = self._weighed(values, sample_weight)
        self.total.assign_add(_summed(values))

    def result(self) -> Tensor:
        return self.total.value()

    def _weighed(self, values: Any, sample_weight: Any) -> tuple[Tensor, Tensor | None]:
        """Values times their weights, and the weights; values of one example share a weight."""
        values = cast(values, self.dtype)
        if sample_weight is None:
            return values, None
        weights = cast(sample_weight, self.dtype)
        if weights.ndim and weights.ndim < values.ndim:
            values = self._of_example(values, tuple(range(weights.ndim, values.ndim)))
        weights = losses.weights_for(values, weights)
        if weights._value.shape != values._value.shape:
            weights = multiply(weights, np.ones(values._value.shape))
        return multiply(values, weights), weights


class Mean(Sum):
    """The (weighted) mean of all values; 0 as long as there are none.

    >>> mean = Mean()
    >>> print(mean([1.0, 3.0]), mean(8.0))
    tf.Tensor(2.0, shape=(), dtype=float32) tf.Tensor(4.0, shape=(), dtype=float32)
    """

    _of_example = staticmethod(reduce_mean)

    def __init__(self, name: str | None = None, dtype: Any = None):
        super().__init__(name, dtype)
        self.count = self.add_variable(name="count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        values, weights = self._weighed(values, sample_weight)
        size = Tensor(self.dtype.type(values._value.size))
        number = size if weights is None else _summed(weights)
        total, count = run(_added, self.total, self.count, _summed(values), number)
        self.total.assign(total)
        self.count.assign(count)

    def result(self) -> Tensor:
        return run(_mean, self.total, self.count)[0]


def _added(total: Any, count: Any, more: Any, number: Any) -> tuple:
    return total + more, count + number


def _mean(total: Any, count: Any) -> tuple:
    return (total / np.maximum(count, losses.TINY),)


def _summed(x: Tensor) -> Tensor:
    return reduce_sum(x) if x._value.ndim else x


class MeanMetricWrapper(Mean):
    """The mean of a function of (y_true, y_pred): how ``compile`` takes a function as a metric."""

    def __init__(self, fn: Callable, name: str | None = None, dtype: Any = None, **arguments: Any):
        known = getattr(fn, "__name__", getattr(fn, "name", None))
        super().__init__(name or (known and known.strip("<>")), dtype)
        self._function = fn
        self._arguments = arguments

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        y_true = cast(y_true, self.dtype)
        y_pred = cast(y_pred, self.dtype)
        super().update_state(self._function(y_true, y_pred, **self._arguments), sample_weight)


# ---------------------------------------------------------------- how often predictions are right
def accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1 where ``y_pred`` equals ``y_true``, 0 elsewhere, the mean over the last axis."""
    y_true, y_pred = losses.matched(y_true, y_pred)
    return _share(equal(y_true, y_pred))


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Tensor:
    """1 where ``y_pred > threshold`` agrees with the label 0 or 1; the mean over the last axis."""
    y_true, y_pred = losses.matched(y_true, y_pred)
    positive = cast(greater(y_pred, threshold), y_true._value.dtype)
    return _share(equal(y_true, positive))


def _share(right: Any) -> Tensor:
    """How many are right, of each example."""
    found = cast(right, np.float32)
    return reduce_mean(found, -1) if found._value.ndim > 1 else found


def categorical_accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1 for each example whose largest prediction is where its one-hot row has the one."""
    y_true, y_pred = convert_to_tensor(y_true), convert_to_tensor(y_pred)
    losses.check_same_shape("categorical_accuracy", y_true, y_pred)
    return cast(equal(argmax(y_true, -1), argmax(y_pred, -1)), np.float32)


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Tensor:
    """1 for each example whose largest prediction is at its label."""
    y_true, y_pred = convert_to_tensor(y_true), convert_to_tensor(y_pred)
    y_true = losses.labels_of("sparse_categorical_accuracy", y_true, y_pred)
    return cast(equal(y_true, argmax(y_pred, -1)), np.float32)


class _Function(OfFunction, MeanMetricWrapper):
    """The mean of a function of this package; its settings follow ``name`` and ``dtype``."""


class Accuracy(_Function, function=accuracy):
    """How often predictions equal labels."""


class BinaryAccuracy(_Function, function=binary_accuracy):
    """How often predictions lie on that side of ``threshold=0.5`` where their 0 or 1 lies."""


class CategoricalAccuracy(_Function, function=categorical_accuracy):
    """How often the largest prediction is at the one of the one-hot label."""


class SparseCategoricalAccuracy(_Function, function=sparse_categorical_accuracy):
    """How often the largest prediction is at the label.

    >>> print(SparseCategoricalAccuracy()([1, 0], [[0.1, 0.9], [0.2, 0.8]]))
    tf.Tensor(0.5, shape=(), dtype=float32)
    """


# ---------------------------------------------------------------- losses as metrics
class MeanSquaredError(_Function, function=losses.mean_squared_error):
    """The mean of ``square(y_true - y_pred)``."""


class MeanAbsoluteError(_Function, function=losses.mean_absolute_error):
    """The mean of ``abs(y_true - y_pred)``."""


class RootMeanSquaredError(_Function, function=losses.mean_squared_error):
    """The square root of the mean of ``square(y_true - y_pred)``."""

    def result(self) -> Tensor:
        return sqrt(super().result())


class BinaryCrossentropy(_Function, function=losses.binary_crossentropy):
    """The mean of `losses.binary_crossentropy`, with its settings."""


class CategoricalCrossentropy(_Function, function=losses.categorical_crossentropy):
    """The mean of `losses.categorical_crossentropy`, with its settings."""


class SparseCategoricalCrossentropy(_Function, function=losses.sparse_categorical_crossentropy):
    """The mean of `losses.sparse_categorical_crossentropy`, with its settings."""


_SHORT = {"mse": MeanSquaredError, "mae": MeanAbsoluteError, "bce": BinaryCrossentropy}
_KNOWN: dict[str, Any] = {
    **_SHORT,
    **{name.upper(): metric for name, metric in _SHORT.items()},
    "rmse": RootMeanSquaredError,
    **with_snake_case(Mean, Sum, *_Function.__subclasses__()),
}


def get(identifier: Any) -> Any:
    """The metric of a name; a metric or a function of (y_true, y_pred) is itself.

    >>> get("mae")
    <MeanAbsoluteError: mean_absolute_error>
    """
    return resolve("metric", identifier, _KNOWN)
