"""fit, evaluate, predict: every kind of data, every kind of step, every kind of mistake."""

import os
import signal
import sys
import warnings

import numpy as np
import pytest

import autodiff_lesson as tf
from autodiff_lesson import keras

layers = keras.layers
RANDOM = np.random.default_rng(7)
X = RANDOM.normal(size=(50, 4))
Y = X @ np.array([[1.0], [-2.0], [0.5], [3.0]])
LABELS = RANDOM.integers(0, 3, 50)
WEIGHTS = RANDOM.uniform(0, 2, 50)


def linear(kind=keras.Model, outputs=1, **compiled):
    inputs = keras.Input((4,))
    model = kind(inputs, layers.Dense(outputs, kernel_initializer="zeros")(inputs))
    model.compile(**{"optimizer": "sgd", "loss": "mse"} | compiled)
    return model


def fit(model, *data, **options):
    return model.fit(*data, **{"verbose": 0, "shuffle": False, "batch_size": 8} | options).history


class Mute(keras.Model):
    def call(self, x):
        super().call(x)  # what came out is forgotten


FIT = fit.__code__.co_filename  # the user's file, where warnings are to point


def by_hand(x, y, weights=None, epochs=1, rate=0.01, batch=8):
    """Epoch losses and the final kernel of gradient descent on the weighted squared error."""
    w, b, losses = np.zeros((x.shape[1], 1)), np.zeros(1), []
    weights = np.ones(len(x)) if weights is None else weights
    for _ in range(epochs):
        total = 0.0
        for i in range(0, len(x), batch):
            xb, yb, sb = x[i : i + batch], y[i : i + batch], weights[i : i + batch, None]
            error = xb @ w + b - yb
            total += (sb * error**2).sum()
            slope = 2 * sb * error / len(xb)
            w, b = w - rate * xb.T @ slope, b - rate * slope.sum(0)
        losses.append(total / len(x))
    return losses, w


# ---------------------------------------------------------------- data
@pytest.mark.parametrize("eagerly", [True, False])
def test_numbers_are_those_of_a_loop_by_hand(eagerly):
    model = linear(run_eagerly=eagerly)
    history = fit(model, X, Y, epochs=5)
    losses, w = by_hand(X, Y, epochs=5)
    np.testing.assert_allclose(history["loss"], losses, rtol=1e-5)
    np.testing.assert_allclose(model.get_weights()[0], w, rtol=1e-4)
    assert model.optimizer.iterations.numpy() == 35


def same_batches():
    pairs = [(X[i : i + 8], Y[i : i + 8]) for i in range(0, 50, 8)]
    return {
        "tensors": (tf.constant(X, tf.float32), tf.constant(Y, tf.float32)),
        "lists": (X.tolist(), Y.tolist()),
        "dataset": (tf.data.Dataset.from_tensor_slices((X, Y)).batch(8),),
        "list of batches": (pairs,),
        "generator": ((pair for pair in pairs),),
        "column": (X, Y[:, 0]),
    }


@pytest.mark.parametrize("kind", same_batches())
def test_every_kind_of_data(kind):
    history = fit(linear(), *same_batches()[kind])
    np.testing.assert_allclose(history["loss"], by_hand(X, Y)[0], rtol=1e-5)


def test_dicts_and_lists_of_inputs():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    model = keras.Model({"a": a, "b": b}, layers.Add()([a, layers.Dense(4)(b)]))
    model.compile("sgd", "mse")
    history = fit(model, {"a": X, "b": 2 * X}, X, epochs=30)
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert model.predict({"a": X, "b": X}, verbose=0).shape == (50, 4)
    ordered = keras.Model([b, a], 2 * b - a)  # a dict is for names, whatever their order
    np.testing.assert_allclose(ordered.predict({"a": X, "b": 3 * X}, verbose=0), 5 * X, rtol=1e-5)
    with pytest.raises(ValueError, match="inputs b, a. The data is a dict without b; it has a, c"):
        ordered.predict({"a": X, "c": X}, verbose=0)


