"""The pictures of a recording: what is in their data, and that nothing in it can act."""

import functools
import random
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import autodiff_lesson as tf
from autodiff_lesson import show
from autodiff_lesson.show.drawing import standalone
from autodiff_lesson.show.frames import BAR
from autodiff_lesson.show.layout import layered
from autodiff_lesson.show.numbers import heat_map, in_full, number
from autodiff_lesson.show.picture import Picture
from autodiff_lesson.show.stepper import module
from autodiff_lesson.show.views import curve


def recorded(f, *values, **options):
    """A tape of ``f`` on constants, its target and sources."""
    xs = [tf.constant(v) for v in values]
    with tf.GradientTape(**options) as tape:
        tape.watch(xs)
        y = f(*xs)
    return tape, y, xs


def frames(picture, kind):
    return [f for f in picture.frames if f["t"] == kind]


def as_number(text):
    return float(text.replace("−", "-"))


# ---- frames


def test_frames_tell_the_story_in_order():
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        u = x * x
        v = tf.sin(x)
        y = u + v
    picture = Picture(tape, y, x)
    assert [f["t"] for f in picture.frames] == ["start", *["run"] * 3, "seed", *["add"] * 5, "end"]
    to_x = [f for f in frames(picture, "add") if picture.nodes[f["n"]]["n"] == "x"]
    assert [f["c"] for f in to_x] == ["−0.99", "3", "3"]
    assert [f.get("z") for f in to_x] == [None, "−0.99", "2.01"]
    assert [f["a"] for f in to_x] == ["−0.99", "2.01", "5.01"]
    assert [f["q"] for f in to_x] == [["1 · cos(3)"], ["1 · 3"], ["1 · 3"]]
    assert to_x[1]["r"] == f"{BAR[0]}u{BAR[1]} · x"
    assert "twice" in to_x[1]["w"]


@pytest.mark.parametrize(
    "f, values",
    [
        (lambda x, y: x * y + tf.exp(x) / y, (0.5, 2.0)),
        (lambda x, y: tf.reduce_sum(x * y), ([1.0, 2.0], 3.0)),
        (lambda x: tf.reduce_mean(tf.square(x)), ([[1.0, 2.0, 3.0]],)),
        (lambda x: tf.add(*tf.unstack(tf.sin(x))), ([1.0, 2.0],)),
    ],
)
def test_the_last_frame_shows_what_gradient_gives(f, values):
    tape, y, xs = recorded(f, *values)
    picture = Picture(tape, y, xs)
    (end,) = frames(picture, "end")
    for (_, shown), gradient in zip(end["e"], tape.gradient(y, xs), strict=True):
        if not isinstance(shown, str):
            shown = picture.heat[shown][2]
        numbers = [as_number(n) for n in shown.strip("[]").split()]
        assert numbers == pytest.approx(gradient.numpy().reshape(-1).tolist(), rel=6e-3)


def test_looking_is_free():
    tape, y, (x,) = recorded(lambda x: x * x, 3.0)
    show.backward(tape, y, x)
    assert tape.gradient(y, x).numpy() == 6.0
    assert repr(show.backward(tape, y, x)) == "<BackwardPass: 1 record, dy/dx = 6.0>"


def test_un_broadcasting_is_said_and_shown():
    tape, y, (_x, b) = recorded(
        lambda x, b: tf.reduce_sum(x + b), np.ones((5, 2), "f4"), [1.0, 2.0]
    )
    picture = Picture(tape, y, b)
    add = next(f for f in frames(picture, "add") if "l" in f)
    assert add["l"] == "summed over axis 0: (5, 2) → (2,)"
    assert (add["c"], add["a"]) == ("[5 5]", "[5 5]")
    assert picture.heat[add["m"]][:2] == [5, 2]


def test_several_targets_are_seeded_one_by_one():
    tape, targets, (x,) = recorded(lambda x: (x * 2.0, x * 3.0), 1.0)
    picture = Picture(tape, targets, x)
    assert len(frames(picture, "seed")) == 2
    assert picture.gradients()[0] == 5.0


def test_a_target_that_is_a_source_and_is_given_twice():
    tape, _, (x,) = recorded(lambda x: x * 2.0, 1.0, persistent=True)
    picture = Picture(tape, [x, x], x)
    assert [f["a"] for f in frames(picture, "seed")] == ["1", "2"]
    assert picture.gradients()[0] == tape.gradient([x, x], x).numpy() == 2.0


