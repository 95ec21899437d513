"""explain.why_none: each way to get None is told apart, and names the user's line."""

import linecache
import textwrap

import numpy as np
import pytest

import autodiff_lesson as tf
from autodiff_lesson import explain

PROGRAM = """\
x, many, whole = tf.constant(3.5), tf.constant([1.0, 3.0]), tf.constant(3)
v, w, fixed = tf.Variable(3.0), tf.Variable(2.0), tf.Variable(3.0, trainable=False)
with {tape} as tape:
{inside}
{after}
reason = explain.why_none(tape, y, {source})
"""
CASES = []


def case(expected, inside, *says, source="x", after="", tape="tf.GradientTape()"):
    """What stands inside the ``with``; the case that it is; and what the sentence must say."""
    inside = textwrap.indent(inside, "    ")
    program = PROGRAM.format(tape=tape, inside=inside, after=after, source=source)
    CASES.append(pytest.param(expected, program, source, says, id=expected))


case("not watched", "y = x * x", "`y = x * x`", "`tape.watch(x)`")
case("not watched", "u = fixed * 2.0\ny = u * u", "u was computed inside the `with`", source="u")
case("not watched", "tape.watch(x)\nu = tf.stop_gradient(x * 2.0)\ny = u * u",
     "`u = tf.stop_gradient(x * 2.0)`", "nothing flows back through stop_gradient", "tape.watch(u)",
     source="u")  # fmt: skip
case("not watched", "tape.watch(many)\ny = many[0] * many[1]", "The tape never saw many[0]",
     "`x[0]` written again", source="many[0]")  # fmt: skip
case("not watched", "tape.watch(x)\ny = x * x", "The tape never saw x", "given anew",
     after="x = tf.constant(3.5)")  # fmt: skip
case("watched too late", "y = x * x\ntape.watch(x)", "`y = x * x`", "first line")
case("watched too late", "y = fixed * fixed\ntape.watch(fixed)", "`y = fixed * fixed`",
     "first line", source="fixed")  # fmt: skip
case("not trainable", "y = fixed * fixed", "fixed is a variable with `trainable=False`",
     "tape.watch(fixed)", source="fixed")  # fmt: skip
case("watch_accessed_variables=False", "y = v * v", "tape.watch(v)", source="v",
     tape="tf.GradientTape(watch_accessed_variables=False)")  # fmt: skip
case("integer source", "tape.watch(whole)\ny = whole * whole", "whole is int32",
     "tf.constant(3.0)", source="whole")  # fmt: skip

# a step on the way that nothing flows back through
case("integer result", "tape.watch(many)\ni = tf.argmax(many)\ny = tf.cast(i, tf.float32) * 2.0",
     "`i = tf.argmax(many)`", "argmax", "int64", source="many")  # fmt: skip
case("integer result", "tape.watch(x)\ny = tf.cast(x, tf.int32)", "`y = tf.cast(x, tf.int32)`")
case("no slope", "tape.watch(x)\ny = tf.floor(x) * 2.0", "`y = tf.floor(x) * 2.0`", "runs floor")
case("no slope", "tape.watch(x)\ny = tf.round(x * x)", "`y = tf.round(x * x)`", "runs round")
case("stop_gradient", "tape.watch(x)\ny = tf.stop_gradient(x * x) + w",
     "`y = tf.stop_gradient(x * x) + w`")  # fmt: skip
case("assign", "w.assign_add(v)\nw.assign_add(v)\ny = w * w", "put the value into w by `assign`",
     source="v")  # fmt: skip
case("stop_gradient", "y = tf.stop_gradient(v) * 2.0\nv.assign(y)", "`y = tf.stop_gradient(v)",
     source="v")  # fmt: skip
case("stop_recording", "tape.watch(x)\nwith tape.stop_recording():\n    y = x * x",
     "`y = x * x`", "stop_recording()")  # fmt: skip
case("assign", "tape.watch(x)\nv.assign(x * 2.0)\ny = v * v", "`v.assign(x * 2.0)`",
     "v by `assign`")  # fmt: skip
case("custom gradient gave None",
     "half = tf.custom_gradient(lambda x: (x * 0.5, lambda upstream: None))\n"
     "tape.watch(x)\ny = half(x)",
     "returned None for what leads to x", "`y = half(x)`")  # fmt: skip
case("custom gradient gave None",
     "good = tf.custom_gradient(lambda x: (x * 0.5, lambda upstream: upstream * 0.5))\n"
     "half = tf.custom_gradient(lambda x: (x * 0.5, lambda upstream: None))\n"
     "tape.watch(x)\nu = good(x)\ny = half(u)", "`y = half(u)`")  # fmt: skip

