"""Where in the user's code something happened: found when it is shown, not when it happens."""

from __future__ import annotations

import linecache
import os
import sys
from types import CodeType, FrameType
from typing import Any, NamedTuple

import numpy as np

# frames that are not the user's: this package, and NumPy, which calls back into it from rules
_INSIDE = (
    os.path.dirname(os.path.abspath(__file__)) + os.sep,
    os.path.dirname(os.path.abspath(np.__file__)) + os.sep,
)


def user_frame(depth: int = 1) -> FrameType:
    """The innermost frame outside this package: the user's own line, whoever called whom."""
    frame: Any = sys._getframe(depth)
    while frame.f_code.co_filename.startswith(_INSIDE) and frame.f_back is not None:
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


def place_of(code: CodeType, instruction: int) -> Place:
    """Resolve a code object and the offset of an instruction in it, as a frame gives them."""
    positions = list(code.co_positions())
    line = positions[instruction // 2][0] if instruction >= 0 and positions else None
    line = line or code.co_firstlineno
    text = linecache.getline(code.co_filename, line).strip()
    return Place(code.co_filename, line, text, code.co_name)


def here() -> Place:
    """The user's line that is running now."""
    frame = user_frame(2)
    return place_of(frame.f_code, frame.f_lasti)


def display_name(filename: str) -> str:
    """What to call a file: a notebook's cell by its number, a file by its name."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    numbers = getattr(getattr(shell, "compile", None), "_filename_map", {})
    if filename in numbers:
        return f"cell [{numbers[filename]}]"
    return os.path.basename(filename)
