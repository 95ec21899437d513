"""Pictures: of a tape and its backward pass, of training, of what optimizers do.

Each name loads what it needs when it is first used.

An order to read the files in: `picture` makes of a tape the data that its pictures show, with what
happens at each step (`frames`), what may be folded (`folding`) and where it all stands (`views`,
`layout`, `boxes`); `stepper`, `drawing` and `records` show that. The explorers (`tangents`,
`trials`, `races`, `slices`) compute in Python, and draw in the file of JavaScript of their name;
`hosting` is what they share. `plots`, `maps` and `live_plot` draw with Matplotlib, on `paper`;
`surfaces` are what optimizers are watched on.
"""

from __future__ import annotations

import importlib
from typing import Any

_WHERE = {
    "backward": "stepper",
    "tape": "records",
    "graph": "drawing",
    "loss_curves": "plots",
    "surface": "maps",
    "trajectories": "maps",
    "optimizer_family": "family",
    "LivePlot": "live_plot",
    "tangent": "tangents",
    "explore": "sliders",
    "race": "races",
    "loss_surface": "slices",
    "custom_rule": "trials",
}

__all__ = list(_WHERE)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # not import_module(f".{name}"): a file of the same name must not hide the function
    made = getattr(importlib.import_module(f".{_WHERE[name]}", __name__), name)
    globals()[name] = made
    return made


def __dir__() -> list[str]:
    return sorted(__all__)