@pytest.mark.parametrize("x", [X, [X], {"a": X}, [X, X]])
def test_a_step_is_given_the_structure_that_fit_was_given(x):
    seen = []

    class Seeing(keras.Model):
        def train_step(self, data):
            seen.append(data)
            return {}

    linear(Seeing, run_eagerly=True).fit(x, Y, batch_size=50, verbose=0)
    given, y = seen[0]
    assert y.shape == (50, 1)
    assert type(given) is (type(x) if x is not X else type(y)) and len(given) == len(x)


def test_weights_of_examples_and_classes():
    history = fit(linear(), X, Y, sample_weight=WEIGHTS)
    np.testing.assert_allclose(history["loss"], by_hand(X, Y, WEIGHTS)[0], rtol=1e-5)
    labels = (Y > 0).astype(int)
    weights = np.where(labels[:, 0], 3.0, 0.5)
    history = fit(linear(), X, labels, class_weight={0: 0.5, 1: 3.0})
    np.testing.assert_allclose(history["loss"], by_hand(X, labels, weights)[0], rtol=1e-5)
    dataset = tf.data.Dataset.from_tensor_slices((X, labels)).batch(8)
    history = fit(linear(), dataset, class_weight={0: 0.5, 1: 3.0})
    np.testing.assert_allclose(history["loss"], by_hand(X, labels, weights)[0], rtol=1e-5)
    one_hot = keras.utils.to_categorical(LABELS)
    model = linear(outputs=3)
    several = fit(model, X, one_hot, class_weight={0: 0.0, 1: 0.0, 2: 0.0})
    assert several["loss"] == [0.0] and not model.get_weights()[0].any()


def test_validation():
    model = linear(metrics=["mae"])
    history = fit(model, X, Y, validation_split=0.2, epochs=2)
    assert list(history) == ["loss", "mae", "val_loss", "val_mae"]
    np.testing.assert_allclose(history["loss"], by_hand(X[:40], Y[:40], epochs=2)[0], rtol=1e-5)
    loss, mae = model.evaluate(X[40:], Y[40:], verbose=0)
    assert (history["val_loss"][-1], history["val_mae"][-1]) == pytest.approx((loss, mae))
    given = fit(linear(), X[:40], Y[:40], validation_data=(X[40:], Y[40:]), epochs=2)
    assert given["val_loss"] == pytest.approx(history["val_loss"])


def test_evaluate_and_predict():
    model = linear(metrics=["mae"])
    model.set_weights([np.ones((4, 1)), np.ones(1)])
    expected = X.sum(1, keepdims=True) + 1
    np.testing.assert_allclose(model.predict(X, batch_size=7, verbose=0), expected, rtol=1e-4)
    found = model.evaluate(X, Y, batch_size=7, verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(((expected - Y) ** 2).mean(), rel=1e-5)
    assert found["mae"] == pytest.approx(np.abs(expected - Y).mean(), rel=1e-5)
    assert model.evaluate(X, Y, verbose=0, sample_weight=0 * WEIGHTS)[0] == 0
    assert isinstance(linear().evaluate(X, Y, verbose=0), float)


def test_shuffling_follows_the_seed():
    def losses(seed):
        keras.utils.set_random_seed(seed)
        return fit(linear(), X, Y, shuffle=True, epochs=2)["loss"]

    assert losses(1) == losses(1) != losses(2)


def test_each_example_is_seen_once_an_epoch():
    seen = []

    class Seeing(keras.Model):
        def train_step(self, data):
            seen.append(data[1].numpy())
            return {}

    model = linear(Seeing, run_eagerly=True)
    model.fit(X, np.arange(50), epochs=2, verbose=0)
    first, second = np.concatenate(seen[:2]), np.concatenate(seen[2:])
    assert sorted(first) == sorted(second) == list(range(50))
    assert list(first) != list(second) and list(first) != list(range(50))


def test_initial_epoch_and_steps_per_epoch():
    model = linear()
    history = model.fit(X, Y, epochs=5, initial_epoch=3, verbose=0)
    assert history.epoch == [3, 4]

    def endless():
        while True:
            yield X[:8], Y[:8]

    model = linear()
    fit(model, endless(), epochs=2, steps_per_epoch=3)
    assert model.optimizer.iterations.numpy() == 6
    with pytest.warns(UserWarning, match="ran out of data"):
        history = fit(model, iter([(X, Y)]), epochs=3)
    assert len(history["loss"]) == 1


@pytest.mark.parametrize(
    "steps, made, warned",
    [(1, [1, 2, 3], False), (2, [2, 4, 6], False), (4, [2, 4, 6], True)],
)
@pytest.mark.parametrize("kind", ["arrays", "batches", "no length"])
def test_steps_per_epoch_end_with_the_data_and_go_on_from_the_first_batch(
    kind, steps, made, warned
):
    class Batches:
        def __iter__(self):
            return iter([(X[:32], Y[:32]), (X[32:], Y[32:])])

    data = {"arrays": (X, Y, 32), "batches": (list(Batches()),), "no length": (Batches(),)}[kind]
    counts = []
    count = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: counts.append(int(model.optimizer.iterations.numpy()))
    )
    model = linear()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        model.fit(*data, epochs=3, steps_per_epoch=steps, callbacks=[count], verbose=0)
    assert counts == made
    assert ["ran out of data" in str(w.message) for w in said] == [True] * 3 * warned


