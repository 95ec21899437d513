"""The loss and the metrics that ``compile`` was given, and how they meet a batch."""

from __future__ import annotations

from typing import Any

from .. import nest
from ..recorder import silence
from ..tensor import Tensor
from . import losses, metrics
from .metrics import Mean, Metric


class Compiled:
    """The loss and the metrics of ``compile``, made into objects."""

    def __init__(self, loss: Any, metrics: Any, weighted_metrics: Any):
        self.loss = _as_loss(loss)
        self.tracker = Mean(name="loss")
        self.metrics = CompiledMetrics(metrics, weighted_metrics)

    @property
    def all_metrics(self) -> list[Metric]:
        """The mean of the loss, and the compiled metrics."""
        return [self.tracker, self.metrics] if self.metrics.given else [self.tracker]

    def loss_of(self, y: Any, y_pred: Any, sample_weight: Any) -> Tensor:
        """The compiled loss of a batch."""
        _check_single("loss is for", y_pred, "compute_loss or train_step")
        return self.loss(_the_one(y), y_pred, sample_weight)


def _the_one(given: Any) -> Any:
    """What is given for the one output of a model; a list or dict may be around it."""
    if isinstance(given, (list, tuple, dict)) and len(given) == 1:
        (given,) = given.values() if isinstance(given, dict) else given
    return given


def _as_loss(loss: Any) -> Any:
    loss = _the_one(loss)
    if isinstance(loss, (list, tuple, dict)):
        raise ValueError(
            f"compile takes one loss; received {loss!r}. For a model with several outputs add "
            "their losses up in a compute_loss or train_step of your own"
        )
    if isinstance(loss, Metric):
        raise ValueError(
            f"compile was given the metric {loss!r} as its loss: a metric counts over batches, "
            f"and has no gradient. Write keras.losses.{type(loss).__name__}()"
        )
    found = losses.get(loss)
    if found is None or isinstance(found, losses.Loss):
        return found
    return losses.FunctionLoss(found, name=getattr(found, "__name__", None))


class CompiledMetrics(Metric):
    """All the metrics that ``compile`` was given, as one: the names ``"accuracy"`` and
    ``"crossentropy"`` become the right metric when the first batch shows its shapes.

    Those of ``weighted`` take ``sample_weight`` into account.
    """

    def __init__(self, plain: Any, weighted: Any):
        super().__init__(name="compile_metrics")
        self.given = [(item, False) for item in nest.flatten(plain or [])]
        self.given += [(item, True) for item in nest.flatten(weighted or [])]
        for item, _ in self.given:
            if item is None:
                raise ValueError("compile was given None among its metrics: leave it out")
            if _kind_of(item) is None:
                metrics.get(item)  # a wrong name is better said now than at the first batch
        self.by_name: dict[str, tuple[Metric, bool]] = {}

    @property
    def metrics(self) -> list[Metric]:
        """The metrics, once a batch was seen."""
        return [metric for metric, _ in self.by_name.values()]

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true = _the_one(y_true)
        if self.given and not self.by_name:
            _check_single("metrics are for", y_pred, "train_step")
            for item, weighted in self.given:
                with silence():  # a function need not know: they are made once
                    metric = _as_metric(item, y_true, y_pred)
                name = item if isinstance(item, str) else metric.name
                if weighted and name in self.by_name:
                    name = f"weighted_{name}"
                free = (name, *(f"{name}_{n}" for n in range(1, len(self.given))))
                self.by_name[next(n for n in free if n not in self.by_name)] = metric, weighted
        for metric, weighted in self.by_name.values():
            weigh = weighted and sample_weight is not None
            metric.update_state(y_true, y_pred, **{"sample_weight": sample_weight} if weigh else {})

    def result(self) -> dict[str, Any]:
        """{name: value}."""
        return {name: metric.result() for name, (metric, _) in self.by_name.items()}

    def reset_state(self) -> None:
        for metric in self.metrics:
            metric.reset_state()


def _check_single(what: str, y_pred: Any, where: str) -> None:
    if y_pred is None:
        raise ValueError("the model's call() returned None: end it with `return outputs`")
    if isinstance(y_pred, (list, tuple, dict)):
        raise ValueError(
            f"the model has several outputs, and compile's {what} one: compute it in a {where} of "
            "your own"
        )


def _kind_of(item: Any) -> str | None:
    """How the class of a metric ends, if the shapes of a batch tell how it begins."""
    names = {"accuracy": "Accuracy", "acc": "Accuracy", "crossentropy": "Crossentropy"}
    return names.get(item.lower()) if isinstance(item, str) else None


def _as_metric(item: Any, true: Tensor, pred: Tensor) -> Metric:
    """The metric that was meant, which for ``"accuracy"`` the shapes of the first batch tell."""
    kind = _kind_of(item)
    if kind is not None:
        start = "Categorical"
        if pred.ndim < 2 or pred.shape[-1] == 1:
            start = "Binary"
        elif true.ndim < pred.ndim or true.shape[-1] == 1:
            start = "SparseCategorical"
        return getattr(metrics, start + kind)(name=item)
    found = metrics.get(item)
    return found if isinstance(found, Metric) else metrics.MeanMetricWrapper(found)
