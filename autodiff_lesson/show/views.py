"""The pictures of a recording: boxes and edges, for the whole and for each part that opens.

A view is ``w`` and ``h``, its ``items`` and its ``edges``, ``a`` and ``b``, the ops that it shows,
and ``g``, the group that stands open in it among others. An item is ``[kind, number, x, y, w, h]``:
a node (kind 'n'), an op with several outputs (kind 'o'), or a folded group (kind 'g'). The sign of
an op with one output sits on the upper edge of that output's box. So does the name of a folded
call of a function that has one result: that node has the number of the group as a seventh entry.
An edge is ``[op, position, path]``, or, from or to a group, ``[-1, from item, path, to item]``.
"""

from __future__ import annotations

import itertools
from typing import Any

from .boxes import ONE_LINE, group_size, node_size, sign_width
from .folding import Piece
from .layout import Layout, layered
from .numbers import fitted

IN_PLACE = 40  # boxes: a part opens among the others if no more than so many are seen then
WIDELY = 3  # groups; what more than so many use is drawn without its edges to them
SIGN = 32  # what the sign of the operation takes above its box
SYMMETRIC = {"add", "multiply", "maximum", "minimum"}  # ops to which the order is all the same
Item = tuple[str, int]


def views(data: dict, whole: Piece) -> tuple[list[dict], list[dict]]:
    """All groups, and all views: the whole first, then one for each group.

    ``data`` holds the nodes, ops, frames and heat maps of a picture.
    """
    made: list[dict] = []
    maker = _Maker(**data)
    groups = maker.groups

    def add(piece: Piece, above: int) -> int:
        number = len(made)
        first = len(groups)
        numbers = list(range(first, first + len(piece.parts)))
        for part in piece.parts:
            name = part.name or f"records {part.start + 1}–{part.end}"
            groups.append({"n": name, "a": part.start, "b": part.end, "u": number})
            if part.call:
                groups[-1]["c"] = 1
        made.append(maker.view(piece, numbers))
        for g, part in zip(numbers, piece.parts, strict=True):
            if part.parts or piece.size - 1 + part.size > IN_PLACE:
                groups[g]["v"] = add(part, number)
            else:
                groups[g]["v"] = len(made)
                others = [n for n in numbers if n != g]
                made.append(maker.view(piece, others) | {"g": g})
        return number

    add(whole, 0)
    return groups, made