# a value that left, and came back as a number
case("numpy", "tape.watch(x)\na = x.numpy() ** 2\ny = w * a", "`a = x.numpy() ** 2`",
     "through `.numpy()`", "tf operation")  # fmt: skip
case("array", "tape.watch(many)\na = np.mean(many * many)\ny = w * a",
     "`a = np.mean(many * many)`", "tf.reduce_mean", source="many")  # fmt: skip
case("float", "tape.watch(x)\na = float(x)\ny = w * a", "`a = float(x)`", "float()")
case("int", "tape.watch(x)\na = int(x)\ny = w * a", "`a = int(x)`", "int()")
case("format", "tape.watch(x)\ny = w * float(f'{x:.3f}')", "through text")
case("copied", "tape.watch(x)\nnew = tf.Variable(x)\ny = new * new",
     "new in `y = new * new`", "the numbers of x")  # fmt: skip
case("array", "tape.watch(x)\na = np.array([x * x, 1.0])\ny = tf.reduce_sum(w * a)",
     "what was computed from x left the tape")  # fmt: skip

# nothing leads from the one to the other
case("not connected", "tape.watch(x)\ny = w * w", "`y = w * w`", "from w", "x was never used")
case("not connected", "u = v * 2.0\ny = w * w", "v was used in `u = v * 2.0`",
     "does not lead there", source="v")  # fmt: skip
case("not connected", "params = {'w': v, 'b': w}\ny = w * w", "depend on params['w']",
     "params['w'] was never used", source="params['w']")  # fmt: skip
case("not connected", "tape.watch(x)\nn = tf.size(x)\ny = tf.cast(n, tf.float32) * w",
     "x was never used inside the `with`, or only for its shape")  # fmt: skip
case("not connected",
     "tape.watch(x)\nwith tf.GradientTape() as inner:\n    inner.watch(x)\n    u = 2.0 * x\n"
     "y = inner.gradient(u, x)",
     "`y = inner.gradient(u, x)`", "a derivative in which x does not occur",
     "unconnected_gradients='zero'")  # fmt: skip
case("not connected", "y = w * w", "v was never used", source="v")
case("not connected", "tape.watch(x)\nboth = tf.constant([3.5, 3.5])\ny = tf.reduce_sum(both)",
     "from both", "write `tf.stack`")  # fmt: skip
case("outside the with", "tape.watch(x)\nu = x * x", "`u = x * x`", "Indent", after="y = u * 2.0")
case("outside the with", "tape.watch(x)\nu = x * x\ny = tf.constant(1.0)",
     "made of plain numbers", "compute it from x")  # fmt: skip
case("outside the with", "tape.watch(x)", "recorded nothing", after="y = x * 2.0")
case("reset", "tape.watch(x)\ny = x * x\ntape.reset()", "`tape.reset()`", "after the reset")
case("reset", "tape.watch(x)\nu = x * x\ntape.reset()\ny = x * 2.0", "`tape.reset()`",
     "`tape.watch(x)` after the reset")  # fmt: skip

# a value that was only looked at is not the reason
case("not connected", "print('w is', w.numpy())\ny = tf.square(v * 3.0 - 1.0)",
     "does not depend on w", source="w")  # fmt: skip
case("not connected", "print('w is', float(w), np.mean(w))\ny = tf.reduce_sum(v * many)",
     "does not depend on w", source="w")  # fmt: skip
case("not connected", "now = float(w)\ny = tf.square(v * 3.0 - 1.0)", "does not depend on w",
     source="w")  # fmt: skip
case("not connected", "y = tf.reduce_sum(v * many)\nnow = float(w)", "does not depend on w",
     source="w")  # fmt: skip
case("numpy", "tape.watch(x)\nv.assign(x.numpy())\ny = v * v", "`v.assign(x.numpy())`")
case("float", "tape.watch(x)\ny = tf.constant(float(x))", "`y = tf.constant(float(x))`")

# another tensor under the same name
case("not watched", "tape.watch(x)\nx = tf.constant(3.0)\ny = x * x", "x is another tensor now",
     "`x = tf.constant(3.0)` (program.py, line 5)", "`tape.watch(x)` below that line")  # fmt: skip

# what was there before the tape, or came in by a side door
case("not connected", "y = tf.square(guess - 1.0)", "If guess was computed from v before the",
     "move that line inside", source="v",
     tape="tf.GradientTape() as early: pass\nguess = v * 3.0\nwith tf.GradientTape()")  # fmt: skip
