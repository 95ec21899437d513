"""Why a gradient is None: read off what the tape recorded, and what it noted as having left."""

from __future__ import annotations

import ast
import linecache
import re
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import Any

import numpy as np

from .. import nest
from ..custom_gradient import CustomGradient
from ..lines import Place, expression_at, place_of, user_frame
from ..recorder import Exit, Record, silence
from ..tensor import Tensor
from .formula import grad_line
from .naming import in_frame, in_line, is_number, names, variable_name
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
        source: a tensor or variable; in a nest of them, the first without a gradient is looked at.

    Returns:
        A sentence with what to write instead; its ``.case`` names the reason in short.

    >>> import autodiff_lesson as tf
    >>> x = tf.constant(3.0)
    >>> with tf.GradientTape() as tape:
    ...     y = x * x
    >>> why_none(tape, y, x).case
    'not watched'
    """
    frame = user_frame()
    called, y, x = _as_written(frame)
    sources = nest.flatten(source)
    flat = isinstance(source, (list, tuple)) and len(sources) == len(source)
    with silence():
        for number, one in enumerate(sources or [source]):
            name = x if one is source else f"{x}[{number}]" if x and flat else ""
            reason = _Inquiry(tape, target, one, frame, (called, y, name)).answer()
            if reason.case != "connected":
                break
    return reason


def _as_written(frame: FrameType) -> tuple[str, str, str]:
    """What tape, target and source are called in the user's call, as far as that is a name."""
    found = expression_at(frame.f_code, frame.f_lasti)
    match found and found.node:
        case ast.Call(func=called, args=[tape, target, source]) if "why_none" in ast.unparse(
            called
        ):
            kinds = (ast.Name, ast.Attribute, ast.Subscript)
            parts = (tape, target, source)
            t, y, x = (ast.unparse(e) if isinstance(e, kinds) else "" for e in parts)
            return t, y, x
    return "", "", ""


