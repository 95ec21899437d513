"""Optimizers against golden trajectories, worked out here from the papers in NumPy float64."""

import warnings

import numpy as np
import pytest

import autodiff_lesson as tf
from autodiff_lesson import keras
from autodiff_lesson.keras import optimizers
from autodiff_lesson.keras.optimizers import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    Nadam,
    Optimizer,
    RMSprop,
    schedules,
)

STEPS = 100
START = np.array([1.0, -2.0, 0.5])
RATES = np.float32  # a learning rate is kept in float32, also for float64 variables


def slope(x, t):
    """A gradient that curves, changes sign and depends on the step: (f64 array, step from 0)."""
    return np.array([1.0, 10.0, 0.1]) * x + np.sin(0.3 * t) * np.array([0.5, -1.0, 2.0])


def walk(optimizer, gradient=slope, steps=STEPS, dtype=np.float64, change=None):
    """The path of our optimizer: (steps, 3)."""
    x = tf.Variable(START, dtype=dtype)
    path = []
    for t in range(steps):
        if change and t == steps // 2:
            change(optimizer)
        optimizer.apply([tf.constant(gradient(x.numpy().astype(np.float64), t), dtype)], [x])
        path.append(x.numpy())
    return np.array(path)


# ---------------------------------------------------------------- golden rules, one step each
def polyak(lr, mu):
    def step(x, g, t, s):
        s["v"] = mu * s.get("v", 0) - lr(t) * g
        return x + s["v"]

    return step


def nesterov(lr, mu):
    """Nesterov's point of looking: y = x + mu * v carries the gradient, and is what is stored."""

    def step(y, g, t, s):
        v = s.get("v", np.zeros_like(y))
        x = y - mu * v
        s["v"] = mu * v - lr(t) * g
        return x + s["v"] + mu * s["v"]

    return step


def adagrad(lr, start=0.1, eps=1e-7):
    def step(x, g, t, s):
        s["a"] = s.get("a", start) + g**2
        return x - lr(t) * g * (s["a"] + eps) ** -0.5

    return step


def adadelta(lr, rho=0.95, eps=1e-7):
    def step(x, g, t, s):
        s["a"] = rho * s.get("a", 0) + (1 - rho) * g**2
        delta = -np.sqrt((s.get("b", 0) + eps) / (s["a"] + eps)) * g
        s["b"] = rho * s.get("b", 0) + (1 - rho) * delta**2
        return x + lr(t) * delta

    return step


def rmsprop(lr, rho=0.9, mu=0.0, centered=False, eps=1e-7):
    def step(x, g, t, s):
        s["a"] = rho * s.get("a", 0) + (1 - rho) * g**2
        s["mean"] = rho * s.get("mean", 0) + (1 - rho) * g
        spread = s["a"] - s["mean"] ** 2 * centered
        s["v"] = mu * s.get("v", 0) + lr(t) * g / np.sqrt(spread + eps)
        return x - s["v"]

    return step


def adam(lr, b1=0.9, b2=0.999, eps=1e-7, amsgrad=False):
    def step(x, g, t, s):
        s["m"] = b1 * s.get("m", 0) + (1 - b1) * g
        s["v"] = b2 * s.get("v", 0) + (1 - b2) * g**2
        v = s["top"] = np.maximum(s.get("top", 0), s["v"]) if amsgrad else s["v"]
        rate = lr(t) * np.sqrt(1 - b2 ** (t + 1)) / (1 - b1 ** (t + 1))
        return x - rate * s["m"] / (np.sqrt(v) + eps)

    return step


def nadam(lr, b1=0.9, b2=0.999, eps=1e-7):
    def momentum(step):
        return b1 * (1 - 0.5 * 0.96**step)

    def step(x, g, t, s):
        n = t + 1
        s["m"] = b1 * s.get("m", 0) + (1 - b1) * g
        s["v"] = b2 * s.get("v", 0) + (1 - b2) * g**2
        product = np.prod([momentum(i) for i in range(1, n + 1)])
        ahead = momentum(n + 1) * s["m"] / (1 - product * momentum(n + 1))
        ahead = ahead + (1 - momentum(n)) * g / (1 - product)
        return x - lr(t) * ahead / (np.sqrt(s["v"] / (1 - b2**n)) + eps)

    return step


