"""Why a gradient is None: read off what the tape recorded, and what it noted as having left."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from operator import attrgetter
from types import FrameType
from typing import Any

from .. import nest
from ..custom_gradient import CustomGradient
from ..lines import Place, place_of, user_frame
from ..recorder import Exit, Record, silence
from ..tensor import Tensor
from .naming import is_number, names, variable_name

_value_of = attrgetter("_value")


class Reason(str):
    """A sentence; it prints and shows as itself, without quotes.

    Attributes:
        case: which of the reasons it is, in two or three words.
        place: the user's line that it names, or None.
    """

    case: str
    place: Place | None

    def __new__(cls, case: str, sentence: str, place: Place | None = None) -> Reason:
        self = super().__new__(cls, sentence)
        self.case = case
        self.place = place
        return self

    def __repr__(self) -> str:
        return str(self)

    def _repr_markdown_(self) -> str:
        return str(self)


def why_none(tape: Any, target: Any, source: Any) -> Reason:
    """Say why ``tape.gradient(target, source)`` is None: which link is missing, on which line.

    Looking is free: it neither uses the tape up nor changes it.

    Args:
        tape: a GradientTape, after its ``with``.
        target: what was, or would be, differentiated; a tensor or a nest of them.
        source: one tensor or variable.

    Returns:
        A sentence with what to write instead; its ``.case`` names the reason in short.

    >>> import autodiff_lesson as tf
    >>> x = tf.constant(3.0)
    >>> with tf.GradientTape() as tape:
    ...     y = x * x
    >>> why_none(tape, y, x).case
    'not watched'
    """
    with silence():
        return _Inquiry(tape, target, source, user_frame()).answer()


class _Inquiry:
    """One question: the recording seen from the source forward and from the target backward."""

    def __init__(self, tape: Any, target: Any, source: Any, frame: FrameType):
        self.tape = tape
        self.records: list[Record] = tape._records
        self.frame = frame
        self.reset_at = place_of(*tape._reset_at) if tape._reset_at else None
        self.source = source
        self.targets = nest.flatten(target)
        self.names = names(tape, frame)
        self.y = self.called(self.targets[0] if len(self.targets) == 1 else None, "the target")
        self.x = self.called(source, "the source")
        self.spelled = self.x.replace("the ", "")

    # ------------------------------------------------------------ the questions, one by one
    def answer(self) -> Reason:
        unfit = self._unfit()
        if unfit is not None:
            return unfit
        self.ends = {id(_tensor(t)) for t in self.targets}
        self.starts = self._ids_of_source()
        if self._has_gradient():
            return Reason(
                "connected",
                f"The gradient of {self.y} by {self.x} is not None: "
                f"{self.y} depends on {self.x} by recorded steps.",
            )
        self.needed = self._backward()
        self.good = self._forward(self.starts, lambda r: bool(r.op.rules))
        self.far = self._forward(self.starts, lambda r: True)
        return (
            self._integers()
            or self._cut()
            or self._unwatched()
            or self._too_late()
            or self._gave_none()
            or self._copied()
            or self._escaped()
            or self._outside()
            or self._apart()
        )

    def _unfit(self) -> Reason | None:
        """What gradient() would not even take."""
        for item in self.targets:
            if not _is_tensor(item):
                return Reason(
                    "not a tensor",
                    f"{self.y} is a {type(item).__name__}, not a tensor: "
                    "it was computed outside TensorFlow's operations, where a tape sees "
                    "nothing. Compute it with tf operations inside the `with`.",
                )
        if not _is_tensor(self.source):
            return Reason(
                "not a tensor",
                f"{self.x} is a {type(self.source).__name__}, not a "
                f"tensor. Make it one before the `with`: x = tf.constant({self.source!r}), and "
                "watch it.",
            )
        return None

    def _integers(self) -> Reason | None:
        dtype = _tensor(self.source).dtype
        if not dtype.is_floating:
            return Reason(
                "integer source",
                f"{self.x} is {dtype.name}, and only floating numbers "
                "have a gradient: nothing lies between two whole numbers. "
                "Write tf.constant(3.0) instead of tf.constant(3), or tf.cast(..., "
                "tf.float32) before the tape watches it.",
            )
        return None

    def _cut(self) -> Reason | None:
        """An operation on the way through which nothing flows back."""
        for record in self.records:
            if record.op.rules or not self._on_the_way(record):
                continue
            name = record.op.name
            what = f"{self.line(record)}"
            if name == "stop_recording":
                return self.reason(
                    "stop_recording",
                    record,
                    f"{what} ran inside stop_recording(), "
                    "so the tape did not record it. Move it out of that `with`.",
                )
            if name == "assign":
                variable = self.called(record.attributes["variable"], "the variable")
                return self.reason(
                    "assign",
                    record,
                    f"{what} put the value into {variable} by "
                    "assign, which nothing flows back through: a variable keeps "
                    "numbers, not where they came from. Compute on with the "
                    "tensor itself, and assign afterwards.",
                )
            if name == "stop_gradient":
                return self.reason(
                    "stop_gradient",
                    record,
                    f"{what} calls stop_gradient, which "
                    "keeps gradients from flowing back. Leave it out if you want "
                    "one.",
                )
            if all(not t.dtype.is_floating for t in record.outputs):
                return self.reason(
                    "integer result",
                    record,
                    f"{what} runs {name}, whose result is "
                    f"{record.outputs[0].dtype.name}: it jumps, so it has no "
                    "slope. Stay with floating numbers on the way from "
                    f"{self.x} to {self.y}; tf.nn.softmax, for instance, is the "
                    "smooth form of argmax.",
                )
            return self.reason(
                "no slope",
                record,
                f"{what} runs {name}, which is flat wherever it "
                "does not jump, so it has no gradient. Leave it out, or give it a "
                "rule of your own with @tf.custom_gradient.",
            )
        return None

    def _unwatched(self) -> Reason | None:
        source, tape = self.source, self.tape
        if id(source) in tape._watched or tape._made_from_watched(source):
            return None
        used = self._first_use(self._ids_of_source())
        saw = f" {self.line(used)} ran with nobody watching {self.x}." if used else ""
        if self.reset_at is not None and not used:
            return Reason(
                "reset",
                f"The tape was reset at {self.reset_at}: `{self.reset_at.text}`."
                " That forgets what was recorded and what was watched. Watch and compute "
                "after the reset.",
                self.reset_at,
            )
        place = used.place if used else None
        if type(source) is Tensor:
            if any(id(source) == id(t) for r in self.records for t in r.outputs):
                return Reason(
                    "not watched",
                    f"{self.x} was computed inside the `with`, but from "
                    "nothing that the tape watches. Watch what it is computed from, or "
                    f"watch it as soon as it is there: tape.watch(…).{saw}",
                    place,
                )
            return Reason(
                "not watched",
                f"{self.x} is a tensor that the tape was not told to "
                f"watch.{saw} Write tape.watch({self.spelled}) as the first line inside the "
                "`with`.",
                place,
            )
        if not source.trainable:
            return Reason(
                "not trainable",
                f"{self.x} is a variable with trainable=False, which "
                f"tapes do not watch by themselves. Write tape.watch({self.spelled}) inside the "
                "`with`, or make it trainable.",
                place,
            )
        if not tape._watches_variables:
            return Reason(
                "watch_accessed_variables=False",
                "The tape was made with "
                "watch_accessed_variables=False, so it watches no variable by itself. "
                f"Write tape.watch({self.spelled}) inside the `with`, or leave that argument "
                "out.",
                place,
            )
        return None  # it was never read

    def _too_late(self) -> Reason | None:
        begin = self.tape._watched.get(id(self.source), (None, 0))[1]
        for record in self.records[:begin]:
            if self._on_the_way(record) and any(id(t) in self.starts for t in record.inputs):
                return self.reason(
                    "watched too late",
                    record,
                    f"{self.x} was watched only after "
                    f"{self.line(record)} had run. Move tape.watch({self.spelled}) to "
                    "the first line inside the `with`.",
                )
        return None

    def _gave_none(self) -> Reason | None:
        """A custom gradient, or an input that has no rule."""
        for record in self.records:
            if not (record.op.rules and self._on_the_way(record, self.good)):
                continue
            if isinstance(record.op, CustomGradient):
                grad = getattr(record.op.grad, "__code__", None)
                place = place_of(grad, -1) if grad else record.place
                return Reason(
                    "custom gradient gave None",
                    "The backward rule of "
                    f"{record.op.name} ({place}) returned None for what leads to "
                    f"{self.x}; it is called in {self.line(record)}. Return a "
                    "gradient for each argument: upstream times the derivative.",
                    record.place,
                )
        for record in self.records:
            if record.op.rules and self._on_the_way(record, self.good):
                rules = record.op.rules_for(record, None, _value_of)
                for t, rule in zip(record.inputs, rules, strict=False):
                    if rule is None and id(t) in self.good:
                        return self.reason(
                            "not differentiable",
                            record,
                            (
                                f"{self.line(record)} uses it as the index or condition of "
                                f"{record.op.name}, which has no gradient."
                            ),
                        )
        return None

    def _copied(self) -> Reason | None:
        """tf.constant(t) keeps the very value of t, and none of its past."""
        values = {
            id(t._value): t
            for r in self.records
            for t in (*r.inputs, *r.outputs)
            if id(t) in self.far
        }
        values |= {id(t._value): t for t in map(_tensor, [self.source])}
        for record in self.records:
            for t in record.inputs:
                origin = values.get(id(t._value))
                if id(t) in self.needed and origin is not None and id(t) not in self.far:
                    return self.reason(
                        "constant",
                        record,
                        (
                            f"{self.called(t)} in {self.line(record)} has the value of "
                            f"{self.called(origin)}, but is a new constant made of it, without its "
                            "past. Use the tensor itself, not tf.constant of it."
                        ),
                    )
        return None

    def _escaped(self) -> Reason | None:
        """A value that left the recording for NumPy or plain Python."""
        reached = self.far | self._ids_of_source()
        exits = [
            r
            for r in self.records
            if isinstance(r.op, Exit) and not r.outputs and id(r.inputs[0]) in reached
        ]
        exits.sort(key=lambda r: r.op.name == "format")
        if not exits:
            return None
        record = exits[0]
        how = record.op.name
        spelled = {
            "numpy": ".numpy()",
            "array": "a NumPy function",
            "float": "float()",
            "int": "int()",
            "index": "an index of Python's",
            "format": "text",
        }.get(how, how)
        return self.reason(
            how,
            record,
            f"{self.called(record.inputs[0])} left the tape through "
            f"{spelled} in {self.line(record)}. What is computed from that is a "
            "plain number for the tape. Use a tf operation there: tf.reduce_mean "
            "instead of np.mean, the tensor itself instead of its .numpy().",
        )

    def _outside(self) -> Reason | None:
        made = {id(t) for r in self.records for t in r.outputs}
        if self.ends & made:
            return None
        if self.reset_at is not None:
            place = self.reset_at
            return Reason(
                "reset",
                f"{self.y} is not on the tape: it was reset at {place}: "
                f"`{place.text}`, which forgets what was recorded before. Compute "
                f"{self.y} after the reset.",
                place,
            )
        if not self.records:
            return Reason(
                "outside the with",
                f"The tape recorded nothing: {self.y} was computed "
                "outside its `with`. Indent its line, so that it stands inside.",
            )
        last = self.records[-1]
        return Reason(
            "outside the with",
            f"{self.y} was not computed while the tape recorded: the "
            f"last line it saw is {self.line(last)}. Indent the lines that lead to "
            f"{self.y}, so that they stand inside the `with`.",
            last.place,
        )

    def _apart(self) -> Reason:
        """Both are there, but nothing leads from one to the other."""
        made = {id(t) for r in self.records for t in r.outputs}
        leaves = [
            t for r in self.records for t in r.inputs if id(t) in self.needed and id(t) not in made
        ]
        known = dict.fromkeys(self.called(t) for t in leaves)
        watched = {id(w) for w, _ in self.tape._watched.values()} | set(
            chain.from_iterable(self.tape._reads.values())
        )
        new = [t for t in leaves if id(t) not in watched and not is_number(self.called(t))]
        hint = (
            f" If a tf.constant was made of {self.x}, that copied its number only: write tf.stack "
            "where you wrote tf.constant([…])."
            if new
            else ""
        )
        of = f" {self.y} was computed from {', '.join(known)}." if known else ""
        used = self._first_use(self._ids_of_source())
        made_y = next((r for r in self.records if any(id(t) in self.ends for t in r.outputs)), None)
        place = made_y.place if made_y else None
        where = f" in {self.line(made_y)}" if made_y else ""
        seen = (
            f"{self.x} was used in {self.line(used)}, which does not lead there."
            if used
            else f"{self.x} was never used inside the `with`."
        )
        return Reason(
            "not connected",
            f"{self.y}{where} does not depend on {self.x}.{of} {seen} "
            f"Compute {self.y} from {self.x}.{hint}",
            place,
        )

    # ------------------------------------------------------------ the recording
    def _has_gradient(self) -> bool:
        tape, sources = self.tape, [self.source]
        adjoints = tape._seeded(self.targets, None, _value_of)
        keys = tape._keys(sources)
        for _ in tape._walk(adjoints, tape._reached(sources), keys, _value_of):
            pass
        return any(adjoints.get(key) is not None for key in keys)

    def _ids_of_source(self) -> set[int]:
        return {id(_tensor(self.source)), *self.tape._keys([self.source])}

    def _forward(self, starts: Iterable[int], through: Any) -> set[int]:
        found = set(starts)
        for record in self.records:
            if through(record) and any(id(t) in found for t in record.inputs):
                found.update(id(t) for t in record.outputs)
        return found

    def _backward(self) -> set[int]:
        """Everything that the target was made from, by whatever step."""
        found = set(self.ends)
        for record in reversed(self.records):
            if any(id(t) in found for t in record.outputs):
                found.update(id(t) for t in record.inputs)
        return found

    def _on_the_way(self, record: Record, reached: set[int] | None = None) -> bool:
        reached = self.far if reached is None else reached
        return any(id(t) in reached for t in record.inputs) and any(
            id(t) in self.needed for t in record.outputs
        )

    def _first_use(self, ids: set[int]) -> Record | None:
        return next((r for r in self.records if any(id(t) in ids for t in r.inputs)), None)

    # ------------------------------------------------------------ words
    def reason(self, case: str, record: Record, sentence: str) -> Reason:
        return Reason(case, f"The gradient is None because {sentence}", record.place)

    def line(self, record: Record) -> str:
        """The user's line, and where it is."""
        place = record.place
        return f"`{place.text}` ({place})" if place.text else str(place)

    def called(self, item: Any, otherwise: str = "it") -> str:
        """A tensor's or variable's name, as far as it has one."""
        for scope in (self.frame.f_locals, self.frame.f_globals):
            for name, value in scope.items():
                if value is item and item is not None and not name.startswith("_"):
                    return name
        if hasattr(item, "_read") and variable_name(item):
            return variable_name(item)
        return self.names.get(id(getattr(item, "_tensor", item)), otherwise)


def _is_tensor(item: Any) -> bool:
    return isinstance(item, Tensor) or hasattr(item, "_read")


def _tensor(item: Any) -> Tensor:
    return item if isinstance(item, Tensor) else item._read()
