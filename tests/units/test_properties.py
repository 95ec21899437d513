"""Hypothesis looks for shapes and expressions on which the tape is wrong."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

import autodiff_lesson as tf

settings.register_profile("engine", deadline=None, max_examples=60, derandomize=True)
settings.load_profile("engine")

STEP = 1e-6

# smooth and tame, so that finite differences of a deep tree can be believed
UNARY = {
    "sin": (tf.sin, np.sin),
    "tanh": (tf.tanh, np.tanh),
    "sigmoid": (tf.sigmoid, lambda x: 1 / (1 + np.exp(-x))),
    "negative": (tf.negative, np.negative),
    "square of tanh": (lambda x: tf.square(tf.tanh(x)), lambda x: np.tanh(x) ** 2),
    "mean": (
        lambda x: tf.reduce_mean(x, axis=-1, keepdims=True),
        lambda x: np.mean(x, axis=-1, keepdims=True),
    ),
}
BINARY = {
    "add": (lambda x, y: x + y, np.add),
    "subtract": (lambda x, y: x - y, np.subtract),
    "multiply": (lambda x, y: x * y, np.multiply),
    "divide": (lambda x, y: x / (2.0 + tf.sin(y)), lambda x, y: x / (2.0 + np.sin(y))),
}


def trees():
    leaves = st.integers(0, 2)
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.tuples(st.sampled_from(sorted(UNARY)), inner),
            st.tuples(st.sampled_from(sorted(BINARY)), inner, inner),
        ),
        max_leaves=8,
    )


def evaluate(tree, leaves, which):
    """The value of a tree: with ``which`` 0 on tensors, with 1 on arrays."""
    if isinstance(tree, int):
        return leaves[tree]
    name, *parts = tree
    function = (UNARY | BINARY)[name][which]
    return function(*(evaluate(part, leaves, which) for part in parts))


def numbers(shape, seed):
    return np.random.default_rng(seed).uniform(-1.5, 1.5, shape)


@given(trees(), mutually_broadcastable_shapes(num_shapes=3, max_dims=3, max_side=3, min_dims=1))
def test_random_expressions_have_the_slope_of_their_finite_difference(tree, shapes):
    arrays = [numbers(shape, i) for i, shape in enumerate(shapes.input_shapes)]
    directions = [numbers(shape, 9 + i) for i, shape in enumerate(shapes.input_shapes)]
    leaves = [tf.constant(a) for a in arrays]
    with tf.GradientTape() as tape:
        tape.watch(leaves)
        y = evaluate(tree, leaves, 0)
    np.testing.assert_allclose(y.numpy(), evaluate(tree, arrays, 1), 1e-10, 1e-10)
    gradients = tape.gradient(y, leaves, unconnected_gradients="zero")
    assert [g.shape for g in gradients] == [a.shape for a in arrays]
    slope = sum(np.sum(g.numpy() * d) for g, d in zip(gradients, directions, strict=True))

    def value(step):
        moved = [a + step * d for a, d in zip(arrays, directions, strict=True)]
        return np.sum(evaluate(tree, moved, 1))

    expected = (value(STEP) - value(-STEP)) / (2 * STEP)
    np.testing.assert_allclose(slope, expected, 1e-5, 1e-5)


@given(mutually_broadcastable_shapes(num_shapes=2, max_dims=4, min_side=0, max_side=3))
def test_what_is_broadcast_is_summed_back(shapes):
    first, second = (numbers(shape, i) for i, shape in enumerate(shapes.input_shapes))
    x, y = tf.constant(first), tf.constant(second)
    with tf.GradientTape() as tape:
        tape.watch([x, y])
        z = x * y
    by_x, by_y = tape.gradient(z, [x, y])
    assert (by_x.shape, by_y.shape) == (x.shape, y.shape)
    # x * y is linear in each: the inner product of the gradient with x is the sum of x * y
    total = np.sum(first * second)
    np.testing.assert_allclose(np.sum(by_x.numpy() * first), total, 1e-9, 1e-9)
    np.testing.assert_allclose(np.sum(by_y.numpy() * second), total, 1e-9, 1e-9)


@given(trees(), st.integers(0, 2))
def test_the_hessian_is_symmetric(tree, seed):
    x = tf.constant(numbers((3,), seed))
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = tf.reduce_sum(evaluate(tree, [x, x, x], 0))
        g = inner.gradient(y, x)
    hessian = outer.jacobian(g, x, unconnected_gradients="zero")
    np.testing.assert_allclose(hessian.numpy(), hessian.numpy().T, 1e-9, 1e-9)