def test_steps_left_over_are_an_epoch_of_their_own():
    model = linear()
    with pytest.warns(UserWarning, match="an epoch of 2 steps ended after 1"):
        fit(model, X, Y, batch_size=20, epochs=2, steps_per_epoch=2)
    assert model.optimizer.iterations.numpy() == 3


def test_dataset():
    data = tf.data.Dataset.from_tensor_slices({"x": X, "n": list(range(50))})
    assert (
        len(data) == 50 and len(data.batch(8)) == 7 and len(data.batch(8, drop_remainder=True)) == 6
    )
    assert len(list(data.batch(8, drop_remainder=True))) == 6 and len(data.take(3)) == 3
    keras.utils.set_random_seed(0)
    shuffled = data.shuffle(50)
    first, second = ([int(item["n"]) for item in shuffled] for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(50)) and first != second
    near = [int(item["n"]) for item in data.shuffle(5)]
    assert all(number <= place + 4 for place, number in enumerate(near))
    fixed = data.shuffle(50, reshuffle_each_iteration=False)
    assert [int(i["n"]) for i in fixed] == [int(i["n"]) for i in fixed]
    with pytest.raises(ValueError, match="same number"):
        tf.data.Dataset.from_tensor_slices((X, Y[:3]))


# ---------------------------------------------------------------- steps of one's own
@pytest.mark.parametrize("eagerly", [True, False])
def test_no_compile_and_a_tracker_of_ones_own(eagerly):
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1, kernel_initializer="zeros")
            self.tracker = keras.metrics.Mean(name="mine")
            self.rule = keras.optimizers.SGD(0.01)
            self.run_eagerly = eagerly

        @property
        def metrics(self):
            return [self.tracker]

        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(self.dense(x) - y))
            variables = self.trainable_variables
            self.rule.apply_gradients(zip(tape.gradient(loss, variables), variables))
            self.tracker.update_state(loss)
            return {"mine": self.tracker.result(), "latest": loss}

    model = Own()
    history = fit(model, X[:48], Y[:48], epochs=3)
    np.testing.assert_allclose(history["mine"], by_hand(X[:48], Y[:48], epochs=3)[0], rtol=1e-5)
    assert len(history["latest"]) == 3 and history["latest"] != history["mine"]