class _Inquiry:
    """One question: the recording seen from the source forward and from the target backward.

    What its methods find they return as the words that a sentence of `_CASES` has blanks for, or
    as True if there are no more than those that all have; nothing if the case does not fit.
    """

    def __init__(self, tape: Any, target: Any, source: Any, frame: FrameType, written: tuple):
        self.tape, self.source, self.targets = tape, source, nest.flatten(target)
        self.records: list[Record] = tape._records
        # what to call things
        self.names = names(tape, frame, unnamed="")
        self.names |= {id(t): name for t, name in reversed(list(in_frame(frame)))}
        called, y, x = written
        called = called or next((n for n, v in frame.f_locals.items() if v is tape), "tape")
        x = x or self.called(source, "the source")
        y = y or (len(self.targets) == 1 and self.called(self.targets[0])) or "the target"
        watch = f"`{called}.watch({x.replace('the ', '')})`"
        self.words: dict[str, Any] = {"x": x, "y": y, "watch": watch, "place": None, "tape": called}
        # ids: the source, of a variable each value that was read; and what was made from it by
        # whatever step; the target, and what it was made from
        self.starts: set[int] = {id(_tensor(source)), *tape._reads.get(id(source), ())}
        self.far = onward(self.starts, self.records)
        self.ends = {id(_tensor(t)) for t in self.targets}
        self.needed = _back(self.ends, self.records)
        self.made = {id(t) for r in self.records for t in r.outputs}
        self.watched: set[int] = set(tape._watched).union(*tape._reads.values())
        derived = {id(t) for r in tape.records for t in r.outputs}
        self.unwatched = id(source) not in derived.union(tape._watched)
        # where the source was used first; nothing if nowhere
        use = next(self.ways(self.starts), None)
        self.used: dict[str, Any] = _at(use) if use else {}
        expression = expression_at(use.code, use.instruction) if use else None
        self.in_a_loop = expression is not None and expression.repeats
        saw = " {line} ran with nobody watching {x}." if self.used else ""
        self.words["saw"] = saw.format(**self.words | self.used)

    def answer(self) -> Reason:
        """The first of the cases that fits."""
        for case, asked, sentence in _CASES:
            if found := asked(self):
                words = self.words | (found if isinstance(found, dict) else {})
                case, place = case.format(**words), words["place"]
                return Reason(sentence.format(**words), case=case, place=place)
        raise AssertionError("the last case fits whatever does not fit another")

    def ways(self, reached: set[int], needed: set[int] | None = None) -> Iterator[Record]:
        """The steps that use something that is reached, and lead to something that is needed."""
        for record in self.records:
            leads = needed is None or not needed.isdisjoint(map(id, record.outputs))
            if leads and not reached.isdisjoint(map(id, record.inputs)):
                yield record

    # ------------------------------------------------------------ words
    def called(self, item: Any, otherwise: str = "") -> str:
        """A tensor's or variable's name, as far as it has one."""
        name = self.names.get(id(getattr(item, "_tensor", item)))
        return name or (hasattr(item, "_read") and variable_name(item)) or otherwise

    def of(self, tensor: Tensor) -> str:
        """What to call a tensor that was made of the source."""
        return self.called(tensor, f"what was computed from {self.words['x']}")

    # ------------------------------------------------------------ what may be the matter
    def no_source(self) -> dict | None:
        source, kind = self.source, type(self.source).__name__
        if _is_tensor(source):
            return None
        if not isinstance(source, (int, float, np.generic, np.ndarray)):
            return {"kind": kind, "instead": "Ask for a tensor or a variable."}
        value = self.words["x"] if np.ndim(source) else repr(float(source))
        make = f"Make it one before the `with`: `x = tf.constant({value})`, and watch it."
        return {"kind": kind, "instead": make}

    def no_target(self) -> dict | None:
        wrong = [t for t in self.targets if not _is_tensor(t)]
        left = wrong and self.escaped(lambda record: True)
        how = " {left} left the tape through {through} in {line}.".format(**left) if left else ""
        return (left or {}) | {"kind": type(wrong[0]).__name__, "how": how} if wrong else None

    def connected(self) -> bool:
        steps = self.tape.walk(self.targets, self.source)
        given = (id(c.tensor) for step in steps for c in step.contributions)
        return not (self.ends.isdisjoint(self.starts) and self.starts.isdisjoint(given))

    def integers(self) -> dict | None:
        dtype = _tensor(self.source).dtype
        return None if dtype.is_floating else {"dtype": dtype.name}

    def cut(self, name: str = "", kinds: str = "fiub") -> dict | None:
        """The first step on the way through which nothing flows back, if it is one of these."""
        ways = (r for r in self.ways(self.far, self.needed) if not r.op.rules)
        record = next(ways, None)
        if record is None or name not in ("", record.op.name):
            return None
        result, variable = record.outputs[0], record.attributes.get("variable")
        found = {"dtype": result.dtype.name, "variable": self.called(variable, "the variable")}
        found["smooth"] = _SMOOTH.get(record.op.name, "")
        return _at(record) | found if result._value.dtype.kind in kinds else None

    def cut_before(self) -> dict | None:
        """The step through which nothing flows back from the source to what is watched."""
        reached = onward(self.watched, self.records)
        ways = self.ways(reached, _back(self.starts, self.records))
        return next((_at(r) for r in ways if not r.op.rules), None)

    def reset(self) -> dict | None:
        if self.tape._reset_at is None:
            return None
        place = place_of(*self.tape._reset_at)
        return {"line": f"{place}: `{place.text}`", "place": place}

    def new_name(self) -> dict | None:
        """The line that gave the source's name to a new tensor: after the tape watched the old one
        or it was a variable, or further down in a loop. An assignment leaves no record, so this is
        read off the text."""
        x, used = self.words["x"], self.used.get("place")
        if not x.isidentifier() or used is None:
            return None
        watched = _last(used, rf".*\b{self.words['tape']}\.watch\(.*\b{x}\b")
        variable = _last(used, rf"\s*{x}\s*=.*Variable\(")
        anew = [line for line in _lines(used, _GIVES.format(x)) if watched < line[0] <= used.line]
        for line in _lines(used, rf"\s*{x}\s*(=[^=].*\b{x}\b|[-+*/]=)"):
            if variable < line[0] <= used.line or (self.in_a_loop and line[0] > used.line):
                anew.append(line)
        if not anew:
            return None
        number, text = anew[-1]
        place = used._replace(line=number, text=text)
        return {"anew": f"`{text}` ({place})", "place": place}

    def late(self) -> dict | None:
        earlier = self.tape._earlier.get(id(self.source))
        if earlier is not None:  # what a variable was before it was watched
            return next(map(_at, self.ways({id(earlier)}, self.needed)), None)
        begin = self.tape._watched.get(id(self.source), (None, 0))[1]
        late = set(map(id, self.records[begin:]))
        ways = self.ways(self.starts, self.needed)
        return next((_at(r) for r in ways if id(r) not in late), None)

    def gave_none(self) -> dict | None:
        good = onward(self.starts, (r for r in self.records if r.op.rules))
        for record in self.ways(good, self.needed):
            if isinstance(record.op, CustomGradient):
                grads = record.op._ask([Tensor(np.ones_like(t._value)) for t in record.outputs])
                pairs = zip(record.inputs, grads, strict=True)
                if any(g is None and id(x) in good for x, g in pairs):
                    return _at(record) | {"grad": grad_line(record.op)}
        return None

    def closed_over(self) -> dict | None:
        """What a custom function on the way uses without being given it as an argument."""
        for begin, end in self.tape._inside:
            record = self.records[end]
            if self.needed.isdisjoint(map(id, record.outputs)):
                continue
            for t in (t for r in self.records[begin:end] for t in r.inputs if id(t) in self.far):
                return _at(record) | {"closed": self.of(t)}
        return None

    def copied(self) -> dict | None:
        """A tensor on the way to the target that holds the very value of one made of the source."""
        far = [t for r in self.records for t in (*r.inputs, *r.outputs) if id(t) in self.far]
        values = {id(t._value): t for t in (*far, _tensor(self.source))}
        near = self.needed - self.far
        for record in self.ways(near):
            for t in record.inputs:
                if id(t) in near and (origin := values.get(id(t._value))) is not None:
                    found = {"copy": self.called(t, "a tensor"), "origin": self.of(origin)}
                    return _at(record) | found
        return None

    def escaped(self, reason: Callable[[Record], bool] | None = None) -> dict | None:
        """A value that left for NumPy or plain Python; as text only if in no other way."""
        exits = [r for r in self.ways(self.far) if isinstance(r.op, Exit) and not r.outputs]
        exits = [r for r in exits if (reason or self.comes_back)(r)]
        for record in sorted(exits, key=lambda r: r.op.name == "format"):
            through, instead = EXITS[record.op.name]
            found = {"through": through, "instead": instead, "left": self.of(record.inputs[0])}
            return _at(record) | found
        return None

    def comes_back(self, exit_: Record) -> bool:
        """Whether the target may be made of what left here: not if it was only looked at, as in
        `print(x.numpy())`, nor if it is known where everything in the target is from."""
        if ".assign" in exit_.place.text:  # the number is in a variable now
            return True
        if not _keeps(exit_):
            return False
        when = self.records.index(exit_)
        older = {id(t) for r in self.records[:when] for t in r.inputs}
        inputs = [t for r in self.records[when:] for t in r.inputs if id(t) in self.needed]
        leaves = {id(t) for t in inputs if not is_number(self.called(t))} | self.ends
        return not leaves <= older | self.made | self.watched

    def outside(self) -> dict | None:
        if not self.ends.isdisjoint(self.made):
            return None
        return _at(self.records[-1]) if self.records else {"line": "", "place": None}

    def apart(self) -> dict:
        """Both are there, but nothing leads from one to the other."""
        inputs = [t for r in self.records for t in r.inputs if id(t) in self.needed]
        leaves = {id(t): self.called(t) for t in inputs if id(t) not in self.made}
        named = ", ".join(dict.fromkeys(filter(None, leaves.values())))
        new = [n for key, n in leaves.items() if key not in self.watched and not is_number(n)]
        if type(self.source) is not Tensor and id(self.source) not in self.tape._reads:
            new = []  # a variable that was never read was not copied either
        makers = (r for r in self.records if not self.ends.isdisjoint(map(id, r.outputs)))
        maker, used = next(map(_at, makers), None), self.used
        hint = _HINT.format(**self.words) if new else ""
        unused = "was never used inside the `with`" + (", or only for its shape" if new else "")
        return {
            "place": maker and maker["place"],
            "where": f" in {maker['line']}" if maker else "",
            "use": f"was used in {used['line']}, which does not lead there" if used else unused,
            "made_of": _MADE_OF.format(named, **self.words) if named else "",
            "hint": (self.before(leaves) if not used else "") + hint,
        }

    def before(self, leaves: dict[int, str]) -> str:
        """A hint at what was computed too early, for example by `predictions = model(x)`."""
        for key, name in leaves.items():
            if not name or key in self.watched or is_number(name):
                continue
            place = self.records[-1].place
            given = [text for _, text in _lines(place, _GIVES.format(re.escape(name)))]
            if not any(made in text for text in given for made in ("constant(", "Variable(")):
                return _BEFORE.format(name, **self.words)
        return ""

    def derivative(self) -> dict | None:
        """The target is itself what a tape's gradient gave, inside this one."""
        found = self.apart()
        return found if found["place"] and ".gradient(" in found["place"].text else None


