"""A tape as a picture's data: what the browser (or a still drawing) shows, frame by frame.

Everything that is shown is made here, every number and every sentence; who draws only plays it. The
data is plain lists, dicts and strings, with short keys since a notebook keeps it:

``title``   what is shown
``code``    blocks of the user's own lines: f file, l number of the first, t lines
``nodes``   one per tensor: n name, v value, s dtype and shape, k kind (source, watched, constant or
            made), b the op that made it, t if a target, w why its gradient is None, l if its name
            and its value stand on lines of their own, N the whole of a name that was shortened
``ops``     one per record: n name, g sign, i and o the nodes that went in and came out, c block and
            line of the code, s the source of a custom gradient, y the tape in whose backward pass
            it ran, t the lanes of the tapes that saw it
``lanes``   if the caller has several tapes that saw something of this: their names, this one first
``groups``  folded runs of ops: n name, a first, b behind the last, v their view, u the view above,
            c if it is the call of a function
``views``   pictures, see `views`; the first is the whole
``heat``    heat maps; a value is a text, or the number of one of these
``frames``  what happens, one after the other: t is start, run (an op runs), seed (the walk begins
            at a target), add (a contribution) or end; of these: o op, p position of the input,
            n node, h heading, r rule, q the rule with numbers, c contribution, l and m the
            un-broadcasting in words and the array before it, z and a the adjoint before and after
"""

from __future__ import annotations

import bisect
import re
from typing import Any

import numpy as np

from .. import nest
from ..explain import names
from ..explain.naming import function_calls, in_frame, is_number
from ..lines import user_frame
from ..tape import GradientTape
from ..tensor import Tensor
from .boxes import counted
from .folding import folded
from .frames import Story
from .listing import lines_of, source_of
from .numbers import heat_map, in_full, printable, shortened, span
from .views import views

# the sign of an operation between its inputs, and of one that stands before its input
INFIX = {"multiply": "×", "add": "+", "subtract": "−", "divide": "÷", "matmul": "@", "power": "^"}
SIGNS = INFIX | {
    "negative": "−", "square": "( )²", "sqrt": "√", "reduce_sum": "Σ", "reduce_mean": "mean",
    "reduce_max": "max", "reduce_min": "min",
}  # fmt: skip

_GRADIENT = re.compile(r"([\w.]*)\.(gradient|jacobian|batch_jacobian)\(")

UNFOLDED = 30  # records; more than that are folded
LIMIT = 20_000  # records
HEAT_MAPS = 48  # in one picture; further arrays are given by their smallest and largest number


