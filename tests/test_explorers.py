"""What the explorers compute and put into a page; how they behave is in tests/browser."""

import json
import math
import re

import numpy as np
import pytest

import autodiff_lesson as tf
from autodiff_lesson import show
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


def test_rounded_keeps_json_free_of_what_is_no_number():
    assert rounded([1.23456789, math.inf, math.nan, -0.0]) == [1.23457, None, None, -0.0]


@pytest.mark.parametrize("script", ["tangents"])
def test_a_module_stands_alone(script):
    text = module(script)
    assert len(re.findall(r"^export ", text, re.M)) == 1
    assert not re.search(r"^import |https?://(?!www\.w3\.org)", text, re.M)
    assert "/* style */" not in text
