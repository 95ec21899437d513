"""The plots: what is drawn is what happened."""

import subprocess
import sys
from itertools import pairwise
from types import SimpleNamespace

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.text import Text

import autodiff_lesson as tf
from autodiff_lesson import data, show
from autodiff_lesson.keras import optimizers
from autodiff_lesson.show import maps, palette, paper, surfaces

matplotlib.use("Agg")

SURFACES = [
    surfaces.bowl, surfaces.ravine, surfaces.saddle, surfaces.plateau, surfaces.beale,
    surfaces.rosenbrock,
]  # fmt: skip
RUN = {"loss": [3.0, 2.0, 1.5], "val_loss": [3.5, 2.5, 2.6], "mae": [1.0, 0.9, 0.8]}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def drawn(ax):
    """The lines with a label, as {label: (x, y)}."""
    lines = {line.get_label(): line.get_data() for line in ax.get_lines()}
    return {label: xy for label, xy in lines.items() if not label.startswith("_")}


def texts(ax):
    """What stands at the ends of the lines."""
    return [text.get_text() for text in ax.texts]


# loss curves


def test_a_run_and_its_validation():
    ax = show.loss_curves(RUN)
    assert isinstance(ax, Axes)
    lines = drawn(ax)
    assert lines["training"][0].tolist() == [1, 2, 3]
    assert lines["training"][1].tolist() == RUN["loss"]
    assert lines["validation"][1].tolist() == RUN["val_loss"]
    assert texts(ax) == ["training", "validation"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "loss")


class Fitted:
    history = RUN


class Model:
    history = Fitted()


@pytest.mark.parametrize("history", [RUN, Fitted(), Model(), RUN["loss"], np.array(RUN["loss"])])
def test_every_form_of_a_history(history):
    assert drawn(show.loss_curves(history))["training"][1].tolist() == RUN["loss"]


def test_several_runs_of_mixed_forms():
    ax = show.loss_curves({"Adam": Fitted(), "SGD": RUN, "mine": [2.0, 1.0]})
    lines = drawn(ax)
    assert set(lines) == {"Adam", "Adam validation", "SGD", "SGD validation", "mine"}
    assert lines["mine"][1].tolist() == [2.0, 1.0]
    colours = {line.get_label(): line.get_color() for line in ax.get_lines()}
    assert colours["Adam"] == colours["Adam validation"] != colours["SGD"]


def test_another_metric_and_a_misspelt_one():
    assert drawn(show.loss_curves(RUN, "mae"))["training"][1].tolist() == RUN["mae"]
    with pytest.raises(ValueError, match="no 'maee'. Did you mean 'mae'"):
        show.loss_curves(RUN, "maee")
    with pytest.raises(ValueError, match="several runs need names"):
        show.loss_curves([SimpleNamespace(history=RUN)] * 2)


@pytest.mark.parametrize("history", [{}, {"loss": []}, {"loss": 3.0}, [], {"a": {"b": [1.0]}}])
def test_a_history_without_numbers_is_refused(history):
    with pytest.raises(ValueError, match="loss_curves"):
        show.loss_curves(history)


def test_the_mean_of_an_epoch_stands_amid_its_batches():
    batches = [4.0, 2.0, 3.0, 1.0, 2.0, 1.0]
    lines = drawn(show.loss_curves([3.0, 2.0, 1.5], batches=batches))
    x, y = lines["each batch"]
    assert y.tolist() == batches
    x_mean, y_mean = lines["training, mean of the epoch"]
    assert np.allclose(x.reshape(3, 2).mean(axis=1), x_mean)
    assert np.allclose(y.reshape(3, 2).mean(axis=1), y_mean)
    with pytest.raises(ValueError, match="5 batches do not divide into 3"):
        show.loss_curves([3.0, 2.0, 1.5], batches=batches[:5])
    with pytest.raises(ValueError, match="form of the history"):
        show.loss_curves({"a": [3.0], "b": [2.0]}, batches=batches)


