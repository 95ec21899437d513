"""Which results of a replay are written into arrays that are used again.

An array may be used again once nothing needs what is in it any more, neither by itself nor through
a view. What the function gives out is in no such array: what it returns is made anew at each call,
and the new values of variables too, or they go where nobody else can look (see `playing`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops.shape import order_of
from .following import Line, Value

SMALL = 1 << 10  # bytes; NumPy keeps so small pieces of memory at hand, and plain a * b is fastest
LARGE = 1 << 15  # bytes; for smaller arrays making them anew costs less than looking who holds them
KEPT = float("inf")  # in place of the last line that uses a memory: it is given out


class Plan:
    """The places that the lines of a program write into.

    Attributes:
        out: id of a result -> the name of the array that it is written into.
        arrays: name -> an array of the layout, for each that is used again at each call.
        fixed: ids of lines that are not played at each call: views of such arrays, made once
            together with them, and moves into a flat array of what is written there anyway.
        views: the lines that make those views.
    """

    def __init__(
        self,
        lines: list[Line],
        given_out: list[Value],
        rooms: list[tuple[Value, str]],
        parts: list[Line],
        name: Any,
    ):
        self._lines = lines
        self._name = name
        self.out = {id(value): name for value, name in rooms}
        self.arrays: dict[str, np.ndarray] = {}
        self.fixed: set[int] = set()
        self.views = list(parts)
        self._stay: set[int] = set()  # ids of those views
        self._last = self._last_uses(given_out)
        self._free: dict[tuple, list[str]] = {}
        # until what is to be given out is written there, rooms are as good as other arrays
        self._until: dict[str, float] = {}
        puts = [line for line in lines if line.function == "put"]
        written: dict[int, int] = {}  # id of a value -> the number of the line that makes it
        if rooms or puts:
            written = {id(line.results[0]): n for n, line in enumerate(lines) if line.results}
        for value, room in rooms:
            number = written[id(value)]
            over = isinstance(lines[number].function, np.ufunc)  # may write over what it reads
            self._until[room] = number if over else number - 1
            self._free.setdefault(_layout(value.array), []).append(room)
        # memory -> the name of the array that stands for it now, and its layout
        self._held: dict[int, tuple[str, tuple]] = {}
        for line in parts:
            (flat,) = line.values
            self._held[flat.memory] = flat.name, _layout(flat.array)
            self.arrays[flat.name] = flat.array
        self._give_parts(puts, written)
        self._give_arrays()

    def _last_uses(self, given_out: list[Value]) -> dict[int, float]:
        """For each memory the last line that uses it."""
        last: dict[int, float] = {}
        for number, line in enumerate(self._lines):
            for value in (*line.results, *line.values):  # also views of one number
                last[value.memory] = number
        last.update((value.memory, KEPT) for value in given_out)
        return last

    def _give_parts(self, puts: list[Line], written: dict[int, int]) -> None:
        """What goes into a flat array is written there at once where it can be."""
        for put in puts:
            part, value = put.args
            maker = self._lines[written[id(value)]] if id(value) in written else None
            if maker and takes_out(maker, 0) and self._last[value.memory] != KEPT:
                self._last[value.memory] = KEPT
                self.out[id(value)] = part.name
                self.fixed.add(id(put))

    def _give_arrays(self) -> None:
        for number, line in enumerate(self._lines):
            used = {value.memory for value in line.values}
            held = self._held
            ending = [m for m in used if self._last[m] == number and m in held] if held else []
            # what works element by element may write over what it reads
            over = isinstance(line.function, np.ufunc)
            if over and ending:
                self._release(ending)
            if len(line.results) == 1 and line.results[0].memory:
                self._give_array(line, used)
            if ending and not over:
                self._release(ending)

    def _give_array(self, line: Line, used: set[int]) -> None:
        (result,) = line.results
        memory = result.memory
        if memory in used:
            if memory in self._held:
                self._fix(line)
        elif self._last[memory] != KEPT and takes_out(line, SMALL):
            layout = _layout(result.array)
            self.out[id(result)] = name = self._take(result, layout)
            self._held[memory] = name, layout

    def _fix(self, line: Line) -> None:
        """A view of an array that stays where it is needs to be made only once."""
        sources = line.values
        if len(sources) == 1 and (
            self.out.get(id(sources[0])) in self.arrays or id(sources[0]) in self._stay
        ):
            self._stay.add(id(line.results[0]))
            self.views.append(line)
            self.fixed.add(id(line))

    def _take(self, value: Value, layout: tuple) -> str:
        """The name of a free array, or of a new one: first those that are free for the shortest."""
        free = self._free.setdefault(layout, [])
        needed = self._last[value.memory]
        fit = [name for name in free if self._until.get(name, needed) >= needed]
        if fit:
            name = min(fit, key=lambda name: self._until.get(name, KEPT))
            free.remove(name)
            return name
        name = self._name("", "m")
        self.arrays[name] = value.array
        return name

    def _release(self, ending: list[int]) -> None:
        for memory in ending:
            name, layout = self._held.pop(memory)
            self._free.setdefault(layout, []).append(name)


def _layout(array: Any) -> tuple:
    return array.shape, array.dtype, array.strides


def takes_out(line: Line, size: int) -> bool:
    """Whether the line can write its result, of so many bytes at least, into a given array."""
    array = line.results[0].array if len(line.results) == 1 else None
    if not isinstance(array, np.ndarray) or array.nbytes < size or array.base is not None:
        return False
    function = line.function[0] if type(line.function) is tuple else line.function
    return (isinstance(function, np.ufunc) or function in (np.dot, np.matmul, "astype")) and (
        array.flags.c_contiguous or array.transpose(order_of(array)).flags.c_contiguous
    )
