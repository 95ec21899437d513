"""show.graph: a recording as a still picture, with values and, once played backward, adjoints."""

from __future__ import annotations

import base64
import html
import re
from typing import Any

from .boxes import BETWEEN, CELL, HEAT, LINE, counted, heading, map_size, sign_width
from .frames import BAR, barred
from .numbers import fitted
from .picture import Picture

LIGHT = (
    "--bg:#fff;--fg:#1f2430;--dim:#59616f;--line:#c3c9d4;--fwd:#2563a8;--fwd-bg:#e8f1fb;"
    "--bwd:#b4460f;--bwd-bg:#fdeee3"
)
DARK = (
    "--bg:#16181d;--fg:#e6e8ee;--dim:#a3abb9;--line:#4a515f;--fwd:#7fb7f0;--fwd-bg:#1c2c3f;"
    "--bwd:#f2a26b;--bwd-bg:#3a2618"
)
STYLE = (
    "text{font:14px ui-monospace,Consolas,Menlo,'DejaVu Sans Mono',monospace;fill:var(--fg)}"
    ".d{fill:var(--dim)}.a{fill:var(--bwd)}.o{text-decoration:overline}"
    ".box{fill:var(--fwd-bg);stroke:var(--fwd);stroke-width:1.3}"
    ".constant .box{fill:var(--bg);stroke:var(--dim);stroke-dasharray:4 3}"
    ".op{fill:var(--bg);stroke:var(--dim);stroke-width:1.3}"
    ".e{fill:none;stroke:var(--line);stroke-width:1.6}.back{stroke:var(--bwd);opacity:.55}"
    ".pos{fill:var(--fwd)}.neg{fill:var(--bwd)}.nan{fill:#c0f}"
    ".pos,.neg{shape-rendering:crispEdges}.frame{fill:none;stroke:var(--line)}.a.frame{stroke:var(--bwd)}.chip{fill:var(--bwd-bg);stroke:var(--bwd)}"
)
PAD = 10
UNFOLDED = 60  # records; a longer recording is drawn folded
MIDDLE = ' text-anchor="middle"'


def graph(
    tape: Any, target: Any = None, sources: Any = None, output_gradients: Any = None
) -> Graph:
    """Draw what a tape recorded; with a target and sources, with the adjoints of its gradient.

    >>> import autodiff_lesson as tf
    >>> from autodiff_lesson import show
    >>> x = tf.constant(3.0)
    >>> with tf.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = x * x
    >>> show.graph(tape, y, x)
    <Graph: 1 record, dy/dx = 6.0>

    Args:
        tape: a GradientTape.
        target: a tensor, or a nest of them; None draws the recording alone.
        sources: tensors or variables, or a nest of them.
        output_gradients: what to start with in place of ones.
    """
    return Graph(Picture(tape, target, sources, output_gradients, UNFOLDED))


class Graph:
    """A still picture of a recording; shown by being the last line of a cell."""

    def __init__(self, picture: Picture):
        self.picture = picture

    def __repr__(self) -> str:
        return f"<Graph: {self.picture.summary()}>"

    def _repr_html_(self) -> str:
        alt = html.escape(self.picture.summary())
        inner = drawn(self.picture)
        # Where notebooks are not trusted, style and svg are taken out, and the img stays visible.
        return (
            f"<style>.autodiff-graph{{{LIGHT};overflow-x:auto}}.autodiff-graph>img{{display:none}}"
            f'[data-jp-theme-light="false"] .autodiff-graph,.vscode-dark .autodiff-graph{{{DARK}}}'
            "@media(prefers-color-scheme:dark){body:not([data-jp-theme-light]):not(.vscode-light) "
            f".autodiff-graph{{{DARK}}}}}{scoped(STYLE)}</style>"
            f'<div class="autodiff-graph" role="img" aria-label="{alt}">{inner}'
            f'<img alt="{alt}" src="{data_url(self.picture)}"></div>'
        )

    def svg(self) -> str:
        """The picture as the text of an SVG file, in light colours."""
        return standalone(self.picture)


def scoped(style: str) -> str:
    """The style sheet for inside a page: it must touch nothing outside the picture."""
    return re.sub(r"(^|})(?=[^}])", r"\1.autodiff-graph svg ", style)