def test_a_loss_that_is_lost_is_named():
    ax = show.loss_curves({"a": [1.0, np.inf, np.nan], "b": [1.0, 0.5, 0.2]})
    assert texts(ax) == ["a\ninf from epoch 2 on", "b"]


def test_log_scale():
    assert show.loss_curves(RUN, log=True).get_yscale() == "log"
    assert show.loss_curves(RUN).get_yscale() == "linear"


def test_a_cell_prints_what_is_drawn():
    made = show.loss_curves(RUN)
    assert repr(made) == "<loss_curves: loss 3 to 1.5, val_loss 3.5 to 2.6; 3 epochs>"
    made = show.loss_curves([3.0, 1e-9], x_label="step")
    assert repr(made) == "<loss_curves: loss 3 to almost 0; 2 steps>"
    made = show.surface(surfaces.bowl)
    assert repr(made) == "<surface bowl: from 0 near (0, 0) to 17>"
    assert repr(show.surface(lambda x, y: x * y, (0, 1), (0, 1))).startswith("<surface: from 0")
    made = show.trajectories(surfaces.bowl, {"a": [(1, 1), (0, 0)], "b": [(2, 1), (9, 1)]})
    assert repr(made) == "<trajectories on bowl: a 0; b: off the map at step 1; 1 step>"
    assert isinstance(made, tuple) and all(isinstance(ax, Axes) for ax in made)
    assert repr(show.optimizer_family()) == "<optimizer_family: 10 optimizers, 1847 to 2019>"


@pytest.mark.parametrize("draw", [lambda: show.loss_curves(RUN), lambda: show.trajectories(
    surfaces.bowl, {"a": [(1, 1), (0, 0)]})])  # fmt: skip
def test_a_cell_shows_the_picture_once(draw):
    made = draw()
    assert made._repr_png_().startswith(b"\x89PNG")
    assert not plt.get_fignums()  # or a notebook would draw it again when the cell has ended


@pytest.mark.parametrize(
    "draw",
    [
        lambda ax: show.loss_curves(RUN, ax=ax),
        lambda ax: show.surface(surfaces.bowl, ax=ax),
        lambda ax: show.trajectories(surfaces.bowl, {"path": [(1, 1), (0, 0)]}, ax=ax),
    ],
)
def test_your_own_axes_are_drawn_on(draw):
    figure, ax = plt.subplots()
    assert draw(ax) is ax
    assert plt.get_fignums() == [figure.number] and figure.axes == [ax]
    assert ax.get_lines() or ax.collections


# surfaces


@pytest.mark.parametrize("surface", SURFACES, ids=lambda s: s.__name__)
def test_minima_are_minima(surface):
    for x, y in surface.minima:
        at = tf.constant([x, y], tf.float64)
        with tf.GradientTape() as outer:
            outer.watch(at)
            with tf.GradientTape() as tape:
                tape.watch(at)
                z = surface(*tf.unstack(at))
            slope = tape.gradient(z, at)
        curvature = outer.jacobian(slope, at)
        assert np.abs(slope.numpy()).max() < 1e-12
        assert np.linalg.eigvalsh(curvature.numpy()).min() > 0
    (x0, x1), (y0, y1) = surface.x_range, surface.y_range
    grid = surface(*np.meshgrid(np.linspace(x0, x1, 101), np.linspace(y0, y1, 101)))
    assert grid.min() >= surface(*surface.minima[0]) - 1e-12
    for x, y in (surface.start, *surface.minima):
        assert x0 < x < x1 and y0 < y < y1


def test_published_values():
    # Starting values in the collection of Moré, Garbow and Hillstrom.
    assert surfaces.rosenbrock(-1.2, 1.0) == pytest.approx(24.2)
    assert surfaces.beale(1.0, 1.0) == pytest.approx(14.203125)
    assert surfaces.saddle(0.0, 0.0) == 0 and surfaces.saddle(0.0, 0.1) < 0 < surfaces.saddle(
        0.1, 0
    )