def always(rate):
    return lambda t: float(RATES(rate))


def decayed(step, decay, lr):
    return lambda x, g, t, s: step(x - x * decay * lr(t), g, t, s)


def golden(step, gradient=slope, steps=STEPS):
    x, state, path = START.copy(), {}, []
    for t in range(steps):
        x = step(x, gradient(x, t), t, state)
        path.append(x)
    return np.array(path)


RULES = {
    "descent": (lambda: SGD(0.01), polyak(always(0.01), 0)),
    "momentum": (lambda: SGD(0.01, momentum=0.9), polyak(always(0.01), 0.9)),
    "nesterov": (
        lambda: SGD(0.01, momentum=0.9, nesterov=True),
        nesterov(always(0.01), 0.9),
    ),
    "adagrad": (lambda: Adagrad(0.5), adagrad(always(0.5))),
    "adagrad, started at 1": (
        lambda: Adagrad(0.5, initial_accumulator_value=1.0),
        adagrad(always(0.5), 1.0),
    ),
    "adadelta": (lambda: Adadelta(1.0), adadelta(always(1.0))),
    "rmsprop": (lambda: RMSprop(0.01), rmsprop(always(0.01))),
    "rmsprop, momentum": (
        lambda: RMSprop(0.01, momentum=0.9),
        rmsprop(always(0.01), mu=0.9),
    ),
    "rmsprop, centered": (
        lambda: RMSprop(0.01, centered=True, momentum=0.5),
        rmsprop(always(0.01), mu=0.5, centered=True),
    ),
    "adam": (lambda: Adam(0.05), adam(always(0.05))),
    "adam, betas": (lambda: Adam(0.05, 0.5, 0.9, 1e-3), adam(always(0.05), 0.5, 0.9, 1e-3)),
    "amsgrad": (
        lambda: Adam(0.05, beta_2=0.9, amsgrad=True),
        adam(always(0.05), b2=0.9, amsgrad=True),
    ),
    "adamw": (
        lambda: AdamW(0.05, weight_decay=0.1),
        decayed(adam(always(0.05)), 0.1, always(0.05)),
    ),
    "sgd, decay": (
        lambda: SGD(0.01, weight_decay=0.1),
        decayed(polyak(always(0.01), 0), 0.1, always(0.01)),
    ),
    "nadam": (lambda: Nadam(0.05), nadam(always(0.05))),
}


