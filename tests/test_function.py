"""What `function` promises: when it records, what it keeps and refuses, how its source reads."""

from __future__ import annotations

import collections
import contextlib
import functools
import gc
import io
import keyword
import logging
import os
import re
import threading
import weakref

import numpy as np
import pytest

import autodiff_lesson as tf
from autodiff_lesson.ops.random import source


def counted(f):
    """A function that counts how often Python runs it."""

    def wrapper(*args, **kwargs):
        wrapper.runs += 1
        return f(*args, **kwargs)

    wrapper.runs = 0
    return wrapper


# ---------------------------------------------------------------- when it records
def test_python_runs_once_for_each_dtype_and_shape():
    body = counted(lambda x: x * x)
    f = tf.function(body)
    for x in ([1.0, 2.0], [3.0, 4.0], [1, 2], [[1.0]], [5.0, 6.0]):
        assert np.array_equal(f(tf.constant(x)).numpy(), np.square(x))
    assert body.runs == len(f.traces) == 3


def test_one_trace_for_each_python_value_and_the_reason_why():
    f = tf.function(lambda x, n: x * float(n))
    x = tf.constant(1.0)
    assert [f(x, n).numpy() for n in (3, 4, 3, 4.5)] == [3.0, 4.0, 3.0, 4.5]
    assert len(f.traces) == 3
    assert f.traces[1].reason == "argument 2: Python number 3 -> 4; pass constant(4)"
    assert f.traces[0].reason == "first call"
    f(tf.constant([1.0]), 3)
    assert f.traces[-1].reason == "argument 1: shape () -> (1,)"
    table = repr(f.traces).splitlines()
    assert len(table) == 1 + 4
    assert "pass constant(4)" in table[2]


def test_bool_int_and_float_of_one_value_are_different_arguments():
    f = tf.function(lambda n: tf.constant(1.0) if n is True else tf.constant(2.0))
    assert [f(n).numpy() for n in (True, 1, 1.0)] == [1.0, 2.0, 2.0]
    assert len(f.traces) == 3


def test_arguments_by_name_and_by_default_share_a_trace():
    f = tf.function(lambda x, y=2.0: x * y)
    x = tf.constant(3.0)
    assert [float(f(x)), float(f(x, 2.0)), float(f(y=2.0, x=x))] == [6.0] * 3
    assert len(f.traces) == 1


def test_a_default_that_only_a_keyword_replaces_shares_a_trace_too():
    f = tf.function(lambda x, *, y=2.0: x * y)
    x = tf.constant(3.0)
    assert [float(f(x)), float(f(x, y=2.0)), float(f(y=2.0, x=x))] == [6.0] * 3
    assert len(f.traces) == 1


def test_wrong_arguments_are_an_error_that_names_the_function():
    @tf.function
    def step(x, *, y=2.0):
        return x * y

    for call in (step, lambda: step(1.0, z=3.0), lambda: step(1.0, 2.0)):
        with pytest.raises(TypeError, match=r"^step\(\) "):
            call()


def test_a_function_may_change_the_list_that_it_was_given():
    @tf.function
    def f(items):
        items.append(items[0] * 2.0)
        return items

    given = [tf.constant(1.0)]
    for _ in range(2):
        assert [float(x) for x in f(given)] == [1.0, 2.0]
        assert len(given) == 1


def test_whatever_is_called_can_be_recorded():
    class Twice:
        def __call__(self, x):
            return x * 2.0

    def outer(flag):
        if flag:
            only_then = 3.0
        return lambda x: x * only_then if flag else x * 2.0

    partial = functools.partial(lambda by, x: by * x, 2.0)
    for function in (Twice(), partial, outer(False), tf.square):
        f = tf.function(function)
        assert [float(f(tf.constant(2.0))) for _ in range(2)] == [4.0, 4.0]


def test_nested_arguments_and_results_keep_their_structure():
    @tf.function
    def f(pair, named):
        return {"sum": pair[0] + named["b"], "rest": [pair[1], None, 2.0]}

    one, two = tf.constant(1.0), tf.constant(2.0)
    for _ in range(2):
        got = f((one, [two]), {"b": two})
        assert float(got["sum"]) == 3.0
        assert float(got["rest"][0][0]) == 2.0 and got["rest"][1] is None
        assert float(got["rest"][2]) == 2.0


def test_kinds_of_dicts_are_kept():
    f = tf.function(lambda d: d)
    one = {"b": tf.constant(1.0), "a": tf.constant(2.0)}
    for given in (one, collections.OrderedDict(one), collections.defaultdict(int, one)):
        f(given)
        got = f(given)
        assert list(got) == ["b", "a"]
        assert float(got["b"]) == 1.0


def test_arrays_become_tensors():
    f = tf.function(lambda x: x + x)
    assert f(np.ones(3, np.float32)).dtype == tf.float32
    f(np.zeros(3, np.float32))
    assert len(f.traces) == 1


