"""Where the boxes of a graph stand: layers from top to bottom, no edge through a box.

Sugiyama's method (Sugiyama, Tagawa, Toda 1981). The library grandalf says which layer a box is in
and in which order boxes stand there. How far to the right is decided here, since a picture in a
page must above all be narrow: no layer may be wider than the widest one is when it is packed, and
within that every box goes to where its edges are short.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

Point = tuple[float, float]
Edge = tuple[int, int]
Stop = Any
"""A box, by its number; or the place of an edge in a layer that it passes: (from, to, layer)."""

GAP_X, GAP_Y = 16, 24
AIRY = 160
"""Where there are few layers, the gaps between them share this height, up to AIRIEST each."""
AIRIEST = 40
LANE = 14
"""The width that an edge on its way past a layer keeps free."""
BUNDLE = 4
"""The same beside another edge from the same box."""
STRAIGHT = 16
"""An edge that is off by less than this is made upright where there is room."""
SWEEPS = 16
SHELF = 300
"""Boxes without edges stand side by side up to this width, or to that of the others."""


class Layout(NamedTuple):
    """Where everything is."""

    centres: list[Point]
    bends: dict[Edge, list[Point]]
    """For each edge the points it goes through between its two boxes."""
    rows: list[float]
    """Half the height of the layer that each box is in: boxes stand in its middle."""
    width: float
    height: float


@functools.lru_cache(256)  # the turns of a loop look alike
def layered(sizes: tuple[tuple[float, float], ...], edges: tuple[Edge, ...]) -> Layout:
    """Place boxes so that every edge goes down; boxes without edges stand above the others.

    Args:
        sizes: width and height of each box.
        edges: pairs of box numbers, without a cycle; the same pair may come twice.
    """
    from grandalf.graphs import Edge as Arc
    from grandalf.graphs import Graph, Vertex
    from grandalf.layouts import VertexViewer

    vertices = [Vertex(i) for i in range(len(sizes))]
    for vertex, (w, h) in zip(vertices, sizes, strict=True):
        vertex.view = VertexViewer(w, h)
    arcs = [Arc(vertices[a], vertices[b]) for a, b in dict.fromkeys(edges)]
    cores = list(Graph(vertices, arcs).C)
    parts = [_drawn(*_ordered(core), sizes) for core in cores if len(core.sV) > 1]
    alone = [next(iter(core.sV)).data for core in cores if len(core.sV) == 1]
    width = sum(part.width + GAP_X for part in parts) - GAP_X
    shelves = [_drawn([row], [], sizes) for row in _shelves(alone, sizes, max(width, SHELF))]
    width = max([width, *(shelf.width for shelf in shelves)])
    whole = Layout([(0.0, 0.0)] * len(sizes), {}, [0.0] * len(sizes), width, 0.0)
    top = 0.0
    for shelf in shelves:
        _put(shelf, (width - shelf.width) / 2, top, whole)
        top += shelf.height + GAP_Y
    left = (width - sum(part.width + GAP_X for part in parts) + GAP_X) / 2
    for part in parts:
        _put(part, left, top, whole)
        left += part.width + GAP_X
    height = max([top - GAP_Y, *(top + part.height for part in parts)])
    return whole._replace(height=max(height, 0.0))


def _shelves(
    boxes: list[int], sizes: Sequence[tuple[float, float]], width: float
) -> Iterator[list[int]]:
    """Boxes side by side in rows, none wider than ``width`` if it has more than one."""
    row: list[int] = []
    for box in boxes:
        if row and sum(sizes[i][0] + GAP_X for i in row) + sizes[box][0] > width:
            yield row
            row = []
        row.append(box)
    if row:
        yield row


class _Part(NamedTuple):
    """One connected part, placed by itself."""

    across: dict[Stop, float]
    down: dict[Stop, tuple[float, float]]
    """The middle of the layer that a stop is in, and half its height."""
    chains: list[list[Stop]]
    width: float
    height: float


def _drawn(
    layers: list[list[Stop]], chains: list[list[Stop]], sizes: Sequence[tuple[float, float]]
) -> _Part:
    across, width = _across(layers, chains, sizes)
    gap = max(GAP_Y, min(AIRIEST, AIRY / len(layers)))
    down, top = {}, 0.0
    for layer in layers:
        half = max(sizes[v][1] for v in layer if isinstance(v, int)) / 2
        down.update(dict.fromkeys(layer, (top + half, half)))
        top += 2 * half + gap
    return _Part(across, down, chains, width, top - gap)


def _put(part: _Part, left: float, top: float, whole: Layout) -> None:
    """Enter a part into the whole."""
    for v, x in part.across.items():
        if isinstance(v, int):
            middle, half = part.down[v]
            whole.centres[v], whole.rows[v] = (left + x, top + middle), half
    for start, *between, end in part.chains:
        whole.bends[start, end] = [
            (left + part.across[v], top + middle + side)
            for v in between
            for middle, half in (part.down[v],)
            for side in (-half, half)  # upright past the layer
        ]


def _ordered(core: Any) -> tuple[list[list[Stop]], list[list[Stop]]]:
    """The layers of one connected part, from left to right, and each edge as a chain of stops."""
    from grandalf.layouts import SugiyamaLayout

    drawing = SugiyamaLayout(core)
    drawing.init_all(roots=[v for v in core.sV if not v.e_in()], optimize=True)
    for _ in range(3):
        for _ in drawing.ordering_step():
            pass
    called: dict[int, Stop] = {id(v): v.data for v in core.sV}
    chains = []
    for arc in core.sE:
        passing = drawing.ctrls.get(arc, {})
        edge = tuple(v.data for v in arc.v)
        stops = [passing[rank] for rank in sorted(passing)] or list(arc.v)
        called |= {id(v): (*edge, rank) for rank, v in enumerate(stops[1:-1])}
        chains.append([called[id(v)] for v in stops])
    return [[called[id(v)] for v in layer] for layer in drawing.layers], chains


def _across(
    layers: list[list[Stop]], chains: list[list[Stop]], sizes: Sequence[tuple[float, float]]
) -> tuple[dict[Stop, float], float]:
    """The middle of every stop, so that edges are short and long ones straight; and the width."""
    wide = {v: sizes[v][0] if isinstance(v, int) else LANE for layer in layers for v in layer}
    beside: dict[Stop, list[tuple[Stop, int]]] = {v: [] for v in wide}
    for chain in chains:
        for a, b in itertools.pairwise(chain):
            pull = 1 + 3 * (isinstance(a, tuple) + isinstance(b, tuple))
            beside[a].append((b, pull))
            beside[b].append((a, pull))
    offsets = [_offsets(layer, wide) for layer in layers]
    room = max(o[-1] + wide[layer[-1]] / 2 for o, layer in zip(offsets, layers, strict=True))
    x = {v: at for o, layer in zip(offsets, layers, strict=True)
         for v, at in zip(layer, o, strict=True)}  # fmt: skip
    placed: set[Stop] = set()
    for sweep in range(SWEEPS):
        turn = -1 if sweep % 2 else 1
        for layer, o in list(zip(layers, offsets, strict=True))[::turn]:
            wanted, pulls = [], []
            for v, at in zip(layer, o, strict=True):
                near = [(x[u], pull) for u, pull in beside[v] if sweep or u in placed]
                pull = sum(p for _, p in near)
                wanted.append((sum(p * u for u, p in near) / pull if near else room / 2) - at)
                pulls.append(pull or 0.01)
            slack = room - o[-1] - wide[layer[-1]] / 2
            x |= {v: at + min(max(to, 0), slack)
                  for v, at, to in zip(layer, o, _rising(wanted, pulls), strict=True)}  # fmt: skip
            placed |= set(layer)
    _straighten(layers, offsets, beside, x)
    return x, room


def _offsets(layer: list[Stop], wide: dict[Stop, float]) -> list[float]:
    """Where the stops of a layer are when they stand as close as they may."""
    offsets = [wide[layer[0]] / 2]
    for a, b in itertools.pairwise(layer):
        bundled = isinstance(a, tuple) and isinstance(b, tuple) and a[0] == b[0]
        offsets.append(offsets[-1] + (BUNDLE if bundled else (wide[a] + wide[b]) / 2 + GAP_X))
    return offsets


def _rising(wanted: list[float], weights: list[float]) -> list[float]:
    """The numbers closest to ``wanted`` of which none is smaller than the one before it.

    Neighbours that are in the wrong order are pooled at their mean (Ayer and others 1955).
    """
    pools: list[list[float]] = []
    for value, weight in zip(wanted, weights, strict=True):
        pools.append([value, weight, 1])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (a, m, i), (b, n, j) = pools[-2:]
            pools[-2:] = [[(a * m + b * n) / (m + n), m + n, i + j]]
    return [value for value, _, count in pools for _ in range(int(count))]


def _straighten(
    layers: list[list[Stop]], offsets: list[list[float]], beside: dict, x: dict[Stop, float]
) -> None:
    """Make edges upright that nearly are."""
    for above, layer, o in zip(layers, layers[1:], offsets[1:], strict=False):
        for i, v in enumerate(layer):
            near = [u for u, _ in sorted(beside[v], key=lambda pair: -pair[1]) if u in above]
            low = x[layer[i - 1]] + o[i] - o[i - 1] if i else o[0]
            high = x[layer[i + 1]] + o[i] - o[i + 1] if i + 1 < len(layer) else float("inf")
            if near and low <= x[near[0]] <= high and abs(x[near[0]] - x[v]) < STRAIGHT:
                x[v] = x[near[0]]
