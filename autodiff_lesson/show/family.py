"""The family tree of the optimizers: who came from whom, when, and with what idea."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from .palette import LOOKS
from .paper import DIM, INK, NORMAL, PAPER, new_axes

# name: (across, down, year, idea); the papers are named in keras.optimizers
FAMILY = {
    "Gradient descent": (0, 0, 1847, "all the data,\none step downhill"),
    "SGD": (0, 1, 1951, "a few samples\na step"),
    "Momentum": (-1, 2, 1964, "keep part of\nthe last step"),
    "NAG": (-1.62, 3, 1983, "look ahead,\nthen correct"),
    "Adagrad": (1, 2, 2011, "every parameter\nits own rate"),
    "RMSprop": (0.6, 3, 2012, "forget gradients\nof long ago"),
    "Adadelta": (1.62, 3, 2012, "steps in units of\nthe parameter"),
    "Adam": (0, 4, 2015, "direction and\nsize together"),
    "Nadam": (-0.62, 5, 2016, "Adam that\nlooks ahead"),
    "AdamW": (0.62, 5, 2019, "Adam that keeps\nweights small"),
}
LINES = (
    "Gradient descent>SGD SGD>Momentum Momentum>NAG SGD>Adagrad Adagrad>RMSprop "
    "Adagrad>Adadelta Momentum>Adam RMSprop>Adam NAG>Nadam Adam>Nadam Adam>AdamW"
)
WIDTH, HEIGHT = 0.96, 0.76
LETTERS = 11.0  # points: three boxes stand side by side


def optimizer_family(ax: Axes | None = None) -> Axes:
    """See where the optimizers come from: each with its year and its idea, in a few words.

    To the left, in blue, those that choose the direction of a step with more care; to the right,
    in orange, those that choose its size. The colours are those that they have in all pictures.

    Args:
        ax: axes to draw on.

    Returns:
        The axes.
    """
    ax = new_axes("optimizer_family", 7.2) if ax is None else ax
    for line in LINES.replace("Gradient descent", "Gradient_descent").split():
        parent, child = (FAMILY[name.replace("_", " ")] for name in line.split(">"))
        _draw_line(ax, parent, child)
    for name, member in FAMILY.items():
        _draw_member(ax, name, *member)
    _say(ax, -1.35, 1.05, "Which direction?", LOOKS["Momentum"].light)
    _say(ax, 1.35, 1.05, "How far?", LOOKS["RMSprop"].light)
    ax.set(xlim=(-2.13, 2.13), ylim=(5.42, -0.42))
    ax.axis("off")
    years = [member[2] for member in FAMILY.values()]
    ax.set_label(f"{len(FAMILY)} optimizers, {min(years)} to {max(years)}")
    return ax


def _draw_line(ax: Axes, parent: tuple[Any, ...], child: tuple[Any, ...]) -> None:
    tip, tail = (child[0], child[1] - HEIGHT / 2), (parent[0], parent[1] + HEIGHT / 2)
    arrow = {"arrowstyle": "-|>", "color": DIM, "lw": 1.3, "shrinkA": 0, "shrinkB": 1}
    ax.annotate("", xy=tip, xytext=tail, arrowprops=arrow)


def _draw_member(ax: Axes, name: str, x: float, y: float, year: int, idea: str) -> None:
    colour = LOOKS.get(name, LOOKS["SGD"]).light
    corner = (x - WIDTH / 2, y - HEIGHT / 2)
    style = "round,pad=0,rounding_size=0.06"
    box = FancyBboxPatch(corner, WIDTH, HEIGHT, style, fc=PAPER, ec=colour, lw=2.2, zorder=2)
    ax.add_patch(box)
    centre: dict[str, Any] = {"ha": "center", "va": "center", "zorder": 3}
    ax.text(x, y - 0.22, name, fontsize=LETTERS, color=INK, weight="bold", **centre)
    ax.text(x, y - 0.03, str(year), fontsize=LETTERS, color=DIM, **centre)
    ax.text(x, y + 0.2, idea, fontsize=LETTERS, color=INK, linespacing=1.1, **centre)


def _say(ax: Axes, x: float, y: float, text: str, colour: str) -> None:
    ax.text(x, y, text, fontsize=NORMAL + 1, color=colour, style="italic", ha="center")
