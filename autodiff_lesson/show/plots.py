"""Loss curves, drawn with Matplotlib."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from .palette import BACKWARD, FORWARD, LOOKS, looks_of
from .paper import name_ends, new_axes, style
from .surfaces import few_digits


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
    if any(hasattr(one, "history") for one in np.atleast_1d(history[metric])):
        raise ValueError("loss_curves: several runs need names: {'slow': history, 'fast': another}")
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
    return " to ".join(few_digits(value) for value in values[[0, -1][: len(values)]])
