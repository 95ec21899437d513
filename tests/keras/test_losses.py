"""Losses against the formulas in NumPy, their gradients against finite differences, and Keras."""

import inspect

import numpy as np
import pytest

import autodiff_lesson as tf
from autodiff_lesson import keras
from autodiff_lesson.keras import losses

RANDOM = np.random.default_rng(7)
TRUE = RANDOM.normal(size=(6, 3))
PRED = TRUE + RANDOM.normal(size=(6, 3))
BITS = (RANDOM.random((6, 3)) > 0.5).astype(float)
PROBABILITIES = RANDOM.uniform(0.05, 0.95, (6, 3))
LOGITS = RANDOM.normal(size=(6, 3)) * 3
LABELS = RANDOM.integers(0, 3, 6)
ROWS = np.eye(3)[LABELS]
WEIGHTS = RANDOM.uniform(0, 2, 6)


def log_softmax(x):
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def picked(rows):
    return -rows[np.arange(6), LABELS]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def bits(t, p):
    return -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean(-1)


def scaled(p):
    return p / p.sum(-1, keepdims=True)


def huber(delta):
    e = np.abs(TRUE - PRED)
    return np.where(e <= delta, e**2 / 2, delta * (e - delta / 2)).mean(-1)


# function, its class, arguments, y_true, y_pred, one number per example
CASES = {
    "mse": ("mean_squared_error", {}, TRUE, PRED, ((TRUE - PRED) ** 2).mean(-1)),
    "mae": ("mean_absolute_error", {}, TRUE, PRED, np.abs(TRUE - PRED).mean(-1)),
    "huber": ("huber", {}, TRUE, PRED, huber(1.0)),
    "huber, delta": ("huber", {"delta": 0.3}, TRUE, PRED, huber(0.3)),
    "binary": ("binary_crossentropy", {}, BITS, PROBABILITIES, bits(BITS, PROBABILITIES)),
    "binary, logits": (
        "binary_crossentropy", {"from_logits": True}, BITS, LOGITS, bits(BITS, sigmoid(LOGITS)),
    ),
    "binary, smooth": (
        "binary_crossentropy", {"label_smoothing": 0.2}, BITS, PROBABILITIES,
        bits(BITS * 0.8 + 0.1, PROBABILITIES),
    ),
    "categorical": (
        "categorical_crossentropy", {}, ROWS, PROBABILITIES,
        -(ROWS * np.log(scaled(PROBABILITIES))).sum(-1),
    ),
    "categorical, logits": (
        "categorical_crossentropy", {"from_logits": True}, ROWS, LOGITS,
        picked(log_softmax(LOGITS)),
    ),
    "categorical, smooth": (
        "categorical_crossentropy", {"from_logits": True, "label_smoothing": 0.3}, ROWS, LOGITS,
        -((ROWS * 0.7 + 0.1) * log_softmax(LOGITS)).sum(-1),
    ),
    "sparse": (
        "sparse_categorical_crossentropy", {}, LABELS, PROBABILITIES,
        picked(np.log(scaled(PROBABILITIES))),
    ),
    "sparse, logits": (
        "sparse_categorical_crossentropy", {"from_logits": True}, LABELS, LOGITS,
        picked(log_softmax(LOGITS)),
    ),
}  # fmt: skip


def class_of(function, module=losses):
    name = {"huber": "Huber"}.get(function) or function.title().replace("_", "")
    return getattr(module, name)


@pytest.mark.parametrize("case", CASES)
def test_function_keeps_the_batch_axis_and_the_dtype(case):
    function, given, true, pred, expected = CASES[case]
    found = getattr(losses, function)(true, pred, **given).numpy()
    assert found.shape == (6,) and found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("weights", [None, WEIGHTS, WEIGHTS[:, None]])
@pytest.mark.parametrize("case", CASES)
def test_class_reduces_and_weighs(case, weights):
    function, given, true, pred, expected = CASES[case]
    if weights is not None:
        expected = expected * WEIGHTS
    results = {
        "sum_over_batch_size": expected.mean(),
        "mean": expected.mean(),
        "sum": expected.sum(),
        "none": expected,
    }
    for reduction, result in results.items():
        loss = class_of(function)(reduction=reduction, **given)
        found = loss(true, pred, sample_weight=weights).numpy()
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, result, rtol=1e-5, err_msg=reduction)


