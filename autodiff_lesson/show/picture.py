"""A tape as a picture's data: what the browser (or a still drawing) shows, frame by frame.

Everything that is shown is made here, every number and every sentence; who draws only plays it. The
data is plain lists, dicts and strings:

``nodes``   one per tensor: name, value, shape, what it is (see `Node`)
``ops``     one per record: name, sign, which nodes went in and came out, which line of the code
``code``    the user's own lines, in blocks
``view``    where boxes and edges are
``frames``  what happens, one step after the other: the recording, then the walk backward
"""

from __future__ import annotations

import linecache
from typing import Any

import numpy as np

from .. import nest
from ..lines import display_name
from ..recorder import Record
from ..tape import GradientTape
from ..tensor import Tensor
from . import formulas
from .names import namer
from .layout import layered
from .numbers import value

BAR = "\u0304"
"""Behind a name: the adjoint of it. Drawn as a bar over the whole name."""

SIGNS = {
    "multiply": "×", "add": "+", "subtract": "−", "divide": "÷", "true_divide": "÷",
    "negative": "−", "matmul": "@", "pow": "^", "square": "²", "sqrt": "√",
    "reduce_sum": "Σ", "reduce_mean": "mean", "reduce_max": "max", "reduce_min": "min",
}  # fmt: skip
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")

CHARACTER, LINE = 8.5, 22  # of the monospaced 14 px text in a box
HEAT = 84, 48  # a heat map in a box
SIGN_HEIGHT = 30  # what the sign of the operation takes above its box


