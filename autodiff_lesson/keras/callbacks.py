"""Callbacks: what `fit` visits before and after each epoch and each batch."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import nest
from .warn import warn


class Callback:
    """Subclass it and write the visits you need; ``self.model`` is the model in training.

    ``logs`` is {name: float}. Set ``self.model.stop_training = True`` to end the training.
    """

    model: Any = None
    params: Mapping = {}

    def set_model(self, model: Any) -> None:
        """Called first, with the model."""
        self.model = model

    def set_params(self, params: Mapping) -> None:
        """Called first, with {"epochs", "steps", "verbose"}."""
        self.params = params

    def on_train_begin(self, logs: Any = None) -> None:
        """`fit` begins."""

    def on_train_end(self, logs: Any = None) -> None:
        """`fit` ends; ``logs`` are those of the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """An epoch begins; the first is 0."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """An epoch ends, validation included: its names begin with ``val_``."""

    def on_batch_begin(self, batch: int, logs: Any = None) -> None:
        """An older name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        """An older name of `on_train_batch_end`."""

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """A step of `fit` begins; the first of an epoch is 0."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """A step of `fit` ends; with ``steps_per_execution=n`` called after every n steps, with the
        number of the last of n."""

    def on_test_begin(self, logs: Any = None) -> None:
        """`evaluate` or validation begins."""

    def on_test_end(self, logs: Any = None) -> None:
        """`evaluate` or validation ends."""

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        """A step of it begins."""

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """A step of it ends."""

    def on_predict_begin(self, logs: Any = None) -> None:
        """`predict` begins."""

    def on_predict_end(self, logs: Any = None) -> None:
        """`predict` ends."""

    def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
        """A step of `predict` begins."""

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        """A step of `predict` ends; ``logs["outputs"]`` is what came out."""


_NOTHING = {function for name, function in vars(Callback).items() if name.startswith("on_")}


class CallbackList:
    """Several callbacks as one: each visit goes to all."""

    def __init__(self, callbacks: Any, model: Any, *own: Callback, **params: Any):
        self._callbacks = [c for c in (*nest.flatten(callbacks), *own) if c is not None]
        for callback in self._callbacks:
            if isinstance(callback, type) or not hasattr(callback, "set_model"):
                raise TypeError(
                    f"a callback must be a keras.callbacks.Callback, and {callback!r} is none. "
                    + (
                        "A class becomes one by a call: write () behind it"
                        if isinstance(callback, type)
                        else "For a plain function write LambdaCallback(on_epoch_end=...)"
                    )
                )
            callback.set_params(params)
            callback.set_model(model)

    def __getattr__(self, name: str) -> Callable:
        visits = []
        for callback in self._callbacks:
            for written in (name, name.replace("_train_batch_", "_batch_")):  # an older name
                method = getattr(callback, written)
                if getattr(method, "__func__", None) not in _NOTHING:
                    visits.append(method)
                    break

        def visit(*args: Any) -> None:
            for each in visits:
                each(*args)

        vars(self)[name] = visit  # found once, asked for in each step
        return visit


class History(Callback):
    """What `fit` returns: ``history`` has for each name a list with one float per epoch."""

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)

    def __repr__(self) -> str:
        return f"<History: {len(self.epoch)} epochs of {', '.join(self.history) or 'nothing'}>"


class WarnOfNaN(Callback):
    """Says once in a `fit` that a value became NaN; it is always there."""

    warned = False

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.warned or all(map(math.isfinite, logs.values())):
            return
        self.warned = True
        names = [name for name, value in logs.items() if not math.isfinite(value)]
        warn(
            f"{', '.join(names)} became {logs[names[0]]} in step {batch + 1} of epoch "
            f"{self.epoch + 1}. The callback keras.callbacks.TerminateOnNaN() stops training "
            "then, explain.find_nan(tape, loss) says which operation it was. Often the learning "
            "rate is too large",
            RuntimeWarning,
        )


class LambdaCallback(Callback):
    """Functions as a callback: ``LambdaCallback(on_epoch_end=lambda epoch, logs: ...)``."""

    def __init__(self, **visits: Callable | None):
        for name, function in visits.items():
            if not (name.startswith("on_") and hasattr(Callback, name)):
                raise TypeError(
                    f"LambdaCallback has no visit {name!r}; there are "
                    f"{', '.join(n for n in vars(Callback) if n.startswith('on_'))}"
                )
            if function is not None:
                setattr(self, name, function)


class _Watching(Callback):
    """A callback that follows one logged value, and knows which of two is better."""

    monitor: str
    mode: str
    min_delta: float
    _warned = False

    def __post_init__(self) -> None:
        if self.mode not in ("auto", "min", "max"):
            raise ValueError(f"mode is 'auto', 'min' or 'max'; received {self.mode!r}")
        self.min_delta = abs(self.min_delta)
        upward = self.monitor.removeprefix("val_").endswith(("acc", "accuracy", "auc"))
        self._sign = 1 if self.mode == "max" or (self.mode == "auto" and upward) else -1

    def _value(self, logs: Any) -> float | None:
        value = (logs or {}).get(self.monitor)
        if value is None and not self._warned:
            self._warned = True
            warn(
                f"{type(self).__name__} follows {self.monitor!r}, which is not logged. There is: "
                f"{', '.join(logs or {})}"
                + (
                    ". Names with val_ need validation_data or validation_split in fit()"
                    if self.monitor.startswith("val_")
                    else ""
                )
            )
        return value

    def _better(self, value: float, best: float | None) -> bool:
        return best is None or self._sign * value > self._sign * best + self.min_delta


@dataclass(eq=False, repr=False)
class EarlyStopping(_Watching):
    """Stop when ``monitor`` has not become better for ``patience`` epochs.

    Args:
        monitor: a logged name.
        min_delta: how much better counts as better.
        patience: how many epochs without getting better are borne.
        mode: ``"min"``: smaller is better, ``"max"``; ``"auto"``: larger for accuracies.
        baseline: a value that has to be beaten.
        restore_best_weights: whether the model goes back to its weights of the best epoch.
        start_from_epoch: how many epochs go by before it looks.
    """

    monitor: str = "val_loss"
    min_delta: float = 0
    patience: int = 0
    verbose: int = 0
    mode: str = "auto"
    baseline: float | None = None
    restore_best_weights: bool = False
    start_from_epoch: int = 0

    def on_train_begin(self, logs: Any = None) -> None:
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best: float | None = None
        self.best_weights: list | None = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        value = self._value(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch
        self.wait += 1
        if self._better(value, self.best):
            self.best, self.best_epoch = value, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self._better(value, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        if self.stopped_epoch and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose:
                print(f"Restoring model weights from the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)


@dataclass(eq=False, repr=False)
class ReduceLROnPlateau(_Watching):
    """Multiply the learning rate by ``factor`` when ``monitor`` gets no better for ``patience``
    epochs; then wait ``cooldown`` epochs, and never go below ``min_lr``."""

    monitor: str = "val_loss"
    factor: float = 0.1
    patience: int = 10
    verbose: int = 0
    mode: str = "auto"
    min_delta: float = 1e-4
    cooldown: int = 0
    min_lr: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.factor >= 1:
            raise ValueError(f"ReduceLROnPlateau needs a factor below 1; received {self.factor}")

    def on_train_begin(self, logs: Any = None) -> None:
        self.wait = self.cooldown_counter = 0
        self.best: float | None = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        optimizer = self.model.optimizer
        if logs is not None:
            logs["learning_rate"] = _rate(optimizer)
        value = self._value(logs)
        if value is None:
            return
        if self.cooldown_counter:
            self.cooldown_counter -= 1
            self.wait = 0
        if self._better(value, self.best):
            self.best, self.wait = value, 0
        elif not self.cooldown_counter:
            self.wait += 1
            before = _rate(optimizer)
            if self.wait >= self.patience and before > np.float32(self.min_lr):
                optimizer.learning_rate = max(before * self.factor, self.min_lr)
                if self.verbose:
                    print(
                        f"Epoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to "
                        f"{_rate(optimizer)}."
                    )
                self.cooldown_counter, self.wait = self.cooldown, 0


class LearningRateScheduler(Callback):
    """Set the learning rate of each epoch: ``schedule(epoch, rate)`` gives it."""

    def __init__(self, schedule: Callable, verbose: int = 0):
        self.schedule, self.verbose = schedule, verbose

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        optimizer = self.model.optimizer
        takes = len(inspect.signature(self.schedule).parameters)  # an older form: epoch alone
        rate = float(self.schedule(*(epoch, _rate(optimizer))[:takes]))
        optimizer.learning_rate = rate
        if self.verbose:
            print(f"Epoch {epoch + 1}: LearningRateScheduler setting learning rate to {rate}.")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if logs is not None:
            logs["learning_rate"] = _rate(self.model.optimizer)


class TerminateOnNaN(Callback):
    """Stop as soon as the loss is not a number, or infinite."""

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is not None and not math.isfinite(loss):
            print(f"Batch {batch}: Invalid loss, terminating training")
            self.model.stop_training = True


def _rate(optimizer: Any) -> float:
    return float(np.asarray(optimizer.learning_rate))
