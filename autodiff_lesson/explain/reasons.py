"""Why a gradient is None: read off what the tape recorded, and what it noted as having left."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from types import FrameType
from typing import Any

from .. import nest
from ..custom_gradient import CustomGradient
from ..lines import Place, place_of, user_frame
from ..recorder import Exit, Record, silence
from ..tensor import Tensor
from .naming import in_line, is_number, name_in, names
from .sentence import Sentence


class Reason(Sentence):
    """Why a gradient is None, and what to write instead.

    Attributes:
        case: which of the reasons it is, in two or three words.
        place: the user's line that it names, or None.
    """

    case: str
    place: Place | None


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
        inquiry = _Inquiry(tape, target, source, user_frame())
        for case, asked, sentence in _CASES:
            found = asked(inquiry)
            if found:
                words = inquiry.words | found
                case, place = case.format(**words), words["place"]
                return Reason(sentence.format(**words), case=case, place=place)
    raise AssertionError("the last case fits whatever does not fit another")


class _Inquiry:
    """One question: the recording seen from the source forward and from the target backward.

    What its methods find they return as the words that a sentence of `_CASES` has blanks for;
    nothing if the case does not fit.
    """

    def __init__(self, tape: Any, target: Any, source: Any, frame: FrameType):
        self.tape, self.source, self.frame = tape, source, frame
        self.records: list[Record] = tape._records
        self.targets = nest.flatten(target)
        self.names = names(tape, frame)
        x = self.called(source, "the source")
        y = self.called(self.targets[0], "the target") if len(self.targets) == 1 else "the target"
        watch = f"tape.watch({x.replace('the ', '')})"
        self.words: dict[str, Any] = {"x": x, "y": y, "watch": watch, "place": None}

    # ------------------------------------------------------------ the recording
    @cached_property
    def starts(self) -> set[int]:
        """The source; of a variable, each value that was read."""
        return {id(_tensor(self.source)), *self.tape._reads.get(id(self.source), ())}

    @cached_property
    def ends(self) -> set[int]:
        return {id(_tensor(t)) for t in self.targets}

    @cached_property
    def far(self) -> set[int]:
        """Everything that was made from the source, by whatever step."""
        return self._onward(self.records)

    @cached_property
    def good(self) -> set[int]:
        """The same by steps that have a backward rule."""
        return self._onward(r for r in self.records if r.op.rules)

    def _onward(self, records: Iterable[Record]) -> set[int]:
        found = set(self.starts)
        for record in records:
            if not found.isdisjoint(map(id, record.inputs)):
                found.update(map(id, record.outputs))
        return found

    @cached_property
    def needed(self) -> set[int]:
        """Everything that the target was made from, by whatever step."""
        found = set(self.ends)
        for record in reversed(self.records):
            if not found.isdisjoint(map(id, record.outputs)):
                found.update(map(id, record.inputs))
        return found

    @cached_property
    def made(self) -> set[int]:
        return {id(t) for r in self.records for t in r.outputs}

    def on_the_way(self, record: Record, reached: set[int]) -> bool:
        """Whether a step leads from what is reached towards the target."""
        inputs, outputs = map(id, record.inputs), map(id, record.outputs)
        return not (reached.isdisjoint(inputs) or self.needed.isdisjoint(outputs))

    # ------------------------------------------------------------ words
    def at(self, record: Record, **more: Any) -> dict:
        return {"line": in_line(record), "op": record.op.name, "place": record.place, **more}

    def called(self, item: Any, otherwise: str = "it") -> str:
        """A tensor's or variable's name, as far as it has one."""
        known = self.names.get(id(getattr(item, "_tensor", item)), otherwise)
        return name_in(self.frame, item) or known

    # ------------------------------------------------------------ what may be the matter
    def no_tensor(self, items: list) -> dict | None:
        wrong = [t for t in items if not (isinstance(t, Tensor) or hasattr(t, "_read"))]
        return {"kind": type(wrong[0]).__name__, "value": repr(wrong[0])} if wrong else None

    def connected(self) -> bool:
        steps = self.tape.walk(self.targets, self.source)
        given = (id(c.tensor) for step in steps for c in step.contributions)
        return not (self.ends.isdisjoint(self.starts) and self.starts.isdisjoint(given))

    def integers(self) -> dict | None:
        dtype = _tensor(self.source).dtype
        return None if dtype.is_floating else {"dtype": dtype.name}

    def cut(self, name: str = "", kinds: str = "fiub") -> dict | None:
        """The first step on the way through which nothing flows back, if it is one of these."""
        ways = (r for r in self.records if not r.op.rules and self.on_the_way(r, self.far))
        record = next(ways, None)
        if record is None or name not in ("", record.op.name):
            return None
        dtype = record.outputs[0].dtype
        variable = self.called(record.attributes.get("variable"), "the variable")
        found = self.at(record, dtype=dtype.name, variable=variable)
        return found if dtype.dtype.kind in kinds else None

    def unwatched(self, reason: Callable[[Any, Any], Any]) -> dict | None:
        """The source was not watched, and for this reason."""
        derived = {id(t) for r in self.tape.records for t in r.outputs}
        watched = id(self.source) in self.tape._watched or id(self.source) in derived
        if watched or not reason(self.source, self.tape):
            return None
        used = self.used()
        if used is None:
            return {"saw": ""}
        return {"saw": f" {used['line']} ran with nobody watching {self.words['x']}."} | used

    def used(self) -> dict | None:
        """Where the source was used first."""
        uses = (r for r in self.records if not self.starts.isdisjoint(map(id, r.inputs)))
        return next(map(self.at, uses), None)

    def reset(self) -> dict | None:
        if self.tape._reset_at is None:
            return None
        place = place_of(*self.tape._reset_at)
        return {"line": f"{place}: `{place.text}`", "place": place}

    def late(self) -> dict | None:
        begin = self.tape._watched.get(id(self.source), (None, 0))[1]
        early = (r for r in self.records[:begin] if self.on_the_way(r, self.starts))
        return next(map(self.at, early), None)

    def gave_none(self) -> dict | None:
        for record in self.records:
            if isinstance(record.op, CustomGradient) and self.on_the_way(record, self.good):
                grad = getattr(record.op.grad, "__code__", None)
                return self.at(record, grad=place_of(grad, -1) if grad else record.place)
        return None

    def copied(self) -> dict | None:
        """A tensor on the way to the target that holds the very value of one made of the source."""
        far = [t for r in self.records for t in (*r.inputs, *r.outputs) if id(t) in self.far]
        values = {id(t._value): t for t in (*far, _tensor(self.source))}
        for record in self.records:
            for t in record.inputs:
                origin = values.get(id(t._value))
                if origin is not None and id(t) in self.needed and id(t) not in self.far:
                    return self.at(record, copy=self.called(t), origin=self.called(origin))
        return None

    def escaped(self) -> dict | None:
        """A value that left for NumPy or plain Python; as text only if in no other way."""
        exits = [r for r in self.records if isinstance(r.op, Exit) and not r.outputs]
        exits = [r for r in exits if id(r.inputs[0]) in self.far]
        for record in sorted(exits, key=lambda r: r.op.name == "format"):
            through = _EXITS.get(record.op.name, record.op.name)
            return self.at(record, through=through, left=self.called(record.inputs[0]))
        return None

    def outside(self) -> dict | None:
        if not self.ends.isdisjoint(self.made):
            return None
        return self.at(self.records[-1]) if self.records else {"line": "", "place": None}

    def apart(self) -> dict:
        """Both are there, but nothing leads from one to the other."""
        inputs = [t for r in self.records for t in r.inputs if id(t) in self.needed]
        leaves = {self.called(t): t for t in inputs if id(t) not in self.made}
        known = set(self.tape._watched).union(*self.tape._reads.values())
        new = [name for name, t in leaves.items() if id(t) not in known and not is_number(name)]
        makers = (r for r in self.records if not self.ends.isdisjoint(map(id, r.outputs)))
        maker, used = next(map(self.at, makers), None), self.used()
        unused = "was never used inside the `with`"
        return {
            "place": maker and maker["place"],
            "where": f" in {maker['line']}" if maker else "",
            "use": f"was used in {used['line']}, which does not lead there" if used else unused,
            "made_of": _MADE_OF.format(", ".join(leaves), **self.words) if leaves else "",
            "hint": _HINT.format(**self.words) if new else "",
        }


def _tensor(item: Any) -> Tensor:
    return item if isinstance(item, Tensor) else item._read()


_EXITS = {
    "numpy": ".numpy()", "array": "a NumPy function", "float": "float()", "int": "int()",
    "index": "an index of Python's", "format": "text",
}  # fmt: skip
_MADE_OF = " {y} was computed from {0}."
_HINT = (
    " If a tf.constant was made of {x}, that copied its number only: write tf.stack where you "
    "wrote tf.constant([…])."
)

# The cases, in the order in which they are looked for: the name, what is looked for, and the
# sentence for what was found. The last one fits if no other does.
_CASES: list[tuple[str, Callable[[_Inquiry], Any], str]] = [
    ("not a tensor", lambda q: q.no_tensor(q.targets),
     "{y} is a {kind}, not a tensor: it was computed outside TensorFlow's operations, where a tape "
     "sees nothing. Compute it with tf operations inside the `with`."),
    ("not a tensor", lambda q: q.no_tensor([q.source]),
     "{x} is a {kind}, not a tensor. Make it one before the `with`: x = tf.constant({value}), and "
     "watch it."),
    ("connected", lambda q: q.connected() and q.words,
     "The gradient of {y} by {x} is not None: {y} depends on {x} by recorded steps."),
    ("integer source", lambda q: q.integers(),
     "{x} is {dtype}, and only floating numbers have a gradient: nothing lies between two whole "
     "numbers. Write tf.constant(3.0) instead of tf.constant(3), or tf.cast(..., tf.float32) "
     "before the tape watches it."),
    # a step on the way that nothing flows back through
    ("stop_recording", lambda q: q.cut("stop_recording"),
     "The gradient is None because {line} ran inside stop_recording(), so the tape did not record "
     "it. Move it out of that `with`."),
    ("assign", lambda q: q.cut("assign"),
     "The gradient is None because {line} put the value into {variable} by assign, which nothing "
     "flows back through: a variable keeps numbers, not where they came from. Compute on with the "
     "tensor itself, and assign afterwards."),
    ("stop_gradient", lambda q: q.cut("stop_gradient"),
     "The gradient is None because {line} calls stop_gradient, which keeps gradients from flowing "
     "back. Leave it out if you want one."),
    ("integer result", lambda q: q.cut(kinds="iub"),
     "The gradient is None because {line} runs {op}, whose result is {dtype}: it jumps, so it has "
     "no slope. Stay with floating numbers on the way from {x} to {y}; tf.nn.softmax, for "
     "instance, is the smooth form of argmax."),
    ("no slope", lambda q: q.cut(),
     "The gradient is None because {line} runs {op}, which is flat wherever it does not jump, so "
     "it has no gradient. Leave it out, or give it a rule of your own with @tf.custom_gradient."),
    # the source was not watched
    ("reset", lambda q: q.unwatched(lambda x, tape: not q.used()) and q.reset(),
     "The tape was reset at {line}. That forgets what was recorded and what was watched. Watch "
     "and compute after the reset."),
    ("not watched", lambda q: q.unwatched(lambda x, tape: id(x) in q.made),
     "{x} was computed inside the `with`, but from nothing that the tape watches. Watch what it is "
     "computed from, or watch it as soon as it is there: tape.watch(…).{saw}"),
    ("not watched", lambda q: q.unwatched(lambda x, tape: type(x) is Tensor),
     "{x} is a tensor that the tape was not told to watch.{saw} Write {watch} as the first line "
     "inside the `with`."),
    ("not trainable", lambda q: q.unwatched(lambda x, tape: not x.trainable),
     "{x} is a variable with trainable=False, which tapes do not watch by themselves. Write "
     "{watch} inside the `with`, or make it trainable."),
    ("watch_accessed_variables=False", lambda q: q.unwatched(lambda x, t: not t._watches_variables),
     "The tape was made with watch_accessed_variables=False, so it watches no variable by itself. "
     "Write {watch} inside the `with`, or leave that argument out."),
    ("watched too late", lambda q: q.late(),
     "The gradient is None because {x} was watched only after {line} had run. Move {watch} to the "
     "first line inside the `with`."),
    ("custom gradient gave None", lambda q: q.gave_none(),
     "The backward rule of {op} ({grad}) returned None for what leads to {x}; it is called in "
     "{line}. Return a gradient for each argument: upstream times the derivative."),
    # nothing on the tape leads from the source to the target
    ("copied", lambda q: q.copied(),
     "The gradient is None because {copy} in {line} holds the numbers of {origin}, but was made "
     "anew of them, without their past. Use the tensor itself instead."),
    ("{op}", lambda q: q.escaped(),
     "The gradient is None because {left} left the tape through {through} in {line}. What is "
     "computed from that is a plain number for the tape. Use a tf operation there: tf.reduce_mean "
     "instead of np.mean, the tensor itself instead of its .numpy()."),
    ("reset", lambda q: q.outside() and q.reset(),
     "{y} is not on the tape: it was reset at {line}, which forgets what was recorded before. "
     "Compute {y} after the reset."),
    ("outside the with", lambda q: not q.records and q.outside(),
     "The tape recorded nothing: {y} was computed outside its `with`. Indent its line, so that it "
     "stands inside."),
    ("outside the with", lambda q: q.outside(),
     "{y} was not computed while the tape recorded: the last line it saw is {line}. Indent the "
     "lines that lead to {y}, so that they stand inside the `with`."),
    ("not connected", lambda q: q.apart(),
     "{y}{where} does not depend on {x}.{made_of} {x} {use}. Compute {y} from {x}.{hint}"),
]  # fmt: skip
