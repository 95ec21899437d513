"""Data in batches: arrays, a Dataset, or anything that gives one batch after another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from operator import length_hint
from typing import Any

import numpy as np

from .. import nest
from ..ops.random import source
from ..tensor import Tensor
from .warn import warn


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


class Epochs:
    """The batches of one epoch after another; with ``limit`` an epoch ends after so many, and the
    next goes on from there, or at the first batch if none is left.

    Args:
        batches: a function that begins with the first batch.
        steps: how many there are in all, as far as it is known.
    """

    def __init__(self, batches: Callable[[], Iterator], steps: int | None, limit: int | None):
        self._batches = batches
        self._limit = None if limit is None else whole("steps_per_epoch", limit)
        self._left: Iterator = iter(())
        self.steps = steps if limit is None else limit

    def epoch(self) -> Iterator:
        """The batches of the next epoch."""
        count = 0
        for begin in (lambda: self._left, self._batches):
            self._left = begin()
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
            warn(f"Your input ran out of data: {why}.")
        elif self._limit is None:
            self.steps = count


def epochs_of(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    batch_size: int | None = None,
    shuffle: bool = False,
    class_weight: Mapping | None = None,
    limit: int | None = None,
) -> Epochs:
    """Whatever `fit`, `evaluate` and `predict` are given, in batches."""
    if class_weight is not None and sample_weight is not None:
        raise ValueError("You cannot `class_weight` and `sample_weight` at the same time.")
    if is_stream(x):
        for name, given in (("y", y), ("sample_weight", sample_weight)):
            if given is not None:
                raise ValueError(
                    f"`{name}` should not be passed when `x` gives batches: put it into them, "
                    "(x, y) or (x, y, sample_weight)"
                )
        steps = length_hint(x) or None  # a generator has no length: it is known after an epoch
        return Epochs(lambda: _converted(x, class_weight), steps, limit)
    x, y, sample_weight = as_arrays(x, y, sample_weight)
    if class_weight is not None:
        if y is None:
            raise ValueError("class_weight needs y, the labels that it weighs")
        sample_weight = _weights_of(y, class_weight)
    size = len(nest.flatten(x)[0])
    if not size:
        raise ValueError("there is no example in the data: x has length 0")
    length = whole("batch_size", 32 if batch_size is None else batch_size)
    data = pack(x, y, sample_weight)
    return Epochs(lambda: _slices(data, size, length, shuffle), -(-size // length), limit)


def _slices(data: Any, size: int, length: int, shuffle: bool) -> Iterator:
    """Arrays, cut along their first axis; in a new random order each time, if ``shuffle``."""
    leaves = nest.flatten(data)
    order = source.generator.permutation(size) if shuffle else None
    for start in range(0, size, length):
        part = slice(start, start + length)
        parts = [
            Tensor(leaf[part] if order is None else leaf.take(order[part], axis=0))
            for leaf in leaves
        ]
        yield nest.pack_sequence_as(data, parts)


def _converted(batches: Iterable, class_weight: Mapping | None) -> Iterator:
    """Batches that the user made, as tensors."""
    for batch in batches:
        if not (isinstance(batch, tuple) and len(batch) > 3):  # which a train_step may take apart
            x, y, weights = unpack(batch)
            if class_weight is not None:
                weights = _weights_of(_array("y", y), class_weight)
            batch = pack(x, y, weights)
        yield nest.map_structure(lambda leaf: Tensor(_array("data", leaf)), batch)


def whole(name: str, value: Any, least: int = 1) -> int:
    """A number that counts something, checked."""
    if not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"{name} is a whole number from {least}; received {value!r}")
    return int(value)


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

    def cut(part: slice) -> tuple:
        return nest.map_structure(lambda leaf: None if leaf is None else leaf[part], arrays)

    return cut(slice(None, edge)), cut(slice(edge, None))


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
