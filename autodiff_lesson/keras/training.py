"""The loops around the steps: `fit`, `evaluate` and `predict`."""

from __future__ import annotations

import signal
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import nest
from ..function import function
from ..tensor import Tensor
from .batches import Epochs, as_arrays, epochs_of, is_stream, split, unpack, whole
from .callbacks import CallbackList, History, WarnOfNaN
from .names import keywords
from .progress import progress_for

if TYPE_CHECKING:
    from .model import Model


@keywords(
    validation_steps="Give so many batches as validation_data: dataset.take(n)",
    validation_batch_size="Give validation_data in batches of that size: dataset.batch(n)",
    validation_freq="Validation follows each epoch; for another rhythm evaluate() in a callback",
)
def fit(
    self: Model,
    x: Any = None,
    y: Any = None,
    batch_size: int | None = None,
    epochs: int = 1,
    verbose: Any = "auto",
    callbacks: Any = None,
    validation_split: float = 0.0,
    validation_data: Any = None,
    shuffle: bool = True,
    class_weight: Mapping | None = None,
    sample_weight: Any = None,
    initial_epoch: int = 0,
    steps_per_epoch: int | None = None,
) -> History:
    """Train: go through the data ``epochs`` times, and call ``train_step`` with each batch.

    Args:
        x: arrays of examples along the first axis, a Dataset, or any iterable of batches.
        y: what to predict, if x are arrays.
        batch_size: examples per step, 32 if not given.
        verbose: 0 silent, 1 a bar, 2 a line per epoch; ``"auto"``: a bar in a notebook, lines
            elsewhere.
        callbacks: `Callback` objects, visited before and after epochs and batches.
        validation_split: this part of the arrays, the last, is only used to validate.
        validation_data: (x, y), (x, y, sample_weight), or batches, to evaluate after each epoch.
        shuffle: whether arrays are put into a new random order for each epoch.
        class_weight: {label: weight}; sample_weight: a weight for each example.
        initial_epoch: where to start counting, to go on with an earlier training.
        steps_per_epoch: how many batches are an epoch, all of them if not given. The next epoch
            goes on from there; one that runs out of data ends there, with a warning.

    Returns:
        A `History`: ``history.history`` has for each name a list with one float per epoch. What
        metrics gathered is the mean of the epoch; another value that ``train_step`` returns is that
        of the epoch's last batch.

    With Ctrl-C the step that is running is finished first; ``model.history`` has the full epochs.
    """
    _check_compiled(self, "train_step")
    whole("epochs", epochs, 0)
    whole("initial_epoch", initial_epoch, 0)
    if validation_split:
        if is_stream(x):
            raise ValueError(
                "`validation_split` is only supported for arrays: give validation_data=..."
            )
        if validation_data is None:
            arrays = as_arrays(x, y, sample_weight)
            (x, y, sample_weight), validation_data = split(arrays, validation_split)
    data = epochs_of(x, y, sample_weight, batch_size, shuffle, class_weight, steps_per_epoch)
    validation = None
    if validation_data is not None:
        validation = epochs_of(*unpack(validation_data), batch_size)
    self.history = History()
    bar = progress_for(verbose, data, epochs)
    visited = CallbackList(callbacks, self, WarnOfNaN(), self.history, bar, epochs=epochs,
                           steps=data.steps, verbose=verbose)  # fmt: skip
    self.stop_training = False
    with _Patient() as waiting, closing(bar):
        visited.on_train_begin({})
        logs: dict[str, float] = {}
        for epoch in range(initial_epoch, epochs):
            visited.on_epoch_begin(epoch, {})
            self.reset_metrics()
            made = _epoch(self, "train", data, visited, waiting)
            if not made:  # there was no batch
                break
            logs = dict(made[0])  # callbacks may have kept what they were handed
            if validation is not None:
                found = _tested(self, validation, visited, waiting)
                logs.update({f"val_{name}": value for name, value in found.items()})
            visited.on_epoch_end(epoch, logs)
            if self.stop_training:
                break
        visited.on_train_end(logs)
    return self.history


def _epoch(
    model: Model, kind: str, data: Epochs, visited: CallbackList, waiting: _Patient
) -> deque[dict[str, Any]]:
    """Make the steps of an epoch; between two visits of the callbacks there are as many as
    ``compile`` was told. Gives what came out after the last of these, or ``predict`` after each."""
    made: deque[dict[str, Any]] = deque(maxlen=None if kind == "predict" else 1)
    step = model._steps[f"{kind}_step"]
    begins = getattr(visited, f"on_{kind}_batch_begin")
    ends = getattr(visited, f"on_{kind}_batch_end")
    size = 1 if kind == "predict" else model.steps_per_execution
    batches, first = data.epoch(), 0
    while several := list(islice(batches, size)):
        begins(first, {})
        for batch in several:
            result = step(batch)
            if waiting.interrupted:
                raise KeyboardInterrupt
        logs = {"outputs": result} if kind == "predict" else as_logs(result, f"{kind}_step", model)
        ends(first + size - 1, logs)
        made.append(logs)
        if kind == "train" and model.stop_training:
            break
        first += size
    return made


