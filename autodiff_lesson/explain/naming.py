"""Names for tensors, which have none of their own: read off the user's code and frames."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any

from ..lines import Expression, expression_at, name_of, user_frame
from ..recorder import Record
from ..tensor import Tensor

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def names(tape: Any, frame: FrameType | None = None, unnamed: str | None = None) -> dict[int, str]:
    """What to call each tensor of a recording: a dict from ``id(tensor)`` to a name.

    The name is, in this order: the one it was assigned to on its line (``u = x * x``), its
    ``name=`` or its variable's, the one it has in the caller's frame, the one it is used under
    (in a function that has returned), or else v1, v2, ... (beside a v of the user's: t1, t2, ...).
    A name that is given to several tensors is numbered: u₁, u₂, ...; what a loop started from is
    u₀. A number that was written into the expression is that number.

    Args:
        tape: a tape, or records.
        frame: where to look for names; the caller's without it.
        unnamed: what to call what has no name, in place of v1, v2, ...

    >>> import autodiff_lesson as tf
    >>> x = tf.constant(3.0)
    >>> with tf.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = x * x
    >>> names(tape)[id(x)], names(tape)[id(y)]
    ('x', 'y')
    """
    records: list[Record] = list(getattr(tape, "_records", tape))
    copies, returned = _handed_over(records, function_calls(tape))
    inside = _inside_custom_gradients(tape)
    hidden = [r for r in records if id(r) in inside]
    records = [r for r in records if id(r) not in inside]
    order = {k: t for k, t in _in_order(tape, records).items() if k not in copies}
    records = [r for r in records if id(r.output) not in copies]
    made = {id(t) for r in records for t in r.outputs}
    found: dict[int, str] = {}
    for tensor, name in itertools.chain(
        returned,
        _assigned(records),
        _given(tape, records),
        in_frame(frame or user_frame(2)),
        _used(records),
    ):
        if name and id(tensor) in order:
            found.setdefault(id(tensor), name)
    bases: dict[str, list[int]] = {}
    for key in order:
        if key in found:
            bases.setdefault(found[key], []).append(key)
    named = {key: name for base, keys in bases.items() for key, name in _numbered(base, keys, made)}
    stems = {base.rstrip("0123456789") for base in bases}
    letter = next(c for c in ("v", "t", "tensor") if c not in stems)  # v3 is not the third v
    fresh = (f"{letter}{i}" if unnamed is None else unnamed for i in itertools.count(1))
    called = {key: named[key] if key in named else next(fresh) for key in order}
    for copy, argument in copies.items():
        called[copy] = called[argument]
    for tensor in (t for r in hidden for t in (*r.inputs, *r.outputs)):
        if id(tensor) not in called:
            called[id(tensor)] = next(fresh)
    return called


def _inside_custom_gradients(tape: Any) -> set[int]:
    """The ids of what ran inside custom gradients, unless something outside uses it."""
    if not getattr(tape, "_inside", None):
        return set()
    ran = {id(r) for begin, end in tape._inside for r in tape._records[begin:end]}
    return ran - {id(r) for r in tape.records}


def function_calls(tape: Any) -> list[tuple[str, int, int]]:
    """The outermost calls of a `function` on a tape: its name, the first record, the end."""
    found: list[tuple[str, int, int]] = []
    running: list[tuple[str, int]] = []
    for name, count in getattr(tape, "_calls", ()):
        if name is not None:
            running.append((name, count))
        elif running:  # the tape may have been reset inside of a call
            called, begin = running.pop()
            if not running and begin < count:
                found.append((called, begin, count))
    return found


def _handed_over(
    records: list[Record], calls: list[tuple[str, int, int]]
) -> tuple[dict[int, int], list[tuple[Tensor, str]]]:
    """Where functions were traced: the copies of their arguments, and names for their results.

    The copies are made on the line of the call, what follows on the function's own lines.
    """
    copies: dict[int, int] = {}
    returned: list[tuple[Tensor, str]] = []
    for _, begin, end in calls:
        first, last = records[begin], records[end - 1]
        if first.op.name != "identity" or first.code is last.code:
            continue
        for record in records[begin:end]:
            if (record.code, record.instruction) != (first.code, first.instruction):
                break
            copies[id(record.output)] = id(record.inputs[0])
        expression = expression_at(first.code, first.instruction)
        if expression is not None and len(expression.targets) == len(last.outputs):
            returned += zip(last.outputs, expression.targets, strict=True)
    return copies, returned


def _in_order(tape: Any, records: list[Record]) -> dict[int, Tensor]:
    """All tensors by id, in the order in which they appear."""
    found = {id(w): w for w, _ in getattr(tape, "_watched", {}).values() if type(w) is Tensor}
    used = {id(t) for record in records for t in record.inputs}
    for reads in getattr(tape, "_reads", {}).values():  # some may only have been handed over
        found.update((k, t) for k, t in reads.items() if k in used or len(reads) == 1)
    for record in records:
        found.update((id(t), t) for t in (*record.inputs, *record.outputs))
    return found


def _numbered(base: str, keys: list[int], made: set[int]) -> Iterator[tuple[int, str]]:
    """u for one tensor; u₁, u₂, ... for several, with u₀ for what the others were made from."""
    if len(keys) == 1 or is_number(base):
        yield from ((key, base) for key in keys)
        return
    begins = [key for key in keys if key not in made]
    start = 0 if len(begins) == 1 and keys[0] == begins[0] else 1
    for number, key in enumerate(keys, start):
        yield key, base + str(number).translate(_SUBSCRIPTS)


def is_number(name: str) -> bool:
    """Whether a tensor is called by its value, because a number was written in its place."""
    try:
        float(name)
    except ValueError:
        return False
    return name.lstrip("-")[:1] in "0123456789."


# ---------------------------------------------------------------- where names come from
def _runs(records: list[Record]) -> Iterator[tuple[list[Record], Expression]]:
    """The records that one expression made, pass after pass of a loop, and the expression."""
    for _, run in itertools.groupby(records, lambda r: (r.code, r.instruction)):
        group = [r for r in run if r.outputs]
        found = expression_at(group[0].code, group[0].instruction) if group else None
        if found is not None:
            yield group, found


def _assigned(records: list[Record]) -> Iterator[tuple[Tensor, str]]:
    """The target of the assignment whose right side a record computed as a whole."""
    for group, expression in _runs(records):
        size = _period(group) if expression.repeats else len(group)
        for last in group[size - 1 :: size]:
            if len(last.outputs) == len(expression.targets):
                yield from zip(last.outputs, expression.targets, strict=True)


def _used(records: list[Record]) -> Iterator[tuple[Tensor, str]]:
    """The operands as they stand in the source: ``a`` in ``return a * 2.0``, and the 2.0."""
    for group, expression in _runs(records):
        operands = list(_operands(expression.node)) if _period(group) == 1 else []
        for record in group:
            if len(operands) == len(record.inputs):
                pairs = zip(record.inputs, operands, strict=True)
                yield from ((t, _spelled(node, t)) for t, node in pairs)


def _period(group: list[Record]) -> int:
    """After how many ops a run in a loop begins again: sin, sin, sin is three passes of one."""
    ops = [r.op.name for r in group]
    sizes = range(1, len(ops) + 1)
    return next(n for n in sizes if len(ops) % n == 0 and ops == ops[:n] * (len(ops) // n))


def _given(tape: Any, records: list[Record]) -> Iterator[tuple[Tensor, str]]:
    """``name=`` of a tensor or a variable."""
    for record in records:
        yield from ((t, t.name or "") for t in (*record.inputs, *record.outputs))
        if variable := record.attributes.get("variable"):
            yield from ((t, variable_name(variable)) for t in record.outputs)
    watched = getattr(tape, "_watched", {})
    for key, reads in getattr(tape, "_reads", {}).items():
        if key in watched:
            yield from ((t, variable_name(watched[key][0])) for t in reads.values())


def variable_name(variable: Any) -> str:
    """The name a variable was given; '' if it has only that of its class."""
    name = str(variable.name).partition(":")[0]
    return "" if name == type(variable).__name__ else name


def in_frame(frame: FrameType) -> Iterator[tuple[Tensor, str]]:
    """Local names, then global ones; not those that begin with ``_``, nor IPython's ``Out``.

    A variable that was given a name goes by that.
    """
    for scope in (frame.f_locals, frame.f_globals):
        for name, value in list(scope.items()):
            tensor = getattr(value, "_tensor", value)  # a variable holds one
            if type(tensor) is Tensor and not name.startswith("_"):
                yield tensor, name if tensor is value else variable_name(value) or name


def in_line(record: Record) -> str:
    """The user's line on which a record was made, and where that is."""
    place = record.place
    return f"`{place.text}` ({place})" if place.text else str(place)


def _operands(node: ast.AST) -> Iterable[ast.AST]:
    match node:
        case ast.BinOp(left=left, right=right):
            return (left, right)
        case ast.AugAssign(target=left, value=right):
            return (left, right)
        case ast.UnaryOp(operand=operand):
            return (operand,)
        case ast.Subscript(value=value):
            return (value,)
        case ast.Call(args=[ast.List(elts=operands), *_]) | ast.Call(args=operands):
            return [a for a in operands if not isinstance(a, ast.Constant)] or operands
        case _:
            return ()


def _spelled(node: ast.AST, tensor: Tensor) -> str:
    try:
        number = ast.literal_eval(node)
    except (ValueError, TypeError):
        return name_of(node) or ""
    is_it = type(number) in (int, float) and not tensor.shape and tensor._value == number
    return f"{number:g}" if is_it else ""
