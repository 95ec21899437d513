"""LivePlot: the loss curve, redrawn in place while `fit` runs."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ..keras.callbacks import Callback
from ..lines import shell
from .paper import png, put_on_card
from .plots import loss_curves


class LivePlot(Callback):
    """Watch the loss fall while `fit` runs: `model.fit(x, y, callbacks=[LivePlot()])`.

    In a notebook one picture is redrawn in place after an epoch, at most ten times a second, and
    stays as a picture in the saved notebook. Elsewhere nothing is shown; `figure` is the last
    picture.

    Args:
        metrics: what to draw, one picture for each, with its validation; the loss if left out.
        log: logarithmic scale.
    """

    def __init__(self, *metrics: str, log: bool = False):
        super().__init__()
        self.metrics = metrics or ("loss",)
        self.log = log
        self.history: dict[str, list[float]] = {}
        self._figure: Figure | None = None
        self._view: Any = None
        self._drawn_at = 0.0

    def __repr__(self) -> str:
        return f"<LivePlot of {', '.join(self.metrics)}>"

    @property
    def figure(self) -> Figure:
        """The picture of what was reported so far, as a Matplotlib figure."""
        if self._figure is None:
            size = (6.4 * len(self.metrics), 4.0)
            self._figure = Figure(size, dpi=100)
            FigureCanvasAgg(self._figure)
            put_on_card(self._figure)
            self._figure.subplots(1, len(self.metrics))
        for ax, metric in zip(self._figure.axes, self.metrics):
            ax.clear()
            loss_curves(self.history, metric, log=self.log, ax=ax)
        return self._figure

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        self.history = {}
        self._view = _View(repr(self)) if hasattr(shell(), "kernel") else None

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(float(value))
        if self._view and time.monotonic() - self._drawn_at > 0.1:
            self._view.show(self._png())
            self._drawn_at = time.monotonic()

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        if self._view and self.history:
            self._view.finish(self._png())

    def _png(self) -> bytes:
        return png(self.figure)


class _View:
    """One place in a notebook's output: a widget while the picture moves, a plain picture after."""

    def __init__(self, text: str):
        from IPython.display import display
        from ipywidgets import Image

        self._text = text
        self._image = Image(format="png")
        self._place: Any = None
        self._display = display

    def show(self, png: bytes) -> None:
        self._image.value = png
        if self._place is None:  # only now, so that no empty frame flashes up
            # The text is the same before and after, since notebooks are compared by it.
            bundle = self._image._repr_mimebundle_() | {"text/plain": self._text}
            self._place = self._display(bundle, raw=True, display_id=True)

    def finish(self, png: bytes) -> None:
        if self._place is None:
            self.show(png)
        picture = base64.b64encode(png).decode("ascii")
        self._place.update({"text/plain": self._text, "image/png": picture}, raw=True)
        self._image.close()
