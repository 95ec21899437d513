"""What happens on a tape, step by step: the frames of a picture, with all that they say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from ..explain import formula, why_none
from ..explain.formula import unbroadcast
from ..explain.naming import is_number
from ..recorder import Record
from .numbers import printable

if TYPE_CHECKING:
    from .picture import Picture

BAR = "\ue100", "\ue101"
"""Around a name: the adjoint of it. Drawn as a bar over the whole name."""

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")

MACRON = "\u0304"
_MARK = [chr(0xE200 + i) for i in range(4096)]
_PIECES = re.compile(f"[{_MARK[0]}-{_MARK[-1]}]{MACRON}?|[^{_MARK[0]}-{_MARK[-1]}]+")


class Story:
    """Tells what happens in a picture: each op runs, then the walk backward, term by term."""

    def __init__(self, picture: Picture):
        self.picture = picture
        self.ops, self.nodes = picture.ops, picture.nodes
        self.of, self.value, self.label = picture.of, picture.value, picture.label

    def frames(self) -> list[dict]:
        """All frames, in order."""
        frames: list[dict] = [{"t": "start"}]
        for k, op in enumerate(self.ops):
            came, made = ([self.nodes[i]["v"] for i in op[side]] for side in "io")
            begins = self._begins(came, made)
            frames.append({"t": "run", "o": k} | ({"w": begins} if begins else {}))
        if not self.picture.targets:
            return frames
        adjoint: dict[int, Any] = {}
        for target, seed in zip(self.picture.targets, self.picture.seeds, strict=True):
            if seed is not None:
                node = self.of(target)
                frame: dict[str, Any] = {"t": "seed", "n": node}
                if node in adjoint:
                    frame["z"] = self.value(adjoint[node])
                    frame["c"] = self.value(seed)
                    seed = seed + adjoint[node]
                adjoint[node] = seed
                frames.append(frame | {"a": self.value(seed)})
        number_of = {id(r): k for k, r in enumerate(self.picture.records)}
        shown = {node: self.value(a) for node, a in adjoint.items()}
        for step in self.picture.steps:
            for c in step.contributions:
                frames.append(self._contribution(step, c, number_of[id(step.record)], shown))
        frames.append(self._end())
        return frames

    def _contribution(self, step: Any, c: Any, k: int, adjoint: dict[int, Any]) -> dict:
        record: Record = step.record
        op, node = self.ops[k], self.of(c.tensor)
        rule = _rule(step, c.position, self.picture._names)
        called, values = {}, {}
        for i, n in enumerate(op["i"] + op["o"]):
            called[_MARK[i]] = self.label(n)
            values[_MARK[i]] = self.nodes[n]["v"]
            called[_MARK[i] + MACRON] = barred(self.label(n))
            values[_MARK[i] + MACRON] = adjoint.get(n, "0")
        frame = {
            "t": "add", "o": k, "p": c.position, "n": node,
            "h": _heading(record, c.position),
            "r": "".join(called.get(x, x) for x in rule),
            "q": _with_values(rule, values),
            "c": self.value(c.value), "a": self.value(c.adjoint),
        }  # fmt: skip
        if np.shape(c.local) != np.shape(c.value):
            frame["l"] = unbroadcast(np.shape(c.local), np.shape(c.value)).replace("->", "→")
            frame["m"] = self.value(c.local)
        if node in adjoint:
            frame["z"] = adjoint[node]
        came = [values[_MARK[i]] for i in range(len(op["i"]))]
        came += [adjoint.get(n, "0") for n in op["o"]]
        why = self._begins(came, [frame["c"]]) or self._why(op, c.position, node, "l" in frame)
        if why:
            frame["w"] = why
        adjoint[node] = frame["a"]
        return frame

    def _why(self, op: dict, position: int, node: int, summed: bool) -> str:
        name = self.label(node)
        times = op["i"].count(node)
        if times > 1:
            turn = op["i"][:position].count(node)
            which = "the first of them" if turn == 0 else "the second" if turn == 1 else "the next"
            count = "twice" if times == 2 else f"{times} times"
            return (
                f"{name} went into this {op['n']} {count}, so it gets {times} contributions. "
                f"This is {which}."
            )
        if summed:
            return (
                f"{name} was repeated on the way forward, so what comes back to each copy "
                "is added up."
            )
        return ""

    def _begins(self, came: list, made: list) -> str:
        """A sentence if something is no number, or too large for one, and nothing was before."""
        heat = self.picture.heat
        before, now = (
            " ".join(v if isinstance(v, str) else heat[v][2] for v in values)
            for values in (came, made)
        )
        odd = next((odd for odd in ("nan", "inf") if odd in now), None)
        if odd is None or "nan" in before or "inf" in before:
            return ""
        return f"This is where {odd} begins: everything that went in is finite."

    def _end(self) -> dict:
        rows: list[list] = []
        picture = self.picture
        for source, gradient in zip(picture.sources, picture.gradients(), strict=True):
            node = self.of(picture.read_as(source)[0])
            if gradient is None:
                reason = why_none(picture.tape, picture.targets, source)
                self.nodes[node]["w"] = printable(str(reason))
                rows.append([node, None])
            else:
                rows.append([node, self.value(gradient)])
        return {"t": "end", "e": rows}


def barred(name: str) -> str:
    """The adjoint of what is called ``name``."""
    return f"{BAR[0]}{name}{BAR[1]}"


def _rule(step: Any, position: int, names: dict[int, str]) -> list[str]:
    """The rule of one input as pieces of text, with a mark for each tensor of the record.

    A mark is a character for private use, so that names and numbers can be put in its place; with
    a macron behind it, it is the adjoint.
    """
    tensors = (*step.record.inputs, *step.record.outputs)
    marks = {id(t): _MARK[i] for i, t in reversed(list(enumerate(tensors)))}
    marks |= {key: names[key] for key in marks if is_number(names.get(key, ""))}
    text = formula(step, position, marks).text
    _, equals, rule = text.partition(" = ")
    return _PIECES.findall(rule if equals else text)


def _with_values(rule: list[str], values: dict[str, Any]) -> list:
    """A rule with values in place of the names: texts and heat maps, in order."""
    made: list = [""]
    for part in rule:
        piece = values.get(part, part)
        if not isinstance(piece, str) or not isinstance(made[-1], str):
            made.append(piece)
        elif part in values and piece.startswith("−") and made[-1] and made[-1][-1] not in "([":
            made[-1] += f"({piece})"
        else:
            made[-1] += piece
    return [m for m in made if m != ""]


def _heading(record: Record, position: int) -> str:
    name = printable(record.op.name)
    if len(record.inputs) == 1:
        return name
    which = ORDINALS[position] if position < len(ORDINALS) else f"{position + 1}th"
    return f"{name}, {which} input"
