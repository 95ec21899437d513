"""How `fit` shows where it is: a bar in a notebook, a line per epoch elsewhere, or nothing."""

from __future__ import annotations

from typing import Any

from ..lines import shell
from .callbacks import Callback


class Silent(Callback):
    """``verbose=0``."""

    def __init__(self, data: Any, epochs: int | None):
        self.data, self.epochs = data, epochs  # no epochs: those who `evaluate` are shown

    def close(self) -> None:
        """It is over, or was interrupted."""


class Lines(Silent):
    """``verbose=2``: a line per epoch, without times, so that it is the same every time."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.show(f"Epoch {epoch + 1}/{self.epochs}", self._described(logs, "epoch"))

    def on_test_end(self, logs: Any = None) -> None:
        if self.epochs is None:
            self.show("Evaluation", self._described(logs, "data"))

    def show(self, title: str, values: str) -> None:
        """What came out of an epoch."""
        steps = f" - {self.data.steps} steps" if self.data.steps else ""
        print(f"{title}{steps} - {values}", flush=True)

    def _described(self, logs: Any, of: str) -> str:
        """``mean of the epoch: loss: 0.5000 - mae: 0.2500; last batch: ...``"""
        gathered = f"mean of the {of}: "
        texts: dict[str, list[str]] = {gathered: [], "last batch: ": []}
        means = self.model.get_metrics_result()
        for name, value in logs.items():
            text = f"{value:.4f}" if abs(value) > 1e-3 or not value else f"{value:.4e}"
            kind = gathered if name.removeprefix("val_") in means else "last batch: "
            texts[kind].append(f"{name}: {text}")
        parts = [kind + " - ".join(values) for kind, values in texts.items() if values]
        return "; ".join(parts) or "nothing logged"


class Bar(Lines):
    """``verbose=1``: a bar over all epochs, drawn by tqdm."""

    def __init__(self, data: Any, epochs: int | None):
        from tqdm.auto import tqdm  # takes its time to load, and is not always needed

        super().__init__(data, epochs)
        total = data.steps and data.steps * (1 if epochs is None else epochs)
        self._bar = tqdm(total=total, unit="step", mininterval=0.1)
        self._before = 0  # steps of earlier epochs

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._bar.set_description_str(f"Epoch {epoch + 1}/{self.epochs}", refresh=False)
        self._before = epoch * self.data.steps if self.data.steps else self._bar.n

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        done = self._before + min(batch + 1, self.data.steps or batch + 1)
        self._bar.update(done - self._bar.n)

    def on_test_begin(self, logs: Any = None) -> None:
        self._bar.set_postfix_str("validation" if self.epochs else "evaluation", refresh=False)

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.epochs is None:
            self.on_train_batch_end(batch)

    def show(self, title: str, values: str) -> None:
        self._bar.set_postfix_str(values)

    def close(self) -> None:
        self._bar.close()


def progress_for(verbose: Any, data: Any, epochs: int | None = None) -> Silent:
    """What ``verbose`` asks for."""
    if verbose == "auto":
        verbose = 1 if hasattr(shell(), "kernel") else 2
    if verbose not in (0, 1, 2):
        raise ValueError(f"verbose is 0, 1, 2 or 'auto'; received {verbose!r}")
    return (Silent, Bar, Lines)[verbose](data, epochs)