@pytest.mark.parametrize("surface", SURFACES, ids=lambda s: s.__name__)
def test_surfaces_take_tensors_arrays_and_numbers(surface):
    x, y = np.float32([0.5, -1.5]), np.float32([0.25, 1.0])
    expected = [surface(float(a), float(b)) for a, b in zip(x, y)]
    assert np.allclose(surface(x, y), expected, rtol=1e-5)
    assert np.allclose(surface(tf.constant(x), tf.constant(y)).numpy(), expected, rtol=1e-5)


def test_contours_lie_at_their_heights():
    ax = show.surface(surfaces.bowl, levels=[0, 1, 4])
    lines = next(c for c in ax.collections if not c.filled)
    assert lines.levels.tolist() == [1, 4]
    for level, path in zip(lines.levels, lines.get_paths()):
        assert len(path.vertices) > 20
        assert surfaces.bowl(*path.vertices.T) == pytest.approx(level, abs=0.01)


def test_half_of_the_map_lies_below_the_middle_contour():
    for surface in (surfaces.bowl, surfaces.rosenbrock):
        _, _, z = maps._survey(surface, surface.x_range, surface.y_range, 81)
        middle = maps._spaced(z.ravel(), 10)[-6]
        assert np.mean(z < middle) == pytest.approx(0.5, abs=0.02)


def test_a_loss_that_averages_is_evaluated_point_by_point():
    flipper, mass = data.penguins()
    x, y = (flipper - flipper.mean()) / flipper.std(), mass / 1000

    def loss(w, b):
        return tf.reduce_mean((w * x + b - y) ** 2)

    w, b = np.array([[0.0, 0.5], [0.7, 1.0]]), np.array([[4.0, 4.0], [4.2, 3.0]])
    expected = [np.mean((p * x + q - y) ** 2) for p, q in zip(w.flat, b.flat)]
    assert surfaces.heights(loss, w, b).ravel() == pytest.approx(expected, rel=1e-5)
    ax = show.surface(loss, (-2, 4), (1, 7), n=31)
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("w", "b", "loss")
    assert "near (0.6, 4.2)" in ax.get_label()


def test_an_error_in_f_comes_through():
    def f(x, y):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        show.surface(f, (0, 1), (0, 1), n=3)


def test_a_surface_needs_a_frame_and_something_in_it():
    with pytest.raises(ValueError, match="x_range"):
        show.surface(lambda x, y: x + y)
    with pytest.raises(ValueError, match="infinite or NaN"):
        show.surface(lambda x, y: x * y * np.float32(np.nan), (0, 1), (0, 1), n=5)
    assert show.surface(lambda x, y: 0 * x * y, (0, 1), (0, 1), n=5).get_title() == ""


# trajectories


def by_hand(rate, steps, start=(-2.5, 1.5)):
    """Gradient descent on the bowl, whose gradient is (2x, 4y)."""
    path = [np.array(start)]
    for _ in range(steps):
        path.append(path[-1] - rate * np.array([2, 4]) * path[-1])
    return np.array(path)


def test_descend_is_gradient_descent():
    path = surfaces.descend(surfaces.bowl, optimizers.SGD(0.1), steps=20)
    assert (path.shape, path.dtype) == ((21, 2), np.float32)
    assert path == pytest.approx(by_hand(0.1, 20), abs=1e-5)


def test_a_walk_does_not_wear_the_optimizer_out():
    optimizer = optimizers.Adam(0.1)
    first = surfaces.descend(surfaces.beale, optimizer, steps=10)
    assert np.array_equal(first, surfaces.descend(surfaces.beale, optimizer, steps=10))
    assert int(optimizer.iterations) == 0


def test_noise_is_drawn_from_the_seed():
    def walk(**options):
        return surfaces.descend(surfaces.bowl, optimizers.SGD(0.1), steps=200, **options)

    still, noisy = walk(), walk(noise=1.0, seed=3)
    assert np.array_equal(noisy, walk(noise=1.0, seed=3))
    assert not np.array_equal(noisy, walk(noise=1.0, seed=4))
    step = np.diff(noisy, axis=0) + 0.1 * noisy[:-1] * [2, 4]
    assert step.std() == pytest.approx(0.1, rel=0.1) and len(still) == len(noisy)


