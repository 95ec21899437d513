"""One look for each optimizer, the same in every picture, on paper and in the browser.

Neutral is plain descent; blue chooses the direction of a step with more care, orange its size,
and violet, pink and green do both. Within a family the dashes differ. Every colour has a contrast
of 3 : 1 or more to its ground, and no two come close to each other under any of the three kinds of
colour blindness.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, NamedTuple

FORWARD, BACKWARD = "#2563a8", "#ad4109"  # of the two passes; of a first and a second curve


class Look(NamedTuple):
    """How the curves of an optimizer are drawn."""

    light: str  # colour on a light ground
    dark: str
    dash: tuple[float, ...]  # in widths of the line: drawn, left out, ...; empty is a full line
    marker: str  # as Matplotlib calls it


LOOKS = {
    "SGD": Look("#4a4f5a", "#b9c3cd", (), "o"),
    "Momentum": Look("#3b4fd0", "#7f86ff", (), "^"),
    "RMSprop": Look("#cb4612", "#f0741c", (4, 1.5), "s"),
    "Adam": Look("#5b1a78", "#b465c8", (), "D"),
    "NAG": Look("#2891cc", "#6cc6fa", (4, 1.5), "v"),
    "Adadelta": Look("#ab8a00", "#f2cc70", (1.5, 1.2), "p"),
    "AdamW": Look("#1f8a55", "#7fe8b4", (1.5, 1.2), "h"),
    "Nadam": Look("#c84f93", "#e8709a", (4, 1.5), "d"),
    "Adagrad": Look("#6e2500", "#bb7a4c", (), "P"),
}


def looks_of(runs: Mapping[str, Any]) -> list[str]:
    """The look of each run, by the name of an optimizer.

    A run, which may be an optimizer, has the look of its kind, or of its own name; but each look is
    given once, so all others get the looks that are left, in their order.
    """
    kinds = [_kind(name, run) for name, run in runs.items()]
    first = [kind if kind not in kinds[:i] else None for i, kind in enumerate(kinds)]
    left = itertools.cycle([name for name in LOOKS if name not in first] or list(LOOKS))
    return [kind or next(left) for kind in first]


def _kind(name: str, run: Any) -> str | None:
    kind = type(run).__name__
    if kind == "SGD" and run.momentum:
        kind = "NAG" if run.nesterov else "Momentum"
    return kind if kind in LOOKS else name if name in LOOKS else None


def style_sheet() -> str:
    """The looks as classes of CSS: `.look0` and so on, in the order of `LOOKS`."""
    return "".join(
        f".look{i} {{ color: {look.light}; --dash: {_lengths(look.dash)}; }}\n"
        f".dark .look{i} {{ color: {look.dark}; }}\n"
        for i, look in enumerate(LOOKS.values())
    )


def _lengths(dash: tuple[float, ...]) -> str:
    return " ".join(f"{2 * part:g}" for part in dash) or "none"  # in pixels; a line is 2 wide
