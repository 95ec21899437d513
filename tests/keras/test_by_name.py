"""Initializers, regularizers, activations and utilities: what is set by name."""

import math
import random
import re

import numpy as np
import pytest

import autodiff_lesson as tf
from autodiff_lesson.keras import activations, initializers, regularizers, utils

VARIANCES = {
    "glorot_uniform": lambda i, o: 2 / (i + o),
    "glorot_normal": lambda i, o: 2 / (i + o),
    "he_uniform": lambda i, o: 2 / i,
    "he_normal": lambda i, o: 2 / i,
    "lecun_uniform": lambda i, o: 1 / i,
    "lecun_normal": lambda i, o: 1 / i,
}


@pytest.mark.parametrize("name", VARIANCES)
@pytest.mark.parametrize("shape", [(300, 100), (3, 3, 40, 80)])
def test_scaled_initializers_have_the_variance_of_their_paper(name, shape):
    utils.set_random_seed(1)
    field = math.prod(shape[:-2])
    expected = VARIANCES[name](shape[-2] * field, shape[-1] * field)
    draws = initializers.get(name)(shape)
    assert draws.dtype == "float32" and draws.shape == shape
    assert np.var(draws) == pytest.approx(expected, rel=0.05)
    assert abs(np.mean(draws)) < 0.02 * math.sqrt(expected)
    limit = math.sqrt(3) if "uniform" in name else 2 / 0.8796
    assert np.abs(draws).max() == pytest.approx(limit * math.sqrt(expected), rel=0.01)


def test_plain_initializers():
    np.testing.assert_array_equal(initializers.Zeros()((2, 3)), np.zeros((2, 3)))
    np.testing.assert_array_equal(initializers.get("ones")(3), np.ones(3))
    assert initializers.Constant(2.0)((), dtype="float64").dtype == "float64"
    np.testing.assert_array_equal(initializers.Constant([1, 2])((2,)), [1, 2])
    utils.set_random_seed(1)
    normal, uniform = initializers.RandomNormal(1.0, 2.0), initializers.RandomUniform(1, 3)
    draws, flat = normal((10_000,)).numpy(), uniform((10_000,)).numpy()
    assert draws.mean() == pytest.approx(1, abs=0.1) and draws.std() == pytest.approx(2, rel=0.05)
    assert flat.min() >= 1 and flat.max() < 3 and flat.mean() == pytest.approx(2, rel=0.05)
    cut = initializers.TruncatedNormal(0.0, 1.0)((10_000,)).numpy()
    assert np.abs(cut).max() <= 2 and cut.std() == pytest.approx(0.88, rel=0.03)


def test_a_seed_makes_draws_repeat_and_without_it_they_do_not():
    seeded, free = initializers.HeNormal(seed=3), initializers.HeNormal()
    np.testing.assert_array_equal(seeded((4, 4)), seeded((4, 4)))
    assert (free((4, 4)).numpy() != free((4, 4)).numpy()).any()


def test_set_random_seed_seeds_everything():
    def draws():
        utils.set_random_seed(5)
        old = np.random.rand()  # noqa: NPY002
        return (
            random.random(),
            old,
            float(tf.random.normal(())),
            float(initializers.GlorotUniform()((1, 1))[0, 0]),
        )

    assert draws() == draws()


X = np.array([[1.0, -2.0], [0.5, 0.0]])


@pytest.mark.parametrize(
    "penalty, value, slope",
    [
        (regularizers.L1(0.1), 0.35, 0.1 * np.sign(X)),
        (regularizers.L2(0.1), 0.525, 0.2 * X),
        (regularizers.L1L2(0.1, 0.2), 1.4, 0.1 * np.sign(X) + 0.4 * X),
        (regularizers.get("l2"), 0.0525, 0.02 * X),
        (regularizers.l2(0.1), 0.525, 0.2 * X),
        (regularizers.L1L2(), 0.0, 0 * X),
    ],
)
def test_regularizers(penalty, value, slope):
    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        found = penalty(x)
    assert float(found) == pytest.approx(value)
    np.testing.assert_allclose(tape.gradient(found, x), slope)


