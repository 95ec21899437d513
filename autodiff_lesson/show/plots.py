"""Loss curves, surfaces and the paths that optimizers take on them, drawn with Matplotlib.

Every function returns the axes it drew on, and draws on yours if you pass `ax=`. The axes' label
says in words and numbers what is drawn; axes made here print it at the end of a cell.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from ..tensor import constant
from .palette import BACKWARD, FORWARD, LOOKS, Look, looks_of
from .paper import DIM, INK, PAPER, SMALL, name_ends, new_axes, new_pair, style
from .surfaces import Point, Range, cut, descend

LAND = LinearSegmentedColormap.from_list("land", ("#ffffff", "#b9c6d6"))  # low ground, high ground


# ---- loss curves


def loss_curves(
    history: Any,
    metric: str = "loss",
    *,
    batches: Any = None,
    log: bool = False,
    x_label: str = "epoch",
    ax: Axes | None = None,
) -> Axes:
    """See how training went: the loss of each epoch, with its validation, for one run or several.

    Args:
        history: what `fit` returned, or its dict `{"loss": [...], "val_loss": [...]}`, or a list of
            numbers from a loop of your own; or several of these as `{name: history}`.
        metric: what to draw; `"val_" + metric` is drawn dashed beside it where there is one.
        batches: the value of every single batch, as a list, or `{name: list}` for several runs.
            Each epoch gets as many of them, drawn around its mean.
        log: logarithmic scale; values of 0 and below cannot be drawn then.
        x_label: what one value stands for.
        ax: axes to draw on.

    Returns:
        The axes.
    """
    runs = _runs(history, metric)
    singles = {} if batches is None else {n: r[metric] for n, r in _runs(batches, metric).items()}
    if set(singles) - set(runs):
        raise ValueError("loss_curves: give batches in the form of the history: {name: list}")
    ax = new_axes("loss_curves", 4.2) if ax is None else ax
    one, facts, ends = len(runs) == 1, [], []

    def draw(values: np.ndarray, colour: str, dash: str, name: str) -> None:
        _draw_curve(ax, values, colour, dash, name)
        lost = np.flatnonzero(~np.isfinite(values))
        end = lost[0] if lost.size else len(values)  # a line just ends, which is easily overlooked
        name += f"\n{values[end]} from {x_label} {end + 1} on" if lost.size else ""
        ends.append((name, (end, values[max(end - 1, 0)]), colour))

    for (name, run), look in zip(runs.items(), looks_of(runs)):
        colour = FORWARD if one else LOOKS[look].light
        values = run[metric]
        label = f"{name} training".strip() if one else name
        if name in singles:
            end = _draw_batches(ax, singles[name], len(values), colour)
            ends.append((f"{name} each batch".strip(), end, colour))
            label += f",\nmean of the {x_label}"
        draw(values, colour, "-", label)
        fact = f"{name or metric} {_ends(values)}"
        if f"val_{metric}" in run:
            validation = run[f"val_{metric}"]
            draw(validation, BACKWARD if one else colour, "--", f"{name} validation".strip())
            fact += f", val_{metric} {_ends(validation)}"
        facts.append(fact)
    count = max(len(run[metric]) for run in runs.values())
    style(ax, x_label, metric)
    ax.locator_params(axis="x", integer=True)
    ax.set_xlim(0.5, count + 0.5)
    if log:
        ax.set_yscale("log")
    if len(ends) > 1 or singles:
        name_ends(ax, ends)
    ax.set_label(f"{'; '.join(facts)}; {count} {x_label}{'s' * (count != 1)}")
    return ax


def _runs(history: Any, metric: str) -> dict[str, dict[str, np.ndarray]]:
    """All the forms a history comes in, as {name of the run: {name of the metric: values}}."""
    history = _unwrapped(history)
    if not isinstance(history, Mapping) or metric in history or "loss" in history:
        return {"": _run(history, metric)}
    if not history:
        raise ValueError("loss_curves: the history is empty; train first, then draw")
    return {str(name): _run(_unwrapped(one), metric) for name, one in history.items()}


def _unwrapped(history: Any) -> Any:
    while hasattr(history, "history"):  # fit's History; also a model, which keeps its last one
        history = history.history
    return history


def _run(history: Any, metric: str) -> dict[str, np.ndarray]:
    if not isinstance(history, Mapping):
        history = {metric: history}
    if metric not in history:
        near = get_close_matches(metric, history, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        have = ", ".join(map(repr, history))
        raise ValueError(f"loss_curves: the history has no {metric!r}.{hint} It has {have}.")
    wanted = [name for name in (metric, f"val_{metric}") if name in history]
    run = {name: np.asarray(history[name], dtype=float) for name in wanted}
    if run[metric].ndim != 1 or not run[metric].size:
        raise ValueError(
            f"loss_curves: {metric!r} must be a list of one number per epoch, "
            f"not of shape {run[metric].shape}"
        )
    return run


def _draw_curve(ax: Axes, values: np.ndarray, colour: str, dash: str, name: str) -> None:
    dots = "o" if len(values) <= 40 else None
    ax.plot(
        np.arange(1, len(values) + 1), values, dash, color=colour, label=name.replace("\n", " "),
        lw=2, marker=dots, ms=4.5, zorder=3,
    )  # fmt: skip


def _draw_batches(ax: Axes, values: np.ndarray, epochs: int, colour: str) -> tuple[float, float]:
    each, rest = divmod(len(values), epochs)
    if rest or not each:
        raise ValueError(
            f"loss_curves: {len(values)} batches do not divide into {epochs} equal epochs"
        )
    # An epoch takes the interval of width 1 around its number, so its mean stands amid its batches.
    x = 0.5 + (np.arange(len(values)) + 0.5) / each
    ax.plot(x, values, color=colour, alpha=0.35, lw=1, label="each batch", zorder=2)
    return x[-1], values[-1]


def _ends(values: np.ndarray) -> str:
    return " to ".join(_number(value) for value in values[[0, -1][: len(values)]])


def _number(value: float) -> str:
    # Last digits and tiny values depend on the processor, and labels are compared as text.
    return f"{value:.3g}" if not 0 < abs(value) < 1e-6 else "almost 0"


# ---- surfaces


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
    style(ax, *_argument_names(f), grid=False)
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
    z = _at_once(f, *np.meshgrid(x, y))
    if z is None:
        n = min(n, 61)  # each point is a call now
        x, y = np.linspace(*x_range, n), np.linspace(*y_range, n)
        z = _one_by_one(f, *np.meshgrid(x, y))
    return x, y, z


def heights(f: Callable[[Any, Any], Any], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The values of `f` at many points, through the engine: float64, in the shape of `x`."""
    values = _at_once(f, x, y)
    return _one_by_one(f, x, y) if values is None else values


