"""Where a NaN or an infinity was born: on the way forward, and on the way back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from .. import nest
from ..lines import Place, user_frame
from ..primitive import Primitive
from ..recorder import Record, silence
from ..tensor import Tensor
from .naming import in_frame, in_line, is_number, names
from .sentence import Sentence
from .writing import adjoint

_ELSEWHERE = (
    "{0} {1}, but was not recorded on this tape: compute it inside the `with` to see where its "
    "numbers and gradients come from."
)
_TOO_LATE = (
    "A `tf.where` or a factor 0 behind {op} comes too late, since 0 times inf is nan: give {op} a "
    "harmless number, `tf.where(ok, {x}, 1.0)` in place of {x}"
)


class Birth(NamedTuple):
    """One place where numbers that were finite stopped being so."""

    op: str
    place: Place
    what: str
    """The sentence, with the values of one element for which it happened."""


class NanReport(Sentence):
    """What `find_nan` found, a sentence for each; false if everything is finite.

    Attributes:
        forward: the first operation that made a NaN or an infinity of finite numbers, or None.
        nan: the first that made a NaN of what held none, but maybe infinity; None if it is the
            same one. An infinity may be meant, as in the mask of a softmax; a NaN never is.
        backward: the first backward rule, from the target on, that made a NaN or an infinity of
            finite numbers, else a NaN of what held none, or None.
        inputs: the names of what was not finite from the start, or is not on the tape.
    """

    forward: Birth | None
    nan: Birth | None
    backward: Birth | None
    inputs: list[str]

    def __bool__(self) -> bool:
        return bool(self.forward or self.nan or self.backward or self.inputs)


def find_nan(tape: Any, target: Any) -> NanReport:
    """Find the operation and the line where the first NaN or infinity came up.

    Looks at the values that the tape recorded, in order, then walks backward from ``target`` to
    everything that is watched. Looking does not use the tape up.

    >>> import autodiff_lesson as tf
    >>> x = tf.constant([4.0, 0.0])
    >>> with tf.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = tf.reduce_sum(tf.sqrt(x))
    >>> find_nan(tape, y).backward.op
    'sqrt'
    """
    frame = user_frame()
    called = names(tape, frame)
    with silence(), np.errstate(all="ignore"):
        made = {id(t) for r in tape._records for t in r.outputs}
        begins = {id(t): t for r in tape._records for t in r.inputs if id(t) not in made}
        bad = [called[key] for key, t in begins.items() if not _all(_finite, t._value)]
        lines = [f"{name} holds NaN or infinity from the start." for name in bad]
        for name, t in _elsewhere(target, called, {id(t): n for t, n in in_frame(frame)}):
            fine = _all(_finite, t._value)
            lines.append(_ELSEWHERE.format(name, "is finite" if fine else "holds NaN or infinity"))
            bad += [] if fine else [name]
        forward, nan = (_forward(tape, called, good) for good in (_finite, _no_nan))
        backward = _backward(tape, target, called, _finite)
        if not (forward or nan or backward):  # else that NaN comes back, and was not born there
            backward = _backward(tape, target, called, _no_nan)
    nan = None if nan == forward else nan
    lines += [birth.what for birth in (forward, nan, backward) if birth]
    text = "\n".join(lines) or "Every number is finite, forward and backward."
    return NanReport(text, forward=forward, nan=nan, backward=backward, inputs=bad)


def _elsewhere(
    target: Any, called: dict[int, str], frame: dict[int, str]
) -> Iterator[tuple[str, Tensor]]:
    """The targets that this tape knows nothing of, with the names they have in the frame."""
    for t in nest.flatten(target):
        t = t._read() if hasattr(t, "_read") else t
        if isinstance(t, Tensor) and id(t) not in called:
            yield frame.get(id(t), "The target"), t


def _forward(tape: Any, called: dict[int, str], good: Callable) -> Birth | None:
    for record in tape._records:
        bad = next((t for t in record.outputs if not _all(good, t._value)), None)
        if bad is not None and all(_all(good, t._value) for t in record.inputs):
            where = _first(bad._value, good)
            inputs = _values(record.inputs, where, bad._value.shape, called)
            gave = f"gave {_at(bad._value, where)} for {called[id(bad)]}{_index(where)}"
            return _birth(record, f"Forward: {{}} {gave}, from {inputs}.")
    return None


def _backward(tape: Any, target: Any, called: dict[int, str], good: Callable) -> Birth | None:
    sources = [w for w, _ in tape._watched.values()]
    for step in tape.walk(target, sources):
        upstream = step.upstream if type(step.upstream) is tuple else (step.upstream,)
        went_in = (*upstream, *(t._value for t in step.record.inputs))
        if not all(_all(good, value) for value in went_in if value is not None):
            continue
        for given in step.contributions:
            name = called[id(given.tensor)]
            if not _all(good, given.local):
                return _born(step, given, name, called, good)
            if not _all(good, given.adjoint):
                left = f"left the range of {given.adjoint.dtype.name}"
                return _birth(step.record, f"Backward: adding up {adjoint(name)} at {{}} {left}.")
    return None


def _born(step: Any, given: Any, name: str, called: dict[int, str], good: Callable) -> Birth:
    record, g, where = step.record, step.upstream, _first(given.local, good)
    tensors = (*record.inputs, *record.outputs)
    values = _values(tensors, where, given.local.shape, called)
    made = f"its rule gave {_at(given.local, where)}"
    if type(g) is not tuple and g.shape == given.local.shape:
        local = _local(record, given.position, g)
        if local is not None:
            made = (
                f"its derivative by {name} is {_at(local, where)}, and {_at(g, where)} (upstream) "
                f"times that is {_at(given.local, where)}"
            )
            if not g[where] and not np.broadcast_to(given.tensor._value, g.shape)[where]:
                made += f". {_TOO_LATE.format(op=record.op.name, x=name)}"
    return _birth(record, f"Backward: {{}}, where {values}{_index(where)}: {made}.")


def _birth(record: Record, sentence: str) -> Birth:
    """``sentence`` has a blank for the operation and its line."""
    name = record.op.name
    return Birth(name, record.place, sentence.format(f"{name} in {in_line(record)}"))


def _values(tensors: tuple, where: tuple[int, ...], shape: tuple, called: dict[int, str]) -> str:
    """Each tensor's name and its number at one place; not what is a number in the line itself."""
    each = {id(t): t for t in tensors if not is_number(called[id(t)])}.values()
    return ", ".join(called[id(t)] + _at(t._value, where, shape, " = ") for t in each)


