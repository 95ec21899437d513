"""Metrics, gathered over several batches, against the formulas over all of them, and Keras."""

import numpy as np
import pytest

import autodiff_lesson as tf
from autodiff_lesson.keras import metrics

RANDOM = np.random.default_rng(11)
N = 12
TRUE = RANDOM.normal(size=(N, 3))
PRED = TRUE + RANDOM.normal(size=(N, 3))
BITS = (RANDOM.random((N, 3)) > 0.5).astype(float)
PROBABILITIES = RANDOM.uniform(0.05, 0.95, (N, 3))
LABELS = RANDOM.integers(0, 3, N)
ROWS = np.eye(3)[LABELS]
WEIGHTS = RANDOM.uniform(0, 2, N)
SCALED = PROBABILITIES / PROBABILITIES.sum(-1, keepdims=True)

# arguments, y_true, y_pred, one number per example
CASES = {
    "MeanSquaredError": ({}, TRUE, PRED, ((TRUE - PRED) ** 2).mean(-1)),
    "MeanAbsoluteError": ({}, TRUE, PRED, np.abs(TRUE - PRED).mean(-1)),
    "RootMeanSquaredError": ({}, TRUE, PRED, ((TRUE - PRED) ** 2).mean(-1)),
    "Accuracy": ({}, BITS, PROBABILITIES.round(), (PROBABILITIES.round() == BITS).mean(-1)),
    "BinaryAccuracy": ({}, BITS, PROBABILITIES, ((PROBABILITIES > 0.5) == BITS).mean(-1)),
    "BinaryAccuracy ": (
        {"threshold": 0.8}, BITS, PROBABILITIES, ((PROBABILITIES > 0.8) == BITS).mean(-1),
    ),
    "CategoricalAccuracy": ({}, ROWS, PROBABILITIES, PROBABILITIES.argmax(-1) == LABELS),
    "SparseCategoricalAccuracy": ({}, LABELS, PROBABILITIES, PROBABILITIES.argmax(-1) == LABELS),
    "SparseCategoricalAccuracy ": (
        {}, LABELS[:, None], PROBABILITIES, PROBABILITIES.argmax(-1) == LABELS,
    ),
    "BinaryCrossentropy": (
        {}, BITS, PROBABILITIES,
        -np.log(np.where(BITS == 1, PROBABILITIES, 1 - PROBABILITIES)).mean(-1),
    ),
    "CategoricalCrossentropy": ({}, ROWS, PROBABILITIES, -np.log(SCALED[ROWS == 1])),
    "SparseCategoricalCrossentropy": ({}, LABELS, PROBABILITIES, -np.log(SCALED[ROWS == 1])),
    "SparseCategoricalCrossentropy ": (
        {"from_logits": True}, LABELS, PRED,
        (np.log(np.exp(PRED).sum(-1, keepdims=True)) - PRED)[ROWS == 1],
    ),
}  # fmt: skip


def gathered(metric, true, pred, weights, size=5):
    for start in range(0, N, size):
        part = slice(start, start + size)
        given = {} if weights is None else {"sample_weight": weights[part]}
        metric.update_state(true[part], pred[part], **given)
    return metric.result()


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("case", CASES)
def test_batches_add_up_to_the_whole(case, weights):
    given, true, pred, each = CASES[case]
    metric = getattr(metrics, case.strip())(**given)
    expected = np.average(each, weights=weights)
    if case == "RootMeanSquaredError":
        expected = np.sqrt(expected)
    for _ in range(2):
        found = gathered(metric, true, pred, weights)
        assert found.dtype == "float32" and found.shape == ()
        assert float(found) == pytest.approx(expected, rel=1e-5)
        metric.reset_state()
        assert float(metric.result()) == 0.0


def test_mean_and_sum():
    mean, total = metrics.Mean(), metrics.Sum()
    assert float(mean.result()) == 0.0 and mean.name == "mean"
    for batch in ([1.0, 2.0], 6.0, [[3.0], [4.0]]):
        mean(batch), total(batch)
    assert float(mean.result()) == pytest.approx(16 / 5) and float(total.result()) == 16.0
    mean.reset_state()
    assert float(mean.result()) == 0.0
    assert float(mean([1.0, 3.0], sample_weight=[3.0, 1.0])) == 1.5
    mean.reset_state()
    assert float(mean([[1.0, 3.0], [5.0, 7.0]], sample_weight=[1.0, 0.0])) == 2.0
    mean.reset_state()
    assert float(mean([1.0, 3.0], sample_weight=0.5)) == 2.0
    assert float(mean.count) == 1.0
    total.reset_state()
    assert float(total([[1.0, 3.0], [5.0, 7.0]], sample_weight=[1.0, 0.5])) == 10.0