class _Maker:
    def __init__(self, nodes: list[dict], ops: list[dict], frames: list[dict], heat: list[list]):
        self.nodes, self.ops, self.heat = nodes, ops, heat
        self.groups: list[dict] = []
        self.used: list[list[int]] = [[] for _ in nodes]
        for k, op in enumerate(ops):
            for i in op["i"]:
                self.used[i].append(k)
        self.longest = [4 * (n["k"] == "source") for n in nodes]  # adjoints; it may be None
        for f in frames:
            if "a" in f:
                length = len(fitted(f["a"])) if isinstance(f["a"], str) else 1
                self.longest[f["n"]] = max(self.longest[f["n"]], length)
        for node, longest in zip(nodes, self.longest, strict=True):
            if isinstance(node["v"], str):
                length = len(node["n"]) + 3 + max(len(fitted(node["v"])), longest)
                if node["n"] and length > ONE_LINE:
                    node["l"] = 1

    def view(self, piece: Piece, numbers: list[int]) -> dict:
        """The picture of one piece, the groups of these numbers folded."""
        items: dict[Item, int] = {}
        owner: dict[int, Item] = {}  # the item that shows an op
        calls: dict[Item, int] = {}  # the group that stands on a box as its sign
        for g in numbers:
            group = self.groups[g]
            a, b = group["a"], group["b"]
            item: Item = ("g", g)
            if "c" in group and len(results := self._results(a, b)) == 1:
                item = ("n", results[0])
                calls[item] = g
            owner.update(dict.fromkeys(range(a, b), item))
        for k in range(piece.start, piece.end):
            several = len(self.ops[k]["o"]) > 1
            owner.setdefault(k, ("o", k) if several else ("n", self.ops[k]["o"][0]))
        leaves = self._leaves(piece, owner, calls)
        everywhere = {i for i, users in leaves.items() if users > WIDELY}
        for node in leaves:
            items.setdefault(("n", node), len(items))
        edges: list[tuple] = []
        for k in range(piece.start, piece.end):
            end = owner[k]
            items.setdefault(end, len(items))
            op = self.ops[k]
            for position, i in enumerate(op["i"]):
                made = self.nodes[i]["b"]
                start = ("n", i)
                if made in owner and owner[made][0] == "g":
                    start = owner[made]
                if start != end and start in items and i not in everywhere:
                    plain = start[0] == "n" and end[0] != "g" and end not in calls
                    edges.append((start, end, k if plain else -1, position))
            if end[0] == "o" and end not in calls:
                for j, out in enumerate(op["o"]):
                    items.setdefault(("n", out), len(items))
                    edges.append((end, ("n", out), k, -1 - j))
        return self._placed(items, _once(edges), piece, calls)

    def _results(self, a: int, b: int) -> list[int]:
        """The nodes made by some ops that others use, or that are targets."""
        made = [i for k in range(a, b) for i in self.ops[k]["o"]]
        return [
            i for i in made
            if "t" in self.nodes[i] or any(not a <= user < b for user in self.used[i])
        ]  # fmt: skip

    def _leaves(self, piece: Piece, owner: dict[int, Item], calls: dict) -> dict[int, int]:
        """What comes from outside and is shown: not what only one folded group uses.

        With each, how many groups use it.
        """
        found: dict[int, int] = {}
        for k in range(piece.start, piece.end):
            for i in self.ops[k]["i"]:
                node = self.nodes[i]
                if piece.start <= node["b"] < piece.end or node.get("h") or i in found:
                    continue
                users = {owner[u] for u in self.used[i] if u in owner}
                hidden = owner[k][0] == "g" or (owner[k] in calls and node["k"] == "constant")
                if len(users) > 1 or not hidden:
                    found[i] = sum(kind == "g" for kind, _ in users)
        if piece.start == 0 and piece.end == len(self.ops):
            found |= {i: 0 for i, n in enumerate(self.nodes) if n["b"] < 0 and not self.used[i]}
        return found

    def _placed(
        self, items: dict[Item, int], edges: list[tuple], piece: Piece, calls: dict[Item, int]
    ) -> dict:
        sizes = [self._size(item, calls) for item in items]
        signs = [item in calls or self._has_sign(item, piece) for item in items]
        full = [(w, h + SIGN * s) for (w, h), s in zip(sizes, signs, strict=True)]
        pairs = [(items[a], items[b]) for a, b, _, _ in edges]
        layout = layered(tuple(full), tuple(pairs))
        boxes = []
        for (kind, i), (x, y), (w, h), (_, tall) in zip(
            items, layout.centres, sizes, full, strict=True
        ):
            call = [calls[kind, i]] if (kind, i) in calls else []
            corner = round(x - w / 2), round(y + tall / 2 - h)
            boxes.append([kind, i, *corner, round(w), round(h), *call])
        drawn = []
        ports = self._ports(boxes, edges, pairs, layout)
        for (a, b, op, position), pair, port in zip(edges, pairs, ports, strict=True):
            path = self._path(boxes, signs, pair, port, layout)
            drawn.append([op, position, path] if op >= 0 else [-1, items[a], path, items[b]])
        return {"w": round(layout.width), "h": round(layout.height), "items": boxes,
                "edges": drawn, "a": piece.start, "b": piece.end}  # fmt: skip

    def _has_sign(self, item: Item, piece: Piece) -> bool:
        if item[0] != "n":
            return False
        made = self.nodes[item[1]]["b"]
        return piece.start <= made < piece.end and len(self.ops[made]["o"]) == 1

    def _size(self, item: Item, calls: dict) -> tuple[float, float]:
        kind, i = item
        if kind == "g":
            return group_size(self.groups[i])
        if kind == "o":
            return sign_width(self.ops[i]["g"]), 28
        node = self.nodes[i]
        w, h = node_size(node, self.longest[i], self.heat)
        if item in calls:
            w = max(w, sign_width(self.groups[calls[item]]["n"], folded=True))
        elif node["b"] >= 0:
            w = max(w, sign_width(self.ops[node["b"]]["g"]))
        return w, h

    def _ports(
        self, boxes: list, edges: list[tuple], pairs: list[tuple], layout: Layout
    ) -> list[tuple[float, float]]:
        """How far from the middle each edge leaves its box, and arrives at its sign.

        Inputs arrive in their order, where that matters; else so that edges do not cross.
        """
        inward = [self._inward(op, position) for _, _, op, position in edges]
        leaving: dict[int, list[int]] = {}
        arriving: dict[int, list[int]] = {}
        for e, (_, _, op, position) in enumerate(edges):
            leaving.setdefault(pairs[e][0], []).append(e)
            if op >= 0 and position >= 0 and self.ops[op]["n"] in SYMMETRIC:
                arriving.setdefault(op, []).append(e)
        for some in arriving.values():
            places = sorted(inward[e] for e in some)
            some.sort(key=lambda e: _stops(pairs[e], layout)[-2][0])
            for e, place in zip(some, places, strict=True):
                inward[e] = place
        out = [0.0] * len(edges)
        for a, some in leaving.items():
            if len({(pairs[e], edges[e][2]) for e in some}) == len(some):
                continue  # from one point, unless one op takes this twice
            some.sort(key=lambda e: (_stops(pairs[e], layout)[1][0], inward[e]))
            apart = min(26, boxes[a][4] * 2 / 3 / (len(some) - 1))
            for rank, e in enumerate(some):
                out[e] = (rank - (len(some) - 1) / 2) * apart
        return list(zip(out, inward, strict=True))

    def _inward(self, op: int, position: int) -> float:
        """Where the sign of an op has an input, from its middle."""
        if op < 0 or position < 0:
            return 0.0
        inputs = self.ops[op]["i"]
        before, shown = (
            sum(not self.nodes[i].get("h") for i in some) for some in (inputs[:position], inputs)
        )
        half = sign_width(self.ops[op]["g"]) / 2 - 4
        return max(-half, min(half, (before - (shown - 1) / 2) * 18))

    def _path(
        self, boxes: list, signs: list, pair: tuple, port: tuple[float, float], layout: Layout
    ) -> str:
        """A curve from the lower edge of one box to the sign above the other."""
        _, _, xa, ya, wa, ha = boxes[pair[0]][:6]
        _, _, xb, yb, wb, _ = boxes[pair[1]][:6]
        begin, end = xa + wa / 2 + port[0], xb + wb / 2 + port[1]
        (a, b), bends = pair, layout.bends.get(pair, [])
        points = [
            (begin, ya + ha),
            (begin, layout.centres[a][1] + layout.rows[a]),
            *bends,
            (end, layout.centres[b][1] - layout.rows[b]),
            (end, yb - SIGN + 5 if signs[b] else yb),
        ]
        return curve(points)


def _stops(pair: tuple, layout: Layout) -> list[tuple[float, float]]:
    """The points by which an edge goes, from the middle of a box to that of another."""
    a, b = pair
    return [layout.centres[a], *layout.bends.get(pair, []), layout.centres[b]]


def curve(points: list[tuple[float, float]]) -> str:
    """An SVG path through points from top to bottom, upright at each of them."""
    text = "M{:.0f} {:.0f}".format(*points[0])
    for (xa, ya), (xb, yb) in itertools.pairwise(points):
        if abs(xa - xb) < 1:
            if abs(ya - yb) >= 1:  # an arrow's head looks along the first and the last piece
                text += f"V{yb:.0f}"
            continue
        middle = (ya + yb) / 2
        text += f"C{xa:.0f} {middle:.0f} {xb:.0f} {middle:.0f} {xb:.0f} {yb:.0f}"
    return text


def _once(edges: list[tuple]) -> list[tuple]:
    """Between groups one edge is enough for many."""
    seen: set = set()
    kept: list[tuple[Any, ...]] = []
    for edge in edges:
        key = edge if edge[2] >= 0 else edge[:2]
        if key not in seen:
            seen.add(key)
            kept.append(edge)
    return kept
