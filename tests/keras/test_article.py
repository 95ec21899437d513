"""The article's two programs, to the letter but for tabs, and what they must print and learn."""

import re

import numpy as np
import pytest

import autodiff_lesson as tf
from autodiff_lesson import keras


class NewLayer(keras.layers.Layer):
    """The article's own layer is not shown there; a layer with weights of its own."""

    def __init__(self, units):
        super().__init__()
        self.units = units

    def build(self, input_shape):
        self.w = self.add_weight(
            shape=(input_shape[-1], self.units), initializer="ones", trainable=True
        )
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", trainable=True)

    def call(self, inputs):
        return tf.matmul(inputs, self.w) + self.b


def new_model():
    input = tf.keras.layers.Input((2, 2, 1))
    n1 = NewLayer(1)(input)
    output = tf.keras.Model(inputs=input, outputs=n1)
    return output


@pytest.fixture
def examples():
    rng = np.random.default_rng(0)
    ex = rng.normal(size=(5, 3, 2, 2, 1)).astype(np.float32)
    return ex, (2 * ex + 1).astype(np.float32)


def test_the_manual_loop(examples, capfd):
    ex, sy = examples
    model = new_model()
    loss_function = tf.keras.losses.MeanSquaredError()
    optimizer = tf.keras.optimizers.SGD(learning_rate=0.01)
    train_loss = tf.keras.metrics.Mean()

    @tf.function
    def train_step(images, labels):
        # GradientTape 적용
        with tf.GradientTape() as tape:
            # 1. 예측
            predictions = model(images)
            tf.print("pred:", predictions, "\n")
            # 2. loss 계산
            loss = loss_function(labels, predictions)
        # 3. gradients 계산
        gradients = tape.gradient(loss, model.trainable_variables)
        tf.print("gradients:", gradients, "\n")
        # 4. weight 업데이트
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        # 5. loss 업데이트
        train_loss(loss)

    EPOCHS = 4
    for epoch in range(EPOCHS):
        for images, labels in zip(ex, sy):
            train_step(images, labels)
        template = "에포크: {}, 손실: {:.5f}"
        print(template.format(epoch + 1, train_loss.result()))

    out, err = capfd.readouterr()
    losses = re.findall(r"^에포크: (\d), 손실: (\d+\.\d{5})$", out, re.MULTILINE)
    assert [number for number, _ in losses] == ["1", "2", "3", "4"]
    assert err.count("pred:") == err.count("gradients:") == 20

    w, b, seen, expected = 1.0, 0.0, [], []
    for _ in range(4):
        for x, y in zip(ex.astype(float), sy.astype(float)):
            error = x * w + b - y
            seen.append((error**2).mean())
            w, b = w - 0.01 * (2 * error * x).mean(), b - 0.01 * (2 * error).mean()
        expected.append(np.mean(seen))  # the article never resets its mean
    np.testing.assert_allclose([float(value) for _, value in losses], expected, rtol=1e-4)
    np.testing.assert_allclose(model.layers[1].w.numpy(), [[w]], rtol=1e-5)


class CustomModel(keras.Model):
    def train_step(self, data):
        # Unpack the data. Its structure depends on your model and
        # on what you pass to `fit()`.
        x, y = data

        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)  # Forward pass
            # Compute the loss value
            # (the loss function is configured in `compile()`)
            loss = self.compiled_loss(y, y_pred, regularization_losses=self.losses)

        # Compute gradients
        trainable_vars = self.trainable_variables
        gradients = tape.gradient(loss, trainable_vars)
        # Update weights
        self.optimizer.apply_gradients(zip(gradients, trainable_vars))
        # Update metrics (includes the metric that tracks the loss)
        self.compiled_metrics.update_state(y, y_pred)
        # Return a dict mapping metric names to current value
        return {m.name: m.result() for m in self.metrics}


class CustomModelOfKeras3(keras.Model):
    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=y_pred)
        trainable_vars = self.trainable_variables
        gradients = tape.gradient(loss, trainable_vars)
        self.optimizer.apply(gradients, trainable_vars)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred)
        return {m.name: m.result() for m in self.metrics}


@pytest.mark.parametrize("eagerly", [False, True])
@pytest.mark.parametrize("kind", [CustomModel, CustomModelOfKeras3, keras.Model])
def test_the_custom_model(kind, eagerly):
    keras.utils.set_random_seed(1)
    inputs = keras.Input(shape=(32,))
    outputs = keras.layers.Dense(1)(inputs)
    model = kind(inputs, outputs)
    model.compile(optimizer="adam", loss="mse", metrics=["mae"], run_eagerly=eagerly)
    rng = np.random.default_rng(0)
    x = rng.random((1000, 32))
    y = rng.random((1000, 1))
    weights = [w.astype(float) for w in model.get_weights()]

    history = model.fit(x, y, epochs=3, shuffle=False, verbose=0).history

    expected = _adam_by_hand(weights, x, y, weighted=kind is not CustomModelOfKeras3)
    assert list(history) == ["loss", "mae"]
    np.testing.assert_allclose(history["loss"], expected[0], rtol=1e-4)
    np.testing.assert_allclose(history["mae"], expected[1], rtol=1e-4)
    np.testing.assert_allclose(model.get_weights()[0], weights[0], rtol=1e-3, atol=1e-5)
    assert all(isinstance(value, float) for value in history["loss"])


def _adam_by_hand(weights, x, y, weighted):
    """The epoch means of loss and mae; the loss weighted by the size of each batch, or not."""
    moments = [[np.zeros_like(w), np.zeros_like(w)] for w in weights]
    t, losses, maes = 0, [], []
    for _ in range(3):
        sums = np.zeros(4)
        for start in range(0, len(x), 32):
            xb, yb = x[start : start + 32], y[start : start + 32]
            error = xb @ weights[0] + weights[1] - yb
            size = len(xb)
            heavy = size if weighted else 1
            sums += [(error**2).mean() * heavy, heavy, np.abs(error).sum(), size]
            t += 1
            slopes = [xb.T @ (2 * error / size), (2 * error / size).sum(0)]
            for w, g, m in zip(weights, slopes, moments):
                m[0] += (g - m[0]) * 0.1
                m[1] += (g * g - m[1]) * 0.001
                rate = 0.001 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
                w -= rate * m[0] / (np.sqrt(m[1]) + 1e-7)
        losses.append(sums[0] / sums[1])
        maes.append(sums[2] / sums[3])
    return losses, maes
