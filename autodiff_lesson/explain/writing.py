"""Expressions: what a backward rule leaves on symbols, as text and as LaTeX.

Rules are ordinary Python. On arrays they compute, on lifted tensors they are recorded, and on the
symbols of this file they leave an expression. It is written with as few parentheses as it needs.
"""

from __future__ import annotations

import math
import unicodedata
from typing import Any, NamedTuple

import numpy as np

from ..custom_gradient import CustomGradient
from ..lifted import StandIn
from ..primitive import Primitive
from .naming import is_number

# how tightly what is written binds: a looser operand gets parentheses
_LOOSE, _AND, _COMPARE, _SUM, _PRODUCT, _SIGN, _POWER, _ATOM = range(8)

# How rows with a form of their own are written: as text, as LaTeX, how tightly that binds, and
# how tightly each operand must. All others are written as functions are called.
_FORMS = {
    "logical_and": ("{} ∧ {}", r"{} \land {}", _AND, (_AND, _COMPARE)),
    "greater": ("{} > {}", "{} > {}", _COMPARE, (_SUM, _SUM)),
    "greater_equal": ("{} ≥ {}", r"{} \ge {}", _COMPARE, (_SUM, _SUM)),
    "less": ("{} < {}", "{} < {}", _COMPARE, (_SUM, _SUM)),
    "less_equal": ("{} ≤ {}", r"{} \le {}", _COMPARE, (_SUM, _SUM)),
    "step": ("{} > 0", "{} > 0", _COMPARE, (_SUM,)),
    "equal": ("{} = {}", "{} = {}", _COMPARE, (_SUM, _SUM)),
    "not_equal": ("{} ≠ {}", r"{} \ne {}", _COMPARE, (_SUM, _SUM)),
    "add": ("{} + {}", "{} + {}", _SUM, (_SUM, _SUM)),
    "subtract": ("{} − {}", "{} - {}", _SUM, (_SUM, _PRODUCT)),
    "multiply": ("{} · {}", r"{} \cdot {}", _PRODUCT, (_PRODUCT, _PRODUCT)),
    "divide": ("{} / {}", "", _PRODUCT, (_PRODUCT, _SIGN)),
    "matmul": ("{} @ {}", r"{} \, {}", _PRODUCT, (_PRODUCT, _SIGN)),
    "negative": ("−{}", "-{}", _SIGN, (_SIGN,)),
    "square": ("{}²", "{}^{{2}}", _POWER, (_ATOM,)),
    "power": ("{}^{}", "", _POWER, (_ATOM, _ATOM)),
    "matrix_transpose": ("{}ᵀ", r"{}^{{\top}}", _POWER, (_ATOM,)),
}
_TEXT: dict[str, Any] = {op: (text, *binds) for op, (text, _, *binds) in _FORMS.items()}
_LATEX: dict[str, Any] = {op: (latex, *binds) for op, (_, latex, *binds) in _FORMS.items()} | {
    # what stands above or below a line needs no parentheses
    "divide": (r"\frac{{{}}}{{{}}}", _ATOM, (_LOOSE, _LOOSE)),
    "power": ("{}^{{{}}}", _POWER, (_ATOM, _LOOSE)),
    "sqrt": (r"\sqrt{{{}}}", _ATOM, (_LOOSE,)),
}
_LATEX_NAMES = {"sigmoid": r"\sigma", "asin": r"\arcsin", "acos": r"\arccos", "atan": r"\arctan"}
_LATEX_NAMES |= {f: "\\" + f for f in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "log", "exp")}
_DIGITS = "0123456789₀₁₂₃₄₅₆₇₈₉"
_FEW = 4  # so many numbers of an array are still written out


class Symbol(StandIn):
    """What stands for an array while a rule is written down: an expression, and its value.

    It carries the value that the rule would see, hence its shape and dtype too, so whatever a rule
    asks of its arguments has an answer.
    """

    def __init__(self, array: Any, name: str = "", row: Any = None, args: tuple = (), **attributes):
        self.array = array
        self.name = name
        self.row = row
        self.args = args
        self.attributes = attributes

    def _run(self, row: Primitive, inputs: tuple, attributes: dict) -> Any:
        arrays = [x.array if type(x) is Symbol else x for x in inputs]
        return Symbol(row.forward(*arrays, **attributes), row=row, args=inputs, **attributes)


def adjoint(name: str) -> str:
    """The name of a tensor's adjoint: x̄ for x, ū₁ for u₁; a bar over all of a longer name.

    >>> adjoint("x"), len(adjoint("x"))
    ('x̄', 2)
    """
    letters = name.rstrip(_DIGITS)
    bar = "\u0304" if len(letters) == 1 else "\u0305"
    barred = "".join(c + bar for c in letters)
    # fonts draw ȳ better as one character than as two, where there is one
    return unicodedata.normalize("NFC", barred) + name[len(letters) :]


def adjoint_latex(name: str) -> str:
    """The same in LaTeX."""
    return _name_latex(name, r"\bar{{{}}}", r"\overline{{{}}}")