def standalone(picture: Picture, heat: bool = True) -> str:
    """A picture that stands alone, as an image does: its own colours and paper."""
    style = f"<style>:root{{{LIGHT}}}{STYLE}</style>"
    paper = '<rect x="-10" y="-10" width="100%" height="100%" rx="8" fill="#fff"/>'
    return drawn(picture, style + paper, heat)


def data_url(picture: Picture, most: int | None = None) -> str:
    """The picture as the address of an image; without its heat maps, or '', to keep to ``most``."""
    for heat in (True, False):
        text = base64.b64encode(standalone(picture, heat).encode()).decode()
        if most is None or len(text) <= most:
            return f"data:image/svg+xml;base64,{text}"
    return ""


def drawn(picture: Picture, head: str = "", heat: bool = True) -> str:
    """The picture at its end: everything has run, all adjoints are there."""
    view = picture.views[0]
    w, h = view["w"] + 2 * PAD, view["h"] + 2 * PAD
    given: dict[int, list[dict]] = {}
    played = {}
    for frame in picture.frames:
        if "a" in frame:
            given.setdefault(frame["n"], []).append(frame)
        if frame["t"] == "add":
            played[frame["o"], frame["p"]] = frame
    parts, chips = [], []
    for edge in view["edges"]:
        op, position, path, *_ = edge
        back = played.get((op, position)) or (op < 0 and _came_back(picture, view, edge, played))
        parts.append(f'<path class="e{" back" if back else ""}" d="{path}"/>')
        if isinstance(back, dict) and "l" in back:
            chips.append(_chip(back["l"], path))
    pen = _Pen(picture, given, heat)
    parts += [pen.item(*item) for item in view["items"]]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" '
        f'viewBox="{-PAD} {-PAD} {w} {h}">{head}{"".join(parts + chips)}</svg>'
    )


def _came_back(picture: Picture, view: dict, edge: list, played: dict) -> bool:
    """Whether something flowed back along an edge from or to a group."""
    start, end = view["items"][edge[1]], _ops(picture, view["items"][edge[3]])
    made = _ops(picture, start)
    for k, position in played:
        node = picture.ops[k]["i"][position]
        inside = node == start[1] if start[0] == "n" else picture.nodes[node]["b"] in made
        if inside and k in end:
            return True
    return False


def _ops(picture: Picture, item: list) -> range:
    """The ops that an item shows."""
    kind, i = item[:2]
    if kind == "g" or len(item) > 6:
        group = picture.groups[i if kind == "g" else item[6]]
        return range(group["a"], group["b"])
    op = i if kind == "o" else picture.nodes[i]["b"]
    return range(op, op + 1)