FORMULAS = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "elu": lambda x: np.where(x > 0, x, np.exp(x) - 1),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "softmax": lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True),
    "log_softmax": lambda x: x - np.log(np.exp(x).sum(-1, keepdims=True)),
    "softplus": lambda x: np.log(1 + np.exp(x)),
    "exponential": np.exp,
    "silu": lambda x: x / (1 + np.exp(-x)),
    "swish": lambda x: x / (1 + np.exp(-x)),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_activations(name):
    np.testing.assert_allclose(activations.get(name)(tf.constant(X)), FORMULAS[name](X))


def test_get_takes_names_classes_objects_and_callables():
    def own(x, dtype=None):
        return x

    for module in (activations, initializers, regularizers):
        assert module.get(own) is own
        with pytest.raises(ValueError, match="identifier: 3"):
            module.get(3)
    assert activations.get(None) is activations.linear
    assert regularizers.get(None) is None and initializers.get(None) is None
    assert isinstance(initializers.get(initializers.HeNormal), initializers.HeNormal)
    assert repr(regularizers.get(regularizers.L1)) == "L1(l1=0.01)"
    with pytest.raises(ValueError, match="Did you mean 'relu'"):
        activations.get("rellu")
    with pytest.raises(ValueError, match="Did you mean 'glorot_uniform'"):
        initializers.get("glorot_unifrom")
    with pytest.raises(ValueError, match="Did you mean 'l2'"):
        regularizers.get("l22")
    with pytest.raises(ValueError, match="0 or more"):
        regularizers.L2(-1)
    with pytest.raises(NotImplementedError, match="__call__"):
        initializers.Initializer()((2,))


def test_to_categorical():
    np.testing.assert_array_equal(utils.to_categorical([0, 2], 3), np.eye(3)[[0, 2]])
    assert utils.to_categorical([[1], [0]]).shape == (2, 2)
    assert utils.to_categorical(np.zeros((2, 3), int), 4).shape == (2, 3, 4)
    for wrong in ([0, 3], [-1, 0]):
        with pytest.raises(ValueError, match="3 classes have the labels 0 to 2"):
            utils.to_categorical(wrong, 3)
    with pytest.raises(ValueError, match="whole numbers"):
        utils.to_categorical([0.5])


@pytest.mark.compare
def test_same_as_keras():
    import keras

    for name in FORMULAS:
        theirs = keras.activations.get(name)(X.astype("f"))
        np.testing.assert_allclose(activations.get(name)(X.astype("f")), theirs, rtol=1e-5)
    for name, shape in ((n, s) for n in VARIANCES for s in [(30, 20), (3, 3, 4, 8), (7,)]):
        ours = initializers.get(name)((*shape[:-1], shape[-1])).numpy()
        theirs = np.array(keras.initializers.get(name)(shape))
        assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
    weights = np.array(X, "f")
    for name in ("l1", "l2", "l1l2"):
        theirs = float(keras.regularizers.get(name)(weights))
        assert float(regularizers.get(name)(weights)) == pytest.approx(theirs, rel=1e-6), name
    np.testing.assert_array_equal(
        utils.to_categorical([0, 2, 1]), keras.utils.to_categorical([0, 2, 1])
    )


@pytest.mark.compare
def test_default_names_are_those_of_keras():
    import keras

    from autodiff_lesson import keras as ours

    needed = {"Dense": [1], "Conv2D": [1, 3], "Reshape": [[1]], "Activation": ["relu"],
              "Dropout": [0.5]}  # fmt: skip
    kinds = {
        "optimizers": "SGD Adagrad Adadelta RMSprop Adam Nadam AdamW",
        "losses": "MeanSquaredError Huber BinaryCrossentropy SparseCategoricalCrossentropy",
        "metrics": "Mean Sum RootMeanSquaredError Accuracy SparseCategoricalAccuracy",
        "layers": "Dense Conv2D Flatten Reshape Activation ReLU LeakyReLU Softmax Dropout "
        "GlobalAveragePooling2D MaxPooling2D Concatenate Add",
    }
    for module, names in kinds.items():
        for name in names.split():
            here, there = (
                re.sub(r"_\d+$", "", getattr(getattr(k, module), name)(*needed.get(name, [])).name)
                for k in (ours, keras)
            )
            assert here == there
