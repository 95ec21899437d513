"""Where the boxes of a graph stand: layers from top to bottom, no edge through a box.

Sugiyama's method (Sugiyama, Tagawa, Toda 1981) as the library grandalf builds it. Edges that skip
a layer keep the place that the library's dummy vertices hold free for them.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

Point = tuple[float, float]
Edge = tuple[int, int]

GAP_X, GAP_Y = 20, 30
LANE = 14
"""The width that an edge on its way past a layer keeps free."""


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
    """Place boxes so that every edge goes down.

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
    centres: list[Point] = [(0.0, 0.0)] * len(sizes)
    bends: dict[Edge, list[Point]] = {}
    rows = [h / 2 for _, h in sizes]
    left = height = 0.0
    for core in Graph(vertices, arcs).C:
        routes = _drawn(core, rows)
        placed = {v.data: v.view.xy for v in core.sV}
        middle = [p for route in routes.values() for p in route]
        xs = [x for x, _ in middle]
        ys = [y for _, y in middle]
        for i, (x, y) in placed.items():
            w, h = sizes[i]
            xs += [x - w / 2, x + w / 2]
            ys += [y - h / 2, y + h / 2]
        right, up = left - min(xs), -min(ys)
        for i, (x, y) in placed.items():
            centres[i] = (x + right, y + up)
        for edge, route in routes.items():
            bends[edge] = [(x + right, y + up) for x, y in route]
        left += max(xs) - min(xs) + GAP_X
        height = max(height, max(ys) + up)
    return Layout(centres, bends, rows, max(left - GAP_X, 0), height)


def _drawn(core: Any, rows: list[float]) -> dict[Edge, list[Point]]:
    """Place the vertices of one connected part and note their rows; the bends of its edges."""
    from grandalf.layouts import SugiyamaLayout

    if len(core.sV) == 1:
        next(iter(core.sV)).view.xy = (0.0, 0.0)
        return {}
    drawing = SugiyamaLayout(core)
    drawing.xspace, drawing.yspace = GAP_X, GAP_Y
    drawing.dw, drawing.dh = LANE, 1
    drawing.init_all(roots=[v for v in core.sV if not v.e_in()], optimize=True)
    drawing.draw(3)
    half = [max(v.view.h for v in layer) / 2 for layer in drawing.layers]
    for v in core.sV:
        rows[v.data] = half[drawing.grx[v].rank]
    routes = {}
    for arc in core.sE:
        start, end = arc.v
        passing = drawing.ctrls.get(arc, {})
        route: list[Point] = []
        for rank in sorted(passing):
            if passing[rank] is not start and passing[rank] is not end:
                x, y = passing[rank].view.xy
                route += [(x, y - half[rank]), (x, y + half[rank])]  # upright past the layer
        routes[start.data, end.data] = route
    return routes