def _at(record: Record) -> dict[str, Any]:
    return {"line": in_line(record), "op": record.op.name, "place": record.place}


def onward(tensors: set[int], records: Iterable[Record]) -> set[int]:
    """These tensors, and all that was made of them."""
    found = set(tensors)
    for record in records:
        if not found.isdisjoint(map(id, record.inputs)):
            found.update(map(id, record.outputs))
    return found


def _back(tensors: set[int], records: list[Record]) -> set[int]:
    """These tensors, and all that they were made of."""
    found = set(tensors)
    for record in reversed(records):
        if not found.isdisjoint(map(id, record.outputs)):
            found.update(map(id, record.inputs))
    return found


def _keeps(exit_: Record) -> bool:
    """Whether the statement does something with the number: one that is a call alone does not."""
    try:
        (statement,) = ast.parse(exit_.place.text).body
    except (SyntaxError, ValueError):
        return True  # a line of several, or the head of a block
    return not isinstance(statement, ast.Expr) or exit_.code.co_name == "<lambda>"


# a line that gives a name, with a blank for it
_GIVES = r"\s*{}\s*[-+*/]?=[^=]"


def _lines(place: Place, pattern: str) -> list[tuple[int, str]]:
    """The lines of a place's file that begin like this, with their numbers."""
    lines = enumerate(linecache.getlines(place.filename), 1)
    return [(number, text.strip()) for number, text in lines if re.match(pattern, text)]