@pytest.mark.parametrize("case", CASES)
def test_gradient_is_that_of_finite_differences(case):
    function, given, true, pred, _ = CASES[case]
    x = tf.constant(pred)

    def total(p):
        weighed = getattr(losses, function)(true, p, **given).numpy() * WEIGHTS
        return weighed.sum()

    with tf.GradientTape() as tape:
        tape.watch(x)
        y = getattr(losses, function)(true, x, **given) * WEIGHTS
    slope = tape.gradient(y, x).numpy()
    numeric = np.zeros_like(pred)
    for at in np.ndindex(pred.shape):
        step = np.zeros_like(pred)
        step[at] = 1e-6
        numeric[at] = (total(pred + step) - total(pred - step)) / 2e-6
    np.testing.assert_allclose(slope, numeric, rtol=1e-5, atol=1e-7)


def test_certain_predictions_have_a_finite_loss():
    for name in ("binary_crossentropy", "categorical_crossentropy"):
        p = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
        assert np.isfinite(getattr(losses, name)(1 - p, p).numpy()).all()
    big = np.array([[1000.0, -1000.0]], np.float32)
    for name in ("binary_crossentropy", "categorical_crossentropy"):
        found = getattr(losses, name)([[0.0, 1.0]], big, from_logits=True).numpy()
        assert np.isfinite(found).all() and found[0] >= 1000


def test_a_vector_beside_a_column_does_not_broadcast():
    y, column = np.arange(4.0), np.arange(4.0)[:, None] + 1
    for true, pred in [(y, column), (column, y)]:
        for name in ("mean_squared_error", "mean_absolute_error", "huber"):
            assert getattr(losses, name)(true, pred).shape == (4,), name
        assert float(losses.MeanSquaredError()(true, pred)) == 1.0
    deep, flat = np.zeros((2, 3, 1)), np.zeros((2, 3))
    assert losses.mean_squared_error(deep, flat).shape == (2,)
    assert losses.mean_squared_error(flat, deep).shape == (2,)


def test_scalars_and_lists_of_ints():
    assert float(losses.mean_squared_error(1.0, 3.0)) == 4.0
    assert float(losses.mean_squared_error([1, 2], [0, 0])) == 2.5


def test_a_loss_of_ones_own():
    class Worst(losses.Loss):
        def call(self, y_true, y_pred):
            return tf.reduce_max(tf.abs(y_true - y_pred), axis=-1)

    assert float(Worst()(TRUE, PRED)) == pytest.approx(np.abs(TRUE - PRED).max(-1).mean())
    assert Worst().name == "worst" and losses.Huber().name == "huber_loss"
    with pytest.raises(NotImplementedError, match="call"):
        losses.Loss()(TRUE, PRED)


def test_weights_of_zero_and_of_each_number():
    loss = losses.MeanSquaredError()
    assert float(loss(TRUE, PRED, sample_weight=np.zeros(6))) == 0.0
    stacked = losses.MeanSquaredError(reduction="none")
    found = stacked(TRUE[None], PRED[None], sample_weight=WEIGHTS[None])
    np.testing.assert_allclose(found, ((TRUE - PRED) ** 2).mean(-1)[None] * WEIGHTS, rtol=1e-5)


@pytest.mark.parametrize(
    "call, error, match",
    [
        (lambda: losses.SparseCategoricalCrossentropy()([0, 3], np.ones((2, 3))),
         tf.errors.InvalidArgumentError, r"label value of 3.*\[0, 3\)"),
        (lambda: losses.SparseCategoricalCrossentropy()([0, -1], np.ones((2, 3))),
         tf.errors.InvalidArgumentError, "label value of -1"),
        (lambda: losses.SparseCategoricalCrossentropy()(np.eye(3), np.ones((3, 3))),
         ValueError, "use categorical_crossentropy"),
        (lambda: losses.SparseCategoricalCrossentropy()(np.ones((2, 3)), [0, 1]),
         ValueError, r"The labels come first: \(y_true, y_pred\)"),
        (lambda: losses.CategoricalCrossentropy()([0, 1], np.ones((2, 3))),
         ValueError, "sparse_categorical_crossentropy.*to_categorical"),
        (lambda: losses.BinaryCrossentropy()([[-1.0], [1.0]], np.ones((2, 1))),
         tf.errors.InvalidArgumentError, "between 0 and 1"),
        (lambda: losses.BinaryCrossentropy()([[2.0], [1.0]], np.ones((2, 1))),
         tf.errors.InvalidArgumentError, "between 0 and 1"),
        (lambda: losses.BinaryCrossentropy()(np.ones((2, 3)), np.ones((2, 1))),
         ValueError, r"\(2, 3\), y_pred \(2, 1\)"),
        (lambda: losses.MeanSquaredError()(np.ones((2, 3)), np.ones((2, 4))),
         tf.errors.InvalidArgumentError, r"\(2, 4\)"),
        (lambda: losses.MeanSquaredError()(np.ones(3), np.ones((3, 3))),
         ValueError, "as many axes"),
        (lambda: losses.MeanSquaredError(reduction="avg"), ValueError, "reduction"),
        (lambda: losses.MeanSquaredError()(TRUE, PRED, sample_weight=np.ones(4)),
         ValueError, "one number per example"),
        (lambda: losses.get("mes"), ValueError, "Did you mean 'mse'"),
        (lambda: losses.get("MeanSquareError"), ValueError, "Did you mean 'MeanSquaredError'"),
        (lambda: losses.get(7), ValueError, "loss identifier: 7"),
    ],
)  # fmt: skip
def test_mistakes_are_named(call, error, match):
    with pytest.raises(error, match=match):
        call()


