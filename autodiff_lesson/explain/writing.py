"""Expressions of symbols as text and as LaTeX, with as few parentheses as they need."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..custom_gradient import CustomGradient
from .naming import is_number
from .symbols import Symbol

# how tightly what is written binds: a looser operand gets parentheses
_AND, _COMPARE, _SUM, _PRODUCT, _SIGN, _POWER, _ATOM = range(7)


class _Sign(NamedTuple):
    """How a row with an infix form is written. The right operand may need to bind tighter."""

    text: str
    latex: str
    binds: int
    right: int


_INFIX = {
    "logical_and": _Sign(" ∧ ", r" \land ", _AND, _COMPARE),
    "greater": _Sign(" > ", " > ", _COMPARE, _SUM),
    "greater_equal": _Sign(" ≥ ", r" \ge ", _COMPARE, _SUM),
    "less": _Sign(" < ", " < ", _COMPARE, _SUM),
    "less_equal": _Sign(" ≤ ", r" \le ", _COMPARE, _SUM),
    "equal": _Sign(" = ", " = ", _COMPARE, _SUM),
    "not_equal": _Sign(" ≠ ", r" \ne ", _COMPARE, _SUM),
    "add": _Sign(" + ", " + ", _SUM, _SUM),
    "subtract": _Sign(" − ", " - ", _SUM, _PRODUCT),
    "multiply": _Sign(" · ", r" \cdot ", _PRODUCT, _PRODUCT),
    "divide": _Sign(" / ", " / ", _PRODUCT, _SIGN),
    "matmul": _Sign(" @ ", r" \, ", _PRODUCT, _SIGN),
}
_LATEX_NAMES = {"sigmoid": r"\sigma", "asin": r"\arcsin", "acos": r"\arccos", "atan": r"\arctan"}
_LATEX_NAMES |= {f: "\\" + f for f in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "log", "exp")}
_SQUARES = ("²", "^{2}")
_FEW = 4  # so many numbers of an array are still written out


def adjoint(name: str) -> str:
    """The name of a tensor's adjoint: x̄ for x, ū₁ for u₁; a bar over all of a longer name.

    >>> adjoint("x"), len(adjoint("x"))
    ('x̄', 2)
    """
    letters = name.rstrip("0123456789₀₁₂₃₄₅₆₇₈₉")
    bar = "\u0304" if len(letters) == 1 else "\u0305"
    barred = "".join(c + bar for c in letters)
    # fonts draw ȳ better as one character than as two, where there is one
    return unicodedata.normalize("NFC", barred) + name[len(letters) :]


def adjoint_latex(name: str) -> str:
    """The same in LaTeX."""
    stem, index = _stem(name)
    return (rf"\bar{{{stem}}}" if len(stem) == 1 else rf"\overline{{{_roman(stem)}}}") + index


def _name_latex(name: str) -> str:
    stem, index = _stem(name)
    return (stem if len(stem) == 1 else _roman(stem)) + index


def _stem(name: str) -> tuple[str, str]:
    stem = name.rstrip("0123456789₀₁₂₃₄₅₆₇₈₉")
    digits = "".join(str("₀₁₂₃₄₅₆₇₈₉".find(c)) if c > "9" else c for c in name[len(stem) :])
    return stem, f"_{{{digits}}}" if digits else ""


def _roman(text: str) -> str:
    return rf"\mathrm{{{escaped(text)}}}"


def escaped(text: str) -> str:
    return text.replace("_", r"\_")


def _number(value: Any, digits: int = 12) -> str:
    return f"{value:.{digits}g}".replace("-", "−") if value != 0 else "0"


def _array(value: Any) -> str:
    """Numbers with at most four digits: 2, or [1, 0.25]."""
    if not np.ndim(value):
        return str(bool(value)) if np.asarray(value).dtype == bool else _number(value, 4)
    return f"[{', '.join(_array(v) for v in value)}]"


def written(e: Symbol) -> str:
    """An expression as text."""
    return _text(e)[0]


def written_latex(e: Symbol) -> str:
    """An expression as LaTeX."""
    return _latex(e)[0]


def with_numbers(e: Symbol) -> str:
    """An expression with its numbers in it, and what they come to, if they are few."""
    if e.value.size > _FEW or e.row is None:
        return _text(e, numbers=True)[0]
    return f"{_text(e, numbers=True)[0]} = {_array(e.value)}"


def _part(e: Any, at_least: int, write: Callable) -> str:
    """A subexpression, in parentheses if it binds too loosely; a truth in Iverson's brackets."""
    text, binds = write(e)
    if binds >= at_least:
        return text
    return f"[{text}]" if binds <= _COMPARE < at_least else f"({text})"