@pytest.mark.parametrize("target", [3.0, "y", [3.0]])
def test_what_is_no_target_is_refused_as_gradient_refuses_it(target):
    tape, y, xs = recorded(lambda x: x * x, 3.0, persistent=True)
    for ask in (tape.gradient, functools.partial(show.backward, tape)):
        with pytest.raises(TypeError, match="the target of a gradient must be a tensor, not"):
            ask(target, xs)
    with pytest.raises(TypeError, match="it must be a tensor or a variable"):
        show.backward(tape, y, 3.0)


def test_output_gradients_are_what_the_walk_begins_with():
    tape, y, (x,) = recorded(lambda x: x * x, [1.0, 2.0])
    picture = Picture(tape, y, x, tf.constant([10.0, 1.0]))
    assert frames(picture, "seed")[0]["a"] == "[10 1]"
    assert picture.gradients()[0].tolist() == [20.0, 4.0]


def test_a_source_without_a_gradient_says_why():
    x, k = tf.constant(1.0), tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * 3.0
    picture = Picture(tape, y, [x, k])
    (end,) = frames(picture, "end")
    node, value = end["e"][1]
    assert (picture.nodes[node]["n"], value) == ("k", None)
    assert "tape.watch(k)" in picture.nodes[node]["w"]
    assert repr(show.backward(tape, y, [x, k])).endswith("dy/dk = None>")


def test_a_variable_that_was_assigned_in_between_has_one_gradient():
    v = tf.Variable(2.0, name="v")
    with tf.GradientTape() as tape:
        y = v * 3.0
        v.assign(5.0)
        y = y + v * v
    assert Picture(tape, y, v).gradients()[0] == tape.gradient(y, v).numpy() == 13.0


def test_a_custom_gradient_brings_its_own_lines():
    @tf.custom_gradient
    def bar(x, y):
        def grad(upstream):
            return upstream * y, upstream * x

        return x * y, grad

    tape, z, xs = recorded(bar, [2.0, 5.0], [3.0, 8.0])
    picture = Picture(tape, z, xs)
    assert picture.ops[0]["s"]["t"][:2] == [
        "def grad(upstream):",
        "    return upstream * y, upstream * x",
    ]
    assert [f["c"] for f in frames(picture, "add")] == ["[3 8]", "[2 5]"]


def test_plain_numbers_are_written_into_the_sign():
    tape, y, (x,) = recorded(lambda x: 1.0 - x * 2.0, 3.0)
    picture = Picture(tape, y, x)
    assert [op["g"] for op in picture.ops] == ["× 2", "1 −"]
    assert len(picture.views[0]["items"]) == 3


def test_without_a_target_the_recording_alone_is_drawn():
    tape, _y, _ = recorded(lambda x: tf.sin(x), 3.0)
    assert repr(show.graph(tape)) == "<Graph: 1 record>"
    assert not Picture(tape, None, None).frames[-1].get("a")


def test_records_of_another_tape_s_backward_pass_are_marked():
    x = tf.constant(2.0)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = x * x * x
        slope = inner.gradient(y, x)
    picture = Picture(outer, slope, x)
    marked = [op.get("y") for op in picture.ops]
    assert marked == [None, None, *["inner"] * 6]
    assert picture.gradients()[0] == 12.0
    assert picture.lanes == ["outer", "inner"]
    assert [op["t"] for op in picture.ops] == [[0, 1]] * 2 + [[0]] * 6


# ---- numbers


def test_numbers_are_short_and_arrays_are_heat_maps():
    assert [number(x) for x in (1 / 3, -0.0, 12345678.0, float("nan"))] == [
        "0.3333", "0", "1.235e7", "nan",
    ]  # fmt: skip
    assert in_full(np.array([1.5, -2.0])) == "[1.5 −2]"
    rows, columns, numbers, shades, shape = heat_map(np.array([[0.0, 1.0], [-1.0, np.nan]]))
    assert (rows, columns, numbers, shades, shape) == (2, 2, "0 1 −1 nan", "iqa?", "(2, 2)")
    large = heat_map(np.arange(1000.0).reshape(100, 10))
    assert large[:2] == [8, 10] and large[4] == "(100, 10) averaged"


def test_one_truth_value_is_written_like_several():
    assert in_full(np.array(True)) == in_full(np.True_) == "True"
    assert in_full(np.array([True, False])) == "[True False]"


def test_where_a_nan_begins_is_said():
    tape, y, (x,) = recorded(lambda x: tf.reduce_sum(tf.sqrt(x)) - tf.math.log(x[0]), [0.0, 4.0])
    picture = Picture(tape, y, x)
    said = {picture.ops[f["o"]]["n"]: f["w"] for f in picture.frames if "begins" in f.get("w", "")}
    begins = "This is where inf begins: everything that went in is finite."
    assert said == {"log": begins, "sqrt": begins}
    large = np.zeros((20, 20))
    large[:2, 0] = np.inf, -np.inf
    assert heat_map(large)[3].count("?") == 1


