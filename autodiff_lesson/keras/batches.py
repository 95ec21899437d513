"""Data in batches: arrays, a Dataset, or anything that gives one batch after another."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import Any

import numpy as np

from .. import nest
from ..ops.random import source
from ..tensor import Tensor


def unpack(data: Any) -> tuple[Any, Any, Any]:
    """(x, y, sample_weight) of a batch; None for what is not there."""
    if not isinstance(data, (tuple, list)):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise ValueError(
            f"Data is expected to be x, (x, y) or (x, y, sample_weight). Received {len(data)} parts"
        )
    x, y, sample_weight = (*data, None, None)[:3]
    return x, y, sample_weight


def pack(x: Any, y: Any, sample_weight: Any) -> Any:
    """The way back of `unpack`: x alone is not put into a tuple, unless it is a list of several."""
    if y is None and sample_weight is None:
        return (x,) if isinstance(x, (tuple, list)) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


class ArrayBatches:
    """Arrays, cut along their first axis; in a new random order each time, if ``shuffle``."""

    def __init__(self, data: Any, batch_size: int | None, shuffle: bool):
        self._data = data
        self._leaves = nest.flatten(data)
        self._size = len(self._leaves[0])
        self._batch_size = 32 if batch_size is None else batch_size
        self._shuffle = shuffle
        if not isinstance(self._batch_size, (int, np.integer)) or self._batch_size < 1:
            raise ValueError(f"batch_size is a whole number from 1; received {batch_size!r}")
        if not self._size:
            raise ValueError("there is no example in the data: x has length 0")

    def __len__(self) -> int:
        return -(-self._size // self._batch_size)

    def __iter__(self) -> Iterator:
        order = source.generator.permutation(self._size) if self._shuffle else None
        for start in range(0, self._size, self._batch_size):
            stop = start + self._batch_size
            if order is None:
                parts = [Tensor(leaf[start:stop]) for leaf in self._leaves]
            else:
                parts = [Tensor(leaf.take(order[start:stop], axis=0)) for leaf in self._leaves]
            if type(self._data) is tuple and len(self._data) == len(parts):
                yield tuple(parts)
            else:
                yield nest.pack_sequence_as(self._data, parts)


class StreamBatches:
    """A Dataset or another iterable of batches, each made into tensors."""

    def __init__(self, batches: Any, class_weight: Mapping | None):
        self._batches = batches
        self._class_weight = class_weight

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator:
        for batch in self._batches:
            x, y, weights = unpack(batch)
            if self._class_weight is not None:
                weights = _weights_of(_array("y", y), self._class_weight)
            yield nest.map_structure(lambda leaf: Tensor(_array("data", leaf)),
                                     pack(x, y, weights))  # fmt: skip


class Epochs:
    """The batches of one epoch after another; with ``steps`` an epoch ends after so many, and the
    next goes on from there, or at the first batch if none is left."""

    def __init__(self, batches: Any, steps: int | None):
        if steps is not None and (not isinstance(steps, (int, np.integer)) or steps < 1):
            raise ValueError(f"steps_per_epoch is a whole number from 1; received {steps!r}")
        self._batches = batches
        self._limit = steps
        self._left: Iterator = iter(())
        self.steps = steps
        if steps is None:
            with suppress(TypeError):  # a generator has no length: it is known after an epoch
                self.steps = len(batches)

    def epoch(self) -> Iterator:
        """The batches of the next epoch."""
        count = 0
        for batches in (self._left, self._batches):
            self._left = iter(batches)
            for batch in islice(self._left, self._limit):
                yield batch
                count += 1
            if count:
                break
        if count < (self._limit or 1):
            why = (
                f"an epoch of {self._limit} steps ended after {count}, with the data"
                if count
                else "a generator can be gone through only once. Give a Dataset or a list of "
                "batches, or make it endless and say steps_per_epoch"
            )
            warnings.warn(f"Your input ran out of data: {why}.", stacklevel=6)
        elif self._limit is None:
            self.steps = count


def batches_of(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    batch_size: int | None = None,
    shuffle: bool = False,
    class_weight: Mapping | None = None,
) -> Any:
    """Whatever `fit`, `evaluate` and `predict` are given, as something that yields batches."""
    if class_weight is not None and sample_weight is not None:
        raise ValueError("You cannot `class_weight` and `sample_weight` at the same time.")
    if is_stream(x):
        for name, given in (("y", y), ("sample_weight", sample_weight)):
            if given is not None:
                raise ValueError(
                    f"`{name}` should not be passed when `x` gives batches: put it into them, "
                    "(x, y) or (x, y, sample_weight)"
                )
        return StreamBatches(x, class_weight)
    x, y, sample_weight = as_arrays(x, y, sample_weight)
    if class_weight is not None:
        if y is None:
            raise ValueError("class_weight needs y, the labels that it weighs")
        sample_weight = _weights_of(y, class_weight)
    return ArrayBatches(pack(x, y, sample_weight), batch_size, shuffle)


def is_stream(x: Any) -> bool:
    """Whether it gives batches: a Dataset, a generator, a list of (x, y) pairs."""
    if isinstance(x, list):
        return bool(x) and all(isinstance(item, tuple) for item in x) and not _numbers(x)
    return (
        hasattr(x, "__iter__")
        and not isinstance(x, (tuple, dict, str))
        and not hasattr(x, "__array__")
    )


def as_arrays(x: Any, y: Any = None, sample_weight: Any = None) -> tuple[Any, Any, Any]:
    """x, y and weights as arrays with the same number of examples, floats as float32."""
    if x is None:
        raise ValueError("fit, evaluate and predict need data: x is None")
    parts = {"x": x, "y": y, "sample_weight": sample_weight}
    arrays = {name: _structure(name, part) for name, part in parts.items() if part is not None}
    sizes = {name: [len(leaf) for leaf in nest.flatten(part)] for name, part in arrays.items()}
    if len({size for found in sizes.values() for size in found}) > 1:
        lines = "\n".join(
            f"'{name}' sizes: {', '.join(map(str, found))}" for name, found in sizes.items()
        )
        raise ValueError(
            "Data cardinality is ambiguous. Make sure all arrays contain the same number of "
            f"samples.\n{lines}"
        )
    return arrays["x"], arrays.get("y"), arrays.get("sample_weight")


def split(arrays: tuple, fraction: float) -> tuple[tuple, tuple]:
    """The first part of x, y and weights to train on, and the last ``fraction`` to validate."""
    if not 0 < fraction < 1:
        raise ValueError(f"`validation_split` must be between 0 and 1, received: {fraction}")
    size = len(nest.flatten(arrays[0])[0])
    edge = int(size * (1.0 - fraction))
    if not 0 < edge < size:
        raise ValueError(
            f"validation_split={fraction} of {size} examples leaves {edge} to train on and "
            f"{size - edge} to validate with: both need some"
        )
    first, last = (
        tuple(
            None if part is None else nest.map_structure(lambda leaf, cut=cut: leaf[cut], part)
            for part in arrays
        )
        for cut in (slice(None, edge), slice(edge, None))
    )
    return first, last


def _structure(name: str, part: Any) -> Any:
    if isinstance(part, (list, tuple)) and _numbers(part):
        return _rows(name, part)
    return nest.map_structure(lambda leaf: _rows(name, leaf), part)


def _numbers(part: Any) -> bool:
    return all(isinstance(leaf, (int, float)) for leaf in nest.flatten(part))


def _rows(name: str, leaf: Any) -> np.ndarray:
    array = _array(name, leaf)
    if not array.ndim:
        raise ValueError(f"{name} has no axis of examples: it is the single number {leaf!r}")
    return array


def _array(name: str, leaf: Any) -> np.ndarray:
    try:
        array = leaf._value if isinstance(leaf, Tensor) else np.asarray(leaf)
    except ValueError as error:
        raise ValueError(f"{name} is ragged, its rows differ in length: {error}") from None
    if array.dtype.kind not in "fiub":
        raise ValueError(
            f"{name} must hold numbers; it is {type(leaf).__name__} of dtype {array.dtype}"
        )
    return array.astype(np.float32) if array.dtype == np.float64 else array


def _weights_of(y: Any, class_weight: Mapping) -> np.ndarray:
    """The weight of each example by its label, a whole number or a one-hot row."""
    if not isinstance(class_weight, Mapping):
        raise ValueError(f"class_weight is a dict {{label: weight}}; received {class_weight!r}")
    labels = np.asarray(y)
    labels = labels.argmax(-1) if labels.ndim > 1 and labels.shape[-1] > 1 else labels.reshape(-1)
    found = [class_weight.get(label, 1.0) for label in labels.astype(int).tolist()]
    return np.array(found, np.float32)
