"""Names for tensors, which have none of their own: read off the user's code and frames."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any

from ..lines import Expression, expression_at, name_of, user_frame
from ..recorder import Record
from ..tape import GradientTape
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
    if not isinstance(tape, GradientTape):
        tape, records = GradientTape(), tape
        tape._records.extend(records)
    inside = _inside_custom_gradients(tape)
    copies, returned = _handed_over(tape)
    records = [r for r in tape._records if id(r) not in inside]
    order = {key: t for key, t in _in_order(tape, records).items() if key not in copies}
    records = [r for r in records if id(r.output) not in copies]
    found: dict[int, str] = {}
    frame = frame or user_frame(2)
    for tensor, name in itertools.chain(
        returned, _assigned(records), _given(tape, records), in_frame(frame), _used(records)
    ):
        if name and id(tensor) in order:
            found.setdefault(id(tensor), name)
    bases: dict[str, list[int]] = {}
    for key in order:
        if key in found:
            bases.setdefault(found[key], []).append(key)
    made = {id(t) for r in records for t in r.outputs}
    named = {key: name for base, keys in bases.items() for key, name in _numbered(base, keys, made)}
    stems = {base.rstrip("0123456789") for base in bases}
    letter = next(c for c in ("v", "t", "tensor") if c not in stems)  # v3 is not the third v
    fresh = (f"{letter}{i}" if unnamed is None else unnamed for i in itertools.count(1))
    called = {key: named[key] if key in named else next(fresh) for key in order}
    for copy, argument in copies.items():  # one by one: a copy may be of a copy
        called[copy] = called[argument]
    for tensor in (t for r in inside.values() for t in (*r.inputs, *r.outputs)):
        if id(tensor) not in called:
            called[id(tensor)] = next(fresh)
    return called


def _inside_custom_gradients(tape: GradientTape) -> dict[int, Record]:
    """What ran inside custom gradients, by id, unless something outside uses it."""
    ran = (r for begin, end in tape._inside for r in tape._records[begin:end])
    used = {id(r) for r in tape.records} if tape._inside else ()
    return {id(r): r for r in ran if id(r) not in used}


def function_calls(tape: GradientTape) -> list[tuple[str, int, int]]:
    """The outermost calls of a `function` on a tape: its name, the first record, the end."""
    found: list[tuple[str, int, int]] = []
    running: list[tuple[str, int]] = []
    for name, count in tape._calls:
        if name is not None:
            running.append((name, count))
        elif running:  # the tape may have been reset inside of a call
            called, begin = running.pop()
            if not running and begin < count:
                found.append((called, begin, count))
    return found


def _handed_over(tape: GradientTape) -> tuple[dict[int, int], list[tuple[Tensor, str]]]:
    """Where functions were traced: the copies of their arguments, and names for their results.

    The copies are made on the line of the call, what follows on the function's own lines.
    """
    copies: dict[int, int] = {}
    returned: list[tuple[Tensor, str]] = []
    for _, begin, end in function_calls(tape):
        first, last = tape._records[begin], tape._records[end - 1]
        if first.op.name != "identity" or first.code is last.code:
            continue
        for record in tape._records[begin:end]:
            if (record.code, record.instruction) != (first.code, first.instruction):
                break
            copies[id(record.output)] = id(record.inputs[0])
        expression = expression_at(first.code, first.instruction)
        if expression is not None and len(expression.targets) == len(last.outputs):
            returned += zip(last.outputs, expression.targets, strict=True)
    return copies, returned


def _in_order(tape: GradientTape, records: list[Record]) -> dict[int, Tensor]:
    """All tensors by id, in the order in which they appear."""
    found = {id(w): w for w, _ in tape._watched.values() if type(w) is Tensor}
    used = {id(t) for record in records for t in record.inputs}
    for reads in tape._reads.values():  # some may only have been handed over
        found.update((k, t) for k, t in reads.items() if k in used or len(reads) == 1)
    for record in records:
        found.update((id(t), t) for t in (*record.inputs, *record.outputs))
    return found


def _numbered(base: str, keys: list[int], made: set[int]) -> Iterator[tuple[int, str]]:
    """u for one tensor; u₁, u₂, ... for several, with u₀ for what the others were made from."""
    begins = [key for key in keys if key not in made]
    start = 0 if begins == keys[:1] else 1
    for number, key in enumerate(keys, start):
        several = len(keys) > 1 and not is_number(base)
        yield key, base + str(number).translate(_SUBSCRIPTS) * several


def is_number(name: str) -> bool:
    """Whether a tensor is called by its value, because a number was written in its place."""
    return re.fullmatch(r"-?[\d.]+(e[+-]\d+)?", name) is not None


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
        for record in group if _period(group) == 1 else ():
            operands = list(_operands(expression.node, record.op.name))
            if len(operands) > len(record.inputs):  # some are an axis, a shape
                operands = [node for node in operands if not isinstance(node, ast.Constant)]
            if len(operands) == len(record.inputs):
                pairs = zip(record.inputs, operands, strict=True)
                yield from ((t, _spelled(node, t)) for t, node in pairs)


def _period(group: list[Record]) -> int:
    """After how many ops a run in a loop begins again: sin, sin, sin is three passes of one."""
    ops = [r.op.name for r in group]
    sizes = range(1, len(ops) + 1)
    return next(n for n in sizes if len(ops) % n == 0 and ops == ops[:n] * (len(ops) // n))


def _given(tape: GradientTape, records: list[Record]) -> Iterator[tuple[Tensor, str]]:
    """``name=`` of a tensor or a variable."""
    for record in records:
        yield from ((t, t.name or "") for t in (*record.inputs, *record.outputs))
        if variable := record.attributes.get("variable"):
            yield from ((t, variable_name(variable)) for t in record.outputs)
    for key, reads in tape._reads.items():
        yield from ((t, variable_name(tape._watched[key][0])) for t in reads.values())


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


def _operands(node: ast.AST, op: str) -> Iterable[ast.AST]:
    """What an expression that runs one op gives to it; of a call, only if that is the op's own."""
    match node:
        case ast.BinOp(left=a, right=b) | ast.AugAssign(target=a, value=b):
            return (a, b)
        case ast.UnaryOp(operand=a) | ast.Subscript(value=a):
            return (a,)
        case ast.Call(func=func) if (name_of(func) or "").rpartition(".")[2] != op:
            return ()
        case ast.Call(args=[ast.List(elts=operands), *_]) | ast.Call(args=operands):
            return operands
        case _:
            return ()


def _spelled(node: ast.AST, tensor: Tensor) -> str:
    try:
        number = ast.literal_eval(node)
    except (ValueError, TypeError):
        return name_of(node) or ""
    is_it = type(number) in (int, float) and not tensor.shape and tensor._value == number
    return f"{number:g}" if is_it else ""