# ---- layout


def along(path):
    """Points on an SVG path of upright lines and cubic curves."""
    for letter, text in re.findall(r"([MVC])([-\d ]+)", path):
        numbers = np.array(text.split(), float)
        if letter == "M":
            at = numbers
        elif letter == "V":
            at = np.array([at[0], numbers[0]])
            yield at
        else:
            a, b, c, d = at, numbers[:2], numbers[2:4], numbers[4:]
            for t in np.linspace(0, 1, 21):
                s = 1 - t
                yield s**3 * a + 3 * t * s * s * b + 3 * t * t * s * c + t**3 * d
            at = d


@pytest.mark.parametrize("seed", range(20))
def test_no_edge_runs_through_a_box(seed):
    rng = random.Random(seed)
    count = rng.randrange(3, 30)
    sizes = [(rng.randrange(40, 160), rng.randrange(30, 100)) for _ in range(count)]
    edges = [(rng.randrange(k), k) for k in range(1, count) for _ in range(rng.randrange(1, 3))]
    layout = layered(tuple(sizes), tuple(edges))
    boxes = [
        (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
        for (x, y), (w, h) in zip(layout.centres, sizes, strict=True)
    ]
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            apart = a[2] <= b[0] + 1 or b[2] <= a[0] + 1 or a[3] <= b[1] + 1 or b[3] <= a[1] + 1
            assert apart, "two boxes overlap"
    for (start, end), bends in layout.bends.items():
        assert layout.centres[start][1] < layout.centres[end][1], "an edge goes up"
        (xa, ya), (xb, yb) = layout.centres[start], layout.centres[end]
        begin = [(xa, boxes[start][3]), (xa, ya + layout.rows[start])]
        finish = [(xb, yb - layout.rows[end]), (xb, boxes[end][1])]
        for x, y in along(curve([*begin, *bends, *finish])):
            for i, (x0, y0, x1, y1) in enumerate(boxes):
                if i not in (start, end):
                    inside = x0 + 1 < x < x1 - 1 and y0 + 1 < y < y1 - 1
                    assert not inside, "an edge runs through a box"


def ends(picture, op):
    """From where to where, across, the edges of an op go, in the order of its inputs."""
    paths = [path for k, _, path in picture.views[0]["edges"] if k == op]
    return [(float(path[1:].split()[0]), [*along(path)][-1][0]) for path in paths]


def test_edges_to_a_product_do_not_cross():
    x = tf.constant(1.5)
    with tf.GradientTape() as tape:
        tape.watch(x)
        u = x * x
        y = x * tf.sin(u)
        z = y / u
    picture = Picture(tape, z, x)
    (a, to_a), (b, to_b) = ends(picture, 0)
    (c, to_c), (_, of_sine) = ends(picture, 2)
    assert a < b and to_a < to_b
    assert (c > b) == (to_c > of_sine) == (c > a), "it passes on one side all the way"
    (_, first), (_, second) = ends(picture, 3)
    assert first < second, "a quotient says which comes first"


def loop(turns):
    x, c = tf.constant(0.5), tf.constant(0.9)
    with tf.GradientTape() as tape:
        tape.watch([x, c])
        u = x
        for _ in range(turns):
            v = tf.sin(u)
            u = c * v + x
    return tape, u, [x, c]


@pytest.mark.parametrize("turns", [5, 20, 100, 400])
def test_folded_parts_hold_every_record_once(turns):
    picture = Picture(*loop(turns))
    above = {g["u"] for g in picture.groups}
    ranges = sorted((g["a"], g["b"]) for g in picture.groups if g["v"] not in above)
    ranges = ranges or [(0, len(picture.ops))]
    assert [a for a, _ in ranges] == [0, *(b for _, b in ranges[:-1])]
    assert ranges[-1][1] == 3 * turns
    assert max(len(v["items"]) for v in picture.views) <= 44
    assert bool(picture.groups) == (turns > 10)


def test_layers_are_folded_by_name():
    weights = [tf.Variable(np.eye(2, dtype="f4"), name=f"dense_{i}/kernel") for i in range(12)]
    x = tf.constant([[1.0, 2.0]])
    with tf.GradientTape() as tape:
        h = x
        for w in weights:
            h = tf.tanh(h @ w) + 1.0
    picture = Picture(tape, h, weights)
    assert [g["n"] for g in picture.groups if g["u"] == 0] == [f"dense_{i}" for i in range(12)]


@tf.function
def layer(x, w):
    z = x * w
    return tf.tanh(z) + x


def test_the_call_of_a_function_is_one_box_which_opens_among_the_others():
    x, w = tf.constant(0.5), tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch([x, w])
        h = layer(x, w)  # traced
        h = layer(h, w)  # played again
        y = h * h
    picture = Picture(tape, y, [x, w])
    assert [(g["n"], g["b"] - g["a"]) for g in picture.groups] == [("layer()", 5), ("layer()", 3)]

    def shown(view):
        return sorted(picture.nodes[item[1]]["n"] for item in view["items"] if item[0] == "n")

    assert shown(picture.views[0]) == ["h₁", "h₂", "w", "x", "y"]
    second = picture.views[picture.groups[1]["v"]]
    assert shown(second) == ["h₁", "h₂", "v2", "v3", "w", "x", "y"] and second["g"] == 1
    assert (second["a"], second["b"]) == (0, 9)


def test_what_was_only_handed_to_a_function_is_not_drawn_twice():
    function = tf.function(lambda x, w: x * w)
    x, w = tf.constant(0.5), tf.Variable(2.0, name="w")
    with tf.GradientTape() as tape:
        y = function(x, w) * 3.0  # traced: w is read by the call, and again inside
    picture = Picture(tape, y, [w])
    assert picture.title.endswith("with respect to w")
    assert sum(node["k"] == "source" for node in picture.nodes) == 1


def test_too_long_a_tape_is_a_clear_error(monkeypatch):
    monkeypatch.setattr("autodiff_lesson.show.picture.LIMIT", 10)
    with pytest.raises(ValueError, match="holds 15 records; a picture is made of up to 10"):
        Picture(*loop(5))


# ---- the page


def test_size_in_the_notebook():
    base = len(show.backward(*recorded(lambda x: x * x, 3.0)[:2], [])._repr_html_().encode())
    assert base <= 60_000
    for turns in (30, 300):
        tape, u, xs = loop(turns)
        page = show.backward(tape, u, xs)._repr_html_()
        without = re.sub(r'src="[^"]*"', "", page)
        assert len(page) - len(without) <= 20_100
        assert len(without.encode()) <= 60_000 + 300 * 3 * turns


HOSTILE = "</script><img src=x onerror=boom()>\"'`${1}\u202e\u2028" + "A" * 500


@pytest.mark.parametrize("turns", [1, 40])  # as it is, and packed
def test_hostile_names_cannot_act(turns):
    x = tf.constant(3.0, name=HOSTILE)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x
        for _ in range(turns):
            y = y * x
    for made in (show.backward(tape, y, x), show.graph(tape, y, x), show.tape(tape)):
        page = made._repr_html_()
        assert "onerror=boom()>" not in re.sub(r"\\u003c[^\n]*", "", page).replace("&lt;img", "")
        assert page.count("</script>") == page.count("<script")
        assert "\u202e" not in page and "\u2028" not in page
        assert "<img src=x" not in page


def test_still_pictures_are_svg_and_refer_to_nothing_outside():
    tape, y, xs = recorded(
        lambda x, b: tf.reduce_sum(tf.tanh(x + b)), np.ones((5, 4), "f4"), [1.0] * 4
    )
    text = standalone(Picture(tape, y, xs))
    assert ElementTree.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"
    assert not re.search(r"(href|src|url\()", text)


def test_the_module_ends_no_script_and_loads_nothing():
    text = module()
    assert "https://" not in text and "import " not in text.replace("@import", "import ")
    assert re.findall(r"http://[^\"']*", text) == ["http://www.w3.org/2000/svg"]


def test_the_table_shows_lines_and_what_got_away():
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        u = x * 2.0
        float(tf.reduce_sum(u))
    table = show.tape(tape)
    assert repr(table) == "<Tape: 2 records: multiply, reduce_sum>"
    text = re.sub("<[^>]*>", " ", table._repr_html_())
    assert "u = x * 2.0" in text and "x (2,), 2 → u (2,)" in text and "[2 4]" in text
    assert "left the tape" in text


def test_the_live_form_takes_another_recording():
    pytest.importorskip("anywidget")
    tape, y, x = recorded(lambda x: x * x, 3.0)
    live = show.backward(tape, y, x, live=True, step=2)
    assert (live.step, live.playing, repr(live)[:13]) == (2, False, "<BackwardPass")
    live.show(*recorded(lambda x: x * x, 4.0))
    assert live.data["frames"][-1]["e"][0][1] == "8"


def test_names_load_what_they_need_when_they_are_used():
    code = (
        "import sys; from autodiff_lesson import show; "
        "heavy = ('matplotlib', 'anywidget', 'ipywidgets', 'grandalf'); "
        "print([m for m in heavy if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
    with pytest.raises(AttributeError, match="no attribute 'forward'"):
        show.forward  # noqa: B018