def _at_once(f: Callable[[Any, Any], Any], x: np.ndarray, y: np.ndarray) -> np.ndarray | None:
    try:
        values = np.asarray(f(constant(np.float32(x)), constant(np.float32(y))), dtype=float)
    except (
        Exception
    ):  # f did not expect a grid; if something else is wrong, single points will tell
        return None
    return values if values.shape == x.shape else None


def _one_by_one(f: Callable[[Any, Any], Any], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    points = zip(np.float32(x).flat, np.float32(y).flat)
    return np.array([float(f(constant(a), constant(b))) for a, b in points]).reshape(x.shape)


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


def _argument_names(f: Any) -> tuple[str, str]:
    try:
        names = list(inspect.signature(getattr(f, "f", f)).parameters)
    except (TypeError, ValueError):
        names = []
    return (names[0], names[1]) if len(names) >= 2 else ("x", "y")


# ---- trajectories


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
        runs = _named(runs)
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
    every = _round_number(longest / 10) if every is None else every
    facts, ends = [], []
    for (name, path), kind in zip(paths.items(), looks_of(runs)):
        look = LOOKS[kind]
        seen, left = cut(path, x_range, y_range)
        if left == 0:
            raise ValueError(f"trajectories: a path that starts at {path[0]} is never on the map")
        losses = heights(f, *path[:left].T)
        fact = (
            f"{name} {_number(losses[-1])}"
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
        height = f"{_name_of(f) or 'f'}({', '.join(_argument_names(f))})"
        _finish_losses(loss_ax, f"step (a dot every {every})", height)
    name_ends(map_ax if loss_ax is None else loss_ax, ends)
    return ax


def _new_pair(drawn_by: str, shape: float | None) -> tuple[Axes, Axes]:
    if shape is None or shape > 0.8:
        return new_pair(drawn_by, 4.6, 1, 2, width_ratios=(5, 3))
    map_height = 6.2 * shape  # a wide map has the whole width, and the losses below it
    return new_pair(drawn_by, map_height + 3.6, 2, 1, height_ratios=(map_height, 2.1))


def _finish_losses(ax: Axes, x_label: str, y_label: str) -> None:
    style(ax, x_label, y_label)
    ax.locator_params(axis="x", integer=True)
    low, high = ax.dataLim.intervaly
    if low > 0 and high > 20 * low:
        ax.set_yscale("log")
        ax.set_ylim(bottom=max(low / 2, high * 1e-9))  # what lies below is rounding


def _path(name: str, points: Any) -> np.ndarray:
    path = np.asarray(points, dtype=float)
    if path.ndim != 2 or path.shape[1] != 2:
        raise ValueError(
            f"trajectories: {name!r} must be an optimizer, or points (x, y) in an array of shape "
            f"(points, 2), not {path.shape}"
        )
    return path


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


def _round_number(at_least: float) -> int:
    """The next of 1, 2, 5, 10, 20, 50, ..."""
    size = 1
    while size * 5 < at_least:
        size *= 10
    return next(k * size for k in (1, 2, 5) if k * size >= at_least)