def test_signature_converts_checks_and_says_what_it_wants():
    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def f(x):
        return x * 2.0

    assert f([1, 2]).numpy().tolist() == [2.0, 4.0]
    assert f(np.array([1, 2])).numpy().tolist() == f(np.array([1.0, 2.0])).numpy().tolist()
    assert f(tf.constant([1.0])).numpy().tolist() == [2.0]
    assert f.traces[1].reason == (
        "argument 1: shape (2,) -> (1,); the input_signature takes both, but each shape is "
        "recorded by itself"
    )
    with pytest.raises(TypeError, match=r"TensorSpec\(shape=\(None,\), dtype=tf.float32"):
        f(tf.constant([[1.0]]))
    with pytest.raises(TypeError, match="int32"):
        f(tf.constant([1]))
    with pytest.raises(TypeError, match="1 arguments"):
        f(tf.constant([1.0]), tf.constant([1.0]))


def test_what_the_signature_does_not_name_has_its_default():
    @tf.function(input_signature=[tf.TensorSpec([], tf.float32)])
    def f(x, y=2.0):
        return x * y

    assert float(f(tf.constant(3.0))) == float(f(x=3)) == 6.0
    with pytest.raises(TypeError, match="takes 1 arguments by its input_signature, not 2"):
        f(3.0, 4.0)


@pytest.mark.parametrize(
    "table, pair, words",
    [
        ({}, [1, 2], "Can not cast {} to {'a': TensorSpec"),
        ({"a": [1.0], "b": 1.0}, [1, 2], "argument table does not fit"),
        ({"a": [1.0]}, [1], r"Can not cast [1] to [TensorSpec"),
        ({"a": [1.0]}, [1, 1.5], "Can not cast 1.5 to TensorSpec(shape=(), dtype=tf.int32"),
        ([1.0], [1, 2], "Can not cast [1.0] to {'a'"),
    ],
)
def test_a_nest_that_does_not_fit_the_signature_is_a_type_error(table, pair, words):
    one = tf.TensorSpec([], tf.int32)

    @tf.function(input_signature=[{"a": tf.TensorSpec([None], tf.float32)}, [one, one]])
    def f(table, pair):
        return table["a"] * tf.cast(pair[0] + pair[1], tf.float32)

    assert f({"a": [1.0, 2.0]}, [1, 2]).numpy().tolist() == [3.0, 6.0]
    with pytest.raises(TypeError, match=re.escape(words)):
        f(table, pair)


@pytest.mark.parametrize("signature", [tf.TensorSpec([]), [tf.float32], [[tf.TensorSpec([]), 3]]])
def test_a_signature_holds_specs(signature):
    with pytest.raises(TypeError, match="input_signature"):
        tf.function(lambda x: x, input_signature=signature)


def test_a_row_can_be_picked_by_an_argument():
    f = tf.function(lambda x, i: x[i])
    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    assert [f(x, tf.constant(i)).numpy().tolist() for i in (0, 1, 0)] == [[1, 2], [3, 4], [1, 2]]
    assert len(f.traces) == 1


def test_methods_are_recorded_for_each_object_and_do_not_keep_it_alive():
    class Scale(tf.Module):
        def __init__(self, by):
            super().__init__()
            self.by = tf.Variable(by)

        @tf.function
        def __call__(self, x):
            return self.by * x

    two, three = Scale(2.0), Scale(3.0)
    for _ in range(2):
        assert [float(s(tf.constant(1.0))) for s in (two, three)] == [2.0, 3.0]
    assert "by" in Scale.__call__.source
    gone = weakref.ref(two)
    del two
    gc.collect()
    assert gone() is None
    assert float(three(tf.constant(2.0))) == 6.0


def test_closures_freeze_python_values_but_not_variables():
    scale, v = 2.0, tf.Variable(1.0)
    f = tf.function(lambda x: x * scale * v)
    assert float(f(tf.constant(1.0))) == 2.0
    scale = 5.0
    v.assign(10.0)
    assert float(f(tf.constant(1.0))) == 20.0


def test_python_prints_once_and_tf_print_every_time(capsys):
    @tf.function
    def f(x):
        print("tracing")
        tf.print("x is", x)
        return x

    for n in (1.0, 2.0, 1 / 3):
        f(tf.constant(n))
    out, err = capsys.readouterr()
    assert out == "tracing\n"
    assert err == "x is 1\nx is 2\nx is 0.333333343\n"


def test_run_functions_eagerly():
    body = counted(lambda x: x)
    f = tf.function(body)
    tf.config.run_functions_eagerly(True)
    try:
        f(1), f(1)
        assert tf.config.functions_run_eagerly() and body.runs == 2 and not f.traces
    finally:
        tf.config.run_functions_eagerly(False)