class Picture:
    """The data of one picture of a tape; `data` is what goes into the page."""

    def __init__(
        self,
        tape: GradientTape,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unfolded: int = UNFOLDED,
    ):
        self.tape = tape
        targets = nest.flatten(target) if target is not None else []
        self.targets = [getattr(t, "_tensor", t) for t in targets]  # the walk refuses what is none
        self.sources = nest.flatten(sources) if sources is not None else []
        self.records = tape.records
        if len(self.records) > LIMIT:
            raise ValueError(
                f"this tape holds {len(self.records):,} records; a picture is made of up to "
                f"{LIMIT:,}. Record fewer turns of the loop, or draw the tape of a part"
            )
        self.steps = list(tape.walk(self.targets, self.sources, output_gradients))
        self.seeds = _seeds(self.targets, output_gradients)
        self.nodes: list[dict] = []
        self.ops: list[dict] = []
        self.heat: list[list] = []
        self._index: dict[int, int] = {}
        self._heat_of: dict[bytes, int] = {}
        frame = user_frame()
        # what is on no tape has a name there alone
        self._names = {id(t): name for t, name in reversed(list(in_frame(frame)))}
        self._names |= names(tape, frame)
        self._add_nodes()
        self.code, places = lines_of(self.records)
        for op, place in zip(self.ops, places, strict=True):
            op["c"] = place
        self._fold_constants()
        self.lanes = self._lanes()
        self.frames = Story(self).frames()
        layers = {id(t): _layer(v) for v in tape.watched_variables() for t in self.read_as(v)}
        named = {k: n for k, n in layers.items() if n}
        whole = folded(self.records, named, unfolded, self._calls())
        parts = {"nodes": self.nodes, "ops": self.ops, "frames": self.frames, "heat": self.heat}
        self.groups, self.views = views(parts, whole)

    # what there is

    def _add_nodes(self) -> None:
        sources = [t for s in self.sources for t in self.read_as(s)]
        watched = {key for w, _ in self.tape._watched.values() for key in self.tape._start(w)[1]}
        for tensor in sources:
            self._node(tensor, "source")
        for k, record in enumerate(self.records):
            for t in record.inputs:
                self._node(t, "watched" if id(t) in watched else "constant")
            for t in record.outputs:
                self._node(t, "made")
                self.nodes[self.of(t)]["b"] = k
            op: dict[str, Any] = {
                "n": printable(record.op.name),
                "g": printable(SIGNS.get(record.op.name, record.op.name)),
                "i": [self.of(t) for t in record.inputs],
                "o": [self.of(t) for t in record.outputs],
            }
            if record.op.name in INFIX and len(record.inputs) == 2:
                op["x"] = INFIX[record.op.name]
            if backward := _GRADIENT.search(record.place.text):
                op["y"] = printable(backward[1]) or "another tape"
            if hasattr(record.op, "grad"):
                op["s"] = source_of(record.op.grad)
            self.ops.append(op)
        for t in self.targets:
            self._node(t, "constant")
            self.nodes[self.of(t)]["t"] = 1

    def _node(self, tensor: Tensor, kind: str) -> None:
        if id(tensor) in self._index:
            return
        self._index[id(tensor)] = len(self.nodes)
        shape = tuple(tensor.shape)
        name = tensor.name or self._names.get(id(tensor)) or f"v{len(self.nodes) + 1}"
        name = "" if kind == "constant" and is_number(name) else printable(name)
        node = {
            "n": shortened(name),
            "v": self.value(tensor._value), "k": kind, "b": -1,
            "s": f"{tensor.dtype.name} {shape}",
        }  # fmt: skip
        if node["n"] != name:
            node["N"] = name
        self.nodes.append(node)

    def of(self, tensor: Tensor) -> int:
        """The number of a tensor's node."""
        return self._index[id(tensor)]

    def read_as(self, source: Any) -> list[Tensor]:
        """The tensors under which a source stands on the tape: a variable's values, or itself."""
        if type(source) is Tensor:
            return [source]
        used = {id(t) for r in self.records for t in r.inputs}
        reads = self.tape._reads.get(id(source), {}).values()
        return [t for t in reads if id(t) in used] or [source._tensor]

    def _lanes(self) -> list[str]:
        """The tapes of the caller that saw some of the records, by name; marks who saw which."""
        frame = user_frame()
        tapes = {
            id(tape): (shortened(printable(name)), tape)
            for name, tape in reversed({**frame.f_globals, **frame.f_locals}.items())
            if isinstance(tape, GradientTape) and not name.startswith("_")
        }
        name, _ = tapes.pop(id(self.tape), ("this tape", None))
        names, seen = [name], [{id(r) for r in self.records}]
        for name, tape in reversed(tapes.values()):
            saw = {id(r) for r in tape._records}
            if saw & seen[0]:
                names.append(name)
                seen.append(saw)
        if len(names) == 1:
            return []
        for op, record in zip(self.ops, self.records, strict=True):
            op["t"] = [lane for lane, saw in enumerate(seen) if id(record) in saw]
        return names

    def _calls(self) -> list[tuple[str, int, int]]:
        """The outermost calls of functions: the name, the first record, and behind the last."""
        own = {id(r) for r in self.records}
        at = [i for i, r in enumerate(self.tape._records) if id(r) in own]
        found = [
            (printable(name), bisect.bisect_left(at, begin), bisect.bisect_left(at, end))
            for name, begin, end in function_calls(self.tape)
        ]
        return [(name, begin, end) for name, begin, end in found if begin < end]

    def _fold_constants(self) -> None:
        """A plain number beside a sign needs no box of its own: it is written into the sign."""
        for op in self.ops:
            if "x" not in op:
                continue
            for position, i in enumerate(op["i"]):
                node = self.nodes[i]
                if node["k"] == "constant" and not node["n"] and not node.get("t"):
                    node["h"] = 1
                    op["g"] = (
                        f"{node['v']} {op['x']}" if position == 0 else f"{op['x']} {node['v']}"
                    )

    def value(self, array: Any) -> str | int:
        """What stands for an array in the data: a text, or the number of a heat map."""
        text = in_full(array)
        if text is not None:
            return text
        array = np.asarray(array)
        key = repr((array.shape, array.dtype.str)).encode() + array.tobytes()
        if key not in self._heat_of:
            if len(self.heat) >= HEAT_MAPS:
                return span(array)
            self._heat_of[key] = len(self.heat)
            self.heat.append(heat_map(array))
        return self._heat_of[key]

    def label(self, node: int) -> str:
        """A name for a node: its own, or its value where it has none."""
        n = self.nodes[node]
        return n["n"] or str(n["v"])

    # what it says

    def gradients(self) -> list:
        """For each source its gradient as an array, or None."""
        last: dict[int, Any] = {}
        for t, seed in zip(self.targets, self.seeds, strict=True):
            if seed is not None:
                last[id(t)] = seed + last.get(id(t), 0)
        last |= {id(c.tensor): c.adjoint for step in self.steps for c in step.contributions}
        found = []
        for source in self.sources:
            own = [last[id(t)] for t in self.read_as(source) if id(t) in last]
            found.append(sum(own[1:], own[0]) if own else None)
        return found

    @property
    def data(self) -> dict:
        """Everything, as plain lists and dicts."""
        return {
            "title": self.title, "code": self.code, "nodes": self.nodes, "ops": self.ops,
            "groups": self.groups, "views": self.views, "heat": self.heat, "frames": self.frames,
            "lanes": self.lanes,
        }  # fmt: skip

    def _names_of(self, sources: list) -> list[str]:
        return [self.label(self.of(self.read_as(s)[0])) for s in sources]

    @property
    def title(self) -> str:
        """What is shown, in a line."""
        if not self.targets:
            return f"{counted(len(self.records))} on the tape"
        targets = _listed([self.label(self.of(t)) for t in self.targets])
        return f"Backward pass of {targets} with respect to {_listed(self._names_of(self.sources))}"

    def summary(self) -> str:
        """How many records, and the gradients: what can be checked in a line of text."""
        facts = [counted(len(self.records))]
        target = "+".join(self.label(self.of(t)) for t in self.targets)
        target = target if len(self.targets) < 2 else f"({target})"
        for name, gradient in zip(self._names_of(self.sources), self.gradients(), strict=True):
            facts.append(f"d{target}/d{name} = {_plain(gradient)}")
        return ", ".join(facts)


