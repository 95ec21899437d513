"""Tests made from the table of operations: a new row is tested by being there."""

import functools

import numpy as np
import pytest
from table import BY_NAME, TABLE, Case, all_cases, cases_of

import autodiff_lesson as tf
from autodiff_lesson.lifted import Lifted
from autodiff_lesson.recorder import Recorder, thread

EPSILON = 1e-5
ALL = list(all_cases())
WITH_RULES = list(all_cases(with_rules=True))


def cases(listed):
    return pytest.mark.parametrize("case", [c for _, c in listed], ids=[i for i, _ in listed])


@pytest.mark.parametrize("name", BY_NAME)
def test_row_has_an_entry(name):
    assert name in TABLE, f"add {name!r} to TABLE in tests/units/table.py"
    assert cases_of(name)


def test_no_entry_without_a_row():
    assert TABLE.keys() <= BY_NAME.keys()


def run(case: Case, inputs):
    made = case.row(*inputs, **case.attributes)
    return made if isinstance(made, tuple) else (made,)


def arrays(value):
    return value if isinstance(value, tuple) else (value,)


def rule(case: Case, position: int):
    """The rule of one input, which a variadic row shares among all of them."""
    if case.row.variadic:
        return functools.partial(case.row.rules[0], position=position)
    return case.row.rules[position]


def differentiable(case: Case):
    """The positions of the inputs that a gradient flows to."""
    return [i for i in range(len(case.shapes)) if rule(case, i) is not None]


# ------------------------------------------------------------------------------------- values
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@cases(ALL)
def test_value(case, dtype):
    inputs = case.inputs(dtype)
    made = run(case, [tf.constant(x) for x in inputs])
    expected = arrays(case.entry.reference(*inputs, **case.attributes))
    assert len(made) == len(expected)
    for tensor, array in zip(made, expected, strict=True):
        assert tensor.shape == np.shape(array)
        if case.row.rules:
            assert tensor.dtype == case.attributes.get("dtype", dtype)
        tolerance = 1e-5 if dtype is np.float32 else 1e-11
        np.testing.assert_allclose(tensor.numpy(), array, tolerance, tolerance)


# ---------------------------------------------------------------------------------- gradients
def check_gradients(case: Case):
    """Against finite differences along one random direction, first and second order."""
    rng = np.random.default_rng(3)
    inputs = case.inputs(np.float64)
    moving = differentiable(case)
    outputs = arrays(case.entry.reference(*inputs, **case.attributes))
    upstream = [rng.uniform(0.5, 1.5, np.shape(o)) for o in outputs]
    start = [inputs[i] for i in moving] + upstream
    first, second = ([rng.uniform(0.5, 1.5, np.shape(x)) for x in start] for _ in range(2))
    k = len(moving)

    def with_moved(values):
        given = list(inputs)
        for i, value in zip(moving, values, strict=True):
            given[i] = value
        return given

    def weighted(values):
        """The sum of the outputs, weighted: by the reference alone."""
        outputs = arrays(case.entry.reference(*with_moved(values[:k]), **case.attributes))
        return sum(np.sum(o * u) for o, u in zip(outputs, values[k:], strict=True))

    def slope(values):
        """The same function's slope along `first`, by the rules; and the tensors it came from."""
        tensors = [tf.constant(v) for v in values]
        for tape in (t for t in thread.active if t.is_tape):
            tape.watch(tensors)
        with tf.GradientTape() as inner:
            inner.watch(tensors[:k])
            made = run(case, with_moved(tensors[:k]))
        gradients = inner.gradient(made, tensors[:k], output_gradients=tensors[k:])
        for tensor, gradient in zip(tensors, gradients, strict=False):
            assert gradient.shape == tensor.shape
            assert gradient.dtype == tensor.dtype
        return sum(tf.reduce_sum(g * d) for g, d in zip(gradients, first, strict=False)), tensors

    def moved(step, direction):
        return [x + step * d for x, d in zip(start, direction, strict=True)]

    def difference(function, direction):
        up, down = (function(moved(sign * EPSILON, direction)) for sign in (1, -1))
        return (up - down) / (2 * EPSILON)

    along = [*first[:k], *(np.zeros(np.shape(u)) for u in upstream)]
    np.testing.assert_allclose(slope(start)[0].numpy(), difference(weighted, along), 1e-6, 1e-7)
    with tf.GradientTape() as outer:
        value, tensors = slope(start)
    gradients = outer.gradient(value, tensors, unconnected_gradients="zero")
    found = sum(np.sum(g.numpy() * d) for g, d in zip(gradients, second, strict=True))
    expected = difference(lambda values: slope(values)[0].numpy(), second)
    np.testing.assert_allclose(found, expected, 1e-5, 1e-6)


