"""Where in the user's code something happened: found when it is shown, not when it happens."""

from __future__ import annotations

import ast
import contextlib
import functools
import linecache
import os
import sys
from types import CodeType, FrameType
from typing import Any, NamedTuple

import numpy as np


class _Inside(dict):
    """file name -> whether its frames are not the user's: a dict, since each record asks."""

    folders = tuple(
        # this package, and NumPy, which calls back into it from rules
        os.path.dirname(os.path.abspath(file)) + os.sep
        for file in (__file__, np.__file__)
    )

    def __missing__(self, filename: str) -> bool:
        self[filename] = found = filename.startswith(self.folders)
        return found


INSIDE = _Inside()


def user_frame(depth: int = 1) -> FrameType:
    """The innermost frame outside this package: the user's own line, whoever called whom."""
    frame: Any = sys._getframe(depth)
    while INSIDE[frame.f_code.co_filename] and frame.f_back is not None:
        frame = frame.f_back
    return frame


class Place(NamedTuple):
    """One place in the user's code."""

    filename: str
    line: int
    text: str
    """The source line without its indentation, or '' where there is no source."""
    function: str
    """The function the line is in, or '<module>'."""

    def __str__(self) -> str:
        """``cell [4], line 3`` in a notebook, ``train.py, line 3`` elsewhere."""
        return f"{display_name(self.filename)}, line {self.line}"


@functools.lru_cache(maxsize=1024)
def _positions(code: CodeType) -> list[tuple]:
    """Where in the source each instruction stands: (line, last line, column, last column)."""
    return list(code.co_positions())


def line_of(code: CodeType, instruction: int) -> int:
    """The number of the line that an instruction belongs to."""
    positions = _positions(code)
    line = positions[instruction // 2][0] if instruction >= 0 and positions else None
    return line or code.co_firstlineno


def place_of(code: CodeType, instruction: int) -> Place:
    """Resolve a code object and the offset of an instruction in it, as a frame gives them."""
    line = line_of(code, instruction)
    text = linecache.getline(code.co_filename, line).strip()
    return Place(code.co_filename, line, text, code.co_name)


def here() -> Place:
    """The user's line that is running now."""
    frame = user_frame(2)
    return place_of(frame.f_code, frame.f_lasti)


def shell() -> Any:
    """The IPython that runs the user's code, if one does; a notebook's has a ``kernel``."""
    return getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()


def display_name(filename: str) -> str:
    """What to call a file: a notebook's cell by its number, a file by its name."""
    numbers = getattr(getattr(shell(), "compile", None), "_filename_map", {})
    if filename in numbers:
        return f"cell [{numbers[filename]}]"
    return os.path.basename(filename)


class Expression(NamedTuple):
    """The piece of source that an instruction runs."""

    node: ast.AST
    """The expression; for ``total += x`` the statement itself."""
    targets: tuple[str, ...]
    """The names its value is assigned to: one, several after ``a, b = ...``, or none."""
    repeats: bool
    """Whether it stands in a loop."""


def expression_at(code: CodeType, instruction: int) -> Expression | None:
    """The expression that an instruction computes; None where there is no source."""
    positions = _positions(code)
    if not 0 <= instruction // 2 < len(positions):
        return None
    return _expressions(code.co_filename).get(positions[instruction // 2])


_parsed: dict[str, tuple[list[str], dict[tuple, Expression]]] = {}


def _expressions(filename: str) -> dict[tuple, Expression]:
    """The expressions of a file by their position, parsed once for as long as it is unchanged."""
    source = linecache.getlines(filename)
    known = _parsed.get(filename)
    if known is None or known[0] is not source:
        found: dict[tuple, Expression] = {}
        with contextlib.suppress(SyntaxError):  # for example a notebook's magic
            _collect(ast.parse("".join(source)), False, found)
        known = _parsed[filename] = (source, found)
    return known[1]


_LOOPS = (ast.For, ast.AsyncFor, ast.While, ast.ListComp, ast.SetComp, ast.DictComp,
          ast.GeneratorExp)  # fmt: skip
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def _collect(tree: ast.AST, repeats: bool, found: dict[tuple, Expression]) -> None:
    """Enter the expressions below ``tree``, outermost first; no recursion, sources may be deep."""
    waiting = [(tree, repeats)]
    targets: dict[int, tuple[str, ...]] = {}
    while waiting:
        node, repeats = waiting.pop()
        targets.update(_assigned(node))
        if isinstance(node, ast.expr | ast.AugAssign):
            place = (node.lineno, node.end_lineno, node.col_offset, node.end_col_offset)
            found[place] = Expression(node, targets.get(id(node), ()), repeats)
        repeats = not isinstance(node, _SCOPES) and (repeats or isinstance(node, _LOOPS))
        waiting += [(child, repeats) for child in ast.iter_child_nodes(node)]


def _assigned(node: ast.AST) -> dict[int, tuple[str, ...]]:
    """The names that a statement gives to expressions, by the expression's id."""
    if isinstance(node, ast.AugAssign):
        return {id(node): _target_names(node.target)}
    if isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
        return {id(node.value): _target_names(node.target)}
    if not isinstance(node, ast.Assign):
        return {}
    target, value = node.targets[-1], node.value
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):  # a, b = x * x, x + x
        pairs = zip(target.elts, value.elts, strict=False)
        return {id(part): _target_names(name) for name, part in pairs}
    return {id(value): _target_names(target)}


def _target_names(target: ast.AST) -> tuple[str, ...]:
    parts = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
    return tuple(name_of(part) or "" for part in parts)


def name_of(node: ast.AST) -> str | None:
    """``x`` or ``self.x`` if that is what the source says, else None."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (owner := name_of(node.value)):
        return f"{owner}.{node.attr}"
    return None
