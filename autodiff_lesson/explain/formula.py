"""The formula of a backward rule: the rule itself, applied to symbols."""

from __future__ import annotations

import inspect
import linecache
from contextlib import suppress
from typing import Any

import numpy as np

from ..custom_gradient import CustomGradient
from ..errors import OpError
from ..lines import place_of, user_frame
from ..primitive import ROWS, Primitive
from ..recorder import Record, Recorder, silence, thread
from ..tensor import Tensor
from ..values import constant
from .naming import is_number
from .naming import names as names_of
from .writing import Style, Symbol, adjoint, adjoint_latex, escaped, written


class Formula:
    """A backward rule as a formula: ``.text``, ``.latex``, and `with_numbers`.

    Attributes:
        text: for example ``x̄ = z̄ · y``; one line for each input if there are several.
        latex: the same for a page that renders mathematics.
        op: the name of the operation.
        note: what the formula itself does not say: axes that were summed over afterwards,
            since the input was broadcast; or the source of a custom gradient.
    """

    def __init__(self, op: str, lines: list[tuple[str, Symbol]], note: str = ""):
        self.op = op
        self.note = note
        self._lines = lines

    @property
    def text(self) -> str:
        return self._written(Style()) or f"nothing flows back through {self.op}"

    @property
    def latex(self) -> str:
        rows = [f"{adjoint_latex(n)} = {written(e, Style(latex=True))}" for n, e in self._lines]
        if len(rows) <= 1:
            return "".join(rows) or rf"\text{{nothing flows back through {escaped(self.op)}}}"
        aligned = r" \\ ".join(row.replace(" = ", " &= ", 1) for row in rows)
        return rf"\begin{{aligned}}{aligned}\end{{aligned}}"

    def _written(self, style: Style) -> str:
        return "\n".join(f"{adjoint(name)} = {written(e, style)}" for name, e in self._lines)

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
        return self._written(Style(numbers=True))

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
        position: of which input; without it of all (of a step: those that got a gradient), those
            of one tensor added up.
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
    if not isinstance(op, Record) and not hasattr(op, "record"):
        return _general(op, position, names)
    record = getattr(op, "record", op)
    called = names or names_of([record], user_frame())
    if not record.op.rules:
        return Formula(record.op.name, [])
    positions = [] if position is None else [position]
    if position is None:  # nobody asks for the gradient of a number that stands in the line
        ran = {given.position for given in getattr(op, "contributions", ())}
        ran = ran or set(range(len(record.inputs)))
        positions = [i for i in sorted(ran) if not is_number(called[id(record.inputs[i])])]
    return _of_record(record, positions, getattr(op, "upstream", None), called)


def _of_record(record: Record, positions: list[int], upstream: Any, called: dict) -> Formula:
    """Run the rules on symbols, and add up what they give to one and the same tensor."""
    symbols = [Symbol(x._value, called[id(x)]) for x in record.inputs]
    z = tuple(Symbol(t._value, called[id(t)]) for t in record.outputs)
    g = _upstreams(z, upstream)
    lines: dict[int, tuple[str, Symbol]] = {}
    notes = []
    with silence(), np.errstate(all="ignore"):
        for i in positions:
            given = _contribution(record, i, g, z, symbols)
            if given is None:
                continue
            x, name = record.inputs[i], called[id(record.inputs[i])]
            given = lines[id(x)][1] + given if id(x) in lines else given
            lines[id(x)] = (name, given)
            shape = x._value.shape
            if given.shape != shape:
                notes.append(f"{adjoint(name)} is then {unbroadcast(given.shape, shape)}")
    if isinstance(record.op, CustomGradient):
        notes.append(f"grad is that of {record.op.name}, {grad_line(record.op)}")
    note = "; ".join(dict.fromkeys(notes))
    return Formula(record.op.name, list(lines.values()), note)


def _upstreams(z: tuple, upstream: Any) -> tuple:
    """The adjoints of the outputs as symbols; ones if the record was not played backward."""
    given = upstream if type(upstream) is tuple else (upstream,) * len(z)
    if upstream is None:
        given = tuple(np.ones_like(o.array)[()] for o in z)
    return tuple(
        Symbol(np.zeros_like(o.array) if part is None else part, "bar " + o.name)
        for part, o in zip(given, z, strict=True)
    )


