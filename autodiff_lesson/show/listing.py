"""The user's own lines, as they stand beside a picture."""

from __future__ import annotations

import inspect
import linecache
from typing import Any

from ..lines import display_name
from ..recorder import Record
from .numbers import printable

ABOVE = 8  # lines shown above the first that recorded something, at most
LONGEST = 300  # characters of a line
OF_A_RULE = 12  # lines of a custom gradient's function


def lines_of(records: list[Record]) -> tuple[list[dict], list[list[int]]]:
    """The user's lines from the first to the last that recorded something, for each function."""
    places = [r.place for r in records]
    spans: dict[tuple, list[int]] = {}
    for p in places:
        span = spans.setdefault((p.filename, p.function), [p.line, p.line])
        span[0], span[1] = min(span[0], p.line), max(span[1], p.line)
    blocks: list[dict] = []
    number_of: dict[tuple, tuple[int, int]] = {}
    for (filename, function), (first, last) in spans.items():
        first = _beginning(filename, first, function)
        lines = [linecache.getline(filename, n).rstrip() for n in range(first, last + 1)]
        number_of[filename, function] = (len(blocks), first)
        lines = [printable(line.expandtabs(4))[:LONGEST] for line in lines]
        blocks.append({"f": display_name(filename), "l": first, "t": _dedented(lines)})
    found = [(number_of[p.filename, p.function], p.line) for p in places]
    return blocks, [[block, line - first] for (block, first), line in found]


def _beginning(filename: str, line: int, function: str) -> int:
    """A few lines more: up to the `def` above, no further than an empty line or other block."""
    first, least = line, _indent(linecache.getline(filename, line))
    for n in range(line - 1, max(0, line - ABOVE), -1):
        text = linecache.getline(filename, n)
        if not text.strip() or (function == "<module>" and _indent(text) > least):
            break
        first, least = n, min(least, _indent(text))
        if text.strip().startswith(("def ", "class ")):
            break
    return first


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _dedented(lines: list[str]) -> list[str]:
    indents = [_indent(line) for line in lines if line.strip()]
    cut = min(indents, default=0)
    return [line[cut:] for line in lines]


def source_of(function: Any) -> dict | None:
    """The lines of a user's function, without their indentation."""
    try:
        lines, first = inspect.getsourcelines(function)
    except (OSError, TypeError):
        return None
    text = inspect.cleandoc("\n" + "".join(lines)).split("\n")[:OF_A_RULE]
    return {"l": first, "t": [printable(line.expandtabs(4)) for line in text]}