def _name_latex(name: str, one: str = "{}", more: str = "{}") -> str:
    """A name with its index; ``one`` and ``more`` are what to make of one letter, and of more."""
    stem = name.rstrip(_DIGITS)
    digits = "".join(str(_DIGITS.index(c) % 10) for c in name[len(stem) :])
    written = one.format(stem) if len(stem) == 1 else more.format(rf"\mathrm{{{escaped(stem)}}}")
    return written + (f"_{{{digits}}}" if digits else "")


def escaped(text: str) -> str:
    return text.replace("_", r"\_")


class Style(NamedTuple):
    """How expressions are written."""

    latex: bool = False
    numbers: bool = False
    """Whether few numbers stand in place of a name."""


def written(e: Symbol, style: Style) -> str:
    """An expression; behind its numbers also what they come to, if they are few."""
    text = _write(e, style)[0]
    few = style.numbers and e.row is not None and e.array.size <= _FEW
    result = _array(e.array) if few else text
    return text if result == text else f"{text} = {result}"


def _write(e: Any, style: Style) -> tuple[str, int]:
    """An expression, and how tightly it binds."""
    if type(e) is not Symbol or e.row is None:
        text = _leaf(e, style)
        return text, _SIGN if text[0] in "−-" else _ATOM
    if isinstance(e.row, CustomGradient):
        grad = r"\operatorname{grad}" if style.latex else "grad"
        return f"{grad}({', '.join(_write(a, style)[0] for a in e.args)}){e.name}", _ATOM
    text, binds = _write_row(e, style)
    if e.array.size == 1 and e.array.dtype != bool and _is_constant(e):
        return min((text, binds), _write(e.array, style), key=lambda made: len(made[0]))
    return text, binds


def _write_row(e: Symbol, style: Style) -> tuple[str, int]:
    op, args = _simpler(e.row.name, e.args)
    if op in ("identity", "laid_out"):
        return _write(args[0], style)
    if op == "slice":
        key = _key(e.attributes["key"])
        key = rf"\mathtt{{{key}}}" if style.latex else key
        return _operand(args[0], _ATOM, style) + key, _ATOM
    forms = _LATEX if style.latex else _TEXT
    if op not in forms:
        return _call(op, args, e.attributes, style), _ATOM
    form, binds, operands = forms[op]
    parts = [_operand(a, least, style) for a, least in zip(args, operands, strict=True)]
    # no sign right behind another
    if (len(parts) == 2 or op == "negative") and parts[-1][0] in "−-" and operands[-1] != _LOOSE:
        parts[-1] = f"({parts[-1]})"
    return form.format(*parts), binds


def _simpler(op: str, args: tuple) -> tuple[str, tuple]:
    """``x · x`` and ``x^2`` are squares, ``x^1`` and ``x · 1`` are x; times 1 / n is divided by n,
    since a mean divides by a count."""
    if op == "multiply" and type(args[0]) is Symbol and args[0] is args[1]:
        return "square", args[:1]
    if op == "multiply" and type(args[1]) is float and args[1] and math.isfinite(1 / args[1]):
        n = round(1 / args[1])
        if args[1] == 1:
            return "identity", args[:1]
        if n > 2 and math.isclose(args[1], 1 / n, rel_tol=1e-12):
            return "divide", (args[0], n)
    if op == "power" and _is_constant(args[1]):
        exponent = np.asarray(getattr(args[1], "array", args[1]))
        simpler = {1: "identity", 2: "square"}.get(exponent.item() if exponent.size == 1 else 0)
        return (simpler, args[:1]) if simpler else (op, args)
    return op, args


def _is_constant(e: Any) -> bool:
    """Whether it is made of numbers alone that stand in the line itself."""
    if type(e) is not Symbol:
        return True
    return is_number(e.name) if e.row is None else all(map(_is_constant, e.args))


def _operand(e: Any, least: int, style: Style) -> str:
    """A subexpression, in parentheses if it binds too loosely; a truth in Iverson's brackets."""
    text, binds = _write(e, style)
    if binds >= least:
        return text
    return f"[{text}]" if binds <= _COMPARE < least else f"({text})"


def _call(op: str, args: tuple, attributes: dict, style: Style) -> str:
    inside = [_write(a, style)[0] for a in args]
    named = [f"{key}={_attribute(key, value)}" for key, value in attributes.items()]
    if style.latex:
        op = _LATEX_NAMES.get(op, rf"\operatorname{{{escaped(op)}}}")
        named = [rf"\mathtt{{{escaped(text)}}}" for text in named]
    return f"{op}({', '.join(inside + named)})"


def _leaf(e: Any, style: Style) -> str:
    """A name, or a number."""
    name, value = (e.name, e.array) if type(e) is Symbol else ("", np.asarray(e))
    if is_number(name):
        text = name.replace("-", "−")
    elif name and not (style.numbers and value.size <= _FEW):
        if name.startswith("bar "):
            return (adjoint_latex if style.latex else adjoint)(name[4:])
        return _name_latex(name) if style.latex else name
    else:
        text = _array(value, 4 if name else 12)
    return text.replace("−", "-") if style.latex else text


def _array(value: Any, digits: int = 4) -> str:
    """Numbers with so many digits: 2, or [1, 0.25]."""
    if np.ndim(value):
        return f"[{', '.join(_array(v, digits) for v in value)}]"
    if np.asarray(value).dtype == bool:
        return str(bool(value))
    return f"{value:.{digits}g}".replace("-", "−") if value != 0 else "0"


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