class _Pen:
    """Draws the boxes of a picture; ``given`` are the frames that add to each node's adjoint."""

    def __init__(self, picture: Picture, given: dict[int, list[dict]], heat: bool):
        self.picture, self.given, self.heat = picture, given, heat

    def item(self, kind: str, i: int, x: int, y: int, w: int, h: int, call: int = -1) -> str:
        if kind == "o":
            sign = self.picture.ops[i]["g"]
            return f'<g transform="translate({x} {y})">{_sign(sign, w / 2, 14)}</g>'
        if kind == "g":
            group = self.picture.groups[i]
            inner = _text(group["n"], 14, 24) + _text(counted(group["b"] - group["a"]), 14, 47, "d")
            cls = "constant"
        else:
            inner, cls = self._node(i, w, call), self.picture.nodes[i]["k"]
        return (
            f'<g class="{cls}" transform="translate({x} {y})">'
            f'<rect class="box" width="{w}" height="{h}" rx="8"/>{inner}</g>'
        )

    def _node(self, i: int, w: int, call: int) -> str:
        node, given = self.picture.nodes[i], self.given.get(i, [])
        name, value = node["n"], node["v"]
        parts = [f"<title>{html.escape(self._total(i))}</title>"] if len(given) > 1 else []
        adjoint = given[-1]["a"] if given else ""
        if not isinstance(value, str):
            right = 12 + map_size(self.picture.heat[value])[0] + BETWEEN
            parts += [_text(heading(node), 12, 23), self._heat(value, 12, 32)]
            if isinstance(adjoint, str):
                parts.append(_text(adjoint, right, 44, "a"))
            else:
                parts.append(self._heat(adjoint, right, 32, "a "))
        else:
            lines = [(fitted(value), "")]
            lines += [(fitted(adjoint), "a")] if adjoint and isinstance(adjoint, str) else []
            if "l" in node:
                lines = [(name, ""), *lines]
            elif name:
                lines = [(f"{who} = {text}", kind)
                         for who, (text, kind) in zip((name, barred(name)), lines)]  # fmt: skip
            parts += [_text(text, 12, 23 + LINE * k, kind) for k, (text, kind) in enumerate(lines)]
        made = node["b"]
        if call >= 0:
            parts.append(_sign(self.picture.groups[call]["n"], w / 2, -12))
        elif made >= 0 and len(self.picture.ops[made]["o"]) == 1:
            parts.append(_sign(self.picture.ops[made]["g"], w / 2, -12))
        return "".join(parts)

    def _total(self, i: int) -> str:
        """How an adjoint came together, as a sum."""
        terms = [f.get("c", f["a"]) for f in self.given[i]]
        if not all(isinstance(t, str) for t in terms) or len(terms) > 12:
            return f"{len(terms)} contributions"
        return " + ".join(terms).replace("+ −", "− ")

    def _heat(self, number: int, x: float, y: float, kind: str = "") -> str:
        rows, columns, _, shades, _ = self.picture.heat[number]
        if not self.heat:
            shades = ""
        w, h = min(HEAT[0] / columns, CELL), min(HEAT[1] / rows, CELL)
        cells: dict[str, str] = {}  # one path for all cells of a shade
        for i, shade in enumerate(shades):
            corner = f"M{i % columns * w:.3g} {i // columns * h:.3g}"
            cells[shade] = f"{cells.get(shade, '')}{corner}h{w:.3g}v{h:.3g}h-{w:.3g}z"
        paths = "".join(
            f'<path class="{_tone(shade)}" d="{d}"/>' for shade, d in cells.items() if shade != "i"
        )
        frame = f'<rect class="{kind}frame" width="{columns * w:.3g}" height="{rows * h:.3g}"/>'
        return f'<g transform="translate({x:.0f} {y:.0f})">{paths}{frame}</g>'


def _tone(shade: str) -> str:
    """The classes and the opacity of a shade."""
    if shade == "?":
        return "nan"
    level = ord(shade) - ord("i")
    return f'{"neg" if level < 0 else "pos"}" opacity="{abs(level) / 8:.2g}'


def _sign(sign: str, x: float, y: float) -> str:
    wide = sign_width(sign)
    return (
        f'<rect class="op" x="{x - wide / 2:.0f}" y="{y - 14:.0f}" width="{wide:.0f}" height="28" '
        f'rx="14"/>' + _text(sign, x, y + 5, anchor=MIDDLE)
    )


def _text(text: str, x: float, y: float, kind: str = "", anchor: str = "") -> str:
    cls = f' class="{kind}"' if kind else ""
    return f'<text{cls} x="{x:.0f}" y="{y:.0f}"{anchor}>{_barred(text)}</text>'


def _barred(text: str) -> str:
    """Escaped, and adjoints with their bar."""

    def over(match: re.Match) -> str:
        name = match[1]
        if re.fullmatch(r"[^\W\d_][₀-₉]*", name):
            return f"{name[0]}\u0304{name[1:]}"
        return f'<tspan class="o">{name}</tspan>'

    return re.sub(f"{BAR[0]}([^{BAR[1]}]*){BAR[1]}", over, html.escape(text))


def _chip(said: str, path: str) -> str:
    """The sign of un-broadcasting, in the middle of an edge."""
    x, y = _middle(path)
    return (
        f'<g><title>{html.escape(said)}</title><circle class="chip" cx="{x:.0f}" cy="{y:.0f}" '
        f'r="10"/>{_text("Σ", x, y + 5, "a", MIDDLE)}</g>'
    )


def _middle(path: str) -> tuple[float, float]:
    """The middle of the last bend of a path, or of its whole where it is straight."""
    at, middle = (0.0, 0.0), None
    for letter, text in re.findall(r"([MVC])([-\d ]+)", path):
        numbers = [float(n) for n in text.split()]
        end = (at[0], numbers[0]) if letter == "V" else (numbers[-2], numbers[-1])
        if letter == "C" or (letter == "V" and middle is None):
            middle = ((at[0] + end[0]) / 2, (at[1] + end[1]) / 2)
        at = end
    return middle or at