@pytest.mark.parametrize("eagerly", [True, False])
def test_weights_in_a_step_of_ones_own(eagerly):
    class Weighted(keras.Model):
        def train_step(self, data):
            x, y, sample_weight = data
            with tf.GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight)
            self.optimizer.apply(
                tape.gradient(loss, self.trainable_variables), self.trainable_variables
            )
            for metric in self.metrics:
                if metric.name == "loss":
                    metric.update_state(loss, sample_weight=float(len(x)))
                else:
                    metric.update_state(y, y_pred, sample_weight=sample_weight)
            return {m.name: m.result() for m in self.metrics}

    model = linear(Weighted, metrics=["mse"], weighted_metrics=["mae"], run_eagerly=eagerly)
    history = fit(model, X, Y, sample_weight=WEIGHTS)
    assert list(history) == ["loss", "mse", "mae"]
    np.testing.assert_allclose(history["loss"], by_hand(X, Y, WEIGHTS)[0], rtol=1e-5)


def test_test_step_and_compute_loss_of_ones_own():
    class Doubled(keras.Model):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return 2 * super().compute_loss(x, y, y_pred, sample_weight)

        def test_step(self, data):
            return {"seen": tf.size(data[0])}

    model = linear(Doubled)
    history = fit(model, X, Y, validation_data=(X[:8], Y[:8]))
    assert history["val_seen"] == [32.0]
    # twice the loss is twice the rate
    losses, w = by_hand(X, Y, rate=0.02)
    np.testing.assert_allclose(history["loss"], [2 * losses[0]], rtol=1e-5)
    np.testing.assert_allclose(model.get_weights()[0], w, rtol=1e-4)


@pytest.mark.parametrize("eagerly", [True, False])
def test_a_gan_with_two_optimizers(eagerly):
    class GAN(keras.Model):
        def __init__(self):
            super().__init__()
            self.generator = keras.Sequential([keras.Input((2,)), layers.Dense(1, name="g")])
            hidden = layers.Dense(8, activation="relu")
            self.discriminator = keras.Sequential([keras.Input((1,)), hidden, layers.Dense(1)])
            self.d_loss = keras.metrics.Mean(name="d_loss")
            self.g_loss = keras.metrics.Mean(name="g_loss")

        def compile(self, d_optimizer, g_optimizer, loss_fn, **options):
            super().compile(**options)
            self.d_optimizer, self.g_optimizer = d_optimizer, g_optimizer
            self.loss_fn = loss_fn

        @property
        def metrics(self):
            return [self.d_loss, self.g_loss]

        def train_step(self, real):
            if isinstance(real, tuple):
                real = real[0]
            count = tf.shape(real)[0]
            noise = tf.random.normal((count, 2))
            mixed = tf.concat([self.generator(noise), real], axis=0)
            labels = tf.concat([tf.ones((count, 1)), tf.zeros((count, 1))], axis=0)
            with tf.GradientTape() as tape:
                d_loss = self.loss_fn(labels, self.discriminator(mixed))
            weights = self.discriminator.trainable_weights
            self.d_optimizer.apply(tape.gradient(d_loss, weights), weights)
            noise = tf.random.normal((count, 2))
            with tf.GradientTape() as tape:
                judged = self.discriminator(self.generator(noise))
                g_loss = self.loss_fn(tf.zeros((count, 1)), judged)
            weights = self.generator.trainable_weights
            self.g_optimizer.apply(tape.gradient(g_loss, weights), weights)
            self.d_loss.update_state(d_loss)
            self.g_loss.update_state(g_loss)
            return {"d_loss": self.d_loss.result(), "g_loss": self.g_loss.result()}

    keras.utils.set_random_seed(3)
    gan = GAN()
    gan.compile(
        d_optimizer=keras.optimizers.Adam(0.02),
        g_optimizer=keras.optimizers.Adam(0.02),
        loss_fn=keras.losses.BinaryCrossentropy(from_logits=True),
        run_eagerly=eagerly,
    )
    real = RANDOM.normal(4.0, 0.5, size=(256, 1)).astype(np.float32)
    history = gan.fit(real, batch_size=64, epochs=60, verbose=0).history
    assert set(history) == {"d_loss", "g_loss"} and np.isfinite(history["g_loss"]).all()
    made = gan.generator(np.random.default_rng(0).normal(size=(500, 2))).numpy()
    assert abs(made.mean() - 4.0) < 1.5  # it began at 0
    assert gan.d_optimizer.iterations.numpy() == gan.g_optimizer.iterations.numpy() == 240