def test_settings_are_shown_and_checked():
    from autodiff_lesson.keras import metrics

    assert list(inspect.signature(losses.Huber).parameters) == [
        "delta", "reduction", "name", "dtype"
    ]  # fmt: skip
    assert list(inspect.signature(metrics.BinaryAccuracy).parameters) == [
        "name", "dtype", "threshold"
    ]  # fmt: skip
    assert float(losses.Huber(0.3)(TRUE, PRED)) == pytest.approx(huber(0.3).mean(), rel=1e-5)
    for make in (lambda: losses.Huber(dleta=0.3), lambda: metrics.BinaryAccuracy(treshold=0.3)):
        with pytest.raises(TypeError, match="Its settings are (delta|threshold)"):
            make()


def test_get():
    assert losses.get("mse") is losses.mean_squared_error
    assert isinstance(losses.get("Huber"), losses.Huber)
    assert isinstance(losses.get(losses.Huber), losses.Huber)
    mine = losses.Huber(2.0)
    assert losses.get(mine) is mine and losses.get(test_get) is test_get
    assert losses.get(None) is None


@pytest.mark.compare
@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("case", CASES)
def test_same_as_keras(case, weights):
    import keras

    function, given, true, pred, _ = CASES[case]
    theirs = np.array(getattr(keras.losses, function)(true, pred, **given))
    np.testing.assert_allclose(
        getattr(losses, function)(true, pred, **given), theirs, rtol=1e-5, atol=1e-6
    )
    for reduction in ("sum_over_batch_size", "mean", "sum", "none"):
        ours = class_of(function)(reduction=reduction, **given)
        other = class_of(function, keras.losses)(reduction=reduction, **given)
        assert ours.name == other.name
        np.testing.assert_allclose(
            ours(true, pred, sample_weight=weights),
            np.array(other(true, pred, sample_weight=weights)),
            rtol=1e-5, err_msg=reduction,
        )  # fmt: skip


def test_labels_may_be_noisy():
    """As in the Keras guide's GAN, which adds up to 0.05 to labels 0 and 1."""
    y, p = np.float32([[1.04], [-0.02]]), np.float32([[0.9], [0.2]])
    expected = -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()
    assert float(losses.BinaryCrossentropy()(y, p)) == pytest.approx(expected, rel=1e-5)


def test_short_names_are_functions_too():
    y, p = tf.constant([[1.0, 0.0]]), tf.constant([[0.5, 0.5]])
    assert losses.mse(y, p).numpy() == [0.25] and losses.mae(y, p).numpy() == [0.5]


@pytest.mark.parametrize(
    "activation, loss, y",
    [
        ("sigmoid", "binary_crossentropy", [[0.0]]),
        ("softmax", "sparse_categorical_crossentropy", [1]),
        ("softmax", "categorical_crossentropy", [[0.0, 1.0]]),
    ],
)
@pytest.mark.parametrize("layer", [False, True])
def test_probabilities_of_an_activation_do_not_end_at_0_and_1(activation, loss, y, layer):
    """As in Keras, which looks at what the activation was given."""
    units = 2 if activation == "softmax" else 1
    last = [keras.layers.Activation(activation)] if layer else []
    dense = keras.layers.Dense(units, activation=None if layer else activation)
    model = keras.Sequential([keras.Input((1,)), dense, *last])
    model.set_weights([[[1.0, 0.0][:units]], [0.0] * units])
    x = tf.constant([[50.0]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = keras.losses.get(loss)(y, model(x))
    assert float(value[0]) == pytest.approx(50.0)
    assert float(tape.gradient(value, x)[0, 0]) == pytest.approx(1.0)
    model.compile("sgd", loss)
    assert model.evaluate(x, np.array(y), verbose=0) == pytest.approx(50.0)


def test_logits_that_are_none_are_warned_of():
    p = keras.activations.softmax(tf.constant([[1.0, 2.0]]))
    with pytest.warns(UserWarning, match="leave out one of the two"):
        keras.losses.sparse_categorical_crossentropy([1], p, from_logits=True)