def _local(record: Any, position: int, g: Any) -> Any:
    """The derivative of an op that works number by number: its rule on the upstream gradient 1."""
    if not isinstance(record.op, Primitive):
        return None  # a custom gradient's rule is the user's own
    ones = np.ones_like(g)[()]
    rule: Any = record.op.rules_for(record)[position]
    values = [t._value for t in record.inputs]
    found = rule(ones, record.output._value, *values, **record.attributes)
    return found if np.shape(found) == np.shape(g) else None


_finite = np.isfinite


def _no_nan(value: Any) -> Any:
    return ~np.isnan(value)


def _all(good: Callable, value: Any) -> bool:
    return value.dtype.kind != "f" or bool(good(value).all())


def _first(value: Any, good: Callable) -> tuple[int, ...]:
    """The index of the first number that is not good."""
    return tuple(int(i) for i in np.argwhere(~good(value))[0])


def _at(value: Any, where: tuple[int, ...], shape: tuple | None = None, sign: str = "") -> str:
    """One number of an array, or the whole's shape if no single number belongs to that place."""
    try:
        wide = np.broadcast_to(value, shape) if shape is not None and value.shape else value
        return f"{sign}{wide[where] if value.shape else value:g}"
    except ValueError:
        return f" of shape {value.shape}"


def _index(where: tuple[int, ...]) -> str:
    return f" at [{', '.join(map(str, where))}]" if where else ""