@pytest.mark.parametrize("name", RULES)
def test_golden_trajectory(name):
    make, step = RULES[name]
    np.testing.assert_allclose(walk(make()), golden(step), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", RULES)
def test_the_same_path_whether_or_not_somebody_listens(name):
    make, _ = RULES[name]
    with tf.GradientTape() as tape:
        heard = walk(make(), steps=5, dtype=np.float32)
        assert len(tape._records) > 5
    np.testing.assert_array_equal(heard, walk(make(), steps=5, dtype=np.float32))


@pytest.mark.parametrize("name", RULES)
def test_the_same_path_when_the_step_is_a_function(name):
    make, _ = RULES[name]
    optimizer, x = make(), tf.Variable(START, dtype=tf.float32)

    @tf.function
    def step(g):
        optimizer.apply([g], [x])

    for t in range(8):
        step(tf.constant(slope(x.numpy().astype(np.float64), t), tf.float32))
    assert int(optimizer.iterations) == 8
    np.testing.assert_allclose(x, walk(make(), steps=8, dtype=np.float32)[-1], rtol=1e-6)


def _stepper(optimizer, x):
    return tf.function(lambda g: optimizer.apply([g], [x]))


def test_a_function_sees_the_learning_rate_and_the_schedule_of_now():
    for optimizer in (SGD(0.5), SGD(schedules.ExponentialDecay(0.5, 1, 0.5))):
        x, path = tf.Variable(0.0), []
        step = _stepper(optimizer, x)
        for _ in range(3):
            step(tf.constant(-1.0))
            path.append(float(x))
            if isinstance(optimizer.learning_rate, tf.Variable):
                optimizer.learning_rate = float(optimizer.learning_rate) / 2
        assert path == [0.5, 0.75, 0.875]


def test_float32_variables_stay_float32_and_near_the_golden_path():
    path = walk(Adam(0.05), dtype=np.float32)
    assert path.dtype == np.float32
    np.testing.assert_allclose(path, golden(adam(always(0.05))), rtol=1e-3, atol=1e-4)


def test_scalar_variables_and_several_dtypes_in_one_step():
    x, y = tf.Variable(1.0), tf.Variable(np.ones(2), dtype=tf.float64)
    adam_ = Adam(0.1)
    for _ in range(3):
        adam_.apply([x.value() * 2.0, y.value() * 2.0], [x, y])
    assert x.dtype == "float32" and y.dtype == "float64" and x.shape == ()
    np.testing.assert_allclose(y.numpy(), [x.numpy()] * 2, rtol=1e-5)


# ---------------------------------------------------------------- clipping
def length_at_most(g, limit):
    return g * min(1.0, limit / np.sqrt((g**2).sum()))


@pytest.mark.parametrize(
    "given, clip",
    [
        ({"clipnorm": 0.7}, lambda g: length_at_most(g, 0.7)),
        ({"global_clipnorm": 0.7}, lambda g: length_at_most(g, 0.7)),
        ({"clipvalue": 0.3}, lambda g: np.clip(g, -0.3, 0.3)),
    ],
)
def test_clipping_comes_before_the_momentum(given, clip):
    ours = walk(SGD(0.05, momentum=0.9, **given))
    theirs = golden(polyak(always(0.05), 0.9), lambda x, t: clip(slope(x, t)))
    np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-10)


def test_clipnorm_is_of_each_variable_and_global_clipnorm_of_all():
    def changes(**given):
        a, b = tf.Variable([0.0]), tf.Variable([0.0])
        SGD(1.0, **given).apply([tf.constant([3.0]), tf.constant([-4.0])], [a, b])
        return -a.numpy()[0], -b.numpy()[0]

    np.testing.assert_allclose(changes(clipnorm=1.0), [1, -1])
    np.testing.assert_allclose(changes(global_clipnorm=1.0), [0.6, -0.8], rtol=1e-6)


def test_a_zero_gradient_is_clipped_to_zero():
    x = tf.Variable([1.0, 2.0])
    SGD(1.0, clipnorm=1.0).apply([tf.zeros(2)], [x])
    np.testing.assert_array_equal(x.numpy(), [1, 2])


def test_only_one_way_to_clip():
    with pytest.raises(ValueError, match="Only one of"):
        SGD(0.1, clipnorm=1.0, clipvalue=1.0)
    with pytest.raises(ValueError, match="positive"):
        SGD(0.1, clipnorm=-1.0)