def test_a_walk_ends_where_numbers_end():
    path = surfaces.descend(surfaces.bowl, optimizers.SGD(1e20), steps=50)
    assert len(path) < 10 and np.isfinite(path[:-1]).all() and not np.isfinite(path[-1]).all()


def test_a_path_is_drawn_as_it_was_walked():
    path = by_hand(0.1, 20)
    map_ax, loss_ax = show.trajectories(
        surfaces.bowl, {"walked": optimizers.SGD(0.1), "given": path}, steps=20
    )
    for name in ("walked", "given"):
        assert np.stack(drawn(map_ax)[name], 1) == pytest.approx(path, abs=1e-5)
        step, loss = drawn(loss_ax)[name]
        assert step.tolist() == list(range(21))
        assert loss == pytest.approx(surfaces.bowl(*path.T), rel=1e-4)
    line = next(line for line in map_ax.get_lines() if line.get_label() == "given")
    assert line.get_markevery() == 2 and "a dot every 2" in loss_ax.get_xlabel()


def test_a_path_that_diverges_is_cut_at_the_edge():
    path = by_hand(0.55, 10)  # y turns over and grows by 1.2 a step: 1.5, -1.8, 2.16
    map_ax, loss_ax = show.trajectories(surfaces.bowl, {"fast": path})
    x, y = drawn(map_ax)["fast"]
    assert (len(x), y[-1]) == (3, 2.0)
    share = (2.0 - path[1, 1]) / (path[2, 1] - path[1, 1])
    assert x[-1] == pytest.approx(path[1, 0] + share * (path[2, 0] - path[1, 0]))
    assert len(drawn(loss_ax)["fast"][1]) == 2
    assert texts(loss_ax) == ["fast\noff at step 2"]
    assert "fast: off the map at step 2" in map_ax.get_label()


def test_a_path_that_comes_back_is_not_cut():
    path = np.array([[0.0, 0.0], [9.0, 0.0], [1.0, 1.0]])
    seen, left = surfaces.cut(path, (-3, 3), (-2, 2))
    assert left is None and np.array_equal(seen, path)


@pytest.mark.parametrize("end", [np.nan, np.inf])
def test_a_path_ends_before_what_is_no_number(end):
    path = np.array([[0.0, 0.0], [1.0, 0.0], [end, 0.0]])
    seen, left = surfaces.cut(path, (-3, 3), (-2, 2))
    assert left == 2 and np.array_equal(seen, path[:2])


def test_a_path_along_the_edge_is_cut_at_the_corner():
    seen, left = surfaces.cut(np.array([[0.0, 2.0], [9.0, 2.0]]), (-3, 3), (-2, 2))
    assert left == 1 and seen[-1].tolist() == [3, 2]


def test_runs_need_names_and_shapes():
    ask = "need names"
    with pytest.raises(ValueError, match=ask):
        show.trajectories(surfaces.bowl, [optimizers.SGD(0.1), optimizers.SGD(0.2)])
    with pytest.raises(ValueError, match=ask):
        show.trajectories(surfaces.bowl, [by_hand(0.1, 3)])
    with pytest.raises(ValueError, match=r"'x' must be an optimizer, or points.*\(4,\)"):
        show.trajectories(surfaces.bowl, {"x": [1, 2, 3, 4]})
    with pytest.raises(ValueError, match="'x' must be an optimizer.*, not sgd"):
        show.trajectories(surfaces.bowl, {"x": "sgd"})
    with pytest.raises(ValueError, match="no optimizers and no paths"):
        show.trajectories(surfaces.bowl, {})
    with pytest.raises(ValueError, match="never on the map"):
        show.trajectories(surfaces.bowl, {"x": [(50, 50)]})
    with pytest.raises(ValueError, match="start"):
        surfaces.descend(lambda x, y: x * y, optimizers.SGD(0.1))


