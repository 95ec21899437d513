"""The formula of a backward rule: the rule itself, applied to symbols.

Rules are ordinary Python. On arrays they compute, on lifted tensors they are recorded, and on the
symbols of this file they write down what they do. A symbol carries the value that the rule would
see, hence its shape and dtype too, so whatever a rule asks of its arguments has an answer.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..custom_gradient import CustomGradient
from ..errors import OpError
from ..lines import place_of, user_frame
from ..primitive import ROWS, Primitive, bind
from ..recorder import Record, Recorder, silence, thread
from ..tensor import Tensor, constant
from .naming import is_number, names

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


class Symbol(np.lib.mixins.NDArrayOperatorsMixin):
    """What stands for an array while a rule is written down: an expression, and its value."""

    def __init__(self, value: Any, name: str = "", row: Any = None, args: tuple = (), **attributes):
        self.value = value
        self.name = name
        self.row = row
        self.args = args
        self.attributes = attributes

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    @property
    def ndim(self) -> int:
        return self.value.ndim

    @property
    def size(self) -> int:
        return self.value.size

    @property
    def dtype(self) -> np.dtype:
        return self.value.dtype

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return self._apply(ufunc, inputs, kwargs) if method == "__call__" else NotImplemented

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return self._apply(func, args, kwargs)

    @staticmethod
    def _apply(func: Callable, args: tuple, kwargs: dict) -> Symbol:
        row = ROWS.get(func)
        if row is None:
            raise TypeError(f"a backward rule uses {func.__name__}, which has no row in the table")
        inputs, attributes = bind(row, args, kwargs)
        values = [x.value if type(x) is Symbol else x for x in inputs]
        return Symbol(row.forward(*values, **attributes), row=row, args=inputs, **attributes)


class Formula:
    """A backward rule as a formula: ``.text``, ``.latex``, and `with_numbers`.

    Attributes:
        text: for example ``x̄ = z̄ · y``; one line for each input if there are several.
        latex: the same for a page that renders mathematics.
        op: the name of the operation.
        note: what the formula itself does not say: axes that were summed over afterwards,
            since the input was broadcast; or the source of a custom gradient.
    """

    def __init__(self, op: str, lines: list[tuple[str, str, Symbol]], note: str = ""):
        self.op = op
        self.note = note
        self._lines = lines

    @property
    def text(self) -> str:
        return "\n".join(f"{adjoint(name)} = {_text(e)[0]}" for name, _, e in self._lines) or (
            f"nothing flows back through {self.op}"
        )

    @property
    def latex(self) -> str:
        rows = [f"{adjoint_latex(name)} = {_latex(e)[0]}" for name, _, e in self._lines]
        if not rows:
            return rf"\text{{nothing flows back through {_escaped(self.op)}}}"
        if len(rows) == 1:
            return rows[0]
        aligned = r" \\ ".join(row.replace(" = ", " &= ", 1) for row in rows)
        return rf"\begin{{aligned}}{aligned}\end{{aligned}}"

    @property
    def value(self) -> Any:
        """What the rule gives on this step's numbers; a tuple if there are several lines."""
        values = tuple(e.value for _, _, e in self._lines)
        return values[0] if len(values) == 1 else values

    def with_numbers(self) -> str:
        """The formula with this step's numbers in it, as far as they are few enough to write.

        >>> import autodiff_lesson as tf
        >>> x = tf.constant(3.0)
        >>> with tf.GradientTape() as tape:
        ...     tape.watch(x)
        ...     y = tf.square(x)
        >>> print(formula(tape.records[0]).with_numbers())
        x̄ = 1 · 2 · 3 = 6
        """
        written = []
        for name, _, e in self._lines:
            result = "" if e.row is None and e.value.size <= _FEW else _with_result(e)
            written.append(f"{adjoint(name)} = {_text(e, numbers=True)[0]}{result}")
        return "\n".join(written)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        note = f"; {self.note}" if self.note else ""
        return f"<Formula of {self.op}: {self.text.replace(chr(10), ', ')}{note}>"

    def _repr_latex_(self) -> str:
        return f"${self.latex}$"