@pytest.mark.parametrize("eagerly", [True, False])
def test_frozen_layers_stay(eagerly):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dense(1)])
    model.compile("adam", "mse", run_eagerly=eagerly)
    fit(model, X, Y)
    model.layers[0].trainable = False
    before = model.get_weights()
    fit(model, X, Y)
    after = model.get_weights()
    np.testing.assert_array_equal(before[0], after[0])
    assert (before[2] != after[2]).any()
    model.layers[0].trainable = True
    fit(model, X, Y)
    assert (model.get_weights()[0] != after[0]).any()


def test_nothing_to_train_is_a_warning():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layers.ReLU()(inputs))
    model.compile("adam", "mse")
    with pytest.warns(UserWarning, match="no trainable weights") as caught:
        fit(model, X, X)
    assert {w.filename for w in caught} == {FIT}


def test_thawed_half_way_by_a_callback():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dense(1)])
    model.layers[0].trainable = False
    model.compile("sgd", "mse")
    model.optimizer.build(model.weights)
    kernels = []

    def visit(epoch, logs):
        kernels.append(model.get_weights()[0])
        model.layers[0].trainable = epoch >= 1

    fit(model, X, Y, epochs=4, callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=visit)])
    assert (kernels[0] == kernels[1]).all() and (kernels[1] != kernels[2]).any()


def test_several_outputs_with_a_loss_of_ones_own():
    class Two(keras.Model):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return sum(tf.reduce_mean(tf.square(a - b)) for a, b in zip(y, y_pred))

    inputs = keras.Input((4,))
    outputs = [layers.Dense(1, kernel_initializer="zeros")(inputs) for _ in range(2)]
    model = Two(inputs, outputs)
    model.compile("sgd")
    history = fit(model, X, [Y, Y])
    np.testing.assert_allclose(history["loss"], [2 * by_hand(X, Y)[0][0]], rtol=1e-5)
    first, second = model.predict(X, verbose=0)
    assert first.shape == second.shape == (50, 1)
    with pytest.raises(ValueError, match="compute_loss or train_step of your own"):
        model.compile("sgd", ["mse", "mae"])
    plain = keras.Model(inputs, outputs)
    plain.compile("sgd", "mse")
    with pytest.raises(ValueError, match="compute_loss or train_step of your own"):
        fit(plain, X, [Y, Y])


@pytest.mark.parametrize("labels, outputs, activation, loss, kind", [
    ((Y > 0).astype(int), 1, "sigmoid", "binary_crossentropy", "BinaryAccuracy"),
    (LABELS, 3, "softmax", "sparse_categorical_crossentropy", "SparseCategoricalAccuracy"),
    (np.eye(3)[LABELS], 3, "softmax", "categorical_crossentropy", "CategoricalAccuracy"),
])  # fmt: skip
def test_accuracy_is_the_right_one(labels, outputs, activation, loss, kind):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layers.Dense(outputs, activation=activation)(inputs))
    model.compile(keras.optimizers.Adam(0.1), loss, metrics=["accuracy"])
    history = fit(model, X, labels, epochs=20)
    assert type(model.compiled_metrics.metrics[0]).__name__ == kind
    assert history["accuracy"][-1] > history["accuracy"][0]
    pred = model.predict(X, verbose=0)
    chosen = pred > 0.5 if outputs == 1 else pred.argmax(-1)
    truth = labels if outputs == 1 else LABELS
    assert model.evaluate(X, labels, verbose=0)[1] == pytest.approx((chosen == truth).mean())


def test_metrics_of_the_same_name_are_all_kept():
    model = linear(metrics=["mae", "mae"], weighted_metrics=["mae"])
    history = fit(model, X, Y, sample_weight=WEIGHTS)
    assert list(history) == ["loss", "mae", "mae_1", "weighted_mae"]
    assert history["mae"] == history["mae_1"] != history["weighted_mae"]