def _seeds(targets: list[Tensor], given: Any) -> list:
    """What each target's adjoint begins with; None for whole numbers, which have no gradient."""
    flat = nest.flatten(given) if given is not None else [None] * len(targets)
    return [
        None if t._value.dtype.kind != "f"
        else np.ones(t.shape, t._value.dtype) if g is None
        else np.asarray(getattr(g, "_value", g), t._value.dtype)
        for t, g in zip(targets, flat, strict=True)
    ]  # fmt: skip


def _layer(variable: Any) -> str:
    """The layer that a variable's name speaks of: 'dense_1' of 'dense_1/kernel:0'."""
    return variable.name.rpartition("/")[0]


def _listed(names: list[str]) -> str:
    """Names in a row; of many, the first few and how many more."""
    if len(names) > 4:
        names = [*names[:3], f"{len(names) - 3} more"]
    if len(names) < 2:
        return names[0] if names else "nothing"
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _plain(gradient: Any) -> str:
    """A gradient as it stands in a repr: scalars and short vectors in full, else the shape."""
    if gradient is None:
        return "None"
    if np.size(gradient) <= 6 and np.ndim(gradient) <= 1:
        return str((np.round(np.asarray(gradient, float), 4) + 0.0).tolist())
    return f"array of shape {np.shape(gradient)}"