def _last(place: Place, pattern: str) -> int:
    """The number of the last line up to a place that begins like this; the place's if none does."""
    return max((n for n, _ in _lines(place, pattern) if n <= place.line), default=place.line)


def _is_tensor(item: Any) -> bool:
    return isinstance(item, Tensor) or hasattr(item, "_read")


def _tensor(item: Any) -> Any:
    return item._read() if hasattr(item, "_read") else item


_NUMPY = "`tf.reduce_mean` instead of `np.mean`, the tensor itself instead of its `.numpy()`"
EXITS = {
    "numpy": ("`.numpy()`", _NUMPY),
    "array": ("a NumPy function", _NUMPY),
    "float": ("`float()`", "the tensor itself instead of its `float()`"),
    "int": ("`int()`", "`tf.floor` for a number without its fraction, which has no slope either"),
    "index": ("an index of Python's", "`tf.gather`; but an index itself has no slope"),
    "format": ("text", "the tensor itself instead of its text"),
}
_SIGMOID = "; `tf.sigmoid(a - b)` is the smooth form of `a > b`"
_SMOOTH = dict.fromkeys(("greater", "greater_equal", "less", "less_equal", "step"), _SIGMOID) | {
    "argmax": "; `tf.nn.softmax` is the smooth form of argmax",
    "argmin": "; `tf.nn.softmax` of the negative is the smooth form of argmin",
}
_BEFORE = (
    " If {0} was computed from {x} before the `with`, the tape did not see how: move that line "
    "inside."
)
_MADE_OF = " {y} was computed from {0}."
_HINT = (
    " If a `tf.constant` was made of {x}, that copied its number only: write `tf.stack` where you "
    "wrote `tf.constant([…])`. So do NumPy and `model.predict`: write `model(x)` instead."
)