def test_many_retraces_are_warned_of(caplog):
    f = tf.function(lambda n: tf.constant(1.0) * n)
    with caplog.at_level(logging.WARNING, logger="autodiff_lesson"):
        for n in range(4):
            f(float(n))
        assert not caplog.records
        f(9.0)
    assert "triggered tf.function retracing" in caplog.text
    assert "pass constant(9.0)" in caplog.text


def test_variables_may_be_made_at_the_first_call_only():
    class Lazy(tf.Module):
        v = None

        @tf.function
        def good(self, x):
            if self.v is None:
                self.v = tf.Variable(2.0)
            return self.v.assign_add(x)

        @tf.function
        def bad(self, x):
            return tf.Variable(1.0) * x

    lazy, one = Lazy(), tf.constant(1.0)
    assert [float(lazy.good(one)) for _ in range(3)] == [3.0, 4.0, 5.0]
    lazy.bad(one)
    with pytest.raises(ValueError, match="singleton tf.Variables created on the first call"):
        lazy.bad(one)


def test_functions_that_read_the_same_keep_their_own_constants_and_variables():
    def scaled(by, start):
        total = tf.Variable(start)
        return tf.function(lambda x: total.assign_add(tf.reduce_sum(x * tf.constant(by))))

    two, three = scaled([2.0, 1.0], 0.0), scaled([3.0, 1.0], 10.0)
    x = tf.constant([1.0, 1.0])
    assert [float(two(x)) for _ in range(3)] == [3.0, 6.0, 9.0]
    assert [float(three(x)) for _ in range(3)] == [14.0, 18.0, 22.0]
    assert two.source == three.source


def test_what_is_assigned_a_number_stays_what_it_is_in_later_calls():
    v, n = tf.Variable(3.0), tf.Variable(7)

    @tf.function
    def f(x):
        v.assign(0.0)
        n.assign(2**31 - 1)
        n.assign_add(1)
        found = x + 1.0 / v, tf.square(v), tf.sign(v), v - 0.9, tf.cast(v > 2.0, tf.float32)
        v.assign_add(1.0)
        return *found, n.read_value()

    first = [t.numpy() for t in f(tf.constant(1.0))]
    again = [t.numpy() for t in f(tf.constant(1.0))]
    assert [(t.dtype, t.tobytes()) for t in again] == [(t.dtype, t.tobytes()) for t in first]
    assert [float(t) for t in again[:3]] == [np.inf, 0.0, 0.0] and int(again[-1]) == -(2**31)
    assert (float(v), v.dtype, n.dtype) == (1.0, tf.float32, tf.int32)


def test_what_does_not_change_is_printed_at_every_call():
    written = io.StringIO()

    @tf.function
    def f(x):
        for i in tf.range(2):
            tf.print("epoch", i, output_stream=written)
        return x * 2.0

    for _ in range(3):
        f(tf.constant(1.0))
    assert written.getvalue() == "epoch 0\nepoch 1\n" * 3


@pytest.mark.parametrize(
    "images, filters", [((4, 9, 9, 1), (2, 2, 1, 3)), ((2, 5, 5, 2), (3, 3, 2, 4))]
)
@pytest.mark.parametrize("pooled", [tf.nn.max_pool2d, lambda h, *_: h])
def test_images_give_the_same_bits_whatever_their_layout_in_memory(images, filters, pooled):
    draw = np.random.default_rng(3).normal
    x, w = (tf.constant(draw(size=shape), tf.float32) for shape in (images, filters))

    def slopes(x, w):
        with tf.GradientTape(persistent=True) as outer:
            outer.watch([x, w])
            with tf.GradientTape() as tape:
                tape.watch([x, w])
                h = pooled(tf.nn.relu(tf.nn.conv2d(x, w, 1, "VALID")), 2, 2, "VALID")
                loss = tf.reduce_sum(tf.square(tf.reduce_mean(h * h, [1, 2])))
            first = tape.gradient(loss, [x, w])
        return [*first, *outer.gradient(first[1], [x, w])]

    f = tf.function(slopes)
    f(x, w)
    for replayed, eager in zip(f(x, w), slopes(x, w), strict=True):
        assert replayed.numpy().tobytes() == eager.numpy().tobytes()
        assert np.abs(eager.numpy()).max() > 0


# ---------------------------------------------------------------- values that leave
LEAVING = {
    "numpy": lambda x: x.numpy(),
    "float": float,
    "int": int,
    "index": lambda x: [1, 2][tf.cast(x, tf.int32)],
    "format": lambda x: f"{x:.2f}",
    "NumPy function": np.mean,
    "where": lambda x: tf.where(x > 0.0),
}