def test_weights_of_zero_give_zero():
    assert float(metrics.Mean()([1.0, 2.0], sample_weight=[0.0, 0.0])) == 0.0


def test_as_the_article_uses_it():
    train_loss = metrics.Mean(name="train_loss")
    for loss in (0.5, 0.25):
        train_loss(tf.constant(loss))
    assert f"에포크: {1}, 손실: {train_loss.result():.5f}" == "에포크: 1, 손실: 0.37500"


def test_all_state_is_variables():
    for case, (given, *_) in CASES.items():
        metric = getattr(metrics, case.strip())(**given)
        assert [v.name for v in metric.variables] == ["count:0", "total:0"]
        assert not metric.trainable_variables


def test_metrics_do_not_stand_in_the_way_of_a_tape():
    x, metric = tf.Variable([1.0, 2.0]), metrics.Mean()
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(x * x)
        metric(y)
    np.testing.assert_array_equal(tape.gradient(y, x), [2, 4])


def test_a_function_goes_on_counting():
    mean, hits = metrics.Mean(), metrics.SparseCategoricalAccuracy()

    @tf.function
    def step(loss, labels, predictions):
        hits.update_state(labels, predictions)
        return mean(loss)

    predictions = tf.constant([[0.9, 0.1], [0.9, 0.1]])
    for n in range(1, 5):
        found = step(tf.constant(float(n)), tf.constant([0, n % 2]), predictions)
    assert float(found) == 2.5 and float(hits.result()) == 0.75
    mean.reset_state()
    assert float(step(tf.constant(7.0), tf.constant([0, 0]), predictions)) == 7.0


def test_a_metric_of_ones_own_and_a_function():
    class Hits(metrics.Metric):
        def __init__(self, name="hits", **kwargs):
            super().__init__(name=name, **kwargs)
            self.hits = self.add_weight(name="hits", initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.hits.assign_add(tf.reduce_sum(tf.cast(y_true == y_pred, tf.float32)))

        def result(self):
            return self.hits

    hits = Hits()
    hits(tf.constant([1, 2]), tf.constant([1, 3]))
    assert float(hits(tf.constant([1, 2]), tf.constant([1, 2]))) == 3.0
    hits.reset_state()
    assert float(hits.result()) == 0.0

    def worst(y_true, y_pred):
        return tf.reduce_max(tf.abs(y_true - y_pred), axis=-1)

    wrapped = metrics.MeanMetricWrapper(worst)
    assert wrapped.name == "worst" and metrics.MeanMetricWrapper(lambda a, b: a).name == "lambda"
    assert float(wrapped(TRUE, PRED)) == pytest.approx(np.abs(TRUE - PRED).max(-1).mean())
    with pytest.raises(NotImplementedError, match="update_state"):
        metrics.Metric()(1.0)


def test_get_and_mistakes():
    assert isinstance(metrics.get("mse"), metrics.MeanSquaredError)
    assert isinstance(metrics.get("accuracy"), metrics.Accuracy)
    assert isinstance(metrics.get("sparse_categorical_accuracy"), metrics.SparseCategoricalAccuracy)
    assert isinstance(metrics.get("RootMeanSquaredError"), metrics.RootMeanSquaredError)
    with pytest.raises(ValueError, match="Did you mean 'accuracy'"):
        metrics.get("acuracy")
    with pytest.raises(ValueError, match=r"\(2,\)"):
        metrics.SparseCategoricalAccuracy()([[1, 0], [0, 1]], np.ones((2, 3)))
    with pytest.raises(ValueError, match="equal"):
        metrics.CategoricalAccuracy()([1, 0], np.ones((2, 3)))


@pytest.mark.compare
@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("case", CASES)
def test_same_as_keras(case, weights):
    import keras

    given, true, pred, _ = CASES[case]
    ours = getattr(metrics, case.strip())(**given)
    theirs = getattr(keras.metrics, case.strip())(**given)
    assert ours.name == theirs.name and len(ours.variables) == len(theirs.variables)
    found, other = (gathered(m, true, pred, weights) for m in (ours, theirs))
    assert float(found) == pytest.approx(float(other), rel=1e-5)