class Picture:
    """The data of one picture of a tape; `data` is what goes into the page."""

    def __init__(self, tape: GradientTape, target: Any, sources: Any, output_gradients: Any = None):
        self.tape = tape
        self.targets = [_tensor(t) for t in nest.flatten(target)] if target is not None else []
        self.sources = nest.flatten(sources) if sources is not None else []
        self.records = tape.records
        self.steps = list(tape.walk(self.targets, self.sources, output_gradients))
        self.seeds = _seeds(self.targets, output_gradients)
        self.nodes: list[dict] = []
        self.ops: list[dict] = []
        self._index: dict[int, int] = {}
        self._keep: list[Tensor] = []
        self._name = namer(tape, self.records)
        self._add_nodes()
        self.code, places = _code(self.records)
        for op, place in zip(self.ops, places, strict=True):
            op["c"] = place
        self.frames = self._frames()
        self._place()

    # what there is

    def _add_nodes(self) -> None:
        wanted = {id(t) for s in self.sources for t in self.read_as(s)}
        watched = {key for w, _ in self.tape._watched.values() for key in self.tape._keys([w])}
        for tensor in (t for s in self.sources for t in self.read_as(s)):
            self._node(tensor, "source")
        for k, record in enumerate(self.records):
            for t in record.inputs:
                known = id(t) in wanted
                kind = "source" if known else "watched" if id(t) in watched else "constant"
                self._node(t, kind)
            for t in record.outputs:
                self._node(t, "made")
                self.nodes[self.of(t)]["b"] = k
            self.ops.append({
                "n": record.op.name,
                "g": SIGNS.get(record.op.name, record.op.name),
                "i": [self.of(t) for t in record.inputs],
                "o": [self.of(t) for t in record.outputs],
            })  # fmt: skip
        for t in self.targets:
            self._node(t, "made")
            self.nodes[self.of(t)]["t"] = 1

    def read_as(self, source: Any) -> list[Tensor]:
        """The tensors under which a source stands on the tape: a variable's values, or itself."""
        if type(source) is Tensor:
            return [source]
        return list(self.tape._reads.get(id(source), {}).values()) or [source._tensor]

    def of(self, tensor: Tensor) -> int:
        return self._index[id(tensor)]

    def _node(self, tensor: Tensor, kind: str) -> None:
        if id(tensor) in self._index:
            return
        self._index[id(tensor)] = len(self.nodes)
        self._keep.append(tensor)
        shape = tuple(tensor.shape)
        name = "" if kind == "constant" and not shape else self._name(tensor)
        self.nodes.append({
            "n": name, "v": value(tensor._value), "k": kind, "b": -1,
            "s": f"{tensor.dtype.name} {shape}" if shape else "",
        })  # fmt: skip

    # what happens

    def _frames(self) -> list[dict]:
        frames: list[dict] = [{"t": "start"}]
        frames += [{"t": "run", "o": k} for k in range(len(self.ops))]
        adjoint: dict[int, str | list] = {}
        for target, seed in zip(self.targets, self.seeds, strict=True):
            node = self.of(target)
            adjoint[node] = value(seed)
            frames.append({"t": "seed", "n": node, "a": adjoint[node]})
        by_record = {id(r): k for k, r in enumerate(self.records)}
        for step in self.steps:
            for c in step.contributions:
                frames.append(self._contribution(step, c, by_record[id(step.record)], adjoint))
        return frames

    def _contribution(self, step: Any, c: Any, k: int, adjoint: dict) -> dict:
        record: Record = step.record
        op, node = self.ops[k], self.of(c.tensor)
        marks = {node: chr(0xE000 + i) for i, node in enumerate(dict.fromkeys(op["i"] + op["o"]))}
        g = "\uf000"
        rule = formulas.applied(record, c.position, step.upstream, lambda t: marks[self.of(t)], g)
        names, tokens = {}, {}
        for n, mark in marks.items():
            names[mark] = self.label(n)
            tokens[mark] = self.nodes[n]["v"]
        out = op["o"][0]
        names[g], tokens[g] = self.label(out) + BAR, adjoint.get(out, "?")
        frame = {
            "t": "add", "o": k, "p": c.position, "n": node,
            "h": _headline(record, c.position),
            "r": "".join(names.get(x, x) for x in rule),
            "q": _tokens(rule, tokens),
            "c": value(c.value), "a": value(c.adjoint),
        }  # fmt: skip
        if np.shape(c.local) != np.shape(c.value):
            frame["l"] = _unbroadcast(np.shape(c.local), np.shape(c.value))
            frame["m"] = value(c.local)
        if node in adjoint:
            frame["z"] = adjoint[node]
        adjoint[node] = frame["a"]
        return frame

    def label(self, node: int) -> str:
        n = self.nodes[node]
        return n["n"] or (n["v"] if isinstance(n["v"], str) else "?")

    # where it stands

    def _place(self) -> None:
        """One box per tensor; the sign of the operation that made it sits on its upper edge."""
        widest = {n: [] for n in range(len(self.nodes))}
        for f in self.frames:
            if "a" in f and isinstance(f["a"], str):
                widest[f["n"]].append(f["a"])
        sizes = []
        for i, node in enumerate(self.nodes):
            w, h = _box(node, widest[i])
            sizes.append((w, h + (SIGN_HEIGHT if node["b"] >= 0 else 0)))
        edges = [(i, op["o"][0]) for op in self.ops for i in op["i"]]
        centres, bends, width, height = layered(sizes, edges)
        boxes = []
        for (x, y), (w, h), node in zip(centres, sizes, self.nodes, strict=True):
            own = h - (SIGN_HEIGHT if node["b"] >= 0 else 0)
            boxes.append([round(x - w / 2), round(y + h / 2 - own), round(w), round(own)])
        self.view = {
            "w": round(width), "h": round(height), "x": boxes,
            "e": [
                [k, p, _path(boxes[i], boxes[op["o"][0]], p, len(op["i"]), bends[i, op["o"][0]])]
                for k, op in enumerate(self.ops) for p, i in enumerate(op["i"])
            ],
        }  # fmt: skip

    @property
    def data(self) -> dict:
        return {
            "title": self.title, "code": self.code, "nodes": self.nodes, "ops": self.ops,
            "frames": self.frames, "view": self.view,
        }  # fmt: skip

    @property
    def target_names(self) -> str:
        return ", ".join(self.label(self.of(t)) for t in self.targets)

    def source_name(self, source: Any) -> str:
        return self.label(self.of(self.read_as(source)[0]))

    def gradients(self) -> list:
        """For each source its gradient as an array, or None."""
        found = []
        for source in self.sources:
            last = {id(t): s for t, s in zip(self.targets, self.seeds, strict=True)}
            last |= {id(c.tensor): c.adjoint for step in self.steps for c in step.contributions}
            own = [last[id(t)] for t in self.read_as(source) if id(t) in last]
            found.append(sum(own[1:], own[0]) if own else None)
        return found

    def summary(self) -> str:
        """How many records, and the gradients: what can be checked in a line of text."""
        count = len(self.records)
        facts = [f"{count} record{'s' * (count != 1)}"]
        for source, gradient in zip(self.sources, self.gradients(), strict=True):
            shown = _plain(gradient)
            facts.append(f"d{self.target_names}/d{self.source_name(source)} = {shown}")
        return ", ".join(facts)

    @property
    def title(self) -> str:
        sources = ", ".join(map(self.source_name, self.sources))
        return f"Backward pass of {self.target_names} with respect to {sources}"