@pytest.mark.parametrize("how", LEAVING)
@pytest.mark.parametrize("of", ["argument", "variable", "draw"])
def test_a_value_that_leaves_is_an_error_naming_the_line(how, of):
    v = tf.Variable(0.5)

    @tf.function
    def f(x):
        value = {"argument": x, "variable": v * 1.0}.get(of)
        if value is None:
            value = tf.random.uniform(()) * 1.0
        LEAVING[how](value)
        return x

    with pytest.raises(TypeError, match=r"test_function.py, line \d+.*plain value"):
        f(tf.constant(0.5))


@pytest.mark.parametrize("how", LEAVING)
def test_a_constant_may_leave(how):
    f = tf.function(lambda x: (LEAVING[how](tf.constant(0.5)), x)[1])
    assert float(f(tf.constant(1.0))) == 1.0


def test_if_on_a_tensor_records_both_ways_and_keeps_both():
    @tf.function
    def f(x):
        if x > 0.0:
            return x * 2.0
        return -x

    assert [float(f(tf.constant(n))) for n in (1.0, -3.0, 2.0, -1.0, 5.0)] == [2, 3, 4, 1, 10]
    assert len(f.traces) == 2
    assert f.traces[1].reason == "a Python `if` or `while` on a tensor went another way"


def test_while_on_a_tensor():
    def f(x):
        while tf.reduce_sum(x) < 10.0:
            x = x * 2.0
        return x

    g = tf.function(f)
    for n in (1.0, 6.0, 1.0, 0.1, 11.0, 6.0):
        assert float(g(tf.constant(n))) == float(f(tf.constant(n)))
    assert len(g.traces) == 4


def test_a_guard_that_fails_leaves_no_trace_of_the_attempt(capsys):
    v = tf.Variable(0.0)

    @tf.function
    def f(x):
        tf.print("at", x)
        v.assign_add(1.0)
        draw = tf.random.uniform(())
        if x + 0.0 * draw > 0.0:
            v.assign_add(10.0)
        return draw

    tf.random.set_seed(3)
    draws = [float(f(tf.constant(x))) for x in (1.0, -1.0, 1.0)]
    tf.random.set_seed(3)
    assert draws == [float(tf.random.uniform(())) for _ in range(3)]
    assert v.numpy() == 23.0
    assert capsys.readouterr().err == "at 1\nat -1\nat 1\n"


def test_a_guard_that_fails_in_a_function_in_a_function_is_not_heard(capsys):
    @tf.function
    def inner(x):
        draw = tf.random.uniform(())
        tf.print("drawn")
        return draw if x + 0.0 * draw > 0.0 else -draw

    inner(tf.constant(1.0))
    outer = tf.function(lambda x: inner(x) + 0.0)
    tf.random.set_seed(3)
    draws = [abs(float(outer(tf.constant(x)))) for x in (-1.0, -2.0, -3.0, 1.0)]
    tf.random.set_seed(3)
    assert draws == [float(tf.random.uniform(())) for _ in range(4)]
    assert capsys.readouterr().err == "drawn\n" * 5


# ---------------------------------------------------------------- state, all or nothing
def test_an_error_in_a_replay_changes_nothing_and_names_the_line():
    v = tf.Variable([1.0, 2.0, 3.0])

    @tf.function
    def f(i):
        v.assign_add([1.0, 1.0, 1.0])
        tf.random.normal(())
        return tf.gather(v, i)

    f(tf.constant(1))
    before = v.numpy().tolist()
    state = source.generator.bit_generator.state
    for call in (f, f):
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"gather at test_function.py"):
            call(tf.constant(7))
        assert v.numpy().tolist() == before
        assert source.generator.bit_generator.state == state
    assert float(f(tf.constant(0))) == 3.0


def test_an_error_while_recording_gives_variables_their_values_back():
    v, w = tf.Variable(1.0), tf.Variable(2.0)

    @tf.function
    def f():
        v.assign(5.0)
        w.assign_add(v)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        f()
    assert (v.numpy(), w.numpy()) == (1.0, 2.0)


def test_ctrl_c_at_any_line_of_a_replay_leaves_all_or_nothing():
    import sys

    a, b = tf.Variable(0.0), tf.Variable([0.0] * 3)
    row = [tf.Variable(np.zeros(n, np.float32)) for n in range(1, 6)]  # one array in a replay

    @tf.function
    def f(x):
        for v in row:
            v.assign_add(tf.ones_like(v) * (a + 1.0))
        a.assign_add(1.0)
        b.assign_add(tf.tanh(x) + tf.random.normal((3,)))
        a.assign_add(1.0)
        return a + tf.reduce_sum(b)

    x = tf.constant([1.0, 2.0, 3.0])
    f(x)
    stopped = 0
    for at in range(400):
        seen = (a.numpy(), b.numpy().tolist(), [v.numpy().tolist() for v in row])
        left = at

        def trace(frame, event, arg):
            nonlocal left
            left -= 1
            if left < 0 and "autodiff_lesson" in frame.f_globals.get("__name__", ""):
                sys.settrace(None)
                raise KeyboardInterrupt
            return trace

        sys.settrace(trace)
        try:
            f(x)
        except KeyboardInterrupt:
            stopped += 1
        else:
            break
        finally:
            sys.settrace(None)
        now = (a.numpy(), b.numpy().tolist(), [v.numpy().tolist() for v in row])
        assert now == seen or (now[0] == seen[0] + 2.0 and now[1] != seen[1] and now[2] != seen[2])
    assert 10 < stopped < 399


