"""keras.ops against NumPy, on data and on symbolic tensors."""

import numpy as np
import pytest

from autodiff_lesson import keras

ops = keras.ops
X = np.random.default_rng(2).uniform(0.1, 0.9, (4, 3)).astype(np.float32)
CASES = {
    "argmax": (lambda f, x: f(x, axis=-1), X.argmax(-1)),
    "clip": (lambda f, x: f(x, 0.3, 0.5), X.clip(0.3, 0.5)),
    "concatenate": (lambda f, x: f([x, x]), np.vstack([X, X])),
    "expand_dims": (lambda f, x: f(x, 1), X[:, None]),
    "log1p": (lambda f, x: f(x), np.log1p(X)),
    "matmul": (lambda f, x: f(x, X.T), X @ X.T),
    "max": (lambda f, x: f(x, axis=1), X.max(1)),
    "mean": (lambda f, x: f(x, axis=-1, keepdims=True), X.mean(-1, keepdims=True)),
    "norm": (lambda f, x: f(x, axis=-1), np.linalg.norm(X, axis=-1)),
    "power": (lambda f, x: f(x, 2.0), X**2),
    "prod": (lambda f, x: f(x), X.prod()),
    "relu": (lambda f, x: f(x), X),
    "reshape": (lambda f, x: f(x, (-1, 1)), X.reshape(-1, 1)),
    "softmax": (lambda f, x: f(x), np.exp(X) / np.exp(X).sum(-1, keepdims=True)),
    "stack": (lambda f, x: f([x, x], axis=1), np.stack([X, X], 1)),
    "sum": (lambda f, x: f(x, axis=0), X.sum(0)),
    "take": (lambda f, x: f(x, [2, 0], axis=1), X[:, [2, 0]]),
    "transpose": (lambda f, x: f(x), X.T),
    "where": (lambda f, x: f(x > 0.5 if isinstance(x, np.ndarray) else ops.greater(x, 0.5), x, 0.0),
              np.where(X > 0.5, X, 0)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_on_data_and_symbols(name):
    call, expected = CASES[name]
    function = getattr(ops, name)
    np.testing.assert_allclose(call(function, X), expected, rtol=1e-5)
    inputs = keras.Input((3,))
    model = keras.Model(inputs, call(function, inputs))
    np.testing.assert_allclose(model(X), expected, rtol=1e-5)


def test_whole_numbers_and_bools_give_what_keras_gives():
    found = ops.sum(ops.equal([1, 2, 3], [1, 2, 0])), ops.divide(3, 2), ops.log(2), ops.mean([1, 2])
    assert [(x.dtype.name, round(float(x), 4)) for x in found] == [
        ("int32", 2.0), ("float32", 1.5), ("float32", 0.6931), ("float32", 1.5)
    ]  # fmt: skip


def test_all_of_them_have_a_name_and_a_docstring():
    for name in ops.__all__:
        function = getattr(ops, name)
        assert function.__name__.strip("_") in (name, "to_numpy") and function.__doc__, name
    assert ops.shape(X) == (4, 3) and ops.shape(keras.Input((3,))) == (None, 3)
    assert isinstance(ops.convert_to_numpy(ops.ones(3)), np.ndarray)
    np.testing.assert_array_equal(ops.one_hot([0, 2], 3), [[1, 0, 0], [0, 0, 1]])