case("no argument",
     "k = w * 3.0\nf = tf.custom_gradient(lambda x: (x * k, lambda upstream: upstream * k))\n"
     "y = f(x)", "uses k without being given it", "Make it an argument of <lambda>",
     source="w")  # fmt: skip


@pytest.mark.parametrize("expected, program, source, says", CASES)
def test_case(expected, program, source, says):
    lines = program.splitlines(keepends=True)
    linecache.cache["program.py"] = (len(program), None, lines, "program.py")
    names = {"tf": tf, "np": np, "explain": explain}
    exec(compile(program, "program.py", "exec"), names)
    reason = names["reason"]
    assert reason.case == expected
    for words in says:
        assert words in reason
    assert repr(reason) == reason
    # it is None, and looking did not use the tape up
    assert names["tape"].gradient(names["y"], eval(source, names)) is None


def test_a_variable_that_became_a_tensor_in_a_loop():
    w = tf.Variable(2.0)
    for _ in range(2):
        with tf.GradientTape() as tape:
            loss = tf.square(w * 3.0)
        gradient = tape.gradient(loss, w)
        if gradient is not None:
            w = w - 0.1 * gradient
    reason = explain.why_none(tape, loss, w)
    assert "w is another tensor now: `w = w - 0.1 * gradient`" in reason
    assert "`w.assign_sub(…)`" in reason


def test_advice_names_the_tape_as_the_user_does():
    x = tf.constant(3.0)
    with tf.GradientTape() as t:
        y = x * x
    assert "Write `t.watch(x)`" in explain.why_none(t, y, x)
    tapes = [t]
    assert "Write `t.watch(x)`" in explain.why_none(*tapes, y, x)


def above(p):
    return p > 0.5


def whole(p):
    return tf.cast(p, tf.int32)


@pytest.mark.parametrize(
    "f, says",
    [
        (above, "; `tf.sigmoid(a - b)` is the smooth form of `a > b`."),
        (whole, "on the way from p to y."),
        (tf.argmax, "; `tf.nn.softmax` is the smooth form of argmax."),
    ],
)
def test_a_smooth_form_where_there_is_one(f, says):
    p = tf.constant([0.25, 0.75])
    with tf.GradientTape() as tape:
        tape.watch(p)
        y = f(p)
    assert explain.why_none(tape, y, p).endswith(says)


def test_a_number_is_no_target():
    x = tf.constant([3.0, 4.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = np.mean(x)
    reason = explain.why_none(tape, y, x)
    assert reason.case == "not a tensor" and "y is a float32" in reason
    assert "x left the tape through a NumPy function in `y = np.mean(x)`" in reason
    assert reason.place.text == "y = np.mean(x)"


def test_what_a_function_forgot_to_return_is_no_target():
    v = tf.Variable(2.0)
    with tf.GradientTape() as tape:
        loss = [v * v].clear()
    reason = explain.why_none(tape, loss, v)
    assert reason.case == "not a tensor" and "End it with `return`" in reason


def test_the_target_comes_first():
    x = tf.constant(3.0)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
    reason = explain.why_none(tape, x, y)
    assert reason.case == "wrong way round" and "tape.gradient(y, x)" in reason
    assert tape.gradient(x, y) is None and tape.gradient(y, x) is not None


def test_a_source_is_a_tensor():
    with tf.GradientTape() as tape:
        y = tf.constant(1.0) * 2.0
    array = np.zeros(3)
    for source, says in ((3, "tf.constant(3.0)"), (array, "tf.constant(array)"), ("w", "Ask for")):
        reason = explain.why_none(tape, y, source)
        assert reason.case == "not a tensor"
        assert says.replace("array", "source") in reason


def test_of_several_sources_the_first_without_a_gradient():
    v, w, unused = tf.Variable(2.0), tf.Variable(3.0), tf.Variable(4.0)
    with tf.GradientTape() as tape:
        y = v * w
    assert "does not depend on unused" in explain.why_none(tape, y, [v, {"w": w, "x": unused}])
    assert explain.why_none(tape, y, (v, w)).case == "connected"
    sources = [v, unused]
    assert "does not depend on sources[1]" in explain.why_none(tape, y, sources)


def test_a_gradient_that_is_not_none():
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    reason = explain.why_none(tape, y, x)
    assert reason.case == "connected"
    assert reason == "The gradient of y by x is not None: y depends on x by recorded steps."
    assert tape.gradient(y, x).numpy() == 6.0