def test_memory_that_one_number_is_a_view_of_is_not_written_over():
    def body(x):
        h = tf.tanh(x)
        first = h[..., 0]
        total = tf.reduce_sum(tf.exp(h))
        return total, tf.exp(first)

    f = tf.function(body)
    for start in (0.0, 1.0, 2.0):
        x = tf.constant(np.linspace(start, 3.0, 1000, dtype=np.float32))
        assert [t.numpy() for t in f(x)] == [t.numpy() for t in body(x)]


def test_what_was_handed_out_never_changes():
    v = tf.Variable(np.zeros((200, 200), np.float32))  # large enough for its array to be used again
    f = tf.function(lambda: v.assign_add(tf.ones((200, 200))))
    held = [v.numpy()]
    results = []
    for n in range(1, 6):
        results.append(f())
        assert float(v[0, 0]) == n
        if n % 2:
            held.append(v.numpy())
    with tf.GradientTape(persistent=True) as tape:
        y = v * v
    f(), f(), f()
    assert [h[5, 5] for h in held] == [0, 1, 3, 5]
    assert [float(r[5, 5]) for r in results] == [1, 2, 3, 4, 5]
    assert float(tape.gradient(y, v)[0, 0]) == 10.0


def test_arrays_of_large_variables_are_used_again_when_nobody_holds_them():
    v = tf.Variable(np.zeros((200, 200), np.float32))
    f = tf.function(lambda: v.assign_add(tf.ones((200, 200))))
    for _ in range(3):
        f()
    arrays = []
    for _ in range(3):
        f()
        arrays.append(v._tensor._value.__array_interface__["data"][0])
    assert arrays[0] == arrays[2] != arrays[1], arrays


