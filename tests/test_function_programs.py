"""Random programs: a function gives, bit for bit, what running without it gives.

``AUTODIFF_PROGRAMS=10000 python -m pytest tests/test_function_programs.py`` is the long run.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import autodiff_lesson as tf
from autodiff_lesson.ops.random import source

memory = sys.modules["autodiff_lesson.function.memory"]
flat = sys.modules["autodiff_lesson.function.flat"]
writing = sys.modules["autodiff_lesson.function.source"]

MANY = int(os.environ.get("AUTODIFF_PROGRAMS", "150"))
several = settings(
    max_examples=MANY,
    deadline=None,
    derandomize=MANY < 999,  # the same programs each time, except in a long run
    suppress_health_check=list(HealthCheck),
)

# ---------------------------------------------------------------- what a program is made of
# Each instruction names an operation and three numbers, which pick tensors from the pool of what
# is there already (modulo its size). What does not fit the shapes does nothing.
UNARY = {
    "tanh": tf.tanh,
    "sigmoid": tf.sigmoid,
    "sin": tf.sin,
    "relu": tf.nn.relu,
    "square": tf.square,
    "negative": tf.negative,
    "abs": tf.abs,
    "exp": lambda x: tf.exp(tf.minimum(x, 2.0)),
    "log": lambda x: tf.math.log(tf.abs(x) + 0.5),
    "sqrt": lambda x: tf.sqrt(tf.abs(x) + 0.25),
    "half": lambda x: x * 0.5,
    "one minus": lambda x: 1.0 - x,
    "identity": tf.identity,
    "stop": tf.stop_gradient,
    "clip": lambda x: tf.clip_by_value(x, -1.0, 1.0),
    "round": tf.round,
    "to 64": lambda x: tf.cast(x, tf.float64),
    "to 32": lambda x: tf.cast(x, tf.float32),
}
AXES = {
    "sum": tf.reduce_sum,
    "mean": tf.reduce_mean,
    "max": tf.reduce_max,
    "softmax": lambda x, axis: tf.nn.softmax(x) if axis is not None else x,
    "log_softmax": lambda x, axis: tf.nn.log_softmax(x) if axis is not None else x,
    "cumsum": lambda x, axis: tf.math.cumsum(x, axis) if axis is not None else x,
    "slice": lambda x, axis: x[1:] if axis is not None else x,
    "part": lambda x, axis: x[axis or 0] if x.ndim and len(x) > (axis or 0) else x,
    "pick": lambda x, axis: x[..., 0] if axis is not None else x,
    "back": lambda x, axis: x[::-1] if axis is not None else x,
    "transpose": lambda x, axis: tf.transpose(x),
    "flat": lambda x, axis: tf.reshape(x, [-1]),
    "new": lambda x, axis: tf.expand_dims(x, 0),
    "gather": lambda x, axis: tf.gather(x, [0, 0]) if axis is not None else x,
    "unstack": lambda x, axis: tf.unstack(x)[-1] if axis is not None else x,
    "one_hot": lambda x, axis: tf.one_hot(tf.argmax(x), 3) if axis is not None else x,
}
BINARY = {
    "add": tf.add,
    "subtract": tf.subtract,
    "multiply": tf.multiply,
    "divide": lambda x, y: x / (tf.abs(y) + 0.5),
    "maximum": tf.maximum,
    "minimum": tf.minimum,
    "where": lambda x, y: tf.where(x > y, x, y),
    "power": lambda x, y: tf.pow(tf.abs(x) + 0.5, y),
    "stack": lambda x, y: tf.stack([x, y, x]),
    "concat": lambda x, y: tf.concat([x, y], 0) if x.ndim else x,
    "matmul": tf.matmul,
    "product": lambda x, y: tf.matmul(x, tf.transpose(y)),
}
STATE = (
    *("read", "assign", "assign_add", "assign_sub", "reset", "set", "normal", "uniform", "branch"),
    "shuffle",
)
NAMES = [*UNARY, *AXES, *BINARY, *STATE]
SHAPES = [(), (3,), (2, 3), (3, 3), (1, 3), (4, 2, 3), (40,)]

instructions = st.lists(
    st.tuples(st.sampled_from(NAMES), *[st.integers(0, 30)] * 3), min_size=1, max_size=14
)
shapes = st.lists(st.sampled_from(SHAPES), min_size=1, max_size=3)


def fits(x, y) -> bool:
    try:
        np.broadcast_shapes(x.shape, y.shape)
    except ValueError:
        return False
    return x.dtype == y.dtype


def play(program, pool: list, variables: list) -> list:
    """Run a program on the tensors in ``pool``; what it makes is added to them."""
    for name, i, j, k in program:
        x, y = pool[i % len(pool)], pool[j % len(pool)]
        v = variables[j % len(variables)]
        axis = None if not x.ndim or k % 4 == 3 else k % x.ndim
        if name in UNARY:
            made = UNARY[name](x)
        elif name in AXES:
            made = AXES[name](x, axis)
        elif name == "branch":
            made = x * 2.0 if tf.reduce_sum(x) > 0.0 else x - 1.0
        elif name in STATE:
            made = change(name, x, v)
        elif name in ("stack", "concat") and (x.shape != y.shape or x.dtype != y.dtype):
            continue
        elif name in ("matmul", "product"):
            across = y.shape[::-1] if name == "product" else y.shape
            if x.ndim != 2 or y.ndim != 2 or x.shape[1] != across[0] or x.dtype != y.dtype:
                continue
            made = BINARY[name](x, y)
        elif fits(x, y):
            made = BINARY[name](x, y)
        else:
            continue
        if made.dtype.is_floating and 0 < np.prod(made.shape, dtype=int) < 2000:
            pool.append(made)
    return pool


def change(name: str, x, v):
    """Instructions on variables, and draws."""
    if name == "read":
        return v.value()
    if name == "normal":
        return x + tf.random.normal(x.shape, dtype=x.dtype)
    if name == "uniform":  # as Dropout does
        return tf.where(tf.random.uniform(x.shape, dtype=x.dtype) > 0.5, x * 2.0, 0.0 * x)
    if name == "shuffle":
        return tf.random.shuffle(x) if x.ndim else x
    if name in ("reset", "set"):  # to what depends on nothing
        v.assign(np.full(v.shape, 0.0 if name == "reset" else 0.75))
    elif x.shape == v.shape and x.dtype == v.dtype:
        getattr(v, name)(x)
    return v + 0.0


def bits(value) -> tuple:
    value = value._value
    return value.dtype.str, value.shape, value.tobytes()


def numbers(value) -> tuple:
    """The bits, and of a NaN only that it is one: NumPy's sum of two NaNs has the sign of the one
    or the other, depending on where in an array they are."""
    array = np.where(np.isnan(value._value), np.float32("nan"), value._value)
    return array.dtype.str, array.shape, array.tobytes()


class World:
    """Variables, arguments and a function over them; two worlds are to go the same way."""

    def __init__(self, given, make, kind):
        rng = np.random.default_rng(5)
        self.variables = [
            tf.Variable(rng.normal(size=s).astype(k), name=f"v{i}")
            for i, (s, k) in enumerate([((2, 3), "f4"), ((3,), "f4"), ((3, 3), "f8"), ((), "f4")])
        ]
        self.arguments = [
            [tf.constant(rng.normal(size=s).astype(kind)) for s in given] for _ in range(4)
        ]
        self.call = make(self)
        tf.random.set_seed(7)

    def go(self) -> list:
        """Four calls: what they return and leave behind, and that nothing changes later."""
        seen, held = [], []
        for number, arguments in enumerate(self.arguments):
            if number == 2 and len({a.shape for a in arguments}) == 1:
                arguments = [arguments[0]] * len(arguments)  # one tensor in several places
            outputs = self.call(*arguments)
            read = [v.numpy() for v in self.variables[:2]]
            held.append(([*outputs, *arguments], [bits(t) for t in (*outputs, *arguments)]))
            held.append(([tf.Tensor(r) for r in read], [bits(tf.Tensor(r)) for r in read]))
            seen.append([bits(t) for t in outputs])
            seen.append([bits(v._tensor) for v in self.variables])
            seen.append(repr(source.generator.bit_generator.state["state"]))
            if number == 1:
                self.variables[0].assign(self.variables[0] * 0.5)
        for tensors, before in held:
            assert [bits(t) for t in tensors] == before, "what was handed out has changed"
        return seen


def same(given, kind, make) -> None:
    """Both ways give the same bits, or fail the same way."""
    eager = World(given, make, kind).go()
    with using_memory_again():
        replay = World(given, lambda world: tf.function(make(world)), kind).go()
    assert replay == eager


@contextmanager
def using_memory_again():
    """Let what is done for large arrays and long programs only be done for all: memory is used
    again, names too, and every update that can be done for several variables at once is."""
    long = patch.multiple(writing, LONG=1, LARGE=1)
    with patch.object(memory, "SMALL", 1), patch.object(flat, "SAVED", 0), long:
        yield


# ---------------------------------------------------------------- the properties
kinds = st.sampled_from(["f4", "f8"])


@several
@given(instructions, shapes, kinds)
def test_forward(program, given, kind):
    def make(world):
        return lambda *xs: [*play(program, list(xs), world.variables)[-4:], xs[0]]

    same(given, kind, make)


@several
@given(instructions, shapes, kinds)
def test_gradients(program, given, kind):
    def make(world):
        def f(*xs):
            with tf.GradientTape() as tape:
                tape.watch(xs)
                made = play(program, list(xs), world.variables)[-2:]
            found = tape.gradient(made, [*xs, *world.variables])
            return [g for g in found if g is not None] + made

        return f

    same(given, kind, make)


@several
@given(instructions, shapes, kinds)
def test_second_order(program, given, kind):
    def make(world):
        def f(*xs):
            with tf.GradientTape() as outer:
                outer.watch(xs)
                with tf.GradientTape() as tape:
                    tape.watch(xs)
                    made = play(program[:8], list(xs), world.variables)[-1:]
                first = tape.gradient(made, [*xs, *world.variables])
            first = [g for g in first if g is not None]
            if not first:
                return made
            second = outer.gradient(first, [*xs, *world.variables])
            return first + [g for g in second if g is not None]

        return f

    same(given, kind, make)


@several
@given(instructions, shapes, kinds)
def test_under_a_tape(program, given, kind):
    def make(world, wrap=lambda f: f):
        inner = wrap(lambda *xs: play(program, list(xs), world.variables)[-2:])

        def f(*xs):
            with tf.GradientTape() as outer:
                outer.watch(xs)
                with tf.GradientTape() as tape:
                    tape.watch(xs)
                    made = inner(*xs)
                first = tape.gradient(made, [*xs, *world.variables])
            first = [g for g in first if g is not None]
            second = outer.gradient(first, [*xs, *world.variables]) if first else []
            return made + first + [g for g in second if g is not None]

        return f

    eager = World(given, make, kind).go()
    assert World(given, lambda world: make(world, tf.function), kind).go() == eager
    with using_memory_again():
        assert World(given, lambda w: tf.function(make(w, tf.function)), kind).go() == eager


# ---------------------------------------------------------------- many variables at once
NUMBER_BY_NUMBER = {
    "add": tf.add,
    "subtract": tf.subtract,
    "multiply": tf.multiply,
    "divide": lambda x, y: x / (tf.square(y) + 0.5),
    "sqrt": lambda x, y: tf.sqrt(tf.square(x) + 0.25),
    "shrink": lambda x, y: x * 0.25,
    "rate": lambda x, y: x * RATE,
    "larger": tf.maximum,
}
RATE = tf.Variable(0.5)
BETWEEN = ("nothing", "assign", "hold", "tape", "other", "fail", "eager", "swap")
rules = st.lists(
    st.tuples(st.sampled_from([*NUMBER_BY_NUMBER]), *[st.integers(0, 9)] * 2),
    min_size=1,
    max_size=8,
)
events = st.lists(st.sampled_from(BETWEEN), min_size=4, max_size=8)
lengths = st.lists(st.sampled_from([(2,), (2, 3), (3,), (1,), (3, 2), ()]), min_size=2, max_size=5)


@several
@given(rules, events, lengths)
def test_many_variables_at_once(rule, events, shapes):
    """One rule for several variables and a slot of each, and what may happen between its steps."""

    def train(wrap) -> list:
        rng = np.random.default_rng(3)
        xs = [tf.Variable(rng.normal(size=s).astype("f")) for s in shapes]
        slots = [tf.Variable(rng.normal(size=s).astype("f")) for s in shapes]

        def step(i):
            found = tf.gather(tf.range(3), i)
            for number, (x, slot) in enumerate(zip(xs, slots, strict=True)):
                pool = [tf.sin(x + float(number)), x.value(), slot.value()]
                for name, a, b in rule:
                    one, other = pool[a % len(pool)], pool[b % len(pool)]
                    pool.append(NUMBER_BY_NUMBER[name](one, other))
                x.assign(pool[-1])
                slot.assign(pool[-2])
            return xs[0].value(), found

        def half():
            for x in xs:
                x.assign_sub(0.5 * x)

        step, half, seen, held, tapes = wrap(step), wrap(half), [], [], []
        fine, wrong = tf.constant(1), tf.constant(9)
        for event in ["nothing", "nothing", *events]:
            if event == "assign":
                xs[0].assign(xs[0] * 0.5)
            elif event == "hold":
                held += [(v.numpy(), v.numpy().copy()) for v in (xs[-1], slots[0])]
            elif event == "tape":
                with tf.GradientTape() as tape:
                    y = tf.square(xs[-1])
                tapes.append((tape, y, xs[-1].numpy().copy()))
            elif event == "other":
                half()
            elif event == "fail":
                with pytest.raises(tf.errors.InvalidArgumentError):
                    step(wrong)
            elif event == "swap":
                xs[0].assign(xs[0]), slots[0].assign(xs[0])
            elif event == "eager":
                for x in xs:
                    x.assign_add(x)
            result, _ = step(fine)
            held.append((result._value, np.array(result._value)))
            seen.append([numbers(v._tensor) for v in (*xs, *slots)])
        for now, before in held:
            assert now.tobytes() == before.tobytes(), "what was handed out has changed"
        for tape, y, then in tapes:
            assert tape.gradient(y, xs[-1]).numpy().tobytes() == (2 * then).tobytes()
        return seen

    eager = train(lambda f: f)
    with using_memory_again():
        assert train(tf.function) == eager
    assert train(tf.function) == eager


OPTIMIZERS = {
    "SGD": [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}, {"clipnorm": 0.5}],
    "Adagrad": [{}],
    "Adadelta": [{}],
    "RMSprop": [{}, {"momentum": 0.5, "centered": True}],
    "Adam": [{}, {"amsgrad": True}, {"global_clipnorm": 0.5}, {"clipvalue": 0.1}],
    "Nadam": [{}],
    "AdamW": [{}],
}
RATES = ["0.05", "ExponentialDecay(0.1, 3, 0.5)", "PolynomialDecay(0.1, 5)", "CosineDecay(0.1, 6)"]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(
    ("name", "options"), [(n, o) for n, each in OPTIMIZERS.items() for o in each]
)
def test_optimizers_over_ten_calls(name, options, rate):
    """Every optimizer with every schedule; a float rate is assigned anew between the calls."""
    from autodiff_lesson.keras import optimizers, schedules

    def train(wrap) -> list:
        made = eval(rate, vars(schedules))
        optimizer = getattr(optimizers, name)(learning_rate=made, **options)
        w, b = tf.Variable([[1.0, -2.0, 0.5]]), tf.Variable([0.1, 0.2, 0.3])

        def step(x):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(tf.tanh(x @ w + b) - 1.0))
            optimizer.apply(tape.gradient(loss, [w, b]), [w, b])
            return loss

        step, seen = wrap(step), []
        for number in range(10):
            if rate == "0.05" and number == 5:
                optimizer.learning_rate = 0.2
            seen.append(bits(step(tf.constant([[number / 3.0], [1.0]]))))
            seen.append([bits(v._tensor) for v in (w, b, *optimizer.variables)])
        return seen

    assert train(tf.function) == train(lambda f: f)
