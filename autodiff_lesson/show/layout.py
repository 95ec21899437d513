"""Where the boxes of a graph stand: layers from top to bottom, no edge through a box.

Sugiyama's method (Sugiyama, Tagawa, Toda 1981) as the library grandalf builds it. Edges that skip
a layer keep the place that the library's dummy vertices hold free for them.
"""

from __future__ import annotations

from collections.abc import Sequence

Point = tuple[float, float]
Edge = tuple[int, int]

GAP_X, GAP_Y = 26, 44


def layered(
    sizes: Sequence[tuple[float, float]], edges: Sequence[Edge]
) -> tuple[list[Point], dict[Edge, list[Point]], float, float]:
    """Place boxes so that every edge goes down.

    Args:
        sizes: width and height of each box.
        edges: pairs of box numbers, without a cycle; the same pair may come twice.

    Returns:
        The centre of each box; for each edge the points it bends at between its two boxes;
        the width and the height of the whole.
    """
    from grandalf.graphs import Edge as Arc
    from grandalf.graphs import Graph, Vertex
    from grandalf.layouts import SugiyamaLayout, VertexViewer

    vertices = [Vertex(i) for i in range(len(sizes))]
    for vertex, (w, h) in zip(vertices, sizes, strict=True):
        vertex.view = VertexViewer(w, h)
    arcs = {e: Arc(vertices[e[0]], vertices[e[1]]) for e in dict.fromkeys(edges)}
    centres: list[Point] = [(0.0, 0.0)] * len(sizes)
    bends: dict[Edge, list[Point]] = {e: [] for e in arcs}
    left = height = 0.0
    for core in Graph(vertices, list(arcs.values())).C:
        members = list(core.sV)
        if len(members) == 1:
            placed = {members[0].data: (0.0, members[0].view.h / 2)}
            routes: dict[Edge, list[Point]] = {}
        else:
            drawing = SugiyamaLayout(core)
            drawing.xspace, drawing.yspace = GAP_X, GAP_Y
            drawing.init_all(roots=[v for v in members if not v.e_in()])
            drawing.draw(6)
            placed = {v.data: v.view.xy for v in members}
            routes = {}
            for arc in core.sE:
                middle = drawing.ctrls.get(arc, {})
                ends = {arc.v[0].data, arc.v[1].data}
                routes[arc.v[0].data, arc.v[1].data] = [
                    tuple(middle[r].view.xy)
                    for r in sorted(middle)
                    if getattr(middle[r], "data", None) not in ends
                ]
        xs = [placed[i][0] - sizes[i][0] / 2 for i in placed]
        xs += [x for route in routes.values() for x, _ in route]
        shift = left - min(xs)
        top = min(y - sizes[i][1] / 2 for i, (_, y) in placed.items())
        for i, (x, y) in placed.items():
            centres[i] = (x + shift, y - top)
        for edge, route in routes.items():
            bends[edge] = [(x + shift, y - top) for x, y in route]
        left = GAP_X + max(
            [centres[i][0] + sizes[i][0] / 2 for i in placed]
            + [x for edge in routes for x, _ in bends[edge]]
        )
        height = max(height, *(centres[i][1] + sizes[i][1] / 2 for i in placed))
    return centres, bends, left - GAP_X, height
