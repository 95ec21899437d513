"""What the explorers compute and put into a page; how they behave is in tests/browser."""

import json
import math
import re

import numpy as np
import pytest

import autodiff_lesson as tf
from autodiff_lesson import show
from autodiff_lesson.keras.optimizers import SGD, Adagrad, Adam, Nadam, RMSprop
from autodiff_lesson.show import surfaces
from autodiff_lesson.show.hosting import module, rounded

HOSTILE = "</script><img src=x onerror=alert(1)>\"'\u202e" + "w" * 500


def named(f, name):
    f.__name__ = name
    return f


def cube(x):
    return x * x * x


# ---- tangent


def test_tangent_has_the_tapes_gradient_and_the_quotient_for_all_positions():
    data = show.tangent(cube, at=2.0, dtype="float64").data
    xs, hs = np.array(data["xs"]), np.array(data["hs"])
    assert xs[len(xs) // 2] == 2.0 and hs[0] == 1.0
    np.testing.assert_allclose(data["f"], xs**3, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(data["g"], 3 * xs**2, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(data["q"][0], 3 * xs**2 + 3 * xs + 1, rtol=1e-5, atol=1e-5)


def test_tangents_error_shrinks_with_h_until_rounding_spoils_it():
    data = show.tangent(cube, at=2.0).data
    i = len(data["xs"]) // 2
    errors = [abs(q[i] - data["g"][i]) for q in data["q"]]
    best = int(np.argmin(errors))
    assert 2 <= best < len(errors) - 3
    assert errors[-1] > 10 * errors[best] and errors[0] > 10 * errors[best]


def test_tangent_leaves_gaps_where_the_function_is_not_finite():
    data = show.tangent(tf.math.log, at=1.0).data
    assert data["f"][0] is None and data["f"][-1] is not None
    assert "NaN" not in json.dumps(data)


@pytest.mark.parametrize(
    "f, message",
    [
        (lambda x: tf.constant([1.0, 2.0]) * x, "scalar tensor; it gave a tensor of shape"),
        (lambda x: 3.0, "scalar tensor; it gave 3.0"),
        (lambda x: tf.constant(2.0) * 1.0, "None at x = "),
        (lambda x: x / 0.0, "not finite anywhere"),
    ],
)
def test_tangent_says_what_is_wrong_with_a_function(f, message):
    with pytest.raises(ValueError, match=message):
        show.tangent(f)


def test_tangent_as_a_widget_shows_the_same_and_can_be_read_without_a_kernel():
    widget = show.tangent(cube, at=2.0, live=True)
    data, _ = widget._repr_mimebundle_()
    assert data["text/plain"] == repr(show.tangent(cube, at=2.0)) == repr(widget)
    assert (
        "application/vnd.jupyter.widget-view+json" in data and "data:image/svg" in data["text/html"]
    )
    assert widget.chosen["x"] == 2.0 and widget.chosen["h"] == 1.0


# ---- race


def test_race_walks_the_paths_that_descend_walks():
    optimizers = [SGD(0.02, momentum=0.8), Adagrad(0.3), RMSprop(0.05), Adam(0.1), Nadam(0.1)]
    data = show.race(surfaces.beale, optimizers, steps=30, live=False).data
    assert data["names"] == ["SGD", "Adagrad", "RMSprop", "Adam", "Nadam"]
    for optimizer, run in zip(optimizers, data["runs"]):
        path = surfaces.descend(surfaces.beale, optimizer, steps=30)
        np.testing.assert_allclose(np.reshape(run["p"], (-1, 2)), path, rtol=1e-4, atol=1e-5)
        assert len(run["l"]) == 31 and len(run["g"]) == 60


def test_a_race_opens_what_a_step_is_made_of():
    run = show.race(surfaces.bowl, [SGD(0.1, momentum=0.5)], steps=3, live=False).data["runs"][0]
    points, gradients = np.reshape(run["p"], (-1, 2)), np.reshape(run["g"], (-1, 2))
    np.testing.assert_allclose(gradients, points[:-1] * [2, 4], rtol=1e-3)
    velocity, before = np.reshape(run["s"]["velocity"], (-1, 2)), np.zeros(2)
    for k in range(3):
        np.testing.assert_allclose(velocity[k], 0.5 * before - 0.1 * gradients[k], rtol=2e-3)
        np.testing.assert_allclose(points[k + 1] - points[k], velocity[k], rtol=2e-3)
        before = velocity[k]


def test_a_race_says_who_diverged_and_when():
    widget = show.race(surfaces.ravine, {"slow": SGD(0.03), "fast": SGD(0.05)}, steps=50)
    assert [run["out"] is None for run in widget.data["runs"]] == [True, False]
    out = widget.data["runs"][1]["out"]
    assert f"fast diverged at step {out}" in repr(widget)
    path = np.reshape(widget.data["runs"][1]["p"], (-1, 2))
    assert len(path) == out + 1
    assert np.abs(path[-1][1]) > 30 > np.abs(path[-2][1])


def test_a_race_is_run_again_when_a_setting_is_chosen():
    widget = show.race(surfaces.ravine, [SGD(0.03), RMSprop(0.1)], steps=20)
    first = widget.data["runs"]
    widget.chosen = {**widget.chosen, "rates": [0.02, 0.1]}
    assert widget.data["runs"][0] != first[0] and widget.data["runs"][1] == first[1]
    widget.chosen = {**widget.chosen, "momenta": [0.9, 0.5]}
    assert set(widget.data["runs"][0]["s"]) == {"velocity"}
    assert set(widget.data["runs"][1]["s"]) == {"mean of squares", "momentum"}
    other = surfaces.descend(surfaces.ravine, RMSprop(0.1, momentum=0.5), steps=20)
    np.testing.assert_allclose(
        np.reshape(widget.data["runs"][1]["p"], (-1, 2)), other, rtol=1e-4, atol=1e-5
    )
    widget.chosen = {**widget.chosen, "start": [1.0, -1.0], "noise": 0.3}
    assert [run["p"][:2] for run in widget.data["runs"]] == [[1.0, -1.0]] * 2
    noisy = surfaces.descend(surfaces.ravine, SGD(0.02, momentum=0.9), (1, -1), 20, noise=0.3)
    np.testing.assert_allclose(np.reshape(widget.data["runs"][0]["p"], (-1, 2)), noisy, rtol=1e-3)


def test_a_race_on_a_surface_of_ones_own():
    def steps(x, y):
        return x * x + y * y if x > 0 else x * x * x * x + y * y

    made = show.race(
        steps, [SGD(0.1)], start=(-1, 1), x_range=(-2, 2), y_range=(-2, 2), steps=4, live=False
    )
    path = surfaces.descend(steps, SGD(0.1), (-1, 1), 4)
    np.testing.assert_allclose(np.reshape(made.data["runs"][0]["p"], (-1, 2)), path, rtol=1e-5)
    with pytest.raises(ValueError, match="no x_range of its own"):
        show.race(steps, [SGD(0.1)])
    with pytest.raises(TypeError, match="not one of keras.optimizers"):
        show.race(surfaces.bowl, [0.1])
    with pytest.raises(ValueError, match="goes from low to high"):
        show.race(surfaces.bowl, [SGD(0.1)], x_range=(1, -1))


# ---- pages


def check_page(explorer):
    """Nothing in a page can end its script, and it stays small."""
    page = explorer._repr_html_()
    assert page.count("</script>") == 1 and page.endswith("</script>")
    assert "<img src=x" not in page
    assert len(page) < 70_000
    return page


def test_a_hostile_name_cannot_act():
    page = check_page(show.tangent(named(lambda x: x * x, HOSTILE)))
    assert "&lt;/script&gt;" in page
    check_page(show.race(surfaces.bowl, {HOSTILE: SGD(0.1)}, live=False))


def test_rounded_keeps_json_free_of_what_is_no_number():
    assert rounded([1.23456789, math.inf, math.nan, -0.0]) == [1.23457, None, None, -0.0]


@pytest.mark.parametrize("script", ["tangents", "races"])
def test_a_module_stands_alone(script):
    text = module(script)
    assert len(re.findall(r"^export ", text, re.M)) == 1
    assert not re.search(r"^import |https?://(?!www\.w3\.org)", text, re.M)
    assert "/* style */" not in text
