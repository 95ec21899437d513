"""The same update of many variables, written once: they lie one after another in one array.

An optimizer does the same few things to each variable and what it remembers of it. NumPy needs
about as long for ten numbers as for some hundred, so these lines are written once, for arrays that
hold all of them. Large variables gain nothing by it and stay by themselves: whoever holds the value
of one variable holds the array of all. Only operations that IEEE 754 rounds exactly are taken: they
give the same bits wherever in an array a number stands. (Only the sign of a sum of two NaNs depends
on that, in NumPy itself.)
"""

from __future__ import annotations

import math
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from operator import attrgetter, is_
from typing import Any, NamedTuple

import numpy as np

from ..tensor import Tensor
from ..variable import Variable
from .following import Line, Value, key_of
from .memory import LARGE

_EXACT = frozenset(
    {np.add, np.subtract, np.multiply, np.true_divide, np.sqrt, np.square, np.negative}
)
SAVED = 6  # lines; to save fewer is not worth reading about
_tensor_of = attrgetter("_tensor")


class Fused(NamedTuple):
    """The lines that take the places of several chains of lines with the same calls.

    Each chain is a lane; what stands in the same place of each lane is in one flat array.
    """

    lines: list[Line]
    old: list[Line]
    columns: list[tuple[Value, list[Value]]]
    """Each flat value, and the values of the lanes that lie in it."""


def fuse(lines: list[Line], returned: list[Value], assigned: list[Value]) -> list[Fused]:
    """Find the chains at the end of a program that do the same to different variables."""
    if not assigned:
        return []
    counts = Counter(map(id, assigned))
    alike: dict[tuple, list] = defaultdict(list)
    for lane in _lanes(_last_lines(lines, {id(v) for v in returned} - counts.keys())):
        key, values = _described(lane, counts)
        alike[key].append((lane, values))
    found = []
    for lanes in alike.values():
        first, values = lanes[0]
        saved = (len(lanes) - 1) * len(first)
        if len(lanes) > 1 and saved >= SAVED and {counts[id(value)] for value in values} == {0, 1}:
            found.append(_fused(lanes))
    return found


def _last_lines(lines: list[Line], elsewhere: set[int]) -> list[Line]:
    """Those that work number by number, and whose results only such lines use."""
    found = []
    for line in reversed(lines):
        if line.results and id(line.results[0]) not in elsewhere and _number_by_number(line):
            found.append(line)
        else:
            elsewhere.update(map(id, line.values))
    return found[::-1]


def _number_by_number(line: Line) -> bool:
    if type(line.function) is not np.ufunc or line.function not in _EXACT:
        return False
    if line.step.section == "backward":  # which is to be read in one piece
        return False
    result = line.results[0].array
    arrays = [value.array for value in line.arrays]
    return (
        result.ndim > 0
        and result.nbytes < LARGE
        and all(array.shape == result.shape for array in arrays)
        and all(array.flags.c_contiguous for array in (*arrays, result))
    )


def _lanes(lines: list[Line]) -> Iterable[list[Line]]:
    """Lines that have an array in common, directly or by others, are one lane."""
    of: dict[int, int] = {}

    def root(i: int) -> int:
        while of.setdefault(i, i) != i:
            i = of[i]
        return i

    for line in lines:
        for value in line.arrays:
            of[root(id(value))] = root(id(line.results[0]))
    lanes: dict[int, list[Line]] = defaultdict(list)
    for line in lines:
        lanes[root(id(line.results[0]))].append(line)
    return lanes.values()


def _described(lane: list[Line], counts: Counter[int]) -> tuple[tuple, list[Value]]:
    """What a lane does, in terms that are the same for another that does the same; its arrays."""
    numbers: dict[int, int] = {}
    values: list[Value] = []
    key: list = []

    def number(value: Value, *kind: Any) -> int:
        if id(value) not in numbers:
            numbers[id(value)] = len(values)
            values.append(value)
            key.append((value.dtype, *kind))
        return numbers[id(value)]

    for line in lane:
        args = [
            number(a, a.origin == "variable") if type(a) is Value and a.ndim else ("the", key_of(a))
            for a in line.args
        ]  # fmt: skip
        result = line.results[0]
        key.append((line.function, *args, number(result, counts[id(result)])))
    return tuple(key), values


def _fused(lanes: list) -> Fused:
    (first, values), lines = lanes[0], []
    size = sum(column[0].size for _, column in lanes)
    flat = {
        id(v): Value(
            np.empty(size, v.dtype), v.lines, "variable" if v.origin == "variable" else "line"
        )
        for v in values
    }
    for line in first:
        args = tuple(flat.get(id(a), a) for a in line.args)
        lines.append(Line(line.function, args, {}, (flat[id(line.results[0])],), step=line.step))
    columns = zip(flat.values(), zip(*(column for _, column in lanes), strict=True), strict=True)
    old = [line for lane, _ in lanes for line in lane]
    return Fused(lines, old, [(value, list(column)) for value, column in columns])


class Block:
    """Flat arrays, with a tensor for each of the variables that lie in them."""

    def __init__(self, columns: list[list[Variable]]):
        values = [[v._tensor._value for v in variables] for variables in columns]
        self.arrays = [_room_for(column) for column in values]
        self.tensors = [
            Tensor(part)
            for array, column in zip(self.arrays, values, strict=True)
            for part in parts_of(array.reshape(-1), [value.shape for value in column])
        ]
        self._held = [*self.arrays, *self.tensors, *[t._value for t in self.tensors]]
        self._alone = self._holders()

    def _holders(self) -> int:
        return sum(map(sys.getrefcount, self._held))

    def is_free(self) -> bool:
        """Whether nobody else holds an array, a tensor, or a view of one."""
        return self._holders() == self._alone


def _room_for(values: list) -> np.ndarray:
    """An array for all of them one after another; of its own shape for one."""
    size = sum(value.size for value in values)
    return np.empty(values[0].shape if len(values) == 1 else size, values[0].dtype)


class Flat:
    """Variables whose values lie one after another after each replay that assigns them.

    Those of a column lie in one array. A new value is written where the last but one was, if nobody
    can hold that any more: what was read by somebody, or recorded by a tape, is left alone and new
    arrays are made.
    """

    def __init__(self, columns: list[list[Variable]]):
        self.variables = [v for variables in columns for v in variables]
        self._columns = columns
        self._now: Block | None = None
        self._spare: list[Block] = []

    def read(self) -> list:
        """The values of now, an array for each column."""
        block = self._now
        if block is not None:
            arrays = [*block.arrays]  # held first: what is held is not written into
            if all(map(is_, block.tensors, map(_tensor_of, self.variables))):
                return arrays
        return [np.concatenate([v._tensor._value.ravel() for v in them]) for them in self._columns]

    def room(self) -> Block:
        """A block to write into; another thread, or an inner call, gets another."""
        spare, self._spare = self._spare, []
        if spare and spare[0].is_free():
            return spare[0]
        return Block(self._columns)

    def assigned(self, block: Block) -> None:
        """The variables have the values in this block now."""
        before, self._now = self._now, block
        if before is not None:
            self._spare = [before]


def parts_of(array: Any, shapes: Iterable[tuple]) -> list:
    """Views of a flat array, in these shapes."""
    parts, end = [], 0
    for shape in shapes:
        start, end = end, end + math.prod(shape)
        parts.append(array[start:end].reshape(shape))
    return parts
