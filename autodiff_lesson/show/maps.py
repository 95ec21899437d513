"""Surfaces as maps, and the paths that optimizers take on them, drawn with Matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from .palette import LOOKS, Look, looks_of
from .paper import DIM, INK, PAPER, SMALL, name_ends, new_axes, new_pair, style
from .surfaces import (
    Point,
    Range,
    argument_names,
    at_once,
    cut,
    descend,
    few_digits,
    heights,
    one_by_one,
)

LAND = LinearSegmentedColormap.from_list("land", ("#ffffff", "#b9c6d6"))  # low ground, high ground


def surface(
    f: Callable[[Any, Any], Any],
    x_range: Range | None = None,
    y_range: Range | None = None,
    *,
    levels: int | Sequence[float] = 14,
    n: int = 161,
    ax: Axes | None = None,
) -> Axes:
    """See a function of two numbers as a map: contours, the higher the darker.

    Args:
        f: `f(x, y)`, scalar. It is called once with tensors of shape (n, n); if it cannot take
            those (a loss that averages over data cannot), once for each of at most 61 x 61 points.
        x_range, y_range: (from, to); `f.x_range` and `f.y_range` if left out.
        levels: how many contours, or their heights. A number of them is spaced so that half the map
            lies below the middle one: evenly on a slope, closer at the bottom of a valley.
        n: points in each direction.
        ax: axes to draw on.

    Returns:
        The axes. Where x and y have about the same range they have the same scale, so that
        the steepest way down is at right angles to the contours.
    """
    x_range, y_range = _frame(f, x_range, y_range)
    if ax is None:
        shape = _shape(x_range, y_range)
        height = 4.8 if shape is None else np.clip(5.4 * shape + 1.0, 3.4, 5.4)
        ax = new_axes(f"surface {_name_of(f)}".strip(), height, 6.4)
    _label_contours(ax, _draw_map(f, x_range, y_range, levels, n, ax))
    return ax


def _draw_map(
    f: Callable[[Any, Any], Any], x_range: Range, y_range: Range, levels: Any, n: int, ax: Axes
) -> Any:
    x, y, z = _survey(f, x_range, y_range, n)
    ground = np.ma.masked_invalid(z)
    if not ground.count():
        raise ValueError("surface: f is infinite or NaN everywhere in this range")
    at = (
        _spaced(ground.compressed(), levels) if isinstance(levels, int) else np.array(levels, float)
    )
    edges = np.append(at, np.inf) if at[-1] < ground.max() else at
    ax.contourf(x, y, ground, edges, colors=LAND(np.linspace(0, 1, len(edges) - 1)), zorder=0)
    lines = ax.contour(
        x, y, ground, at[1:], colors="#8d9bab", linewidths=0.8, linestyles="solid", zorder=1
    )
    for a, b in getattr(f, "minima", ()):
        ax.plot(a, b, "+", color=INK, ms=17, mew=1.5, zorder=2)
    style(ax, *argument_names(f), grid=False)
    ax.set(xlim=x_range, ylim=y_range, title=_name_of(f))
    if _shape(x_range, y_range):
        ax.set_aspect("equal")
    row, column = np.unravel_index(ground.argmin(), z.shape)
    lowest = f"{ground.min():.3g} near ({x[column]:.3g}, {y[row]:.3g})"
    ax.set_label(f"from {lowest} to {ground.max():.3g}")
    return lines


def _survey(
    f: Callable[[Any, Any], Any], x_range: Range, y_range: Range, n: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, y = np.linspace(*x_range, n), np.linspace(*y_range, n)
    z = at_once(f, *np.meshgrid(x, y))
    if z is None:
        n = min(n, 61)  # each point is a call now
        x, y = np.linspace(*x_range, n), np.linspace(*y_range, n)
        z = one_by_one(f, *np.meshgrid(x, y))
    return x, y, z


def _frame(f: Any, x_range: Range | None, y_range: Range | None) -> tuple[Range, Range]:
    x_range = getattr(f, "x_range", None) if x_range is None else x_range
    y_range = getattr(f, "y_range", None) if y_range is None else y_range
    if x_range is None or y_range is None:
        raise ValueError("which part of f? Give x_range=(from, to) and y_range=(from, to)")
    return x_range, y_range


def _spaced(z: np.ndarray, levels: int) -> np.ndarray:
    low, high = z.min(), z.max()
    if low == high:
        return np.array([low, low + 1])
    middle = (np.median(z) - low) / (high - low)
    power = np.clip(np.log(max(middle, 1e-9)) / np.log(0.5), 1, 8)
    at = low + (high - low) * np.linspace(0, 1, levels + 1) ** power
    below = np.searchsorted(np.sort(z), at) / z.size
    return at[(at == low) | (below > 0.002)]  # what is narrower than a pixel comes out as dashes


def _label_contours(ax: Axes, lines: Any) -> None:
    def text(height: float) -> str:
        return f"{height:.2g}" if abs(height) < 10 or abs(height) >= 1e4 else f"{height:.0f}"

    ax.clabel(lines, lines.levels[1::3], fontsize=SMALL, fmt=text, colors=DIM)


def _shape(x_range: Range, y_range: Range) -> float | None:
    """Height over width of a map with one scale, or None where x and y are too unlike for that."""
    ratio = (y_range[1] - y_range[0]) / (x_range[1] - x_range[0])
    return ratio if 0.49 <= ratio <= 2.01 else None


def _name_of(f: Any) -> str:
    name = getattr(f, "__name__", "")
    return "" if name == "<lambda>" else name


def trajectories(
    f: Callable[[Any, Any], Any],
    runs: Mapping[str, Any] | Sequence[Any],
    *,
    start: Point | None = None,
    steps: int = 100,
    noise: float = 0.0,
    seed: int = 0,
    x_range: Range | None = None,
    y_range: Range | None = None,
    every: int | None = None,
    levels: int | Sequence[float] = 14,
    ax: Any = None,
) -> Any:
    """Race optimizers down a surface: their paths on the map, and loss against step beside it.

    Args:
        f: `f(x, y)`, as for `surface`.
        runs: `{name: optimizer or path}`, or a list of optimizers. A path is a list of points
            (x, y), or an array of shape (points, 2), its start first; an optimizer walks `steps`
            steps from `start`, with `noise` and `seed` as in `descend`.
        every: a dot every so many steps; chosen by itself if left out.
        x_range, y_range, levels: as for `surface`.
        ax: a pair of axes to draw on, or one for the map alone.

    Returns:
        The axes of the map and of the losses, or the one that you gave.

    A path that leaves the map and does not come back is cut at the edge, with a cross there; at
    which step is said beside its losses. An optimizer has the same colour in all pictures.
    """
    x_range, y_range = _frame(f, x_range, y_range)
    if not isinstance(runs, Mapping):
        runs = _named([runs] if hasattr(runs, "apply_gradients") else runs)
    if not runs:
        raise ValueError("trajectories: there are no optimizers and no paths to draw")
    paths = {
        name: descend(f, one, start, steps, noise=noise, seed=seed)
        if hasattr(one, "apply_gradients")
        else _path(name, one)
        for name, one in runs.items()
    }
    if ax is None:
        ax = _new_pair(f"trajectories on {_name_of(f) or 'f'}", _shape(x_range, y_range))
    map_ax, loss_ax = ax if np.iterable(ax) else (ax, None)
    _draw_map(f, x_range, y_range, levels, 161, map_ax)
    longest = max(map(len, paths.values())) - 1
    every = _next_round(longest / 10) if every is None else every
    facts, ends = [], []
    for (name, path), kind in zip(paths.items(), looks_of(runs)):
        look = LOOKS[kind]
        seen, left = cut(path, x_range, y_range)
        if left == 0:
            raise ValueError(f"trajectories: a path that starts at {path[0]} is never on the map")
        losses = heights(f, *path[:left].T)
        fact = (
            f"{name} {few_digits(losses[-1])}"
            if left is None
            else f"{name}: off the map at step {left}"
        )
        facts.append(fact)
        _draw_path(map_ax, seen, look, name, every, is_cut=left is not None)
        end = seen[-1]
        if loss_ax is not None:
            end = len(losses) - 1, losses[-1]
            loss_ax.plot(losses, color=look.light, ls=_dashes(look), lw=2, label=name)
            _draw_end(loss_ax, end, look, is_cut=left is not None)
        ends.append((name if left is None else f"{name}\noff at step {left}", end, look.light))
    map_ax.set_label(f"{'; '.join(facts)}; {longest} step{'s' * (longest != 1)}")
    if loss_ax is not None:
        loss_ax.set_label(map_ax.get_label())
        height = f"{_name_of(f) or 'f'}({', '.join(argument_names(f))})"
        _finish_losses(loss_ax, f"step (a dot every {every})", height)
    name_ends(map_ax if loss_ax is None else loss_ax, ends)
    return ax


def _new_pair(drawn_by: str, shape: float | None) -> tuple[Axes, Axes]:
    if shape is None or shape > 0.8:
        height = 4.2 if shape is None else min(2.7 * shape + 1, 4.2)  # as high as the map can be
        return new_pair(drawn_by, height, 1, 2, width_ratios=(3, 2))
    map_height = 5.2 * shape  # a wide map has the whole width, and the losses below it
    return new_pair(drawn_by, map_height + 3.6, 2, 1, height_ratios=(map_height, 2.1))


def _finish_losses(ax: Axes, x_label: str, y_label: str) -> None:
    style(ax, x_label, y_label)
    ax.locator_params(axis="x", integer=True)
    low, high = ax.dataLim.intervaly
    if low > 0 and high > 20 * low:
        ax.set_yscale("log")
        ax.set_ylim(bottom=max(low / 2, high * 1e-9))  # what lies below is rounding


def _path(name: str, points: Any) -> np.ndarray:
    given = np.asarray(points)
    if given.ndim != 2 or given.shape[1] != 2:
        raise ValueError(
            f"trajectories: {name!r} must be an optimizer, or points (x, y) in an array of shape "
            f"(points, 2), not {points if isinstance(points, str) else given.shape}"
        )
    return given.astype(float)


def _named(optimizers: Sequence[Any]) -> dict[str, Any]:
    named = {type(one).__name__: one for one in optimizers if hasattr(one, "apply_gradients")}
    if len(named) < len(optimizers):
        raise ValueError(
            "trajectories: paths, and optimizers of the same kind, need names: "
            "{'slow': SGD(0.01), 'fast': SGD(0.1), 'by hand': path}"
        )
    return named


def _draw_path(ax: Axes, path: np.ndarray, look: Look, name: str, every: int, is_cut: bool) -> None:
    ax.plot(
        *path.T, marker=look.marker, color=look.light, ls=_dashes(look), lw=2, ms=6, mec=PAPER,
        mew=0.6, markevery=every, label=name, zorder=2.9 if is_cut else 3,
    )  # fmt: skip
    ax.plot(*path[0], "o", ms=10, mfc=PAPER, mec=INK, mew=1.6, zorder=4)
    _draw_end(ax, path[-1], look, is_cut).set_clip_on(False)  # a cross sits on the very edge


def _draw_end(ax: Axes, point: Any, look: Look, is_cut: bool) -> Any:
    mark = "X" if is_cut else look.marker
    return ax.plot(*point, mark, ms=10, color=look.light, mec=PAPER, mew=1.2, zorder=5)[0]


def _dashes(look: Look) -> Any:
    return (0, look.dash) if look.dash else "-"


def _next_round(at_least: float) -> int:
    """The next of 1, 2, 5, 10, 20, 50, ..."""
    size = 1
    while size * 5 < at_least:
        size *= 10
    return next(k * size for k in (1, 2, 5) if k * size >= at_least)
