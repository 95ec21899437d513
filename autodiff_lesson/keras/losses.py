"""Losses: how far predictions are from what they should be.

Function forms keep the batch axis: from ``y_true`` and ``y_pred`` of shape (batch, d) comes one
number per example. Class forms reduce these to one number, weigh examples, and compute in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..dtypes import numpy_dtype
from ..ops.arithmetic import multiply
from ..ops.create import convert_to_tensor
from ..ops.elementwise import abs, cast, clip_by_value, log, square, where
from ..ops.nn import (
    fractions,
    sigmoid_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits,
    sparse_softmax_cross_entropy_with_logits,
)
from ..ops.reduce import reduce_mean, reduce_sum
from ..ops.shape import expand_dims, reshape, squeeze
from ..tensor import Tensor
from .names import OfFunction, resolve, snake_case, unwritten
from .warn import warn

EPSILON = 1e-7
"""Probabilities are kept this far from 0 and 1, where the logarithm ends."""

TINY = float(np.finfo(np.float32).tiny)

# In the formulas operands are tensors, whose operators mypy does not know
# mypy: disable-error-code="operator"


def mean_squared_error(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of ``square(y_true - y_pred)`` over the last axis.

    >>> print(mean_squared_error([[0.0, 1.0]], [[2.0, 1.0]]))
    tf.Tensor([2.], shape=(1,), dtype=float32)
    """
    y_true, y_pred = matched(y_true, y_pred)
    return _mean_of_last(square(y_pred - y_true))


def mean_absolute_error(y_true: Any, y_pred: Any) -> Tensor:
    """The mean of ``abs(y_true - y_pred)`` over the last axis."""
    y_true, y_pred = matched(y_true, y_pred)
    return _mean_of_last(abs(y_true - y_pred))


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Tensor:
    """Half the square of errors up to ``delta``, a straight line beyond (Huber 1964).

    With e the absolute error: ``e**2 / 2`` or ``delta * e - delta**2 / 2``, the mean over the last
    axis.
    """
    y_true, y_pred = matched(y_true, y_pred)
    error = abs(y_pred - y_true)
    half = 0.5 * square(error)
    return _mean_of_last(where(error <= delta, half, delta * error - 0.5 * delta * delta))


def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """``-(y_true * log(y_pred) + (1 - y_true) * log(1 - y_pred))``, the mean over ``axis``.

    Args:
        y_true: labels between 0 and 1, in the shape of ``y_pred``.
        y_pred: probabilities, or with ``from_logits`` any numbers, which a sigmoid makes such.
        label_smoothing: moves each label this part of the way to 1/2.
    """
    y_true, y_pred = matched(y_true, y_pred)
    check_same_shape("binary_crossentropy", y_true, y_pred)
    y_true = fractions(y_true)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    y_pred, from_logits = _logits("binary_crossentropy", y_pred, from_logits)
    if from_logits:
        return reduce_mean(sigmoid_cross_entropy_with_logits(y_true, y_pred), axis)
    p = clip_by_value(y_pred, EPSILON, 1.0 - EPSILON)
    return reduce_mean(-(y_true * log(p) + (1.0 - y_true) * log(1.0 - p)), axis)