def formula(op: Any, position: int | None = None, names: dict[int, str] | None = None) -> Formula:
    """The backward rule of an operation, read off the rule itself.

    Args:
        op: an operation such as ``tf.multiply``, a record (its tensors' names are then used), or a
            step of ``tape.walk`` (its upstream gradient then is the one in `Formula.with_numbers`).
        position: of which input; without it of all, those of one tensor added up.
        names: names of tensors by id, as from `names`.

    Raises:
        ValueError: for an operation of several steps, or one that needs shapes: give a record.

    >>> import autodiff_lesson as tf
    >>> print(formula(tf.multiply))
    x̄ = z̄ · y
    ȳ = z̄ · x
    >>> print(formula(tf.tanh), formula(tf.tanh).latex, sep="; ")
    x̄ = z̄ · (1 − z²); \\bar{x} = \\bar{z} \\cdot (1 - z^{2})
    """
    upstream = None
    if isinstance(op, Record):
        record = op
    elif hasattr(op, "record"):
        record, upstream = op.record, op.upstream
    else:
        record = _tried(op)
        names = names or _legend(op, record)
    called = names or _names_of(record)
    if not record.op.rules:
        return Formula(record.op.name, [])
    symbols = [_leaf(x, called[id(x)]) for x in record.inputs]
    z = tuple(Symbol(t._value, called[id(t)]) for t in record.outputs)
    g = _upstreams(z, upstream)
    positions = [] if position is None else [position]
    if position is None:  # nobody asks for the gradient of a number that stands in the line
        positions = [i for i, x in enumerate(record.inputs) if not is_number(called[id(x)])]
    lines: dict[int, tuple[str, str, Symbol]] = {}
    notes = []
    with silence(), np.errstate(all="ignore"):
        for i in positions:
            given = _contribution(record, i, g, z, symbols)
            if given is None:
                continue
            key = id(record.inputs[i])
            given = lines[key][2] + given if key in lines else given
            lines[key] = (called[key], "", given)
            notes.append(_unbroadcast(called[key], given.shape, record.inputs[i].shape))
    if isinstance(record.op, CustomGradient):
        notes.append(_source(record.op))
    note = "; ".join(dict.fromkeys(filter(None, notes)))
    return Formula(record.op.name, list(lines.values()), note)


def _leaf(x: Tensor, name: str) -> Symbol:
    return Symbol(x._value, name)


def _names_of(record: Record) -> dict[int, str]:
    return names([record], user_frame(3))


def _upstreams(z: tuple, upstream: Any) -> tuple:
    """The adjoints of the outputs as symbols; ones if the record was not played backward."""
    given = upstream if type(upstream) is tuple else (upstream,) * len(z)
    if upstream is None:
        given = tuple(np.ones_like(o.value)[()] for o in z)
    return tuple(
        Symbol(np.zeros_like(o.value) if part is None else part, "bar " + o.name)
        for part, o in zip(given, z, strict=True)
    )


def _contribution(record: Record, i: int, g: tuple, z: tuple, symbols: list) -> Symbol | None:
    """Run the rule of input ``i`` on symbols."""
    op = record.op
    if isinstance(op, CustomGradient):
        value = op._ask([Tensor(part.value) for part in g])[i]
        if value is None:
            return None
        index = f"[{i}]" if len(record.inputs) > 1 else ""
        value = getattr(value, "_value", np.asarray(value))
        return Symbol(value, index, row=op, args=g)
    rule = op.rules_for(record, g, None)[i]
    if rule is None:
        return None
    several = type(record.output) is tuple
    made = rule(g if several else g[0], z if several else z[0], *symbols, **record.attributes)
    return made if type(made) is Symbol else Symbol(np.asarray(made))


def _unbroadcast(name: str, given: tuple, shape: tuple) -> str:
    if tuple(given) == tuple(shape):
        return ""
    extra = len(given) - len(shape)
    axes = [*range(extra)]
    axes += [i + extra for i, n in enumerate(shape) if n == 1 and given[i + extra] != 1]
    over = ", ".join(map(str, axes))
    return (
        f"{adjoint(name)} is then summed over {'axis' if len(axes) == 1 else 'axes'} {over}: "
        f"{tuple(given)} -> {tuple(shape)}"
    )


def _source(op: CustomGradient) -> str:
    code = getattr(op.grad, "__code__", None)
    if code is None:
        return f"grad is {op.name}'s own"
    place = place_of(code, -1)
    returns = [line for line in _body(op.grad) if line.startswith(("return", "lambda"))]
    return f"grad is the one of {op.name}, {place}: `{returns[-1] if returns else place.text}`"


def _body(function: Callable) -> list[str]:
    try:
        return [line.strip() for line in inspect.getsource(function).splitlines()]
    except (OSError, TypeError):
        return []


# ---------------------------------------------------------------- an operation without a record
class _Listener(Recorder):
    """Keeps what one call of an operation records."""


