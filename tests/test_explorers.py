"""What the explorers compute and put into a page; how they behave is in tests/browser."""

import base64
import io
import json
import math
import re
from xml.etree import ElementTree

import matplotlib.image
import numpy as np
import pytest

import autodiff_lesson as tf
from autodiff_lesson import keras, show
from autodiff_lesson.keras.optimizers import SGD, Adagrad, Adam, Nadam, RMSprop
from autodiff_lesson.show import surfaces
from autodiff_lesson.show.hosting import _module, rounded
from autodiff_lesson.show.trials import Trial

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
    assert xs[len(xs) // 2] == 2.0 and hs[-1] == 1.0
    np.testing.assert_allclose(data["f"], xs**3, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(data["g"], 3 * xs**2, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(data["q"][-1], 3 * xs**2 + 3 * xs + 1, rtol=1e-5, atol=1e-5)


def test_an_operation_is_called_by_its_name():
    assert "tangent to sin at" in repr(show.tangent(tf.sin, at=0.5))
    assert repr(show.explore(tf.abs, x=(0.0, 1.0))).startswith("<explore abs: x = 0.5")


def test_tangents_error_shrinks_with_h_until_rounding_spoils_it():
    data = show.tangent(cube, at=2.0).data
    i = len(data["xs"]) // 2
    errors = [abs(q[i] - data["g"][i]) for q in data["q"]]
    best = int(np.argmin(errors))
    assert 2 < best <= len(errors) - 3
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


VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def shown(monkeypatch):
    """What a notebook is given to show for an object."""
    bundles = []
    monkeypatch.setattr("IPython.display.display", lambda data, **_: bundles.append(data))

    def show_it(made):
        made._ipython_display_()
        page, widget = bundles
        return page, widget

    return show_it


def test_a_widget_is_shown_after_a_page_that_stands_in_for_it(shown):
    made = show.tangent(cube, at=2.0, live=True)
    assert made.chosen["x"] == 2.0 and made.chosen["h"] == 1.0
    page, widget = shown(made)
    assert page["text/plain"] == repr(show.tangent(cube, at=2.0)) == repr(made)
    assert "data:image/svg" in page["text/html"] and f'"{made.key}"' in page["text/html"]
    assert VIEW in widget and "text/html" not in widget


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
    left, (x, y) = widget.data["runs"][1]["left"], widget.data["runs"][1]["edge"]
    assert 0 < left < out and abs(y) == 1.5 and -3 < x < 3  # where the map ends


def test_a_race_is_run_again_when_a_setting_is_chosen():
    widget = show.race(surfaces.ravine, [SGD(0.03), RMSprop(0.1)], steps=20)
    first = list(widget.data["runs"])
    widget.chosen = {**widget.chosen, "rates": [0.02, 0.1]}
    assert widget.data["runs"][0] != first[0] and widget.data["runs"][1] == first[1]
    assert widget.answer["runs"] == {0: widget.data["runs"][0]}  # nothing else is sent
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


# ---- explore


def wave(x, k=2.0):
    return tf.sin(k * x)


def test_explore_follows_its_sliders_and_keeps_the_step(shown):
    widget = show.explore(wave, x=(0.0, 2.0), k=(1.0, 4.0, 2.0))
    assert widget.values == {"x": 1.0, "k": 2.0}
    widget.stepper.step = 3
    widget.sliders["x"].value = 0.5
    values = {n["n"]: n["v"] for n in widget.stepper.data["nodes"]}
    assert values["x"] == "0.5" and values["k"] == "2" and widget.stepper.step == 3
    assert repr(widget) == "<explore wave: x = 0.5, k = 2; dy/dx = 1.0806, dy/dk = 0.27015>"
    page, view = shown(widget)
    assert page["text/plain"] == repr(widget) and f'"{widget.stepper.key}"' in page["text/html"]
    assert VIEW in view


def test_explore_says_in_place_what_went_wrong():
    def picky(x):
        if float(x) > 1:
            raise ValueError("too large")
        return x * x

    widget = show.explore(picky, x=(0.0, 2.0, 0.5))
    widget.sliders["x"].value = 1.5
    assert widget.said.value == "ValueError: too large"
    widget.sliders["x"].value = 0.25
    assert widget.said.value == "" and widget.stepper.data["nodes"][0]["v"] == "0.25"


@pytest.mark.parametrize(
    "ranges, message",
    [
        ({}, "give a range for x of wave"),
        ({"k": (0, 1)}, "give a range for x of wave"),
        ({"x": (2, 1)}, r"x=\(lowest, highest\)"),
        ({"x": 3.0}, r"x=\(lowest, highest\)"),
        ({"x": (0, 1, 7)}, r"x=\(lowest, highest\)"),
    ],
)
def test_explore_says_what_a_range_is(ranges, message):
    with pytest.raises(ValueError, match=message):
        show.explore(wave, **ranges)


# ---- loss_surface


@pytest.fixture
def line():
    """A straight line to fit, and how it was fitted: loss = mean of (a x + b - y)²."""
    x = np.array([[-1.0], [0.0], [1.0]], np.float32)
    y = 2 * x + 1
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(optimizer=SGD(0.2), loss="mse")
    model(x)
    model.set_weights([np.array([[-1.0]]), np.array([3.0])])
    path = [model.get_weights()]
    for _ in range(8):
        model.fit(x, y, verbose=0)
        path.append(model.get_weights())
    return model, x, y, path


def test_a_slice_through_two_parameters_is_the_loss_there(line):
    model, x, y, path = line
    before = model.get_weights()
    data = show.loss_surface(model, (x, y), path=path, parameters=[(0, 0, 0), (1, 0)]).data
    assert data["names"] == ["kernel[0, 0]", "bias[0]"]
    for w, found in zip(model.get_weights(), before):
        np.testing.assert_array_equal(w, found)
    walked = np.reshape(data["path"], (-1, 2))
    np.testing.assert_allclose(walked, [[w[0, 0], b[0]] for w, b in path], rtol=1e-4)
    a = np.linspace(*data["x"], data["land"]["w"])[None, :]
    b = np.linspace(*data["y"][::-1], data["land"]["h"])[:, None]
    heights = np.reshape(data["heights"], (data["land"]["h"], data["land"]["w"]))
    np.testing.assert_allclose(heights, (a - 2) ** 2 * 2 / 3 + (b - 1) ** 2, rtol=1e-2, atol=1e-3)
    wanted = [(w[0, 0] - 2) ** 2 * 2 / 3 + (b[0] - 1) ** 2 for w, b in path]
    np.testing.assert_allclose(data["losses"], wanted, rtol=1e-4, atol=1e-5)
    assert data["share"] == 1.0


def test_a_slice_along_the_path_holds_most_of_it_and_one_at_random_the_weights(line):
    model, x, y, path = line
    made = show.loss_surface(model, (x, y), path=path)
    assert made.data["names"] == ["direction 1", "direction 2"] and made.data["share"] == 1.0
    assert made.data["path"][-2:] == [0.0, 0.0]
    assert f"a path of 9 points, loss {made.data['losses'][0]:.4g} to" in repr(made)
    first, again = (show.loss_surface(model, (x, y), seed=3).data for _ in range(2))
    assert first == again and first["heights"] != show.loss_surface(model, (x, y)).data["heights"]
    middle = first["heights"][len(first["heights"]) // 2]
    assert middle == pytest.approx(first["losses"][0], rel=1e-3, abs=1e-6)


def test_loss_surface_says_what_is_wrong(line):
    model, x, y, _ = line
    with pytest.raises(ValueError, match="parameters are two"):
        show.loss_surface(model, (x, y), parameters=[(0, 0, 0), (1, 7)])
    with pytest.raises(ValueError, match="parameters are two"):
        show.loss_surface(model, (x, y), parameters=[(5, 0), (1, 0)])
    with pytest.raises(ValueError, match="arrays of shapes"):
        show.loss_surface(model, (x, y), path=[[np.zeros(3)]])
    with pytest.raises(ValueError, match="no weights yet"):
        show.loss_surface(keras.Sequential([keras.layers.Dense(1)]), (x, y))


# ---- custom_rule


@tf.custom_gradient
def softplus(x):
    e = tf.exp(x)

    def grad(upstream):
        share = e / (1 + e)
        return upstream * share

    return tf.math.log(1 + e), grad


def product(x, y):
    return x * y


def test_custom_rule_begins_with_the_rule_that_is_there():
    widget = show.custom_rule(softplus)
    assert widget.chosen["rule"] == "upstream * share"
    assert widget.data["before"] == "share = e / (1 + e)"
    assert all(row["ok"] for row in widget.data["rows"]) and "right at 3 points" in repr(widget)
    assert show.custom_rule(product).chosen["rule"] == "upstream, upstream"


@pytest.mark.parametrize(
    "rule, wrong",
    [
        ("upstream * y, upstream * x", ""),
        ("return upstream * y, upstream * x", ""),
        ("tf.constant(1.0, upstream.dtype) * upstream * y, x * upstream", ""),
        ("upstream * x, upstream * y", "xy"),
        ("y, upstream * x", "x"),
        ("upstream * y, -upstream * x", "y"),
        ("upstream * y, None", "y"),
    ],
)
def test_an_edited_rule_is_right_or_wrong(rule, wrong):
    widget = show.custom_rule(product)
    widget.chosen = {"rule": rule}
    assert widget.data["error"] == ""
    assert "".join(sorted({r["of"] for r in widget.data["rows"] if not r["ok"]})) == wrong


@pytest.mark.parametrize(
    "rule, message",
    [
        ("upstream *", "SyntaxError"),
        ("upstream * q, 1", "NameError: name 'q'"),
        ("upstream", "one gradient per argument (x, y): the line gives 1 instead of 2"),
        ("1 / 0, 1", "ZeroDivisionError"),
    ],
)
def test_a_line_that_does_not_run_says_why(rule, message):
    widget = show.custom_rule(product, rule)
    assert message in widget.data["error"] and widget.data["rows"] == []
    assert message in repr(widget)


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
    check_page(Trial(named(lambda x: x * x, HOSTILE), f"{HOSTILE!r}", None).explorer())


def test_a_still_picture_is_an_image_that_shows_the_curves_and_says_the_facts():
    made = show.race(surfaces.bowl, {HOSTILE: SGD(0.1), "b": Adam(0.1)}, steps=5, live=False)
    svg = base64.b64decode(made.image.partition(",")[2]).decode()
    root = ElementTree.fromstring(svg)
    assert len(root.findall("{*}polyline")) == 2 and "<script" not in svg
    words = " ".join(text.text for text in root.findall("{*}text"))
    assert "race on bowl from (-2.5, 1.5)" in words
    land = root.find("{*}image").get("href").partition(",")[2]
    assert matplotlib.image.imread(io.BytesIO(base64.b64decode(land))).shape == (27, 36, 3)


def test_rounded_keeps_json_free_of_what_is_no_number():
    assert rounded([1.23456789, math.inf, math.nan, -0.0]) == [1.23457, None, None, -0.0]


@pytest.mark.parametrize("script", ["tangents", "races", "slices", "trials"])
def test_a_module_stands_alone(script):
    text = _module(script)
    assert len(re.findall(r"^export ", text, re.M)) == 1
    assert not re.search(r"^import |https?://(?!www\.w3\.org)", text, re.M)
    assert "/* style */" not in text