def test_dropout_is_drawn_anew_in_each_replayed_step():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layers.Dropout(0.5)(inputs))

    class Seeing(keras.Model):
        def train_step(self, data):
            return {"kept": tf.reduce_sum(model(data, training=True))}

    logs = []
    seeing = Seeing()
    seeing.compile()
    remember = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda b, logs_: logs.append(logs_["kept"])
    )
    seeing.fit(np.ones((80, 4)), batch_size=8, verbose=0, callbacks=[remember])
    assert len(set(logs)) > 3


# ---------------------------------------------------------------- what is shown
def test_lines(capsys):
    model = linear(metrics=["mae"])
    model.fit(X, Y, epochs=2, verbose=2, batch_size=10)
    first, _ = capsys.readouterr().out.splitlines()
    values = model.history.history
    assert first == (
        f"Epoch 1/2 - 5 steps - mean of the epoch: loss: {values['loss'][0]:.4f}"
        f" - mae: {values['mae'][0]:.4f}"
    )
    model.fit(X, Y, verbose=0)
    assert capsys.readouterr() == ("", "")


def test_lines_tell_the_mean_from_the_last_batch(capsys):
    class Latest(keras.Model):
        def train_step(self, data):
            return {"latest": tf.reduce_mean(data[0])}

    linear(Latest).fit(X, Y, verbose=2)
    assert "last batch: latest:" in capsys.readouterr().out


def test_bar(capsys):
    linear().fit(X, Y, epochs=3, batch_size=10, verbose=1)
    err = capsys.readouterr().err
    assert "Epoch 3/3" in err and "15/15" in err and "mean of the epoch: loss" in err


def test_bar_of_evaluate(capsys):
    linear().evaluate(X, Y, batch_size=10, verbose=1)
    err = capsys.readouterr().err
    assert "5/5" in err and "mean of the data: loss" in err


# ---------------------------------------------------------------- mistakes
class Returning(keras.Model):
    value = None

    def train_step(self, data):
        return self.value


@pytest.mark.parametrize("value, words", [
    (None, "must return a dict.*None"),
    ([1.0], "must return a dict.*list"),
    ({"pred": tf.ones((3, 1))}, r"shape \(3, 1\) under 'pred'.*reduce_mean"),
    ({"name": "text"}, "under 'name'"),
])  # fmt: skip
@pytest.mark.parametrize("eagerly", [True, False])
def test_what_a_step_may_return(value, words, eagerly):
    model = linear(Returning, run_eagerly=eagerly)
    model.value = value
    with pytest.raises(ValueError, match=words):
        fit(model, X, Y)


