"""What ``compile`` was given: the optimizer, the loss, the metrics, and how they meet a batch."""

from __future__ import annotations

from typing import Any

from .. import nest
from ..ops.arithmetic import add, multiply
from ..tensor import Tensor
from . import losses, metrics, optimizers
from .metrics import Mean, Metric


class Compiled:
    """The arguments of ``compile``, made into objects."""

    def __init__(
        self, optimizer: Any, loss: Any, loss_weights: Any, metrics: Any, weighted_metrics: Any,
        names: list[str] | None,
    ):  # fmt: skip
        self.optimizer = optimizers.get(optimizer)
        self.tracker = Mean(name="loss")
        self.loss = None if loss is None else CompiledLoss(loss, loss_weights, names)
        self.metrics = (
            CompiledMetrics(metrics, weighted_metrics, names)
            if metrics or weighted_metrics
            else None
        )

    @property
    def all_metrics(self) -> list[Metric]:
        """The loss tracker, those of single outputs, and the compiled metrics."""
        found: list[Metric] = [self.tracker]
        if self.loss is not None:
            found += self.loss.trackers
        return found if self.metrics is None else [*found, self.metrics]


class CompiledLoss:
    """One loss for each output of the model, added up with their weights."""

    def __init__(self, given: Any, weights: Any, names: list[str] | None):
        self._functions = _leaves(given, names)
        for item in self._functions:
            if not (item is None or callable(item) or isinstance(item, str)):
                losses.get(item)  # says what is wrong with it
        self._functions = [_as_loss(item) for item in self._functions]
        self._several = isinstance(given, (list, tuple, dict)) and len(self._functions) > 1
        self._weights = None if weights is None else _leaves(weights, names)
        if self._weights and self._several and len(self._weights) != len(self._functions):
            raise ValueError(
                f"loss_weights has {len(self._weights)} numbers for {len(self._functions)} losses"
            )
        named = names if names and len(names) == len(self._functions) else None
        named = named or [f"output_{i}" for i in range(len(self._functions))]
        self.trackers: list[Metric] = (
            [Mean(name=f"{name}_loss") for name in named] if self._several else []
        )

    def __call__(self, y: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        if type(y) is Tensor and type(y_pred) is Tensor:
            loss = self._functions[0](y, y_pred, sample_weight)
            return multiply(loss, self._weights[0]) if self._weights else loss
        true, pred = nest.flatten(y), nest.flatten(y_pred)
        functions = self._functions * (1 if self._several else len(pred))
        if not len(true) == len(pred) == len(functions):
            raise ValueError(
                f"the model has {len(pred)} outputs, y {len(true)} parts, and compile was given "
                f"{len(functions)} losses: there must be as many of each"
            )
        weights = nest.flatten(sample_weight)
        weights = weights * len(pred) if len(weights) == 1 else weights
        total: Any = None
        for i, function in enumerate(functions):
            if function is None:
                continue
            value = function(true[i], pred[i], weights[i])
            if self.trackers:
                self.trackers[i].update_state(value)
            if self._weights:
                value = multiply(value, self._weights[i])
            total = value if total is None else add(total, value)
        return total


class CompiledMetrics(Metric):
    """All the metrics that ``compile`` was given, as one: the names ``"accuracy"`` and
    ``"crossentropy"`` become the right metric when the first batch shows its shapes."""

    def __init__(self, given: Any, weighted: Any, names: list[str] | None):
        super().__init__(name="compile_metrics")
        self._given = [(_per_output(g, names), w) for g, w in ((given, False), (weighted, True))]
        self._names = names
        for columns, _ in self._given:
            for item in nest.flatten(columns):
                if not (isinstance(item, str) and item.lower() in _BY_SHAPE):
                    metrics.get(item)  # a wrong name is better said now than at the first batch
        self._built: list[tuple[int, bool, str, Metric]] = []
        self._made = False

    @property
    def variables(self) -> tuple:
        """The state of all of them."""
        return tuple(v for *_, metric in self._built for v in metric.variables)

    @property
    def metrics(self) -> list[Metric]:
        """The metrics, once a batch was seen."""
        return [metric for *_, metric in self._built]

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        if type(y_true) is Tensor and type(y_pred) is Tensor:
            true, pred, weights = [y_true], [y_pred], [sample_weight]
        else:
            true, pred = nest.flatten(y_true), nest.flatten(y_pred)
            weights = nest.flatten(sample_weight)
            weights = weights * len(pred) if len(weights) == 1 else weights
        if not self._made:
            self._build(true, pred)
        for output, weighted, _, metric in self._built:
            if weighted and weights[output] is not None:
                metric.update_state(true[output], pred[output], sample_weight=weights[output])
            else:
                metric.update_state(true[output], pred[output])

    def result(self) -> dict[str, Any]:
        """{name: value}."""
        return {name: metric.result() for *_, name, metric in self._built}

    def reset_state(self) -> None:
        for *_, metric in self._built:
            metric.reset_state()

    def _build(self, true: list, pred: list) -> None:
        for columns, weighted in self._given:
            if not columns:
                continue
            if len(pred) == 1:
                columns = [nest.flatten(columns)]
            elif len(columns) != len(pred):
                raise ValueError(
                    f"the model has {len(pred)} outputs, but metrics were given for "
                    f"{len(columns)}: write metrics=[[...], [...]], or a dict by output name"
                )
            for output, column in enumerate(columns):
                for item in nest.flatten(column):
                    metric = _as_metric(item, true[output], pred[output])
                    name = item if isinstance(item, str) else metric.name
                    if len(pred) > 1:
                        own = self._names[output] if self._names else f"output_{output}"
                        name = f"{own}_{name}"
                    self._built.append((output, weighted, name, metric))
        self._made = True


def _leaves(given: Any, names: list[str] | None) -> list:
    if isinstance(given, dict):
        unknown = [key for key in given if names and key not in names]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no output of the model; these are: {names}")
        return [given.get(name) for name in names] if names else nest.flatten(given)
    return list(given) if isinstance(given, (list, tuple)) else [given]


def _per_output(given: Any, names: list[str] | None) -> list:
    if given is None:
        return []
    if isinstance(given, dict):
        return [_list(item) for item in _leaves(given, names)]
    return [_list(item) for item in _list(given)]


def _list(item: Any) -> list:
    return [] if item is None else list(item) if isinstance(item, (list, tuple)) else [item]


def _as_loss(item: Any) -> Any:
    found = losses.get(item)
    if found is None or isinstance(found, losses.Loss):
        return found
    return FunctionLoss(found)


class FunctionLoss(losses.Loss):
    """A function of (y_true, y_pred) as a loss: the mean of what it gives, weighted."""

    def __init__(self, function: Any):
        super().__init__(getattr(function, "__name__", None))
        self._function = function

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self._function(y_true, y_pred)


_BY_SHAPE = {
    "accuracy": ("BinaryAccuracy", "CategoricalAccuracy", "SparseCategoricalAccuracy"),
    "acc": ("BinaryAccuracy", "CategoricalAccuracy", "SparseCategoricalAccuracy"),
    "crossentropy": (
        "BinaryCrossentropy", "CategoricalCrossentropy", "SparseCategoricalCrossentropy",
    ),
    "ce": ("BinaryCrossentropy", "CategoricalCrossentropy", "SparseCategoricalCrossentropy"),
}  # fmt: skip


def _as_metric(item: Any, true: Tensor, pred: Tensor) -> Metric:
    """The metric that was meant, which for ``"accuracy"`` the shapes of the first batch tell."""
    if isinstance(item, str) and item.lower() in _BY_SHAPE:
        binary, categorical, sparse = _BY_SHAPE[item.lower()]
        kind = categorical
        if pred.ndim < 2 or pred.shape[-1] == 1:
            kind = binary
        elif true.ndim < pred.ndim or true.shape[-1] == 1:
            kind = sparse
        return getattr(metrics, kind)(name=item)
    found = metrics.get(item)
    return found if isinstance(found, Metric) else metrics.MeanMetricWrapper(found)