def _contribution(record: Record, i: int, g: tuple, z: tuple, symbols: list) -> Symbol | None:
    """Run the rule of input ``i`` on symbols."""
    op = record.op
    if isinstance(op, CustomGradient):
        value = op._ask([Tensor(part.array) for part in g])[i]
        if value is None:
            return None
        index = f"[{i}]" if len(record.inputs) > 1 else ""
        value = getattr(value, "_value", np.asarray(value))
        return Symbol(value, index, row=op, args=g)
    rule = op.rules_for(record)[i]
    if rule is None:
        return None
    several = type(record.output) is tuple
    made = rule(g if several else g[0], z if several else z[0], *symbols, **record.attributes)
    return made if type(made) is Symbol else Symbol(np.asarray(made))


def unbroadcast(wide: tuple, narrow: tuple) -> str:
    """What un-broadcasting does, in words.

    >>> unbroadcast((64, 16), (16,))
    'summed over axis 0: (64, 16) -> (16,)'
    """
    extra = len(wide) - len(narrow)
    inner = [i for i in range(extra, len(wide)) if narrow[i - extra] == 1 and wide[i] != 1]
    axes = [*range(extra), *inner]
    named = "axis" if len(axes) == 1 else "axes"
    return f"summed over {named} {', '.join(map(str, axes))}: {wide} -> {narrow}"


def grad_line(op: CustomGradient) -> str:
    """The line in which the grad of a custom function returns, and where it is."""
    code = getattr(op.grad, "__code__", None)
    if code is None:
        return repr(op.grad)
    place = place_of(code, -1)
    numbers = sorted({line for _, _, line in code.co_lines() if line})
    lines = [linecache.getline(code.co_filename, number).strip() for number in numbers]
    text = next((line for line in reversed(lines) if line.startswith("return")), place.text)
    return f"`{text}` ({place})" if text else str(place)


# ---------------------------------------------------------------- an operation without a record
_UNKNOWN = "the rule of {} depends on shapes or arguments that are not known here"
_RECORD_IT = "Record it, and give the record: explain.formula(tape.records[0])"


def _general(op: Any, position: int | None, names: dict[int, str] | None) -> Formula:
    """The formula on arrays of one shape, if on those of another it is the same."""
    tried = [_tried(op, (n, n)) for n in (2, 3)]
    one, other = (formula(record, position, names or _legend(record)) for record in tried)
    if one.text != other.text:  # as the count that a mean divides by
        raise ValueError(f"{_UNKNOWN.format(_name_of(op))}. {_RECORD_IT}")
    return one


def _tried(op: Any, shape: tuple[int, ...]) -> Record:
    """Run an operation on small numbers, to have a record of it."""
    name = _name_of(op)
    tensors = [constant(np.full(shape, 0.25 + 0.25 * i)) for i in range(_inputs_of(op))]
    listener = Recorder()
    with silence(), suppress(OpError, ValueError, TypeError, AttributeError):
        thread.active.append(listener)
        op(*tensors)
    steps = [r for r in listener._records if r.outputs]
    ran = dict.fromkeys(r.op.name for r in steps)
    flows = any(row.rules for row in ROWS.values() if row.name in ran)
    if len(steps) == 1 and (steps[0].op.rules or not flows):  # where has a row with no rule, too
        return steps[0]
    why = _UNKNOWN.format(name)
    if len(steps) > 1:
        why = f"{name} is made of several operations, which have a formula each: {', '.join(ran)}"
    raise ValueError(f"{why}. {_RECORD_IT}")


def _name_of(op: Any) -> str:
    return str(getattr(op, "name", getattr(op, "__name__", repr(op))))


def _inputs_of(op: Any) -> int:
    """How many inputs an operation needs."""
    if isinstance(op, Primitive):
        return len(op.inputs)
    parameters = inspect.signature(op).parameters.values()
    return sum(p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters)


def _legend(record: Record) -> dict[int, str]:
    """The names of the rules themselves: x, y, ... and z."""
    known, inputs, outputs = record.op.inputs, record.inputs, record.outputs
    if len(known) != len(inputs):  # a row that takes any number of inputs
        known = tuple(f"x{i}" for i in range(1, len(inputs) + 1))
    called = ["z"] if len(outputs) == 1 else [f"z{i}" for i in range(1, len(outputs) + 1)]
    pairs = zip((*outputs, *inputs[::-1]), (*called, *known[::-1]), strict=True)
    return {id(t): n for t, n in pairs}  # what comes in twice goes by its first name