@pytest.mark.parametrize("error, call, words", [
    (ValueError, lambda: keras.Sequential([layers.Dense(1)]).fit(X, Y), "must call `compile"),
    (ValueError, lambda: keras.Sequential([layers.Dense(1)]).evaluate(X, Y), "must call `compile"),
    (ValueError, lambda: linear().fit(X, Y[:7], verbose=0), "'x' sizes: 50\n'y' sizes: 7"),
    (ValueError, lambda: linear(loss="mze"), "'mse'"),
    (ValueError, lambda: linear(metrics=["meen_squared_error"]), "'mean_squared_error'"),
    (ValueError, lambda: linear(optimizer="adm"), "'adam'"),
    (ValueError, lambda: linear(optimizer=keras.losses.Huber()), "one of keras.optimizers"),
    (ValueError, lambda: linear().fit((X, Y), verbose=0), r"write fit\(x, y\)"),
    (ValueError, lambda: linear(loss=None).fit(X, Y, verbose=0), "No loss to compute"),
    (ValueError, lambda: linear().fit(X, Y, batch_size=0), "batch_size"),
    (ValueError, lambda: linear().fit(X, Y, verbose=3), "verbose"),
    (ValueError, lambda: linear().fit(X[:0], Y[:0]), "no example"),
    (ValueError, lambda: linear().fit(X, Y, validation_split=1.5), "between 0 and 1"),
    (ValueError, lambda: linear().fit(np.array(["a", "b"]), Y[:2]), "must hold numbers"),
    (ValueError, lambda: linear().fit(X, Y, class_weight={}, sample_weight=WEIGHTS), "same time"),
    (ValueError, lambda: linear().fit([(X, Y)], Y), "should not be passed"),
    (ValueError, lambda: linear().fit(X[:, :3], Y, verbose=0), r"expected shape=\(None, 4\)"),
    (ValueError, lambda: linear(steps_per_execution=0), "steps_per_execution"),
    (TypeError, lambda: linear().fit(X, Y, callbacks=[print]), "LambdaCallback"),
    (TypeError, lambda: linear().fit(X, Y, callbacks=[keras.callbacks.History]), r"write \(\)"),
    (ValueError, lambda: linear().fit(X, Y, class_weight=[1, 2]), "is a dict"),
    (ValueError, lambda: linear().fit([[1, 2], [3]], Y[:2]), "x is ragged"),
    (ValueError, lambda: linear().fit(X, verbose=0), "these data have no y"),
    (ValueError, lambda: linear().fit(tf.data.Dataset.from_tensor_slices((X, Y)), verbose=0),
     r"a Dataset needs .batch\(32\)"),
    (AttributeError, lambda: keras.Sequential().optimizer, "compile"),
    (ValueError, lambda: linear(Mute).fit(X, Y), r"call\(\) returned None"),
    (ValueError, lambda: linear(loss=lambda a, b: None).fit(X, Y), "<lambda> returned None"),
    (ValueError, lambda: linear(loss=keras.metrics.MeanSquaredError()), "has no gradient"),
    (ValueError, lambda: linear().fit(X, Y, epochs=1.5), "epochs is a whole number.*1.5"),
    (TypeError, lambda: linear(metric=["mae"]), r"compile\(\).*'metric'. Did you mean 'metrics'"),
    (TypeError, lambda: linear(loss_weights=[1.0, 2.0]), "Weigh the losses in a compute_loss"),
    (TypeError, lambda: linear().fit(X, Y, epoch=3), r"fit\(\).*Did you mean 'epochs'"),
    (TypeError, lambda: linear().fit(X, Y, validation_steps=2), r"dataset.take\(n\)"),
    (ValueError, lambda: keras.optimizers.SGD(lr=0.1), "Did you mean 'learning_rate'"),
    (ValueError, lambda: layers.Dense(1, activaton="relu"), "Did you mean 'activation'"),
    (ValueError, lambda: linear(loss="sparse_categorical_crossentropy").fit(
        X, np.eye(3)[LABELS], verbose=0), "categorical_crossentropy"),
])  # fmt: skip
def test_refusals(error, call, words):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize("eagerly", [True, False])
@pytest.mark.parametrize("loss, labels, wrong, words", [
    ("sparse_categorical_crossentropy", LABELS, 3, r"label value of 3.*\[0, 3\)"),
    ("binary_crossentropy", np.eye(3)[LABELS], -1.0, "between 0 and 1.*from -1 to 1"),
])  # fmt: skip
def test_labels_out_of_range_in_a_later_batch(loss, labels, wrong, words, eagerly):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(inputs))
    model.compile("sgd", loss, run_eagerly=eagerly)
    labels = labels.copy()
    labels[30] = wrong
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        fit(model, X, labels)
    assert model.optimizer.iterations.numpy() == 3  # the batch of the wrong label changed nothing


def test_arguments_that_change_no_number_are_ignored():
    assert fit(linear(jit_compile=True, loss_weights=None), X, Y, validation_steps=None)["loss"]


def test_no_gradients_at_all():
    class Cut(keras.Model):
        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.stop_gradient(self(x)) - y)
            variables = self.trainable_variables
            self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
            return {"loss": loss}

    with pytest.raises(ValueError, match="No gradients provided"):
        fit(linear(Cut), X, Y)


def test_nan_is_warned_of_once():
    with pytest.warns(RuntimeWarning, match="TerminateOnNaN.*explain.find_nan") as caught:
        fit(linear(), X, Y * np.nan, epochs=2)
    assert [w.filename for w in caught if "TerminateOnNaN" in str(w.message)] == [FIT]


