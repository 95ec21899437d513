"""The family tree of the optimizers: who came from whom, when, and with what idea."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .plots import COLOURS, DIM, INK, NORMAL, PAPER, SMALL, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TRUNK, DIRECTION, SIZE = "#59616e", COLOURS[0], COLOURS[1]

# name: (column, row, colour, year, idea); the papers are named in keras.optimizers
FAMILY = {
    "Gradient descent": (0, 0, TRUNK, 1847, "all the data,\none step downhill"),
    "SGD": (1, 0, TRUNK, 1951, "a few samples\na step"),
    "Momentum": (2, 1, DIRECTION, 1964, "keep part of\nthe last step"),
    "NAG": (3, 1.62, DIRECTION, 1983, "look ahead,\nthen correct"),
    "Adagrad": (2, -1, SIZE, 2011, "every parameter\nits own rate"),
    "RMSprop": (3, -0.6, SIZE, 2012, "forget gradients\nof long ago"),
    "Adadelta": (3, -1.62, SIZE, 2012, "steps in units of\nthe parameter"),
    "Adam": (4, 0, TRUNK, 2015, "direction and\nsize together"),
    "Nadam": (5, 0.62, TRUNK, 2016, "Adam that\nlooks ahead"),
    "AdamW": (5, -0.62, TRUNK, 2019, "Adam that keeps\nweights small"),
}
LINES = (
    "Gradient descent>SGD SGD>Momentum Momentum>NAG SGD>Adagrad Adagrad>RMSprop "
    "Adagrad>Adadelta Momentum>Adam RMSprop>Adam NAG>Nadam Adam>Nadam Adam>AdamW"
)
WIDTH, HEIGHT = 0.86, 0.76


def optimizer_family(ax: Axes | None = None) -> Axes:
    """See where the optimizers come from: each with its year and its idea, in a few words.

    Above, in blue, those that choose the direction of a step with more care; below, in orange,
    those that choose its size.

    Args:
        ax: axes to draw on.

    Returns:
        The axes.
    """
    ax = new_axes("optimizer_family", (11.0, 4.8)) if ax is None else ax
    for line in LINES.replace("Gradient descent", "Gradient_descent").split():
        parent, child = (FAMILY[name.replace("_", " ")] for name in line.split(">"))
        _draw_line(ax, parent, child)
    for name, member in FAMILY.items():
        _draw_member(ax, name, *member)
    _say(ax, 1.57, 1.62, "Which direction?", DIRECTION)
    _say(ax, 1.57, -1.62, "How far?", SIZE)
    ax.set(xlim=(-0.45, 5.45), ylim=(-2.05, 2.05))
    ax.axis("off")
    years = [member[3] for member in FAMILY.values()]
    ax.set_label(f"{len(FAMILY)} optimizers, {min(years)} to {max(years)}")
    return ax


def _draw_line(ax: Axes, parent: tuple[Any, ...], child: tuple[Any, ...]) -> None:
    tip, tail = (child[0] - WIDTH / 2, child[1]), (parent[0] + WIDTH / 2, parent[1])
    arrow = {"arrowstyle": "-|>", "color": DIM, "lw": 1.3, "shrinkA": 0, "shrinkB": 1}
    ax.annotate("", xy=tip, xytext=tail, arrowprops=arrow)


def _draw_member(
    ax: Axes, name: str, x: float, y: float, colour: str, year: int, idea: str
) -> None:
    from matplotlib.patches import FancyBboxPatch

    corner = (x - WIDTH / 2, y - HEIGHT / 2)
    style = "round,pad=0,rounding_size=0.06"
    box = FancyBboxPatch(corner, WIDTH, HEIGHT, style, fc=PAPER, ec=colour, lw=1.8, zorder=2)
    ax.add_patch(box)
    centre: dict[str, Any] = {"ha": "center", "va": "center", "zorder": 3}
    ax.text(x, y + 0.23, name, fontsize=SMALL + 0.5, color=colour, weight="bold", **centre)
    ax.text(x, y + 0.06, str(year), fontsize=SMALL, color=DIM, **centre)
    ax.text(x, y - 0.19, idea, fontsize=SMALL, color=INK, linespacing=1.1, **centre)


def _say(ax: Axes, x: float, y: float, text: str, colour: str) -> None:
    ax.text(x, y, text, fontsize=NORMAL + 1, color=colour, style="italic", va="center")
