"""What plots are drawn on: a light card, axes that print their facts, names at ends of lines.

Every plot returns the axes it drew on, and draws on yours if you pass `ax=`. The axes' label says
in words and numbers what is drawn; axes made here print it, and at the end of a cell are seen.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

INK, DIM, LINE = "#1f2430", "#59616e", "#d7dbe3"
PAPER = "#f7f8fa"
SMALL, NORMAL = 12.0, 13.0  # points
WIDTH = 7.2  # inches, of 100 pixels; a window 800 wide has room for 600, and 14 for a letter


class Drawn(Axes):
    """Axes that print what is drawn on them, and that a notebook shows as their figure."""

    drawn_by = "axes"

    def __repr__(self) -> str:
        return f"<{self.drawn_by}: {self.get_label()}>"

    __str__ = __repr__

    def _repr_png_(self) -> bytes:
        figure: Any = self.figure
        plt.close(figure)  # or the notebook would draw it a second time, when the cell has ended
        return png(figure)


class Pair(tuple):
    """Two axes of one figure, which print and show as the first of them does."""

    def __repr__(self) -> str:
        return repr(self[0])

    def _repr_png_(self) -> bytes:
        return self[0]._repr_png_()


def png(figure: Figure) -> bytes:
    """A figure as a picture."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def new_axes(drawn_by: str, height: float, width: float = WIDTH) -> Axes:
    """Axes in a figure of their own, of a size in inches, that print who drew what on them."""
    figure = plt.figure(figsize=(width, height))
    put_on_card(figure)
    ax: Any = figure.add_subplot(axes_class=Drawn)
    ax.drawn_by = drawn_by
    return ax


def new_pair(drawn_by: str, height: float, rows: int, columns: int, **grid: Any) -> Pair:
    """The same for two axes, one above or beside the other."""
    figure, axes = plt.subplots(
        rows, columns, figsize=(WIDTH, height), subplot_kw={"axes_class": Drawn}, **grid,
    )  # fmt: skip
    put_on_card(figure)
    for ax in axes:
        ax.drawn_by = drawn_by
    return Pair(axes)


def put_on_card(figure: Figure) -> None:
    """A light ground with round corners, as other pictures have it: meant, on a dark page too."""
    width, height = figure.get_size_inches()
    figure.patch.set_visible(False)  # around the corners one sees the page
    figure.add_artist(
        FancyBboxPatch(
            (0, 0), 1, 1, boxstyle=f"round,pad=0,rounding_size={0.1 / width}",
            mutation_aspect=width / height, transform=figure.transFigure, fc=PAPER, ec=LINE,
            zorder=-1,
        )
    )  # fmt: skip
    figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.1)


def style(ax: Axes, x_label: str, y_label: str, grid: bool = True) -> None:
    """The same ink and sizes for all plots."""
    ax.set_facecolor("none")
    ax.set_xlabel(x_label, fontsize=NORMAL, color=INK)
    ax.set_ylabel(y_label, fontsize=NORMAL, color=INK)
    ax.title.set(fontsize=NORMAL + 1, color=INK)
    ax.tick_params(which="both", labelsize=SMALL, labelcolor=INK, color=LINE)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["bottom", "left"]].set_color(LINE)
    ax.set_axisbelow(True)
    if grid:
        ax.grid(color=LINE, lw=0.7)


def name_ends(ax: Axes, ends: Sequence[tuple[str, Any, str]]) -> None:
    """Write the name of each line at its right, joined to its end: (name, (x, y), colour).

    To be called when the limits of the axes are known.
    """
    bottom, top = sorted(ax.get_ylim())  # before all else: Matplotlib finds limits when asked
    to_axes = ax.transData + ax.transAxes.inverted()
    level = np.nan_to_num([to_axes.transform(end)[1] for _, end, _ in ends], nan=1.0).clip(0, 1)
    order = np.argsort(level, kind="stable")
    figure: Any = ax.figure
    line = 1.3 * SMALL / 72 * figure.dpi / ax.bbox.height
    half = np.array([line * (1 + ends[i][0].count("\n")) / 2 for i in order])
    at = level[order]
    for i in range(1, len(at)):  # no name over another: upwards, then down from the upper edge
        at[i] = max(at[i], at[i - 1] + half[i - 1] + half[i])
    at[-1] = min(at[-1], 1.0)
    for i in reversed(range(len(at) - 1)):
        at[i] = min(at[i], at[i + 1] - half[i] - half[i + 1])
    for (name, (x, y), colour), height in zip(ends, at[np.argsort(order)]):
        end = x, np.clip(y, bottom, top)  # a line may end below the picture
        leader = {"arrowstyle": "-", "color": colour, "lw": 1.2, "alpha": 0.7, "relpos": (0, 0.5)}
        ax.annotate(
            name, end, (1.07, height), textcoords="axes fraction", va="center", fontsize=SMALL,
            color=INK, annotation_clip=False, arrowprops=leader | {"shrinkA": 1, "shrinkB": 4},
        )  # fmt: skip
