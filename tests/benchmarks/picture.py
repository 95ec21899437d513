"""The table of ratios as a picture: a row of dots per piece of work, on a logarithmic axis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure
from work import EAGER, FUNCTION

# Colours that colour-blind readers can tell apart (Okabe & Ito 2008), and a shape for each.
LOOKS = {
    EAGER: ("o", "#d55e00", "autodiff_lesson, eager"),
    FUNCTION: ("D", "#0072b2", "autodiff_lesson, function"),
    "TF eager": ("v", "#777777", "TensorFlow eager"),
    "tf.function": ("^", "#777777", "tf.function"),
    "torch": ("s", "#cc79a7", "PyTorch eager"),
    "jax": ("P", "#009e73", "jax.jit (bar: eager)"),
    "autograd": ("X", "#e69f00", "autograd"),
    "mygrad": ("p", "#56b4e9", "mygrad"),
}
OURS, COMPILED = (EAGER, FUNCTION), ("tf.function", "jax")
TEXT, FAINT, BAND = "#222222", "#d0d0d0", "#f4f4f4"


def look(name: str) -> dict[str, Any]:
    marker, color, label = LOOKS[name]
    size, edge = (10, "black") if name in OURS else (7.5, "white")
    return {
        "marker": marker,
        "color": color,
        "label": label,
        "linestyle": "",
        "markersize": size,
        "markeredgecolor": edge,
        "markeredgewidth": 1.2 if name in OURS else 0.6,
    }


def draw(found: Mapping[str, Mapping[str, float]], path: str, caption: str) -> None:
    """Write a picture of ratios, by name of the work and of the contender, in its path's format."""
    figure = Figure(figsize=(8.33, 1.5 + 0.46 * len(found)), facecolor="white")
    axes = figure.add_subplot()
    for row, ratios in enumerate(found.values()):
        axes.axhspan(row - 0.44, row + 0.44, color=BAND, zorder=0)
        for name, ratio in ratios.items():
            # in three lanes, so that few hide another: ours, compiled peers, the rest
            lane = -0.2 if name in OURS else 0.1 if name in COMPILED else 0.3
            axes.plot(ratio, row + lane, zorder=3, **look(name))
    axes.axvline(1, color=TEXT, linewidth=1.5, zorder=2)
    axes.set_xscale("log")
    axes.set_xlabel("processor time, as a multiple of NumPy written by hand (less is better)")
    axes.xaxis.set_major_formatter(lambda ratio, _: f"{ratio:g}")
    axes.set_yticks(range(len(found)), list(found))
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.grid(axis="x", color=FAINT, linewidth=0.8, zorder=1)
    axes.tick_params(length=0, labelsize=9.5, colors=TEXT)
    axes.spines[:].set_visible(False)
    present = [name for name in LOOKS if any(name in ratios for ratios in found.values())]
    handles = [axes.plot([], [], **look(name))[0] for name in present]
    figure.legend(handles=handles, loc="upper center", ncols=4, frameon=False, fontsize=9.5)
    figure.text(0.99, 0.012, caption, ha="right", fontsize=7.5, color="#666666")
    top = 1 - 0.62 / figure.get_figheight()
    figure.subplots_adjust(left=0.335, right=0.98, top=top, bottom=0.72 / figure.get_figheight())
    figure.savefig(path, dpi=96, metadata={"Date": None} if path.endswith("svg") else None)