@keywords()
def evaluate(
    self: Model,
    x: Any = None,
    y: Any = None,
    batch_size: int | None = None,
    verbose: Any = "auto",
    sample_weight: Any = None,
    steps: int | None = None,
    callbacks: Any = None,
    return_dict: bool = False,
) -> Any:
    """The loss and the metrics on data, with ``test_step`` for each batch.

    Returns:
        The loss, a float; a list [loss, metrics ...] if there are metrics; with ``return_dict``
        {name: float}.
    """
    _check_compiled(self, "test_step")
    data = epochs_of(x, y, sample_weight, batch_size, limit=steps)
    bar = progress_for(verbose, data)
    visited = CallbackList(callbacks, self, bar, steps=data.steps, verbose=verbose)
    with _Patient() as waiting, closing(bar):
        logs = _tested(self, data, visited, waiting)
    if return_dict:
        return logs
    values = list(logs.values())
    return values[0] if len(values) == 1 else values


def _tested(
    model: Model, data: Epochs, visited: CallbackList, waiting: _Patient
) -> dict[str, float]:
    model.reset_metrics()
    visited.on_test_begin({})
    made = _epoch(model, "test", data, visited, waiting)
    logs = made[0] if made else {}
    visited.on_test_end(logs)
    return logs


@keywords()
def predict(
    self: Model,
    x: Any,
    batch_size: int | None = None,
    verbose: Any = "auto",
    steps: int | None = None,
    callbacks: Any = None,
) -> Any:
    """The outputs for data as NumPy arrays, computed batch by batch with ``predict_step``."""
    data = epochs_of(x, batch_size=batch_size, limit=steps)
    visited = CallbackList(callbacks, self, steps=data.steps, verbose=verbose)
    visited.on_predict_begin({})
    with _Patient() as waiting:
        outputs = [m["outputs"] for m in _epoch(self, "predict", data, visited, waiting)]
    visited.on_predict_end({})
    if not outputs:
        raise ValueError("predict was given no batch")
    parts = [nest.flatten(output) for output in outputs]
    joined = [np.concatenate([leaf._value for leaf in column]) for column in zip(*parts)]
    return nest.pack_sequence_as(outputs[0], joined)


# ---------------------------------------------------------------- what the loops need
def as_logs(result: Any, step: str, model: Model) -> dict[str, float]:
    """What a step returned, as {name: float}; a dict inside is spread out."""
    if not isinstance(result, dict):
        raise ValueError(
            f"{type(model).__name__}.{step} must return a dict {{name: number}}, and returned "
            f"{_described(result)}. End it with `return {{m.name: m.result() for m in "
            "self.metrics}`"
        )
    logs: dict[str, float] = {}
    for name, value in result.items():
        if isinstance(value, dict):
            logs.update(as_logs(value, step, model))
            continue
        try:
            logs[name] = float(value)
        except (TypeError, ValueError):
            raise ValueError(
                f"{type(model).__name__}.{step} returned {_described(value)} under {name!r}: "
                "only single numbers can be logged. Reduce it, for example with "
                "tf.reduce_mean, or take a metric's result()"
            ) from None
    return logs


def _described(value: Any) -> str:
    if value is None:
        return "None"
    shape = getattr(value, "shape", None)
    return f"a {type(value).__name__}" + ("" if shape is None else f" of shape {tuple(shape)}")


def _check_compiled(model: Model, step: str) -> None:
    from .model import Model as Base

    if not model.compiled and getattr(type(model), step) is getattr(Base, step):
        raise ValueError(
            "You must call `compile()` before using the model: "
            'model.compile(optimizer="adam", loss="mse"), for example'
        )


class Steps:
    """What is called with each batch: a model's steps, recorded if not ``run_eagerly``."""

    def __init__(self, model: Model):
        self._model = model
        self._recorded: dict[tuple[str, frozenset[int]], Recorded] = {}

    def __getitem__(self, name: str) -> Callable:
        step = getattr(self._model, name)
        if self._model.run_eagerly:
            return step
        # what a recording trains is settled when it is made: with a weight frozen or thawed since,
        # another is needed
        frozen = frozenset(map(id, self._model.non_trainable_variables))
        if (name, frozen) not in self._recorded:
            self._recorded[name, frozen] = Recorded(step, at_once=name == "train_step")
        return self._recorded[name, frozen]


class Recorded:
    """A step that is recorded once and played again.

    If not ``at_once``, the first batch runs as plain Python: often there is only one to test or to
    predict. So do batches of another length, the last of an epoch for instance, as long as they
    are few. A recording of them would not pay.
    """

    _FEW = 3

    def __init__(self, step: Callable, at_once: bool):
        self._at_once = at_once
        self._plain = step
        self._recorded = function(step, reduce_retracing=True)
        self._length: tuple | None = None
        self._others = 0

    def __call__(self, data: Any) -> Any:
        leaf = data[0] if type(data) is tuple else data
        length = leaf._value.shape[:1] if type(leaf) is Tensor else ()
        if self._length is None:
            self._length = length
            if not self._at_once:
                return self._plain(data)
        if length != self._length:
            self._others += 1
            if self._others <= self._FEW:
                return self._plain(data)
        return self._recorded(data)


class _Patient:
    """For the length of a ``with``, Ctrl-C is noted and acted on between two steps.

    So a step is never left half done: weights, optimizer and metrics belong together. A second
    Ctrl-C interrupts at once.
    """

    interrupted = False

    def __enter__(self) -> _Patient:
        self._before: Any = None
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *error: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            if self.interrupted and error[0] is None:
                raise KeyboardInterrupt

    def _note(self, number: int, frame: Any) -> None:
        if self.interrupted:
            raise KeyboardInterrupt
        self.interrupted = True
