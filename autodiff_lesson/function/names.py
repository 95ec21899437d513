"""What things are called in the source of a replay: as the user calls them, where that is known."""

from __future__ import annotations

import builtins
import contextlib
import inspect
import itertools
import keyword
import linecache
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..variable import Module, Variable
from .program import Program

_TAKEN = frozenset(dir(builtins)) | frozenset(keyword.kwlist) | frozenset(keyword.softkwlist)


class Names:
    """Gives out identifiers, each once."""

    def __init__(self) -> None:
        self._used = {*_TAKEN, "np", "OtherWay", "memory"}
        self._numbers: dict[str, int] = {}  # where to look for a free one

    def new(self, hint: str, otherwise: str) -> str:
        """A name like ``hint``: itself, or with a number; ``v1``, ``v2`` where there is none."""
        name = hint and identifier(hint)
        if not name or name in self._used:
            begin = name + "_" if name else otherwise
            number = self._numbers.get(begin, 2 if name else 1)
            while (name := f"{begin}{number}") in self._used:
                number += 1
            self._numbers[begin] = number + 1
        self._used.add(name)
        return name

    def free(self, name: str) -> None:
        """Nothing has this name after all."""
        self._used.discard(name)


def hints(program: Program, given: dict[int, str]) -> dict[int, str]:
    """Names for the slots of a program, where ``given`` are those of what goes in.

    The last result of a line is called what the line assigns it to, and adjoints after what they
    belong to: ``d_loss``.
    """
    adjoints: dict[int, str] = {}
    names = dict(given)
    for step, following in itertools.zip_longest(program.steps, program.steps[1:]):
        ends = following is None or step.where != following.where
        for slot in step.outputs:
            of = program.adjoints.get(slot)
            if of is None:
                names[slot] = _target(step.where) if ends else ""
            elif names.get(of):
                adjoints[slot] = "d_" + names[of]
    return names | adjoints


def _target(where: tuple[str, int]) -> str:
    """``u`` of ``u = x * x``; '' for anything else, and where it is not what was computed."""
    line = linecache.getline(*where)
    left, equals, right = line.partition("=")
    name = left.partition(":")[0].strip()  # before an annotation
    other = ";" in line or right.strip().startswith(("=", "{", "[", "lambda"))
    return name if equals and name.isidentifier() and name != "self" and not other else ""


def names_around(function: Any, arguments: dict[str, Any]) -> Callable[[Any], str]:
    """What a function calls the variables that it uses: their names in its source."""
    found: dict[int, str] = {}
    for name, value in (*arguments.items(), *_around(inspect.unwrap(function))):
        for path, item in _variables_in(name, value):
            found.setdefault(id(item), path)

    def called(variable: Any) -> str:
        own = variable.name.removesuffix(":0")
        return own if own != "Variable" else found.get(id(variable), own)

    return called


def _around(function: Any) -> Iterator:
    """(name, value) of the globals and outer variables that it uses; none if it is not Python."""
    code, known = getattr(function, "__code__", None), getattr(function, "__globals__", {})
    if code is not None:
        yield from ((name, known[name]) for name in code.co_names if name in known)
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=False):
            with contextlib.suppress(ValueError):  # empty until the outer function assigns it
                yield name, cell.cell_contents


def _variables_in(name: str, value: Any, depth: int = 3) -> Iterator:
    """(name, variable) for a variable, those in a list or dict, and those an object has."""
    inside: Iterable = ()
    if isinstance(value, Variable):
        yield name, value
    elif isinstance(value, (list, tuple)):
        inside = ((f"{name}_{i}", x) for i, x in enumerate(value))
    elif isinstance(value, dict):
        inside = ((f"{name}_{key}", x) for key, x in value.items())
    elif isinstance(value, Module):
        inside = vars(value).items()
    for path, x in inside if depth else ():
        yield from _variables_in(path, x, depth - 1)


def identifier(name: str, otherwise: str = "") -> str:
    """A name made fit to be an identifier of plain letters, or ``otherwise``."""
    if not name:
        return otherwise
    plain = name.isascii() and name.isidentifier()
    fit = name if plain else re.sub(r"[^A-Za-z0-9_]+", "_", name)
    fit = fit.strip("_")[:40]
    if fit[:1].isdigit():
        fit = "_" + fit
    return fit if fit.isidentifier() else otherwise


def common(names: list[str], otherwise: str) -> str:
    """What the names begin and end with: ``v_0, v_1`` have ``v``, ``a_0_m, a_1_m`` have ``a_m``."""
    words = [name.split("_") for name in names]
    begin = _shared(words)
    end = _shared([w[len(begin) :][::-1] for w in words])[::-1]
    named = itertools.dropwhile(str.isdigit, begin + end)  # the 0 of W_0_momentum, for instance
    return "_".join(named) or otherwise


def _shared(words: list[list[str]]) -> list[str]:
    """What all the lists begin with."""
    same = itertools.takewhile(lambda column: len(set(column)) == 1, zip(*words, strict=False))
    return [column[0] for column in same]


def comment(text: str) -> str:
    """One line of text that cannot leave its comment."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)