def test_optimizers_are_named_by_their_class():
    pair = show.trajectories(surfaces.ravine, [optimizers.SGD(0.01), optimizers.Adam(0.1)], steps=5)
    assert texts(pair[1]) == ["SGD", "Adam"]


# looks


def light(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def test_lines_stand_out_from_their_ground():
    for look in palette.LOOKS.values():
        for colour, ground in ((look.light, paper.PAPER), (look.dark, "#16181d")):
            low, high = sorted([light(colour), light(ground)])
            assert (high + 0.05) / (low + 0.05) >= 3, (look, ground)
    assert len({(look.light, look.dash, look.marker) for look in palette.LOOKS.values()}) == 9


def test_an_optimizer_has_the_same_look_everywhere():
    runs = {
        "heavy": optimizers.SGD(0.1, momentum=0.9),
        "NAG": [(0, 0)],
        "plain": optimizers.SGD(0.1),
        "again": optimizers.SGD(0.2),
        "Adam": optimizers.Adam(0.1),
    }
    assert palette.looks_of(runs) == ["Momentum", "NAG", "SGD", "RMSprop", "Adam"]
    pair = show.trajectories(surfaces.bowl, {"x": optimizers.Adam(0.1), "NAG": [(1, 1)]}, steps=2)
    colours = {line.get_label(): line.get_color() for line in pair[1].get_lines()}
    assert colours["x"] == palette.LOOKS["Adam"].light
    assert colours["NAG"] == palette.LOOKS["NAG"].light
    race = show.race(surfaces.bowl, {"x": optimizers.Adam(0.1)}, steps=2, live=False)
    assert list(palette.LOOKS)[race.data["looks"][0]] == "Adam"


# style


def test_no_text_is_smaller_than_ten_points():
    show.loss_curves({"a": RUN, "b": RUN})
    show.surface(surfaces.rosenbrock)
    show.trajectories(surfaces.beale, [optimizers.Adam(0.1)], steps=5)
    for number in plt.get_fignums():
        figure = plt.figure(number)
        figure.canvas.draw()
        for text in figure.findobj(matplotlib.text.Text):
            assert not text.get_text() or text.get_fontsize() >= 10, text


def test_names_at_the_ends_do_not_cover_each_other():
    ax = show.loss_curves({name: [2.0, 1.0 + k / 1e3] for k, name in enumerate("abcdefgh")})
    ax.figure.canvas.draw()
    boxes = sorted(map(Text.get_window_extent, ax.texts), key=lambda box: box.y0)
    assert all(low.y1 < high.y0 + 2 for low, high in pairwise(boxes))
    assert boxes[-1].y1 <= ax.figure.bbox.y1 and boxes[0].x1 <= ax.figure.bbox.x1


def test_names_stand_in_the_order_of_the_ends():
    """Also below 0, where no axes reach before Matplotlib has looked for their limits."""
    walks = {"SGD": optimizers.SGD(0.02), "Adagrad": optimizers.Adagrad(0.3)}
    _, losses = show.trajectories(surfaces.saddle, walks, steps=80)
    height = {text.get_text(): text.xyann[1] for text in losses.texts}
    assert height["Adagrad"] < height["SGD"]


def test_the_name_of_a_line_below_the_picture_points_to_its_edge():
    sizes = {"Adadelta": optimizers.Adadelta(1.0, epsilon=1e-3)}
    _, losses = show.trajectories(surfaces.plateau, sizes, steps=200)
    assert losses.lines[0].get_ydata()[-1] < losses.get_ylim()[0]
    assert losses.texts[0].xy[1] == losses.get_ylim()[0]


def test_matplotlib_waits_until_it_is_needed():
    code = (
        "import sys, autodiff_lesson.show.races, autodiff_lesson.show.surfaces\n"
        "assert not {'matplotlib', 'ipywidgets', 'IPython'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