def test_an_error_in_a_step_leaves_nothing_listening():
    class Failing(keras.Model):
        def train_step(self, data):
            with tf.GradientTape():
                self(data[0])
                raise OSError("a disk is full")

    with pytest.raises(OSError):
        fit(linear(Failing), X, Y)
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    assert len(tape.records) == 1 and float(tape.gradient(y, x)) == 6.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(linear(), X, Y)


# ---------------------------------------------------------------- Ctrl-C
@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent in another way there")
@pytest.mark.parametrize("eagerly", [True, False])
def test_ctrl_c_waits_for_the_end_of_the_step(eagerly):
    steps = []

    class Pressed(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            steps.append(batch)
            if len(steps) == 10:
                os.kill(os.getpid(), signal.SIGINT)

    model = linear(optimizer="adam", run_eagerly=eagerly)
    with pytest.raises(KeyboardInterrupt):
        fit(model, X, Y, epochs=5, callbacks=[Pressed()])
    assert len(steps) == model.optimizer.iterations.numpy() == 10
    assert model.history.epoch == [0] and len(model.history.history["loss"]) == 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    same = linear(optimizer="adam", run_eagerly=eagerly)
    fit(same, X, Y)
    fit(same, X[:24], Y[:24])
    np.testing.assert_allclose(same.get_weights()[0], model.get_weights()[0], rtol=1e-6)
    fit(model, X, Y)  # and one can go on


@pytest.mark.parametrize("metrics", [None, ["mae"], ["accuracy"]])
def test_python_runs_once_in_a_step_of_equal_batches(metrics):
    runs = []

    class Model(keras.Model):
        def train_step(self, data):
            runs.append(data)
            return super().train_step(data)

    model = linear(Model, optimizer="adam", metrics=metrics)
    fit(model, X[:48], Y[:48], epochs=3)
    assert len(runs) == 1
    fit(model, X[:48], Y[:48])
    assert len(runs) == 1


# ---------------------------------------------------------------- beside Keras
SCENARIOS = {
    "weights": (1, None, {"loss": "huber", "optimizer": "adam", "metrics": ["mse"],
                          "weighted_metrics": ["mae"]},
                (X, Y), {"sample_weight": WEIGHTS, "validation_split": 0.2}),
    "binary": (1, "sigmoid", {"loss": "binary_crossentropy", "metrics": ["accuracy"]},
               (X, (Y > 0).astype(int)), {"class_weight": {0: 1.0, 1: 3.0}}),
    "sparse": (3, "softmax", {"loss": "sparse_categorical_crossentropy", "metrics": ["acc"]},
               (X, LABELS), {"validation_data": (X[:9], LABELS[:9])}),
    "one-hot": (3, "softmax", {"loss": "categorical_crossentropy", "optimizer": "nadam"},
                (X, np.eye(3)[LABELS]), {"class_weight": {0: 2.0, 1: 1.0, 2: 0.5}}),
}  # fmt: skip


@pytest.mark.compare
@pytest.mark.parametrize("name", SCENARIOS)
def test_histories_are_those_of_keras(name):
    reference = pytest.importorskip("keras")
    outputs, activation, compiled, data, options = SCENARIOS[name]
    results = []
    for library in (keras, reference):
        inputs = library.Input((4,))
        hidden = library.layers.Dense(5, activation="tanh", kernel_regularizer="l2")(inputs)
        model = library.Model(inputs, library.layers.Dense(outputs, activation=activation)(hidden))
        draws = np.random.default_rng(5)
        model.set_weights([draws.normal(size=w.shape) * 0.3 for w in model.get_weights()])
        model.compile(**compiled)
        history = fit(model, *data, epochs=3, **options)
        results.append((history, model.evaluate(*data, verbose=0), model.predict(X, verbose=0)))
    ours, theirs = results
    assert ours[0].keys() == theirs[0].keys()
    for key, values in ours[0].items():
        np.testing.assert_allclose(values, theirs[0][key], rtol=2e-4, err_msg=key)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=2e-4)
    np.testing.assert_allclose(ours[2], theirs[2], rtol=1e-3, atol=1e-5)
