"""explain.why_none: each way to get None is told apart, and names the user's line."""

import numpy as np
import pytest

import autodiff_lesson as tf
from autodiff_lesson import explain

CASES = {}


def case(expected, *fragments):
    def enter(function):
        CASES[function.__name__] = (function, expected, fragments)
        return function

    return enter


@case("not watched", "`y = x * x`", "tape.watch(x)")
def not_watched():
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        y = x * x
    return explain.why_none(tape, y, x), tape, y, x


@case("watched too late", "`y = x * x`", "first line")
def watched_too_late():
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        y = x * x
        tape.watch(x)
    return explain.why_none(tape, y, x), tape, y, x


@case("not connected", "`y = w * w`", "from w", "never used")
def not_connected():
    x, w = tf.constant(3.0), tf.Variable(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = w * w
    return explain.why_none(tape, y, x), tape, y, x


@case("not connected", "`u = v * 2.0`", "does not lead there")
def variable_used_elsewhere():
    v, w = tf.Variable(3.0), tf.Variable(2.0)
    with tf.GradientTape() as tape:
        u = v * 2.0
        y = w * w
    assert u is not None
    return explain.why_none(tape, y, v), tape, y, v


@case("not connected", "v was never used")
def variable_never_read():
    v, w = tf.Variable(3.0), tf.Variable(2.0)
    with tf.GradientTape() as tape:
        y = w * w
    return explain.why_none(tape, y, v), tape, y, v


@case("integer source", "x is int32", "tf.constant(3.0)")
def integer_source():
    x = tf.constant(3)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    return explain.why_none(tape, y, x), tape, y, x


@case("integer result", "`i = tf.argmax(x, axis=0)`", "argmax", "int64")
def through_argmax():
    x = tf.constant([1.0, 3.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        i = tf.argmax(x, axis=0)
        y = tf.cast(i, tf.float32) * 2.0
    return explain.why_none(tape, y, x), tape, y, x


@case("integer result", "`y = tf.cast(x, tf.int32)`", "cast")
def integer_target():
    x = tf.constant(3.5)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.cast(x, tf.int32)
    return explain.why_none(tape, y, x), tape, y, x


@case("no slope", "`y = tf.floor(x) * 2.0`", "floor")
def through_floor():
    x = tf.constant(3.5)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.floor(x) * 2.0
    return explain.why_none(tape, y, x), tape, y, x


@case("no slope", "`y = tf.round(x * x)`", "round")
def through_round():
    x = tf.constant(3.5)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.round(x * x)
    return explain.why_none(tape, y, x), tape, y, x


@case("not trainable", "v is a variable with trainable=False", "tape.watch(v)")
def not_trainable():
    v = tf.Variable(3.0, trainable=False)
    with tf.GradientTape() as tape:
        y = v * v
    return explain.why_none(tape, y, v), tape, y, v


@case("watch_accessed_variables=False", "tape.watch(v)")
def variables_not_watched():
    v = tf.Variable(3.0)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        y = v * v
    return explain.why_none(tape, y, v), tape, y, v


@case("numpy", "`a = x.numpy() ** 2`", "tf operation")
def through_numpy():
    x, w = tf.constant(3.0), tf.Variable(1.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        a = x.numpy() ** 2
        y = w * a
    return explain.why_none(tape, y, x), tape, y, x


@case("array", "`a = np.mean(x * x)`", "tf.reduce_mean")
def through_a_numpy_function():
    x, w = tf.constant([3.0, 4.0]), tf.Variable(1.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        a = np.mean(x * x)
        y = w * a
    return explain.why_none(tape, y, x), tape, y, x


@case("float", "`a = float(x)`")
def through_float():
    x, w = tf.constant(3.0), tf.Variable(1.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        a = float(x)
        y = w * a
    return explain.why_none(tape, y, x), tape, y, x


@case("int", "`a = int(x)`")
def through_int():
    x, w = tf.constant(3.0), tf.Variable(1.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        a = int(x)
        y = w * a
    return explain.why_none(tape, y, x), tape, y, x


@case("format", "text")
def through_format():
    x, w = tf.constant(3.0), tf.Variable(1.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = w * float(f"{x:.3f}")
    return explain.why_none(tape, y, x), tape, y, x


@case("assign", "`v.assign(x * 2.0)`", "v by assign")
def through_assign():
    x, v = tf.constant(3.0), tf.Variable(1.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        v.assign(x * 2.0)
        y = v * v
    return explain.why_none(tape, y, x), tape, y, x


@case("stop_gradient", "`y = tf.stop_gradient(x * x) + w`")
def through_stop_gradient():
    x, w = tf.constant(3.0), tf.Variable(1.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.stop_gradient(x * x) + w
    return explain.why_none(tape, y, x), tape, y, x


@case("stop_recording", "`y = x * x`", "stop_recording()")
def inside_stop_recording():
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        with tape.stop_recording():
            y = x * x
    return explain.why_none(tape, y, x), tape, y, x


@case("outside the with", "`u = x * x`", "Indent")
def computed_outside():
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        u = x * x
    y = u * 2.0
    return explain.why_none(tape, y, x), tape, y, x


@case("outside the with", "recorded nothing")
def all_computed_outside():
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
    y = x * 2.0
    return explain.why_none(tape, y, x), tape, y, x


@case("reset", "`tape.reset()`", "after the reset")
def reset_in_between():
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
        tape.reset()
    return explain.why_none(tape, y, x), tape, y, x


@case("not connected", "from both", "write tf.stack")
def a_constant_of_a_list():
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        both = tf.constant([x, x])
        y = tf.reduce_sum(both)
    return explain.why_none(tape, y, x), tape, y, x


@case("custom gradient gave None", "half", "`y = half(x)`")
def custom_gradient_of_none():
    @tf.custom_gradient
    def half(x):
        def grad(upstream):
            return None

        return x * 0.5, grad

    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = half(x)
    return explain.why_none(tape, y, x), tape, y, x


@pytest.mark.parametrize("name", CASES)
def test_case(name):
    function, expected, fragments = CASES[name]
    reason, tape, y, x = function()
    print(name, "::", reason)
    assert reason.case == expected
    for fragment in fragments:
        assert fragment in reason
    assert repr(reason) == str(reason)
    assert tape.gradient(y, x) is None  # it is None, and looking did not use the tape up


def test_a_number_is_no_target():
    x = tf.constant([3.0, 4.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = np.mean(x)
    assert explain.why_none(tape, y, x).case == "not a tensor"
    assert explain.why_none(tape, x * x, 3.0).case == "not a tensor"


def test_a_gradient_that_is_not_none():
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    reason = explain.why_none(tape, y, x)
    assert reason.case == "connected"
    assert reason == ("The gradient of y by x is not None: y depends on x by recorded steps.")
    assert tape.gradient(y, x).numpy() == 6.0