# The cases, in the order in which they are looked for: the name, what is looked for, and the
# sentence for what was found. The last one fits if no other does.
_CASES: list[tuple[str, Callable[[_Inquiry], Any], str]] = [
    ("not a tensor", lambda q: q.no_source(),
     "{x} is a {kind}, not a tensor. {instead}"),
    ("not a tensor", lambda q: any(t is None for t in q.targets),
     "{y} is None, not a tensor: the function that computes it returned nothing. End it with "
     "`return`."),
    ("not a tensor", lambda q: q.no_target(),
     "{y} is a {kind}, not a tensor: it was computed outside TensorFlow's operations, where a tape "
     "sees nothing.{how} Compute it with tf operations inside the `with`."),
    ("connected", lambda q: q.connected(),
     "The gradient of {y} by {x} is not None: {y} depends on {x} by recorded steps."),
    ("wrong way round", lambda q: type(q.source) is Tensor
     and id(q.source) in onward(q.ends, q.records),
     "{x} was computed from {y}, and not {y} from {x}. The target comes first: "
     "`{tape}.gradient({x}, {y})`."),
    ("integer source", lambda q: q.integers(),
     "{x} is {dtype}, and only floating numbers have a gradient: nothing lies between two whole "
     "numbers. Write `tf.constant(3.0)` instead of `tf.constant(3)`, or `tf.cast(…, tf.float32)` "
     "before the tape watches it."),
    # a step on the way that nothing flows back through
    ("stop_recording", lambda q: q.cut("stop_recording"),
     "The gradient is None because {line} ran inside `stop_recording()`, so the tape did not "
     "record it. Move it out of that `with`."),
    ("assign", lambda q: q.cut("assign"),
     "The gradient is None because {line} put the value into {variable} by `assign`, which nothing "
     "flows back through: a variable keeps numbers, not where they came from. Compute on with the "
     "tensor itself, and assign afterwards."),
    ("stop_gradient", lambda q: q.cut("stop_gradient"),
     "The gradient is None because {line} calls `stop_gradient`, which keeps gradients from "
     "flowing back. Leave it out if you want one."),
    ("integer result", lambda q: q.cut(kinds="iub"),
     "The gradient is None because {line} runs {op}, whose result is {dtype}: it jumps, so it has "
     "no slope. Stay with floating numbers on the way from {x} to {y}{smooth}."),
    ("no slope", lambda q: q.cut(),
     "The gradient is None because {line} runs {op}, which is flat wherever it does not jump, so "
     "it has no gradient. Leave it out, or give it a rule of your own with `@tf.custom_gradient`."),
    # the source was not watched
    ("reset", lambda q: q.unwatched and q.reset(),
     "The tape was reset at {line}. That forgets what was recorded and what was watched. Write "
     "{watch} after the reset, and compute {y} after that."),
    ("not watched", lambda q: q.unwatched and q.cut_before(),
     "{x} was computed inside the `with`, but {line} lies between it and what the tape watches, "
     "and nothing flows back through {op}. To differentiate by {x} itself, write {watch} as soon "
     "as it is there."),
    ("not watched", lambda q: q.unwatched and id(q.source) in q.made and (q.used or True),
     "{x} was computed inside the `with`, but from nothing that the tape watches. Watch what it is "
     "computed from, or watch it as soon as it is there: `{tape}.watch(…)`.{saw}"),
    ("not watched", lambda q: q.unwatched and type(q.source) is Tensor and not q.used,
     "The tape never saw {x}: nothing watched it, and nothing inside the `with` used it. Write "
     "{watch} there and compute {y} from it. If you did, {x} is another tensor now: a name that is "
     "given anew, and `x[0]` written again, each make a new one. Keep it in a name of its own."),
    ("not watched", lambda q: q.unwatched and type(q.source) is Tensor and q.new_name(),
     "{x} is another tensor now: {anew} gives that name to a new one, which the tape was not told "
     "to watch. A tensor must be watched anew: {watch} below that line. A variable stays one with "
     "`{x}.assign(…)` or `{x}.assign_sub(…)` in place of it."),
    ("not watched", lambda q: q.unwatched and type(q.source) is Tensor and q.used,
     "{x} is a tensor that the tape was not told to watch.{saw} Write {watch} as the first line "
     "inside the `with`."),
    ("not trainable", lambda q: q.unwatched and not q.source.trainable and (q.used or True),
     "{x} is a variable with `trainable=False`, which tapes do not watch by themselves. Write "
     "{watch} inside the `with`, or make it trainable."),
    ("watch_accessed_variables=False", lambda q: q.unwatched and
     not q.tape._watches_variables and (q.used or True),
     "The tape was made with `watch_accessed_variables=False`, so it watches no variable by "
     "itself. Write {watch} inside the `with`, or leave that argument out."),
    ("watched too late", lambda q: q.late(),
     "The gradient is None because {x} was watched only after {line} had run. Move {watch} to the "
     "first line inside the `with`."),
    ("custom gradient gave None", lambda q: q.gave_none(),
     "The backward rule of {op}, {grad}, returned None for what leads to {x}; it is called in "
     "{line}. Return a gradient for each argument: upstream times the derivative."),
    # nothing on the tape leads from the source to the target
    ("no argument", lambda q: q.closed_over(),
     "The gradient is None because {op}, called in {line}, uses {closed} without being given it: "
     "a custom gradient answers for its arguments only. Make it an argument of {op}, for which "
     "grad returns a gradient too."),
    ("copied", lambda q: q.copied(),
     "The gradient is None because {copy} in {line} holds the numbers of {origin}, but was made "
     "anew of them, without their past. Use the tensor itself instead."),
    ("{op}", lambda q: q.escaped(),
     "The gradient is None because {left} left the tape through {through} in {line}. What is "
     "computed from that is a plain number for the tape. Use a tf operation there: {instead}."),
    ("reset", lambda q: q.outside() and q.reset(),
     "{y} is not on the tape: it was reset at {line}, which forgets what was recorded before. "
     "Compute {y} after the reset."),
    ("outside the with", lambda q: not q.records and q.outside(),
     "The tape recorded nothing: {y} was computed outside its `with`. Indent its line, so that it "
     "stands inside."),
    ("outside the with", lambda q: q.outside(),
     "{y} was not computed while the tape recorded: the last line it saw is {line}. Indent the "
     "lines that lead to {y}, so that they stand inside the `with`, before its gradient is "
     "asked for. If they do, {y} is made of plain numbers (`tf.constant`, NumPy), which have no "
     "past: compute it from {x}."),
    ("not connected", lambda q: q.derivative(),
     "{y}{where} is a derivative in which {x} does not occur: what is linear has the same slope "
     "everywhere. The derivative of that is 0, for which a tape gives None: ask for "
     "`gradient(…, unconnected_gradients='zero')`."),
    ("not connected", lambda q: q.apart(),
     "{y}{where} does not depend on {x}.{made_of} {x} {use}. Compute {y} from {x}.{hint}"),
]  # fmt: skip