def _plain(gradient: Any) -> str:
    """A gradient as it stands in a repr: scalars and short vectors in full, else the shape."""
    if gradient is None:
        return "None"
    if np.size(gradient) <= 6 and np.ndim(gradient) <= 1:
        rounded = np.round(np.asarray(gradient, float), 4) + 0.0
        return str(rounded.tolist())
    return f"array of shape {np.shape(gradient)}"


def _tensor(x: Any) -> Tensor:
    return x if type(x) is Tensor else x._tensor


def _seeds(targets: list[Tensor], given: Any) -> list:
    flat = nest.flatten(given) if given is not None else [None] * len(targets)
    return [
        np.ones(t.shape, t._value.dtype) if g is None else np.asarray(getattr(g, "_value", g))
        for t, g in zip(targets, flat, strict=True)
    ]


def _headline(record: Record, position: int) -> str:
    if len(record.inputs) == 1:
        return record.op.name
    which = ORDINALS[position] if position < len(ORDINALS) else f"{position + 1}th"
    return f"{record.op.name}, {which} input"


def _tokens(rule: str, tokens: dict[str, Any]) -> list:
    """The rule with this step's numbers in place of the names: texts and heat maps, in order."""
    made: list = [""]
    for char in rule:
        piece = tokens.get(char, char)
        if isinstance(piece, str) and isinstance(made[-1], str):
            if char in tokens and piece.startswith("−") and made[-1][-1:] == " ":
                piece = f"({piece})"
            made[-1] += piece
        else:
            made.append(piece)
    return [m for m in made if m]


def _unbroadcast(wide: tuple, narrow: tuple) -> str:
    extra = len(wide) - len(narrow)
    axes = [*range(extra)] + [
        i for i in range(extra, len(wide)) if narrow[i - extra] == 1 and wide[i] != 1
    ]
    named = "axis" if len(axes) == 1 else "axes"
    return f"summed over {named} {', '.join(map(str, axes))}: {wide} → {narrow}"


def _box(node: dict, adjoints: list[str]) -> tuple[float, float]:
    name, v = node["n"], node["v"]
    if not isinstance(v, str):
        text = max(len(name) + 1, len(node["s"]))
        return max(2 * HEAT[0] + 36, text * CHARACTER + 24), 2 * LINE + HEAT[1] + 18
    first = f"{name} = {v}" if name else v
    length = max([len(first), len(node["s"])] + [len(name) + 3 + len(a) for a in adjoints])
    lines = 1 + bool(node["s"]) + (node["k"] != "constant")
    return max(length * CHARACTER + 24, 64), lines * LINE + 14


def _path(a: list, b: list, position: int, count: int, bends: list) -> str:
    """A curve from the lower edge of box a to the sign above box b."""
    x0, y0 = a[0] + a[2] / 2, a[1] + a[3]
    spread = (position - (count - 1) / 2) * 22
    x0 += spread * 0.8
    x1, y1 = b[0] + b[2] / 2 + max(-14, min(14, spread * 0.7)), b[1] - SIGN_HEIGHT + 4
    points = [(x0, y0), *bends, (x1, y1)]
    text = f"M{x0:.0f} {y0:.0f}"
    for (xa, ya), (xb, yb) in zip(points, points[1:]):
        half = (yb - ya) / 2
        text += f"C{xa:.0f} {ya + half:.0f} {xb:.0f} {yb - half:.0f} {xb:.0f} {yb:.0f}"
    return text


def _code(records: list[Record]) -> tuple[list[dict], list[list[int]]]:
    """The user's lines from the first to the last that recorded something, for each file."""
    places = [r.place for r in records]
    spans: dict[str, list[int]] = {}
    for p in places:
        span = spans.setdefault(p.filename, [p.line, p.line])
        span[0], span[1] = min(span[0], p.line), max(span[1], p.line)
    blocks, number_of = [], {}
    for filename, (first, last) in spans.items():
        first = max(1, first - 3)
        lines = [linecache.getline(filename, n).rstrip() for n in range(first, last + 1)]
        number_of[filename] = (len(blocks), first)
        blocks.append({"f": display_name(filename), "l": first, "t": lines})
    return blocks, [[number_of[p.filename][0], p.line - number_of[p.filename][1]] for p in places]