def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """``-sum(y_true * log(y_pred))`` over ``axis``, with rows of probabilities as labels.

    Args:
        y_true: one-hot rows, in the shape of ``y_pred``. For labels 0, 1, 2, ... use
            `sparse_categorical_crossentropy`.
        y_pred: probabilities (scaled to sum to 1), or with ``from_logits`` any numbers, which a
            softmax makes such.
        label_smoothing: spreads this part of each label over all classes.
    """
    y_true, y_pred = _numbers(y_true, y_pred)
    check_same_shape("categorical_crossentropy", y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + label_smoothing / y_pred.shape[axis]
    y_pred, from_logits = _logits("categorical_crossentropy", y_pred, from_logits)
    if from_logits:
        return softmax_cross_entropy_with_logits(y_true, y_pred, axis)
    p = y_pred / reduce_sum(y_pred, axis, True)
    return -reduce_sum(y_true * log(clip_by_value(p, EPSILON, 1.0 - EPSILON)), axis)


def sparse_categorical_crossentropy(y_true: Any, y_pred: Any, from_logits: bool = False) -> Tensor:
    """``-log(y_pred[label])``, with whole-number labels from 0 to the number of classes - 1.

    Args:
        y_true: labels, of the shape of ``y_pred`` without its last axis (or with length 1 there).
        y_pred: probabilities (scaled to sum to 1), or with ``from_logits`` any numbers, which a
            softmax makes such.

    A label out of range is an InvalidArgumentError.
    """
    y_pred = _floats(y_pred)
    labels = labels_of("sparse_categorical_crossentropy", y_true, y_pred)
    y_pred, from_logits = _logits("sparse_categorical_crossentropy", y_pred, from_logits)
    logits = y_pred if from_logits else log(clip_by_value(y_pred, EPSILON, 1.0 - EPSILON))
    return sparse_softmax_cross_entropy_with_logits(labels, logits)


# ---------------------------------------------------------------- what the formulas need
def _floats(x: Any) -> Tensor:
    if type(x) is not Tensor:
        x = convert_to_tensor(x)
    return x if x._value.dtype.kind == "f" else cast(x, np.float32)


def _logits(name: str, y_pred: Tensor, from_logits: bool) -> tuple[Tensor, bool]:
    """What an activation of Keras made the probabilities of, as Keras uses it: probabilities end
    at 0 and 1, and there the slope of their logarithm is lost."""
    logits = getattr(y_pred, "_logits", None)
    if logits is None:
        return y_pred, from_logits
    if from_logits:
        warn(
            f"{name} was given from_logits=True and the output of a softmax or sigmoid, which are "
            "probabilities: leave out one of the two"
        )
    return logits, True


def _numbers(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Both as tensors of the predictions' dtype."""
    y_pred = _floats(y_pred)
    return cast(y_true, y_pred._value.dtype), y_pred


def matched(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Both as tensors of one dtype and rank: (n,) beside (n, 1) must not broadcast to (n, n)."""
    y_true, y_pred = _of_one_rank(*_numbers(y_true, y_pred))
    true, pred = y_true._value.shape, y_pred._value.shape
    if true and pred and len(true) != len(pred):
        raise ValueError(f"y_true has shape {true}, y_pred {pred}: they must have as many axes")
    return y_true, y_pred


def _of_one_rank(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Take a last axis of length 1 away; rather give one to the other, where that is a batch."""
    if a._value.ndim < b._value.ndim:
        return _of_one_rank(b, a)[::-1]
    if a._value.ndim == b._value.ndim + 1 and a._value.shape[-1] == 1:
        if b._value.ndim == 1:
            return a, expand_dims(b, -1)
        if b._value.ndim:
            return squeeze(a, -1), b
    return a, b


def _mean_of_last(x: Any) -> Tensor:
    return reduce_mean(x, -1) if x._value.ndim else x


def check_same_shape(name: str, y_true: Tensor, y_pred: Tensor) -> None:
    true, pred = y_true._value.shape, y_pred._value.shape
    if true != pred:
        sparse = (
            ". For labels 0, 1, 2, ... use sparse_categorical_crossentropy, or make rows of them "
            "with keras.utils.to_categorical"
            if true == pred[:-1] or true == (*pred[:-1], 1)
            else ""
        )
        raise ValueError(
            f"{name}: y_true has shape {true}, y_pred {pred}; they must be equal{sparse}"
        )


def labels_of(name: str, y_true: Any, y_pred: Tensor) -> Tensor:
    """Labels as whole numbers, in the shape of the predictions without their last axis."""
    labels, pred = convert_to_tensor(y_true), y_pred._value.shape
    true = labels._value.shape
    if true == (*pred[:-1], 1):
        labels = reshape(labels, pred[:-1])
    elif true != pred[:-1]:
        advice = " For one-hot rows use categorical_crossentropy." if true == pred else ""
        if true[:-1] == pred:
            advice = " The labels come first: (y_true, y_pred)."
        raise ValueError(
            f"{name}: y_true has shape {true}; for y_pred of shape {pred} it must have "
            f"{pred[:-1]}.{advice}"
        )
    return cast(labels, np.int64)


# ---------------------------------------------------------------- class forms
REDUCTIONS = ("sum_over_batch_size", "mean", "sum", "none")


class Loss:
    """Base of losses: subclass it, write ``call(self, y_true, y_pred)``: a number per example.

    Args:
        name: what it is called; by default its class's name in small letters.
        reduction: ``"sum_over_batch_size"`` (or ``"mean"``): the mean of all numbers that ``call``
            gives, each times its weight; ``"sum"``; ``"none"`` or None: as they are.
        dtype: what predictions and labels are converted to.
    """

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = np.float32,
    ):
        if reduction not in (*REDUCTIONS, None):
            raise ValueError(
                f"Invalid value for argument `reduction`: {reduction!r}. It is one of "
                f"{', '.join(REDUCTIONS)}"
            )
        self.name = name or snake_case(type(self).__name__)
        self.reduction = reduction
        self.dtype = numpy_dtype(np.float32 if dtype is None else dtype)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        """The loss of a batch; ``sample_weight`` has one number per example, or per number."""
        losses = self.call(cast(y_true, self.dtype), cast(y_pred, self.dtype))
        if losses is None:
            raise ValueError(f"the loss {self.name} returned None: a number per example is needed")
        if type(losses) is not Tensor:
            losses = convert_to_tensor(losses)
        if sample_weight is not None:
            weights = cast(sample_weight, losses._value.dtype)
            losses = multiply(losses, weights_for(losses, weights))
        if self.reduction in (None, "none"):
            return losses
        if self.reduction == "sum" or not losses._value.size:
            return reduce_sum(losses)
        return reduce_mean(losses)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """One number per example."""
        raise unwritten(self, "call(self, y_true, y_pred)")

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.name}, reduction {self.reduction}>"


def weights_for(values: Tensor, weights: Tensor) -> Tensor:
    """Weights in a shape that multiplies values: they belong to the leading axes of these."""
    shape, given = values._value.shape, weights._value.shape
    leading = given[:-1] if len(given) > len(shape) and given[-1] == 1 else given
    alike = all(w in (1, n) for w, n in zip(leading, shape))
    if len(leading) > len(shape) or not alike:
        raise ValueError(
            f"sample_weight has shape {given}, the values it weighs {shape}: give one number per "
            "example"
        )
    wanted = (*leading, *(1,) * (len(shape) - len(leading)))
    return weights if given == wanted else reshape(weights, wanted)


class FunctionLoss(Loss):
    """A function of (y_true, y_pred) as a loss."""

    def __init__(
        self, fn: Callable, reduction: str | None = "sum_over_batch_size", name: str | None = None,
        dtype: Any = None, **settings: Any,
    ):  # fmt: skip
        super().__init__(name, reduction, dtype)
        self._function, self._settings = fn, settings

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self._function(y_true, y_pred, **self._settings)


class _Known(OfFunction, FunctionLoss):
    """A loss that is one of the functions above; their settings are its first arguments."""

    kind_takes = {"reduction": "sum_over_batch_size", "name": None, "dtype": None}  # noqa: RUF012
    settings_first = True


class MeanSquaredError(_Known, function=mean_squared_error):
    """`mean_squared_error`, reduced.

    >>> print(MeanSquaredError()([[0.0], [1.0]], [[2.0], [1.0]]))
    tf.Tensor(2.0, shape=(), dtype=float32)
    """


class MeanAbsoluteError(_Known, function=mean_absolute_error):
    """`mean_absolute_error`, reduced."""


class Huber(_Known, function=huber, known_as="huber_loss"):
    """`huber`, reduced: ``Huber(delta=1.0)``."""


class BinaryCrossentropy(_Known, function=binary_crossentropy):
    """`binary_crossentropy`, reduced: ``BinaryCrossentropy(from_logits=True)``."""


class CategoricalCrossentropy(_Known, function=categorical_crossentropy):
    """`categorical_crossentropy`, reduced: ``CategoricalCrossentropy(from_logits=True)``."""


class SparseCategoricalCrossentropy(_Known, function=sparse_categorical_crossentropy):
    """`sparse_categorical_crossentropy`, reduced:
    ``SparseCategoricalCrossentropy(from_logits=True)``."""


mse, mae = mean_squared_error, mean_absolute_error  # Keras has these short names too
_SHORT = {"mse": mse, "mae": mae, "bce": binary_crossentropy}
_CLASSES = _Known.__subclasses__()
_KNOWN: dict[str, Any] = {
    **_SHORT,
    **{name.upper(): function for name, function in _SHORT.items()},
    **{c.function.__name__: c.function for c in _CLASSES},
    **{c.__name__: c for c in _CLASSES},
}


def get(identifier: Any) -> Any:
    """The loss of a name: a function for ``"mse"``, an object for ``"MeanSquaredError"``.

    An object or a function of (y_true, y_pred) is itself.
    """
    return resolve("loss", identifier, _KNOWN)
