"""LivePlot: the curve while fit runs, in a notebook and elsewhere."""

import base64
from types import SimpleNamespace

import numpy as np
import pytest

from autodiff_lesson import keras, show
from autodiff_lesson.show import live_plot

PNG = b"\x89PNG\r\n\x1a\n"


def train(live, epochs=3):
    x = np.linspace(-1, 1, 32, dtype=np.float32)[:, None]
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse")
    return model.fit(
        x, 2 * x, epochs=epochs, validation_data=(x, 2 * x), callbacks=[live], verbose=0
    )


def test_the_picture_is_what_fit_reported():
    live = show.LivePlot()
    history = train(live).history
    assert live.history == history
    (ax,) = live.figure.axes
    lines = {line.get_label(): line.get_ydata().tolist() for line in ax.get_lines()}
    assert lines == {"training": history["loss"], "validation": history["val_loss"]}


def test_a_second_fit_starts_a_new_curve_in_the_same_figure():
    live = show.LivePlot(log=True)
    train(live, epochs=2)
    figure = live.figure
    train(live, epochs=4)
    assert live.figure is figure
    assert len(figure.axes[0].get_lines()[0].get_ydata()) == 4
    assert figure.axes[0].get_yscale() == "log"


def test_several_metrics_have_a_picture_each():
    live = show.LivePlot("loss", "mae")
    live.on_train_begin()
    live.on_epoch_end(0, {"loss": 2.0, "mae": 1.0})
    live.on_epoch_end(1, {"loss": 1.0, "mae": 0.5})
    assert [ax.get_ylabel() for ax in live.figure.axes] == ["loss", "mae"]
    assert live.figure.axes[1].get_lines()[0].get_ydata().tolist() == [1.0, 0.5]
    assert repr(live) == "<LivePlot of loss, mae>"


def test_elsewhere_nothing_is_shown(capsys):
    train(show.LivePlot())
    assert capsys.readouterr() == ("", "")


class Place:
    def __init__(self, shown):
        self.shown = shown

    def update(self, bundle, raw):
        self.shown.append(bundle)


@pytest.fixture
def notebook(monkeypatch):
    """What a notebook would have been shown, without one."""
    shown = []

    def display(bundle, raw, display_id):
        shown.append(bundle)
        return Place(shown)

    monkeypatch.setattr(live_plot, "shell", lambda: SimpleNamespace(kernel=None))
    monkeypatch.setattr("IPython.display.display", display)
    return shown


def test_a_notebook_shows_one_widget_that_becomes_a_picture(notebook):
    train(show.LivePlot(), epochs=3)
    first, last = notebook
    assert "application/vnd.jupyter.widget-view+json" in first
    assert base64.b64decode(last["image/png"]).startswith(PNG)
    assert first["text/plain"] == last["text/plain"] == "<LivePlot of loss>"


def test_redraws_are_at_most_ten_a_second(notebook, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(live_plot.time, "monotonic", lambda: now[0])
    live = show.LivePlot()
    drawn = []
    monkeypatch.setattr(live, "_png", lambda: drawn.append(len(live.history["loss"])) or PNG)
    live.on_train_begin()
    for epoch in range(10):
        live.on_epoch_end(epoch, {"loss": 1.0})
        now[0] += 0.04
    live.on_train_end()
    assert drawn == [1, 4, 7, 10, 10]
