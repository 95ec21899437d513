"""show.graph: a recording as a still picture, with values and, once played backward, adjoints."""

from __future__ import annotations

import base64
import html
import re
from typing import Any

from .picture import BAR, Picture

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
    ".frame{fill:none;stroke:var(--line)}.chip{fill:var(--bg)}"
)
PAD = 10


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
    return Graph(Picture(tape, target, sources, output_gradients))


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


def standalone(picture: Picture) -> str:
    """A picture that stands alone, as an image does: its own colours and paper."""
    style = f"<style>:root{{{LIGHT}}}{STYLE}</style>"
    return drawn(picture, f'{style}<rect x="-10" y="-10" width="100%" height="100%" rx="8" '
                 'fill="#fff"/>')  # fmt: skip


def data_url(picture: Picture) -> str:
    """The picture as the address of an image."""
    return "data:image/svg+xml;base64," + base64.b64encode(standalone(picture).encode()).decode()


def drawn(picture: Picture, head: str = "") -> str:
    """The picture at its end: everything has run, all adjoints are there."""
    view, data = picture.view, picture.data
    w, h = view["w"] + 2 * PAD, view["h"] + 2 * PAD
    given: dict[int, list[dict]] = {}
    played = {}
    for frame in data["frames"]:
        if "a" in frame:
            given.setdefault(frame["n"], []).append(frame)
        if frame["t"] == "add":
            played[frame["o"], frame["p"]] = frame
    parts = [
        f'<path class="e{" back" if (op, p) in played else ""}" d="{path}"/>'
        for op, p, path in view["e"]
    ]
    for i, (node, place) in enumerate(zip(data["nodes"], view["x"], strict=True)):
        parts.append(_box(node, place, given.get(i, []), data["ops"]))
    for op, p, path in view["e"]:
        if "l" in played.get((op, p), ()):
            parts.append(_chip("Σ", path))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" '
        f'viewBox="{-PAD} {-PAD} {w} {h}">{head}{"".join(parts)}</svg>'
    )


def _box(node: dict, place: list, given: list[dict], ops: list[dict]) -> str:
    x, y, w, h = place
    parts = [f'<rect class="box" width="{w}" height="{h}" rx="8"/>']
    plain = isinstance(node["v"], str)
    first = f"{node['n']} = {node['v']}" if plain and node["n"] else node["n"] or node["v"]
    at = 22
    parts.append(_text(first, 12, at))
    if node["s"]:
        at += 22
        parts.append(_text(node["s"], 12, at, "d"))
    if not plain:
        parts.append(_heat(node["v"], 12, at + 9))
    if given:
        adjoint = given[-1]["a"]
        bar = node["n"] + BAR
        if isinstance(adjoint, str):
            parts.append(_text(f"{bar} = {adjoint}", 12, at + 24, "a"))
        else:
            parts += [_text(bar, 108, 22, "a"), _heat(adjoint, 108, at + 9)]
    if node["b"] >= 0:
        sign = ops[node["b"]]["g"]
        wide = max(28, len(sign) * 8.5 + 16)
        parts.append(
            f'<rect class="op" x="{w / 2 - wide / 2:.0f}" y="-27" width="{wide:.0f}" height="28" '
            f'rx="14"/>' + _text(sign, w / 2, -8, anchor=' text-anchor="middle"')
        )
    if len(given) > 1 and all(isinstance(f.get("c", ""), str) for f in given):
        total = " + ".join(f.get("c", f["a"]) for f in given).replace("+ −", "− ")
        parts.append(f"<title>{html.escape(node['n'] + BAR)} = {html.escape(total)}</title>")
    return f'<g class="{node["k"]}" transform="translate({x} {y})">{"".join(parts)}</g>'


def _text(text: str, x: float, y: float, kind: str = "", anchor: str = "") -> str:
    cls = f' class="{kind}"' if kind else ""
    return f'<text{cls} x="{x:.0f}" y="{y:.0f}"{anchor}>{_barred(text)}</text>'


def _barred(text: str) -> str:
    """Escaped, with the bar of an adjoint drawn over the whole of a longer name."""
    def over(match: re.Match) -> str:
        name = match[1]
        if re.fullmatch(r"\w[₀-₉]*", name):
            return name[0] + BAR + name[1:]
        return f'<tspan class="o">{name}</tspan>'

    return re.sub(rf"([\w.:/₀-₉]+){BAR}", over, html.escape(text))


def _heat(value: list, x: float, y: float) -> str:
    rows, columns, _, shades, _ = value
    cell = max(3.0, min(84 / columns, 48 / rows, 20))
    cells = []
    for i, shade in enumerate(shades):
        level = 0 if shade == "?" else ord(shade) - ord("i")
        kind = "nan" if shade == "?" else "neg" if level < 0 else "pos"
        opacity = "" if shade == "?" else f' fill-opacity="{abs(level) / 8:.2g}"'
        if level or shade == "?":
            cells.append(
                f'<rect class="{kind}"{opacity} x="{i % columns * cell:.3g}" '
                f'y="{i // columns * cell:.3g}" width="{cell:.3g}" height="{cell:.3g}"/>'
            )
    frame = (
        f'<rect class="frame" width="{columns * cell:.3g}" height="{rows * cell:.3g}"/>'
    )
    return f'<g transform="translate({x} {y})">{"".join(cells)}{frame}</g>'


def _chip(text: str, path: str) -> str:
    """A sign in the middle of an edge."""
    numbers = [float(n) for n in re.findall(r"-?\d+", path)]
    x, y = (numbers[0] + numbers[-2]) / 2, (numbers[1] + numbers[-1]) / 2
    return f'<circle class="chip" cx="{x}" cy="{y}" r="9"/>' + _text(
        text, x, y + 5, "a", ' text-anchor="middle"'
    )