def _tried(op: Any) -> Record:
    """Run an operation on small numbers, to have a record of it."""
    name = getattr(op, "name", getattr(op, "__name__", repr(op)))
    if isinstance(op, Primitive) and not op.variadic:
        count = len(op.inputs)
    elif callable(op) and not isinstance(op, Primitive):
        required = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        parameters = inspect.signature(op).parameters.values()
        count = sum(p.kind in required and p.default is p.empty for p in parameters)
    else:
        count = 0
    for shape in ((2, 2), (2,), ()) if count else ():
        tensors = [constant(np.full(shape, 0.25 + 0.25 * i)) for i in range(count)]
        listener = _Listener()
        with silence():
            thread.active.append(listener)
            try:
                op(*tensors)
            except (OpError, ValueError, TypeError, IndexError):
                continue
        steps = [r for r in listener._records if r.outputs]
        if len(steps) == 1:
            return steps[0]
        if steps:
            made_of = ", ".join(dict.fromkeys(r.op.name for r in steps))
            raise ValueError(
                f"{name} is made of several operations, which have a formula each: {made_of}. "
                "Record it, and give a record: explain.formula(tape.records[0])"
            )
    raise ValueError(
        f"the rule of {name} depends on shapes or arguments that are not known here. Record it, "
        "and give the record: explain.formula(tape.records[0])"
    )


def _legend(op: Any, record: Record) -> dict[int, str]:
    """The names of the rules themselves: x, y, ... and z."""
    row = record.op
    known = getattr(row, "inputs", ())
    count = len(record.inputs)
    if getattr(row, "variadic", False) or len(known) != count:
        known = [f"x{i}" for i in range(1, count + 1)] if count > 1 else ["x"]
    outputs = record.outputs
    called = ["z"] if len(outputs) == 1 else [f"z{i}" for i in range(1, len(outputs) + 1)]
    tensors = (*record.inputs, *outputs)
    return {id(t): name for t, name in zip(tensors, [*known, *called], strict=True)}


# ---------------------------------------------------------------- writing it down
_FEW = 4  # so many numbers of an array are still written out


def adjoint(name: str) -> str:
    """The name of a tensor's adjoint: x̄ for x, ū₁ for u₁; a bar over all of a longer name.

    >>> adjoint("x"), len(adjoint("x"))
    ('x̄', 2)
    """
    letters = name.rstrip("0123456789₀₁₂₃₄₅₆₇₈₉")
    bar = "\u0304" if len(letters) == 1 else "\u0305"
    return "".join(c + bar for c in letters) + name[len(letters) :]


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
    return rf"\mathrm{{{_escaped(text)}}}"


def _escaped(text: str) -> str:
    return text.replace("_", r"\_")


def _number(value: Any, digits: int = 12) -> str:
    return f"{value:.{digits}g}".replace("-", "−") if value != 0 else "0"


def _array(value: Any) -> str:
    """Numbers with at most four digits: 2, or [1, 0.25]."""
    if not np.ndim(value):
        return str(bool(value)) if np.asarray(value).dtype == bool else _number(value, 4)
    return f"[{', '.join(_array(v) for v in value)}]"


def _with_result(e: Symbol) -> str:
    return f" = {_array(e.value)}" if e.value.size <= _FEW else ""


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
        return _infix(op, args, write, lambda sign: sign.text)
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


def _infix(op: str, args: tuple, write: Callable, sign_of: Callable) -> tuple[str, int]:
    left, right = args
    sign = _INFIX[op]
    if op == "multiply" and type(left) is Symbol and left is right:
        square = "²" if write.__name__ == "write" else "^{2}"
        return _part(left, _ATOM, write) + square, _POWER
    if op == "multiply" and type(right) is float and (n := _inverse(right)):
        op, right, sign = "divide", n, _INFIX["divide"]
    loose = _PRODUCT if sign.binds == _PRODUCT else sign.binds
    loose = _SUM if sign.binds == _COMPARE else loose
    after = _part(right, sign.right, write)
    if after[0] in "−-":
        after = f"({after})"
    return _part(left, loose, write) + sign_of(sign) + after, sign.binds


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
        inside = ", ".join(_latex(a)[0] for a in e.args)
        return rf"\operatorname{{grad}}({inside}){e.name}", _ATOM
    op, args = e.row.name, e.args
    if op == "divide":
        return rf"\frac{{{_latex(args[0])[0]}}}{{{_latex(args[1])[0]}}}", _ATOM
    if op in _INFIX:
        return _infix(op, args, _latex, lambda sign: sign.latex)
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
        rf"\mathtt{{{_escaped(f'{key}={_attribute(key, value)}')}}}"
        for key, value in e.attributes.items()
    ]
    called = _LATEX_NAMES.get(op, rf"\operatorname{{{_escaped(op)}}}")
    return f"{called}({', '.join(inside)})", _ATOM