def _text(e: Any, numbers: bool = False) -> tuple[str, int]:
    """An expression as text, and how tightly it binds."""

    def write(inner: Any) -> tuple[str, int]:
        return _text(inner, numbers)

    if type(e) is not Symbol:
        return _literal(e)
    if e.row is None:
        return _leaf_text(e, numbers)
    if isinstance(e.row, CustomGradient):
        return f"grad({', '.join(write(a)[0] for a in e.args)}){e.name}", _ATOM
    op, args = e.row.name, e.args
    if op in _INFIX:
        return _infix(op, args, write, 0)
    if op == "negative":
        return "−" + _part(args[0], _SIGN, write), _SIGN
    if op == "square":
        return _part(args[0], _ATOM, write) + "²", _POWER
    if op == "power":
        return f"{_part(args[0], _ATOM, write)}^{_part(args[1], _ATOM, write)}", _POWER
    if op == "matrix_transpose":
        return _part(args[0], _ATOM, write) + "ᵀ", _POWER
    if op == "slice":
        return _part(args[0], _ATOM, write) + _key(e.attributes["key"]), _ATOM
    inside = [write(a)[0] for a in args]
    inside += [f"{key}={_attribute(key, value)}" for key, value in e.attributes.items()]
    return f"{op}({', '.join(inside)})", _ATOM


def _infix(op: str, args: tuple, write: Callable, style: int) -> tuple[str, int]:
    """Two operands and their sign, as text (style 0) or LaTeX (1); ``x · x`` as a square."""
    left, right = args
    sign = _INFIX[op]
    if op == "multiply" and type(left) is Symbol and left is right:
        return _part(left, _ATOM, write) + _SQUARES[style], _POWER
    if op == "multiply" and type(right) is float and (n := _inverse(right)):
        op, right, sign = "divide", n, _INFIX["divide"]
    loose = _PRODUCT if sign.binds == _PRODUCT else sign.binds
    loose = _SUM if sign.binds == _COMPARE else loose
    after = _part(right, sign.right, write)
    if after[0] in "−-":
        after = f"({after})"
    return _part(left, loose, write) + (sign.text, sign.latex)[style] + after, sign.binds


def _inverse(value: float) -> int:
    """n if ``value`` is 1 / n for a whole n > 2: a mean divides by a count."""
    n = round(1 / value) if value and math.isfinite(1 / value) else 0
    return n if n > 2 and math.isclose(value, 1 / n, rel_tol=1e-12) else 0


def _leaf_text(e: Symbol, numbers: bool) -> tuple[str, int]:
    if not e.name or is_number(e.name) or (numbers and e.value.size <= _FEW):
        text = _array(e.value) if e.name else _literal(e.value)[0]
        return text, _SIGN if text.startswith("−") else _ATOM
    if e.name.startswith("bar "):
        return adjoint(e.name[4:]), _ATOM
    return e.name, _ATOM


def _literal(value: Any) -> tuple[str, int]:
    array = np.asarray(value)
    if array.ndim:
        return str(array.tolist()), _ATOM
    text = str(array) if array.dtype == bool else _number(array.item())
    return text, _SIGN if text.startswith("−") else _ATOM


def _key(key: Any) -> str:
    """What stands in the brackets of an index."""
    keys = key if isinstance(key, tuple) else (key,)
    return f"[{', '.join(map(_one_key, keys))}]"


def _one_key(key: Any) -> str:
    if isinstance(key, slice):
        ends = ("" if end is None else str(end) for end in (key.start, key.stop))
        return ":".join(ends) + ("" if key.step is None else f":{key.step}")
    if key is Ellipsis:
        return "..."
    return str(key.tolist()) if isinstance(key, np.ndarray) else str(key)


def _attribute(name: str, value: Any) -> str:
    if name == "key":
        return _key(value)
    return value.name if isinstance(value, np.dtype) else repr(value)


def _latex(e: Any) -> tuple[str, int]:
    """An expression as LaTeX, and how tightly it binds."""
    if type(e) is not Symbol:
        text, binds = _literal(e)
        return text.replace("−", "-"), binds
    if e.row is None:
        if e.name.startswith("bar "):
            return adjoint_latex(e.name[4:]), _ATOM
        text, binds = _leaf_text(e, False)
        number = not e.name or is_number(e.name)
        return (text.replace("−", "-") if number else _name_latex(e.name)), binds
    if isinstance(e.row, CustomGradient):
        upstream = ", ".join(_latex(a)[0] for a in e.args)
        return rf"\operatorname{{grad}}({upstream}){e.name}", _ATOM
    op, args = e.row.name, e.args
    if op == "divide":
        return rf"\frac{{{_latex(args[0])[0]}}}{{{_latex(args[1])[0]}}}", _ATOM
    if op in _INFIX:
        return _infix(op, args, _latex, 1)
    first = _latex(args[0])[0]
    if op == "negative":
        return "-" + _part(args[0], _SIGN, _latex), _SIGN
    if op == "sqrt":
        return rf"\sqrt{{{first}}}", _ATOM
    if op == "square":
        return _part(args[0], _ATOM, _latex) + "^{2}", _POWER
    if op == "power":
        return f"{_part(args[0], _ATOM, _latex)}^{{{_latex(args[1])[0]}}}", _POWER
    if op == "matrix_transpose":
        return _part(args[0], _ATOM, _latex) + r"^{\top}", _POWER
    if op == "slice":
        return _part(args[0], _ATOM, _latex) + rf"\mathtt{{{_key(e.attributes['key'])}}}", _ATOM
    inside = [_latex(a)[0] for a in args]
    inside += [
        rf"\mathtt{{{escaped(f'{key}={_attribute(key, value)}')}}}"
        for key, value in e.attributes.items()
    ]
    called = _LATEX_NAMES.get(op, rf"\operatorname{{{escaped(op)}}}")
    return f"{called}({', '.join(inside)})", _ATOM
