"""How `fit` shows where it is: a bar in a notebook, a line per epoch elsewhere, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..lines import shell


class Silent:
    """``verbose=0``."""

    def __init__(self, epochs: int, data: Any, title: str):
        self._epochs, self._data, self._title = epochs, data, title

    def __enter__(self) -> Silent:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def step(self, epoch: int, number: int, logs: Mapping) -> None:
        """A step is done; ``number`` of them in this epoch."""

    def pause(self, what: str) -> None:
        """Something else than steps begins."""

    def epoch_ends(self, epoch: int, logs: Mapping, means: set[str]) -> None:
        """An epoch is done. ``means`` are the names whose values are means of the epoch."""


class Lines(Silent):
    """``verbose=2``: a line per epoch, without times, so that it is the same every time."""

    def epoch_ends(self, epoch: int, logs: Mapping, means: set[str]) -> None:
        head = self._title or f"Epoch {epoch + 1}/{self._epochs}"
        steps = f" - {self._data.steps} steps" if self._data.steps else ""
        of = "data" if self._title else "epoch"
        print(f"{head}{steps} - {described(logs, means, of)}", flush=True)


class Bar(Silent):
    """``verbose=1``: a bar over all epochs, drawn by tqdm."""

    def __init__(self, epochs: int, data: Any, title: str):
        from tqdm.auto import tqdm  # takes its time to load, and is not always needed

        super().__init__(epochs, data, title)
        self._done = 0
        steps = data.steps
        self._bar = tqdm(total=steps and steps * epochs, unit="step", mininterval=0.1)

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def step(self, epoch: int, number: int, logs: Mapping) -> None:
        bar = self._bar
        done = epoch * (self._data.steps or number) + number
        if number == 1 or done - self._done > (bar.miniters or 1):
            bar.set_description_str(
                self._title or f"Epoch {epoch + 1}/{self._epochs}", refresh=False
            )
        bar.update(max(done - self._done, 0))
        self._done = max(done, self._done)

    def pause(self, what: str) -> None:
        self._bar.set_postfix_str(what, refresh=False)

    def epoch_ends(self, epoch: int, logs: Mapping, means: set[str]) -> None:
        self._bar.set_postfix_str(described(logs, means))


def described(logs: Mapping, means: set[str], of: str = "epoch") -> str:
    """``mean of the epoch: loss: 0.5000 - mae: 0.2500; last batch: ...``"""
    gathered: list[str] = []
    last: list[str] = []
    for name, value in logs.items():
        text = f"{name}: {value:.4f}" if abs(value) > 1e-3 or not value else f"{name}: {value:.4e}"
        (gathered if name.removeprefix("val_") in means else last).append(text)
    parts = []
    if gathered:
        parts.append(f"mean of the {of}: " + " - ".join(gathered))
    if last:
        parts.append("last batch: " + " - ".join(last))
    return "; ".join(parts) or "nothing logged"


def progress_for(verbose: Any, epochs: int, data: Any, title: str = "") -> Silent:
    """What ``verbose`` asks for."""
    if verbose == "auto":
        verbose = 1 if hasattr(shell(), "kernel") else 2
    if verbose not in (0, 1, 2):
        raise ValueError(f"verbose is 0, 1, 2 or 'auto'; received {verbose!r}")
    return (Silent, Bar, Lines)[verbose](epochs, data, title)