@cases(WITH_RULES)
def test_gradient(case):
    check_gradients(case)


# -------------------------------------------------------------------------- how the rules run
def rule_inputs(case: Case, dtype):
    """(g, z, the inputs) as a rule gets them."""
    values = [tf.constant(x)._value for x in case.inputs(dtype)]
    z = case.row.compute(*values, **case.attributes)
    g = [np.random.default_rng(5).uniform(0.5, 1.5, o.shape).astype(o.dtype)[()] for o in arrays(z)]
    return (tuple(g) if isinstance(z, tuple) else g[0]), z, values


def rule_results(case: Case, dtype):
    g, z, values = rule_inputs(case, dtype)
    return [rule(case, i)(g, z, *values, **case.attributes) for i in differentiable(case)]


@cases(WITH_RULES)
def test_rule_keeps_float32(case):
    single, double = (rule_results(case, dtype) for dtype in (np.float32, np.float64))
    for small, exact in zip(single, double, strict=True):
        assert small.dtype == np.float32
        assert small.shape == exact.shape
        np.testing.assert_allclose(small, exact, 1e-4, 1e-5)


@cases(WITH_RULES)
def test_rule_is_the_same_lifted_and_recorded(case):
    g, z, values = rule_inputs(case, np.float64)

    def lifted(x):
        return tuple(map(lifted, x)) if isinstance(x, tuple) else Lifted(tf.Tensor(x))

    raw = rule_results(case, np.float64)
    for position, expected in zip(differentiable(case), raw, strict=True):
        given = (lifted(g), lifted(z), *map(lifted, values))
        listener = Recorder()
        thread.active.append(listener)
        try:
            result = rule(case, position)(*given, **case.attributes)
        finally:
            thread.active.remove(listener)
        assert isinstance(result, Lifted)
        np.testing.assert_allclose(result.tensor._value, expected, 1e-13, 1e-13)
        made = {id(t) for r in listener._records for t in r.outputs}
        handed_in = {id(x.tensor) for x in given if isinstance(x, Lifted)}
        assert id(result.tensor) in made | handed_in


# ----------------------------------------------------------------------- the test of the tests
RULES = [
    (name, position)
    for name, row in BY_NAME.items()
    for position, rule in enumerate(row.rules)
    if rule is not None and name in TABLE
]


# of the slope 0 any multiple is right
FLAT = {("sign", 0), ("step", 0), ("max_pool2d_scatter", 1)}
WRONG = [(1.01, 0.0), (0.0, 0.0), (-1.0, 0.0), (1.0, 0.5)]  # times, plus
MUTANTS = [(*rule, *wrong) for rule in RULES for wrong in (WRONG[-1:] if rule in FLAT else WRONG)]


@pytest.mark.parametrize(("name", "position", "factor", "shift"), MUTANTS)
def test_a_wrong_rule_is_found(monkeypatch, name, position, factor, shift):
    row = BY_NAME[name]
    rules = list(row.rules)
    right = rules[position]
    rules[position] = lambda *args, **attributes: right(*args, **attributes) * factor + shift
    monkeypatch.setattr(row, "rules", tuple(rules))
    for case in cases_of(name):
        try:
            check_gradients(case)
        except AssertionError:
            return
    pytest.fail(f"{row.name}: rule {position} times {factor} plus {shift} passes its own test")