# ---------------------------------------------------------------- the learning rate
def test_learning_rate_assigned_half_way():
    def change(optimizer):
        optimizer.learning_rate = 0.002

    def rate(t):
        return float(RATES(0.05 if t < STEPS // 2 else 0.002))

    np.testing.assert_allclose(walk(Adam(0.05), change=change), golden(adam(rate)), rtol=1e-9)


def exponential(t, staircase=False):
    return 0.1 * 0.5 ** (t // 30 if staircase else t / 30)


SCHEDULES = {
    "exponential": (schedules.ExponentialDecay(0.1, 30, 0.5), exponential),
    "staircase": (
        schedules.ExponentialDecay(0.1, 30, 0.5, staircase=True),
        lambda t: exponential(t, True),
    ),
    "linear": (
        schedules.PolynomialDecay(0.1, 50, 0.01),
        lambda t: 0.1 + (0.01 - 0.1) * min(t, 50) / 50,
    ),
    "square root": (
        schedules.PolynomialDecay(0.1, 50, 0.01, power=0.5),
        lambda t: 0.01 + 0.09 * np.sqrt(1 - min(t, 50) / 50),
    ),
    "cosine": (
        schedules.CosineDecay(0.1, 50, alpha=0.1),
        lambda t: 0.1 * (0.1 + 0.9 * (1 + np.cos(np.pi * min(t, 50) / 50)) / 2),
    ),
    "warm-up": (
        schedules.CosineDecay(0.0, 50, warmup_target=0.1, warmup_steps=10),
        lambda t: 0.01 * t if t < 10 else 0.05 * (1 + np.cos(np.pi * min(t - 10, 50) / 50)),
    ),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedule(name):
    schedule, formula = SCHEDULES[name]
    ours = [float(schedule(t)) for t in range(80)]
    np.testing.assert_allclose(ours, [formula(t) for t in range(80)], rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(
        walk(SGD(schedule)), golden(polyak(formula, 0)), rtol=1e-5, atol=1e-6
    )


def test_schedule_takes_the_place_of_a_number_but_not_the_other_way():
    sgd = SGD(0.5)
    sgd.learning_rate = schedules.ExponentialDecay(0.25, 10, 0.5)
    assert float(sgd.learning_rate) == 0.25
    assert [v.name for v in sgd.variables] == ["iteration:0"]
    with pytest.raises(TypeError, match=r"SGD\(0.3\)"):
        sgd.learning_rate = 0.3


def test_learning_rate_may_be_a_function_of_the_step_and_must_not_be_an_int():
    assert SGD(lambda step: 0.5).learning_rate == 0.5
    with pytest.raises(ValueError, match="should be float"):
        SGD(1)
    with pytest.raises(ValueError, match="decay_steps"):
        schedules.CosineDecay(0.1, 0)


def test_learning_rate_reads_and_assigns_as_a_variable():
    sgd = SGD(0.5)
    sgd.learning_rate.assign(0.25)
    assert float(sgd.learning_rate) == 0.25
    sgd.learning_rate = sgd.learning_rate * 2.0
    assert float(sgd.learning_rate) == 0.5
    sgd.learning_rate = tf.constant(0.125, tf.float64)
    assert float(sgd.learning_rate) == 0.125


# ---------------------------------------------------------------- state
@pytest.mark.parametrize(
    "optimizer, slots",
    [
        (SGD(), 0),
        (SGD(momentum=0.5), 1),
        (Adagrad(), 1),
        (Adadelta(), 2),
        (RMSprop(), 1),
        (RMSprop(momentum=0.5, centered=True), 3),
        (Adam(), 2),
        (Adam(amsgrad=True), 3),
        (AdamW(), 2),
    ],
)
def test_all_state_is_variables(optimizer, slots):
    shapes = [(2,), (3, 1)]
    optimizer.build([tf.Variable(np.zeros(s, np.float32)) for s in shapes])
    step, rate, *rest = optimizer.variables
    assert step.dtype == "int64" and rate.dtype == "float32"
    assert sorted(tuple(v.shape) for v in rest) == sorted(shapes * slots)
    assert not any(v.trainable for v in optimizer.variables)


def test_slots_are_called_after_their_variable():
    dense = keras.layers.Dense(1, use_bias=False, name="top")
    dense.build((None, 2))
    optimizer = optimizers.SGD(momentum=0.9)
    optimizer.build([tf.Variable(1.0), tf.Variable(1.0, name="w"), *dense.weights])
    names = [v.name.removesuffix(":0") for v in optimizer.variables[2:]]
    assert names == ["Variable_0_momentum", "w_0_momentum", "top_kernel_momentum"]


def test_state_put_back_gives_the_same_path_again():
    x, nadam_ = tf.Variable([1.0, 2.0]), Nadam(0.1)

    def step():
        nadam_.apply([x.value() * x.value()], [x])

    step()
    kept = [(v, v.numpy().copy()) for v in [x, *nadam_.variables]]
    step(), step()
    once = x.numpy()
    for variable, value in kept:
        variable.assign(value)
    step(), step()
    np.testing.assert_array_equal(x.numpy(), once)


def test_iterations_counts_and_apply_gradients_returns_it():
    x, sgd = tf.Variable(1.0), SGD(0.1)
    for n in (1, 2, 3):
        assert sgd.apply_gradients(zip([tf.constant(1.0)], [x], strict=True)) is sgd.iterations
        assert int(sgd.iterations) == n
    assert repr(sgd) == "<SGD: learning_rate 0.1, 3 steps made>"


def test_a_subset_of_the_variables_keeps_its_own_state():
    a, b = tf.Variable(1.0), tf.Variable(1.0)
    sgd = SGD(0.1, momentum=0.5)
    sgd.build([a, b])
    sgd.apply([tf.constant(1.0)], [b])
    sgd.apply([tf.constant(1.0), tf.constant(1.0)], [a, b])
    np.testing.assert_allclose([a.numpy(), b.numpy()], [0.9, 1 - 0.1 - 0.15], rtol=1e-6)


# ---------------------------------------------------------------- all or nothing
def snapshot(optimizer, variables):
    return [np.array(v._tensor._value) for v in [*variables, *optimizer.variables]]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
@pytest.mark.parametrize("make", [lambda: SGD(0.1, 0.9), lambda: AdamW(0.1), lambda: Nadam(0.1)])
def test_an_interruption_in_the_middle_changes_nothing(make, error):
    class Interrupted(type(make())):
        def update_step(self, gradient, variable, learning_rate):
            super().update_step(gradient, variable, learning_rate)
            if variable is last and armed:
                raise error

    first, last = tf.Variable([1.0, 2.0]), tf.Variable(3.0)
    optimizer, armed = make(), False
    optimizer.__class__ = Interrupted
    grads = [tf.constant([1.0, 1.0]), tf.constant(1.0)]
    optimizer.apply(grads, [first, last])
    before, armed = snapshot(optimizer, [first, last]), True
    with pytest.raises(error):
        optimizer.apply(grads, [first, last])
    for old, now in zip(before, snapshot(optimizer, [first, last]), strict=True):
        np.testing.assert_array_equal(old, now)
    armed = False
    optimizer.apply(grads, [first, last])
    other = make()
    x, y = tf.Variable([1.0, 2.0]), tf.Variable(3.0)
    for _ in range(2):
        other.apply(grads, [x, y])
    np.testing.assert_array_equal(first.numpy(), x.numpy())


def test_a_gradient_of_the_wrong_shape_changes_nothing():
    a, b = tf.Variable([1.0, 2.0]), tf.Variable([1.0], name="b")
    sgd = SGD(0.1)
    with pytest.raises(ValueError, match=r"'b:0' has shape \(1,\), its gradient \(2,\)"):
        sgd.apply([tf.ones(2), tf.ones(2)], [a, b])
    np.testing.assert_array_equal(a.numpy(), [1, 2])
    assert int(sgd.iterations) == 0


# ---------------------------------------------------------------- what may go wrong
def test_no_gradients_at_all_and_some():
    a, b = tf.Variable(1.0, name="a"), tf.Variable(1.0, name="b")
    with pytest.raises(ValueError, match="No gradients provided for any variable.*why_none"):
        SGD(0.1).apply([None, None], [a, b])
    with pytest.warns(UserWarning, match=r"\['b:0'\].*left as they are"):
        SGD(0.1).apply([tf.constant(1.0), None], [a, b])
    with pytest.warns(UserWarning, match="left as they are") as caught:
        SGD(0.1).apply_gradients([(tf.constant(0.0), a), (None, b)])
    assert [w.filename for w in caught] == [__file__]
    np.testing.assert_allclose([a.numpy(), b.numpy()], [0.9, 1.0], rtol=1e-6)


def test_mistakes_in_the_call_are_named():
    x, one = tf.Variable(1.0), tf.constant(1.0)
    sgd = SGD(0.1)
    with pytest.raises(ValueError, match="build"):
        sgd.apply([one])
    with pytest.raises(ValueError, match="gradients first"):
        sgd.apply_gradients([(x, one)])
    with pytest.raises(ValueError, match="gone through only once"):
        sgd.apply_gradients(zip([], [], strict=True))
    with pytest.raises(ValueError, match="2 gradients for 1"):
        sgd.apply([one, one], [x])
    sgd.apply([one], [x])
    with pytest.raises(ValueError, match="Unknown variable"):
        sgd.apply([one], [tf.Variable(1.0)])
    with pytest.raises(ValueError, match="momentum"):
        SGD(0.1, momentum=2.0)
    with pytest.raises(NotImplementedError, match="rule"):
        Optimizer(0.1).apply([one], [x])


def test_numbers_and_arrays_are_taken_as_gradients():
    x, y = tf.Variable(1.0), tf.Variable([1.0, 1.0])
    SGD(0.5).apply([1.0, np.array([1.0, 2.0])], [x, y])
    np.testing.assert_array_equal(y.numpy(), [0.5, 0.0])
    assert x.numpy() == 0.5


def test_no_warning_when_all_is_well():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        walk(Nadam(0.1), steps=3)


@pytest.mark.parametrize(
    "name, made",
    [("sgd", SGD), ("Adam", Adam), ("adamw", AdamW), ("RMSprop", RMSprop), ("rmsprop", RMSprop)],
)
def test_get(name, made):
    assert type(optimizers.get(name)) is made
    assert type(optimizers.get(made)) is made


def test_get_offers_the_nearest_name():
    with pytest.raises(ValueError, match="Did you mean 'adam'"):
        optimizers.get("adma")
    mine = Adam(0.5)
    assert optimizers.get(mine) is mine
    with pytest.raises(ValueError, match="optimizer identifier: 3"):
        optimizers.get(3)


def test_an_optimizer_written_for_keras():
    class Heavy(Optimizer):
        def build(self, variables):
            super().build(variables)
            self.momentums = [
                self.add_variable_from_reference(reference_variable=v, name="momentum")
                for v in variables
            ]

        def update_step(self, gradient, variable, learning_rate):
            m = self.momentums[self._get_variable_index(variable)]
            self.assign(m, m * 0.9 - gradient * learning_rate)
            self.assign_add(variable, m)

    ours = walk(Heavy(learning_rate=0.01))
    np.testing.assert_allclose(ours, golden(polyak(always(0.01), 0.9)), rtol=1e-9)
    assert len(Heavy(learning_rate=0.01).variables) == 2


# ---------------------------------------------------------------- what a rule gives
def by_rule(rule, **slots):
    made = type("Mine", (Optimizer,), {"rule": lambda self, *args: rule(*args), "slots": slots})
    return made(learning_rate=0.5)


@pytest.mark.parametrize("wrap", [tf.function, lambda f: f])
def test_a_rule_gives_one_value_for_each_variable(wrap):
    x = tf.Variable([1.0], name="x")
    mine = by_rule(lambda g, x, lr, last: (x - lr * g,), last=0.0)
    with pytest.raises(ValueError, match="gave 1 values.*x:0, x_0_last:0"):
        wrap(lambda: mine.apply([tf.ones(1)], [x]))()
    assert x.numpy() == 1 and int(mine.iterations) == 0


@pytest.mark.parametrize("wrap", [tf.function, lambda f: f])
def test_a_rule_may_give_what_it_did_not_compute(wrap):
    x = tf.Variable([1.0, 2.0])
    mine = by_rule(lambda g, x, lr, last, seen: (last, g, np.ones(2, "f")), last=8.0, seen=0.0)
    step = wrap(lambda g: mine.apply([g], [x]))
    for value in (3.0, 4.0):
        step(tf.fill(2, value))
    np.testing.assert_array_equal([x, *mine.state(x)], [[3, 3], [4, 4], [1, 1]])


def test_a_rule_keeps_the_dtype_and_the_shape():
    x = tf.Variable([1.0, 2.0])
    with pytest.raises(ValueError, match=r"holds float32, the assigned tensor float64"):
        by_rule(lambda g, x, lr: (x - np.float64(0.1) * g,)).apply([tf.ones(2)], [x])
    with pytest.raises(ValueError, match="Shape mismatch"):
        by_rule(lambda g, x, lr: (x[:1] - lr * g[:1],)).apply([tf.ones(2)], [x])
    np.testing.assert_array_equal(x, [1, 2])


def test_numbers_stay_in_order_in_memory_whatever_the_gradients_order():
    x, g = tf.Variable(np.ones((2, 3), "f")), tf.constant(np.arange(6, dtype="f").reshape(3, 2).T)
    mine = by_rule(lambda g, x, lr, last: (-lr * g + x, g), last=0.0)
    mine.apply([g], [x])
    assert not g._value.flags.c_contiguous
    assert all(v._tensor._value.flags.c_contiguous for v in (x, *mine.state(x)))
    np.testing.assert_array_equal(mine.state(x)[0], g)


# ---------------------------------------------------------------- beside Keras itself
KERAS = {
    "SGD": {},
    "SGD ": {"momentum": 0.9},
    "SGD  ": {"momentum": 0.9, "nesterov": True, "clipnorm": 0.7},
    "SGD   ": {"weight_decay": 0.01, "global_clipnorm": 0.7, "momentum": 0.5},
    "Adagrad": {"clipvalue": 0.5},
    "Adadelta": {"weight_decay": 0.01},
    "RMSprop": {},
    "RMSprop ": {"momentum": 0.9, "centered": True},
    "Adam": {},
    "Adam ": {"amsgrad": True, "clipnorm": 0.5},
    "Adam  ": {"weight_decay": 0.01, "beta_1": 0.8, "epsilon": 1e-4},
    "AdamW": {},
    "Nadam": {},
    "Nadam ": {"clipvalue": 0.5, "weight_decay": 0.01},
}


@pytest.mark.compare
@pytest.mark.parametrize("how", ["float", "reassigned", "schedule", "default"])
@pytest.mark.parametrize("name", KERAS)
def test_same_path_as_keras(name, how):
    import keras
    import tensorflow

    def path(framework, module):
        rate = {"learning_rate": 0.05}
        if how == "default":
            rate = {}
        if how == "schedule":
            rate = {"learning_rate": module.schedules.CosineDecay(0.05, 60, 0.1)}
        optimizer = getattr(module, name.strip())(**rate, **KERAS[name])
        x, y = framework.Variable(START.astype("f")), framework.Variable(0.5)
        found = []
        for t in range(STEPS):
            if how == "reassigned" and t == STEPS // 2:
                optimizer.learning_rate = 0.01
            g = slope(x.numpy().astype(np.float64), t).astype("f")
            optimizer.apply_gradients(
                [(framework.constant(g), x), (framework.constant(y.numpy() - 0.1), y)]
            )
            found.append([*x.numpy(), y.numpy()])
        return np.array(found)

    ours, theirs = path(tf, optimizers), path(tensorflow, keras.optimizers)
    np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-5)


@pytest.mark.compare
def test_same_variables_as_keras():
    import keras
    import tensorflow

    for name, given in KERAS.items():
        theirs = getattr(keras.optimizers, name.strip())(**given)
        theirs.build([tensorflow.Variable([1.0, 2.0]), tensorflow.Variable(1.0)])
        ours = getattr(optimizers, name.strip())(**given)
        ours.build([tf.Variable([1.0, 2.0]), tf.Variable(1.0)])

        def kinds(optimizer):
            arrays = [v.numpy() for v in optimizer.variables]
            return sorted((str(a.dtype), a.shape) for a in arrays)

        def names(optimizer):
            return sorted(v.name.split(":")[0] for v in optimizer.variables if v.ndim)

        assert kinds(ours) == kinds(theirs), name
        assert names(ours) == names(theirs), name
