"""Dataset: examples that are shuffled, batched and gone through, as ``tf.data.Dataset``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from .. import nest
from ..ops.random import source
from ..tensor import Tensor
from ..values import as_value


class Dataset:
    """Give `fit` examples in batches, or go through them in a ``for`` loop.

    >>> batches = Dataset.from_tensor_slices(([1.0, 2.0, 3.0], [0, 1, 0])).batch(2)
    >>> len(batches)
    2
    >>> for x, y in batches:
    ...     print(x.numpy(), y.numpy())
    [1. 2.] [0 1]
    [3.] [0]

    Each loop starts from the beginning; `shuffle` then finds a new order.
    """

    def __init__(self, start: Callable[[], Iterator], length: int):
        self._start = start
        self._length = length

    @staticmethod
    def from_tensor_slices(tensors: Any) -> Dataset:
        """The slices along the first axis of an array, or of each of a tuple or dict of arrays."""
        parts = _arrays(tensors)
        arrays = nest.flatten(parts)
        lengths = {array.shape[0] if array.ndim else None for array in arrays}
        if len(lengths) != 1 or None in lengths:
            raise ValueError(
                "from_tensor_slices takes arrays with the same number of examples; these have "
                f"the shapes {', '.join(str(array.shape) for array in arrays)}"
            )

        def start() -> Iterator:
            for row in zip(*arrays):
                yield nest.pack_sequence_as(parts, map(Tensor, row))

        return Dataset(start, len(arrays[0]))

    def shuffle(
        self,
        buffer_size: int,
        seed: int | None = None,
        reshuffle_each_iteration: bool = True,
    ) -> Dataset:
        """In random order: each example is drawn from a buffer of the next ``buffer_size``.

        With ``buffer_size`` the number of examples, every order is equally likely. The draws are
        those that ``keras.utils.set_random_seed`` seeds, or follow from ``seed``.
        """
        _positive("buffer_size", buffer_size)
        own = np.random.default_rng(seed) if seed is not None else None

        def start() -> Iterator:
            if reshuffle_each_iteration:
                draws = source.generator if own is None else own
            else:
                draws = np.random.default_rng(seed if seed is not None else fixed)
            buffer: list[Any] = []
            for item in self:
                buffer.append(item)
                if len(buffer) >= buffer_size:
                    yield _drawn(buffer, draws)
            while buffer:
                yield _drawn(buffer, draws)

        fixed = int(source.generator.integers(2**32)) if not reshuffle_each_iteration else 0
        return Dataset(start, self._length)

    def batch(self, batch_size: int, drop_remainder: bool = False) -> Dataset:
        """Examples stacked along a new first axis, ``batch_size`` at a time; the rest at the end,
        unless ``drop_remainder``."""
        _positive("batch_size", batch_size)

        def start() -> Iterator:
            items = iter(self)
            while group := list(islice(items, batch_size)):
                if len(group) == batch_size or not drop_remainder:
                    yield nest.map_structure(_stacked, *group)

        length = self._length // batch_size
        return Dataset(start, length if drop_remainder else -(-self._length // batch_size))

    def take(self, count: int) -> Dataset:
        """The first ``count``; all if it is -1."""
        if count < 0:
            return self
        return Dataset(lambda: islice(iter(self), count), min(count, self._length))

    def __iter__(self) -> Iterator:
        return self._start()

    def __len__(self) -> int:
        return self._length

    def __repr__(self) -> str:
        return f"<Dataset: {self._length} elements>"


def _arrays(tensors: Any) -> Any:
    """The arrays in tuples and dicts; a list is an array too."""
    if isinstance(tensors, tuple):
        return tuple(map(_arrays, tensors))
    if isinstance(tensors, dict):
        return {key: _arrays(part) for key, part in tensors.items()}
    return as_value(tensors)


def _stacked(*items: Tensor) -> Tensor:
    return Tensor(np.stack([item._value for item in items]))


def _drawn(buffer: list, draws: np.random.Generator) -> Any:
    """A random item out of the buffer; the last takes its place."""
    position = int(draws.integers(len(buffer)))
    buffer[position], buffer[-1] = buffer[-1], buffer[position]
    return buffer.pop()


def _positive(name: str, value: Any) -> None:
    if not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{name} is a whole number from 1; received {value!r}")