def test_threads_do_not_share_memory():
    f = tf.function(lambda x: tf.reduce_sum(tf.tanh(tf.sin(x) * 2.0) + tf.cos(x)))
    xs = [tf.constant(np.full(5000, n, np.float32)) for n in range(4)]
    wanted = [f.python_function(x).numpy() for x in xs]
    f(xs[0])
    wrong = []

    def work(x, expected):
        wrong.extend(1 for _ in range(200) if f(x).numpy() != expected)

    threads = [threading.Thread(target=work, args=pair) for pair in zip(xs, wanted, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# ---------------------------------------------------------------- differentiable
def test_gradients_flow_through_to_arguments_variables_and_captured_tensors():
    v, c = tf.Variable(2.0), tf.constant(3.0)
    f = tf.function(lambda x: v * c * x**3)
    for n in (1.0, 2.0):
        x = tf.constant(n)
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as tape:
                tape.watch([x, c])
                y = f(x)
            dx, dv, dc = tape.gradient(y, [x, v, c])
        assert [float(g) for g in (dx, dv, dc)] == [18 * n**2, 3 * n**3, 2 * n**3]
        assert float(outer.gradient(dx, x)) == 36 * n
    assert len(f.traces) == 1


def test_custom_gradients_count_inside_at_later_calls_too():
    @tf.custom_gradient
    def bar(x, y):
        z = x * y

        def grad(upstream):
            return upstream * y * 10.0, upstream * z

        return z, grad

    f = tf.function(lambda x: bar(x, tf.sin(x)))
    for n in (1.0, 2.0, 3.0):
        found = []
        for g in (f, f.python_function):
            x = tf.constant(n)
            with tf.GradientTape() as outer:
                outer.watch(x)
                with tf.GradientTape() as tape:
                    tape.watch(x)
                    y = g(x)
                first = tape.gradient(y, x)
            found.append((y.numpy(), first.numpy(), outer.gradient(first, x).numpy()))
        assert found[0] == found[1]
    assert len(f.traces) == 1


def test_a_custom_gradient_may_use_at_later_calls_what_its_output_does_not():
    @tf.custom_gradient
    def twice(x):
        slope = x * 3.0
        return x * 2.0, lambda upstream: upstream * slope

    f = tf.function(twice)
    for n in (1.0, 2.0, 3.0):
        x = tf.constant(n)
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = f(x)
            first = tape.gradient(y, x)
        assert float(first) == 3.0 * n
        assert float(outer.gradient(first, x)) == 3.0
        assert len(outer.records) < len(outer._records)  # the inside is not shown twice


def test_a_function_in_a_function_is_recorded_into_it():
    v = tf.Variable(1.0)
    inner = tf.function(lambda x: v.assign_add(x) * x)
    inner(tf.constant(1.0))

    @tf.function
    def outer(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = inner(x) + inner(x)
        return tape.gradient(y, x), v + 0.0

    for _ in range(2):
        before = float(v)
        got = [float(t) for t in outer(tf.constant(3.0))]
        assert got == [before + 3 + before + 6, before + 6]


# ---------------------------------------------------------------- the source
def test_source_of_a_gradient_reads_like_the_lesson():
    @tf.function
    def f(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = x * x
        return tape.gradient(y, x)

    f(tf.constant(3.0))
    lines = [line.strip() for line in f.source.splitlines()]
    assert lines[1] == "def f(x):"
    assert "# ---- backward" in lines
    assert lines[-4:] == ["v1 = 1.0 * x", "v2 = 1.0 * x", "d_x = v1 + v2", "return (d_x,)"]


def test_the_way_back_of_a_slice_is_zeros_with_a_part_set():
    @tf.function
    def slope(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(x[0] * x[1:])
        return tape.gradient(y, x)

    for _ in range(2):
        assert slope(tf.constant([2.0, 3.0, 4.0])).numpy().tolist() == [7.0, 2.0, 2.0]
    assert re.search(r"(v\d+) = np.zeros\(\(3,\), float32\); \1\[1:\] = \w+\n", slope.source)


def test_an_error_in_a_replay_passes_no_file_outside_the_package():
    f = tf.function(lambda x, i: tf.gather(x, i))
    x = tf.constant([1.0, 2.0])
    f(x, tf.constant([0]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="test_function.py, line") as raised:
        f(x, tf.constant([5]))
    package = os.path.dirname(tf.__file__)
    assert all(str(entry.path).startswith(package) for entry in raised.traceback[1:])


@pytest.mark.parametrize("shape", [(4,), (4, 2)])
@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_the_ways_back_of_several_parts_are_added_in_one_array(shape, zero):
    def slopes(p):
        with tf.GradientTape() as tape:
            tape.watch(p)
            z = zero * p[0] * p[1] + zero * p[2] * p[0]
        return tape.gradient(z, p)

    recorded = tf.function(slopes)
    for _ in range(2):
        p = tf.constant(np.linspace(-2.0, 5.0, np.prod(shape)).reshape(shape).astype("f"))
        assert recorded(p).numpy().tobytes() == slopes(p).numpy().tobytes()
    # p[0] came twice: the second one is not put, nor added, where the first one is
    assert re.search(r"(v\d+)\[0\] \+= \w+; \1\[2\] \+= \w+; \1\[1\] \+= ", recorded.source)
    assert recorded.source.count("np.zeros(") == 2


def test_parts_of_different_shapes_or_used_elsewhere_stay_apart():
    @tf.function
    def slopes(p):
        with tf.GradientTape() as tape:
            tape.watch(p)
            z = p[0] * p[-1]
        return tape.gradient(z, p)

    slopes(tf.constant([2.0, 3.0]))
    assert slopes(tf.constant([2.0, 3.0])).numpy().tolist() == [3.0, 2.0]
    assert "+=" not in slopes.source  # [0] and [-1] might be one place

    def both(p, q):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch([p, q])
            one, other, row = tf.square(p[0]), tf.square(p[1]), tf.square(q[0])
        first = tape.gradient(one, p)
        return (
            first,
            first + tape.gradient(other, p),
            tape.gradient(other, p) + tape.gradient(row, q),
        )

    recorded, given = tf.function(both), (tf.constant([2.0, 3.0]), tf.ones((3, 2)))
    for _ in range(2):
        for found, wanted in zip(recorded(*given), both(*given), strict=True):
            assert found.numpy().tolist() == wanted.numpy().tolist()
    assert "+=" not in recorded.source


def test_source_has_sections_names_and_the_users_lines():
    w = tf.Variable([[1.0], [2.0]])

    @tf.function
    def step(x):
        with tf.GradientTape() as tape:
            h = x @ w
            loss = tf.reduce_mean(tf.square(h))
        w.assign_sub(0.1 * tape.gradient(loss, w))
        return loss

    step(tf.constant([[1.0, 2.0]]))
    text = step.source
    at = [text.index(f"# ---- {name}") for name in ("forward", "backward", "update")]
    assert at == sorted(at)
    assert "# h = x @ w" in text and "h = np.dot(x, w" in text and "d_w = " in text
    compile(text, "source", "exec")


def test_the_same_update_of_many_variables_is_written_once():
    row = [tf.Variable(np.ones((n, 2), np.float32), name=f"w_{n}") for n in range(9)]

    @tf.function
    def step():
        for v in row:
            v.assign_sub(0.5 * tf.sin(v))

    step(), step()
    assert step.source.count("np.subtract(") == 1
    assert "# w = w_0, w_1, ..., w_8 in one array" in step.source
    assert "new_w = np.subtract(w, " in step.source and "return (new_w,)" in step.source
    assert np.allclose(row[-1], 1 - 0.5 * np.sin(1) - 0.5 * np.sin(1 - 0.5 * np.sin(1)))


def test_dead_code_is_dropped_but_draws_are_made():
    f = tf.function(lambda x: (tf.exp(x), tf.random.normal(()), x + 1.0)[2])
    f(tf.constant(1.0))
    code = [line for line in f.source.splitlines() if "#" not in line]
    assert "exp" not in str(code) and "random_normal" in str(code)


def test_nothing_that_a_user_names_gets_into_the_code():
    evil = ['a"); import os; os.abort(); ("', "x\n    raise SystemExit", "class", "np", "f", "é x"]
    variables = [tf.Variable(1.0, name=name) for name in evil]

    def f(**kwargs):
        total = tf.constant(0.0)
        for value in (*kwargs.values(), *variables):
            total = total + value  # \r raise SystemExit('no')
        return dict.fromkeys(kwargs, total)

    f.__name__ = "g(): raise SystemExit\n#"
    g = tf.function(f)
    arguments = {name: tf.constant(1.0) for name in evil}
    for _ in range(2):
        assert float(g(**arguments)[evil[0]]) == 12.0
    names = compile(g.source, "s", "exec").co_consts[0].co_varnames
    assert all(name.isidentifier() and not keyword.iskeyword(name) for name in names)
    code = [line for line in g.source.splitlines() if not line.strip().startswith("#")]
    assert not re.search(r"\bimport\b|\braise\b|\babort\b", "\n".join(code))


def test_recording_forgets_the_values_of_the_recorded_call():
    f = tf.function(lambda x: tf.exp(x * 2.0) + x)
    x = tf.constant(np.ones(1000, np.float32))
    array = weakref.ref(x._value)
    f(x)
    del x
    gc.collect()
    assert array() is None


def test_custom_gradients_of_functions_in_functions_use_the_values_of_each_call():
    @tf.custom_gradient
    def square(x):
        return x * x, lambda upstream: upstream * 2.0 * x

    inner = tf.function(square)
    inner(tf.constant(7.0))
    for outer in (
        tf.function(lambda x: inner(x)),
        tf.function(lambda x: inner(x) + inner(x * 3.0)),
    ):
        for number in (1.0, 2.0, 3.0):
            x = tf.constant(number)
            with tf.GradientTape() as second:
                second.watch(x)
                with tf.GradientTape() as tape:
                    tape.watch(x)
                    y = outer(x)
                slope = tape.gradient(y, x)
            assert float(slope) == 2 * float(y) / number
            assert float(second.gradient(slope, x)) == float(slope) / number


def test_a_custom_grad_may_decide_by_the_values_of_its_call_and_prints_once():
    written = io.StringIO()

    @tf.custom_gradient
    def f(x):
        def grad(upstream):
            tf.print(x, output_stream=written)
            return tf.cond(x > 0.0, lambda: upstream * 2.0, lambda: upstream * 3.0)

        return x * 1.0, grad

    replayed, slopes = tf.function(f), []
    for number in (1.0, -1.0, 2.0, -2.0):
        x = tf.constant(number)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = replayed(x)
        slopes.append(float(tape.gradient(y, x)))
    assert slopes == [2.0, 3.0, 2.0, 3.0]
    assert written.getvalue().split() == ["1", "-1", "2", "-2"]


# ---------------------------------------------------------------- tf.print
PRINTED = [
    ([1.0, 2.5], "[1 2.5]"),
    (1 / 3, "0.333333343"),
    (0.1, "0.1"),
    (1e-10, "1e-10"),
    (15000000.0, "1.5e+07"),
    ([True, False], "[1 0]"),
    (np.arange(8), "[0 1 2 ... 5 6 7]"),
    (np.arange(6), "[0 1 2 3 4 5]"),
    (np.float64(2) / 3, "0.66666666666666663"),
    ([[1, 2], [3, 4]], "[[1 2]\n [3 4]]"),
    (np.zeros((1, 2, 2, 1)), "[[[[0]\n   [0]]\n\n  [[0]\n   [0]]]]"),
    ([np.nan, np.inf, -np.inf], "[nan inf -inf]"),
]


@pytest.mark.parametrize(("value", "text"), PRINTED, ids=[text for _, text in PRINTED])
def test_print_writes_numbers_as_tensorflow_does(value, text):
    stream = io.StringIO()
    tf.print(tf.constant(value), output_stream=stream)
    assert stream.getvalue() == text + "\n"


def test_print_takes_anything_and_its_options():
    stream, one = io.StringIO(), tf.constant(1)
    tf.print("a", 2.5, None, [one, "b"], {"k": one}, sep="|", end="!", output_stream=stream)
    tf.print(tf.constant(np.arange(9)), summarize=1, output_stream=stream)
    tf.print(one.shape, output_stream=stream)
    assert stream.getvalue() == "a|2.5|None|[1, 'b']|{'k': 1}![0 ... 8]\nTensorShape([])\n"


# ---------------------------------------------------------------- functions in functions, and state
def test_a_variable_read_twice_inside_a_function_counts_once_for_each_use():
    v = tf.Variable(2.0)
    inner = tf.function(lambda x: v * x + v)
    outer = tf.function(lambda x: inner(x))
    slopes = []
    for _ in range(3):
        with tf.GradientTape() as tape:
            y = outer(tf.constant(3.0))
        slopes.append(float(tape.gradient(y, v)))
    assert slopes == [4.0, 4.0, 4.0]


def test_updates_of_two_optimizers_do_not_write_over_each_others_gradients():
    def losses(wrap):
        rng = np.random.default_rng(0)
        a = [tf.Variable(rng.normal(size=512).astype("f4")) for _ in range(3)]
        b = [tf.Variable(rng.normal(size=(8, 64)).astype("f4")) for _ in range(3)]
        b.append(tf.Variable(np.ones(7, "f4")))
        one, other = tf.keras.optimizers.Adam(0.1), tf.keras.optimizers.Adagrad(0.1)

        @wrap
        def step(x):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(b[3] * b[3])
                for p, q in zip(a, b, strict=False):
                    loss = loss + tf.reduce_sum(tf.sin((p + tf.reshape(q, [-1])) * x))
            gradients = tape.gradient(loss, a + b)
            one.apply_gradients(zip(gradients[:3], a))
            other.apply_gradients(zip(gradients[3:], b))
            return loss

        return [step(tf.constant(0.5)).numpy().tobytes() for _ in range(5)]

    assert losses(tf.function) == losses(lambda f: f)


@pytest.mark.parametrize("size", [4, 8192, 8193])
def test_a_new_value_may_be_handed_out_and_assigned_twice(size):
    w, copy = (tf.Variable(np.ones(size, "f4")) for _ in range(2))

    @tf.function
    def step(x):
        w.assign(w * x)
        copy.assign(w)
        return w + 0.0

    @tf.function
    def given_back(x):
        return w.assign(w * x)

    for turn in range(1, 6):
        out = step(tf.constant(2.0)).numpy()
        assert out[0] == w.numpy()[-1] == copy.numpy()[0] == 4.0**turn / 2
        assert given_back(tf.constant(2.0)).numpy()[0] == w.numpy()[0] == 4.0**turn


def test_what_was_recorded_for_an_object_goes_with_it():
    class Scaled:
        def __init__(self):
            self.w = tf.Variable(np.ones(3, "f4"))

        @tf.function
        def step(self, x):
            self.w.assign(self.w * x)
            return tf.reduce_sum(self.w)

    variables = []
    for _ in range(3):
        scaled = Scaled()
        scaled.step(tf.constant(2.0)), scaled.step(tf.constant(2.0))
        variables.append(weakref.ref(scaled.w))
        del scaled
    gc.collect()
    assert [v() for v in variables] == [None, None, None]
    assert len(Scaled.step.traces) == 3


def test_a_mistake_that_is_caught_inside_a_function_leaves_its_variables_as_they_were():
    v = tf.Variable(1.0)

    @tf.function
    def inner(x):
        v.assign(x)
        raise ValueError

    @tf.function
    def outer(x):
        with contextlib.suppress(ValueError):
            inner(x)
        return v * 2.0

    found = [(float(outer(tf.constant(x))), float(v)) for x in (5.0, 6.0, 7.0)]
    assert found == [(2.0, 1.0)] * 3


def test_arguments_named_in_any_order_keep_their_names_in_the_source():
    @tf.function
    def f(x, *, b, a):
        return x * b - a

    one = tf.constant(1.0)
    assert float(f(one, b=tf.constant(2.0), a=tf.constant(3.0))) == -1.0
    assert "= x * b" in f.source
    assert float(f(one, a=tf.constant(3.0), b=tf.constant(2.0))) == -1.0
    assert len(f.traces) == 1


@pytest.mark.parametrize("word", ["of", "object", "same"])
def test_any_word_may_be_an_argument(word):
    f = tf.function(lambda x, mode: x * 2.0 if mode == word else x)
    assert float(f(tf.constant(1.0), word)) == 2.0
    assert repr(word) in f.traces[0].signature


def test_an_error_under_a_tape_names_the_line_of_the_function():
    @tf.function
    def f(x, i):
        return tf.gather(x, i)

    x = tf.constant([1.0, 2.0])
    f(x, tf.constant(0))
    line = f.python_function.__code__.co_firstlineno + 2
    with tf.GradientTape() as tape:
        tape.watch(x)
        with pytest.raises(tf.errors.InvalidArgumentError, match=f"test_function.py, line {line} "):
            f(x, tf.constant(5))
