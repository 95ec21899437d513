"""Layers against NumPy formulas, what belongs to them, and what they refuse."""

import numpy as np
import pytest

import autodiff_lesson as tf
from autodiff_lesson import keras

layers = keras.layers
RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=(4, 3)).astype(np.float32)
IMAGES = RANDOM.normal(size=(2, 5, 6, 3)).astype(np.float32)


def test_dense_is_activation_of_kernel_and_bias():
    layer = layers.Dense(2, activation="tanh", bias_initializer="ones")
    outputs = layer(X)
    kernel, bias = layer.weights
    assert (kernel.name, bias.name, kernel.shape, bias.shape) == ("kernel", "bias", (3, 2), (2,))
    assert kernel.path == f"{layer.name}/kernel"
    np.testing.assert_allclose(outputs, np.tanh(X @ kernel.numpy() + 1), rtol=1e-6)
    assert layers.Dense(2, use_bias=False)(X).shape == (4, 2)


def test_dense_on_more_axes_and_other_dtypes():
    layer = layers.Dense(2)
    x = RANDOM.normal(size=(4, 5, 3))
    outputs = layer(x)
    assert outputs.dtype == tf.float32
    np.testing.assert_allclose(outputs, x @ layer.kernel.numpy(), rtol=1e-4)
    whole = layer(np.arange(6).reshape(2, 3))
    np.testing.assert_allclose(whole, np.arange(6).reshape(2, 3) @ layer.kernel.numpy(), rtol=1e-5)


def test_conv2d_slides_windows():
    layer = layers.Conv2D(4, (3, 2), strides=2, padding="valid", bias_initializer="ones")
    outputs = layer(IMAGES).numpy()
    kernel = layer.kernel.numpy()
    assert kernel.shape == (3, 2, 3, 4)
    expected = np.zeros((2, 2, 3, 4))
    for i in range(2):
        for j in range(3):
            window = IMAGES[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 2]
            expected[:, i, j] = np.einsum("bhwc,hwcf->bf", window, kernel) + 1
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)
    assert layers.Conv2D(4, 3, padding="same")(IMAGES).shape == (2, 5, 6, 4)


def test_pooling():
    pooled = layers.MaxPooling2D((2, 3))(IMAGES).numpy()
    assert pooled.shape == (2, 2, 2, 3)
    np.testing.assert_array_equal(pooled[:, 1, 0], IMAGES[:, 2:4, 0:3].max((1, 2)))
    means = layers.GlobalAveragePooling2D()(IMAGES)
    np.testing.assert_allclose(means, IMAGES.mean((1, 2)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "layer, expected",
    [
        (layers.Flatten(), X.reshape(4, 3)),
        (layers.Reshape((3, 1)), X.reshape(4, 3, 1)),
        (layers.Reshape((-1, 1)), X.reshape(4, 3, 1)),
        (layers.Activation("relu"), np.maximum(X, 0)),
        (layers.ReLU(), np.maximum(X, 0)),
        (layers.ReLU(0.5, negative_slope=0.1), np.minimum(np.where(X > 0, X, 0.1 * X), 0.5)),
        (layers.LeakyReLU(), np.where(X > 0, X, 0.3 * X)),
        (layers.Softmax(), np.exp(X) / np.exp(X).sum(-1, keepdims=True)),
        (layers.Dropout(0.5), X),
    ],
)  # fmt: skip
def test_layers_without_weights(layer, expected):
    np.testing.assert_allclose(layer(X), expected, rtol=1e-5, atol=1e-6)
    assert layer.weights == []


def test_add_and_concatenate():
    np.testing.assert_allclose(layers.Add()([X, X, X]), 3 * X, rtol=1e-6)
    np.testing.assert_array_equal(layers.Concatenate()([X, 2 * X]), np.hstack([X, 2 * X]))
    np.testing.assert_array_equal(layers.add([X, X, X]), 3 * X)
    np.testing.assert_array_equal(layers.concatenate([X, 2 * X]), np.hstack([X, 2 * X]))
    np.testing.assert_array_equal(layers.Concatenate(axis=0)([X, X]), np.vstack([X, X]))


def test_dropout_drops_and_scales_while_training():
    keras.utils.set_random_seed(0)
    dropout = layers.Dropout(0.25)
    outputs = dropout(np.ones((100, 100)), training=True).numpy()
    assert set(np.unique(outputs)) == {0.0, np.float32(1 / 0.75)}
    assert abs((outputs == 0).mean() - 0.25) < 0.02
    model = keras.Sequential([dropout, layers.Flatten()])
    assert (model(np.ones((10, 100)), training=True).numpy() == 0).any()  # handed on to the layers
    assert (model(np.ones((10, 100))).numpy() == 1).all()
    assert not layers.Dropout(1.0)(X, training=True).numpy().any()


@pytest.mark.parametrize("make", [
    lambda: layers.Dense(2, activation="tanh"),
    lambda: layers.Conv2D(2, 2, activation="softplus"),
    lambda: keras.Sequential([layers.Conv2D(2, 2), layers.Flatten(), layers.Dense(2)]),
])  # fmt: skip
def test_gradients_are_those_of_differences(make):
    layer = make()
    x = RANDOM.normal(size=(3, 4, 4, 2)).astype(np.float32)

    def loss():
        return tf.reduce_mean(tf.square(layer(x)))

    loss()
    with tf.GradientTape() as tape:
        value = loss()
    gradients = tape.gradient(value, layer.trainable_variables)
    for variable, gradient in zip(layer.trainable_variables, gradients):
        start = variable.numpy()
        direction = RANDOM.normal(size=start.shape).astype(np.float32)
        ends = []
        for step in (1e-2, -1e-2):
            variable.assign(start + np.float32(step) * direction)
            ends.append(float(loss()))
        variable.assign(start)
        slope = (ends[0] - ends[1]) / 2e-2
        np.testing.assert_allclose(
            float((gradient.numpy() * direction).sum()), slope, rtol=2e-2, atol=1e-3
        )


def test_names_count_up():
    first, second = layers.Dense(1), layers.Dense(1)
    assert first.name.startswith("dense")
    count = [int(name.partition("_")[2] or 0) for name in (first.name, second.name)]
    assert count[1] == count[0] + 1
    assert layers.GlobalAveragePooling2D().name.startswith("global_average_pooling2d")


class Mute(keras.layers.Layer):
    def call(self, inputs):
        inputs + 1  # what comes out is forgotten


class Block(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.scale = self.add_weight(shape=(), initializer="ones", trainable=False, name="scale")
        self.inner = [layers.Dense(3), layers.Dense(3)]
        self.heads = {"a": layers.Dense(1)}
        self.offset = tf.Variable([1.0], name="offset")

    def call(self, x):
        for layer in self.inner:
            x = layer(x)
        return self.heads["a"](x) * self.scale + self.offset


def test_what_belongs_to_a_layer_is_found():
    block = Block()
    block(X)
    assert len(block.weights) == 8
    assert block.weights[0] is block.offset  # trainable ones first
    assert [v.name for v in block.non_trainable_variables] == ["scale"]
    assert len(block.trainable_variables) == 7
    block.inner.append(layers.Dense(3))  # found although the list was appended to later
    block(X)
    assert len(block.trainable_variables) == 9
    del block.offset
    assert len(block.trainable_variables) == 8


def test_trainable_is_honoured_at_once():
    block = Block()
    block(X)
    block.inner[0].trainable = False
    assert len(block.trainable_variables) == 5
    assert not block.inner[0].kernel.trainable
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(block(X))
    assert tape.gradient(loss, block.inner[0].kernel) is None
    block.inner[0].trainable = True
    assert len(block.trainable_variables) == 7
    block.trainable = False
    assert block.trainable_variables == [] and len(block.non_trainable_variables) == 8
    block.trainable = True
    assert len(block.trainable_variables) == 7 and not block.scale.trainable
    block.offset.trainable = False
    assert len(block.trainable_variables) == 6
    late = layers.Dense(2, trainable=False)
    late(X)
    assert late.trainable_variables == [] and len(late.weights) == 2


def test_losses_are_those_of_the_latest_call():
    class Penalty(keras.layers.Layer):
        def call(self, x):
            self.add_loss(0.1 * tf.reduce_sum(x))
            return x

    model = keras.Sequential(
        [Penalty(), layers.Dense(1, kernel_regularizer=keras.regularizers.L2(0.5))]
    )
    model(np.ones((1, 2)))
    model(np.ones((2, 2)))
    added, penalty = model.losses
    assert float(added) == pytest.approx(0.4)
    kernel = model.layers[1].kernel
    assert float(penalty) == pytest.approx(0.5 * float((kernel.numpy() ** 2).sum()))
    model.layers[1].trainable = False
    assert len(model.losses) == 1


def test_losses_of_a_layer_that_a_step_calls_by_itself():
    class Penalty(keras.layers.Layer):
        def call(self, x):
            self.add_loss(tf.reduce_sum(x))
            return x

    class Parts(keras.Model):
        def __init__(self):
            super().__init__()
            self.first, self.last = Penalty(), layers.Dense(1)

        def call(self, x):
            return self.last(self.first(x))

    model = Parts()
    model(np.ones((1, 2)))
    model.last(model.first(np.ones((2, 2))))
    assert [float(loss) for loss in model.losses] == [4.0]


def test_config_makes_another_like_it():
    layer = layers.Dense(3, activation="relu", name="mine", kernel_regularizer="l2")
    config = layer.get_config()
    assert config["units"] == 3 and config["name"] == "mine" and config["activation"] == "relu"
    other = layers.Dense.from_config(config)
    assert other.units == 3 and other.activation is layer.activation and other.weights == []


def test_weights_are_set_all_or_none():
    layer = layers.Dense(2)
    layer(X)
    before = layer.get_weights()
    with pytest.raises(ValueError, match="weight list of length 1"):
        layer.set_weights([np.ones((3, 2))])
    with pytest.raises(ValueError, match="not compatible"):
        layer.set_weights([np.ones((3, 2)), np.ones(3)])
    np.testing.assert_array_equal(layer.get_weights()[0], before[0])
    layer.set_weights([np.ones((3, 2)), np.ones(2)])
    np.testing.assert_allclose(layer(X)[:, 0], X.sum(1) + 1, rtol=1e-5)


def test_a_symbolic_call_changes_nothing():
    class Counter(keras.layers.Layer):
        def build(self, input_shape):
            self.count = self.add_weight(shape=(), initializer="zeros", trainable=False)

        def call(self, x):
            self.count.assign_add(1.0)
            return x

    counter = Counter()
    assert counter(keras.Input((3,))).shape == (None, 3)
    assert counter.count.numpy() == 0


@pytest.mark.parametrize("error, call, words", [
    (ValueError, lambda: layers.Dense(0), "positive integer"),
    (ValueError, lambda: layers.Dense(2.5), "positive integer"),
    (ValueError, lambda: layers.Dense(2, activation="rleu"), "'relu'"),
    (ValueError, lambda: layers.Dense(2, unit=3), "unit"),
    (ValueError, lambda: layers.Dense(1)(np.ones(3)), "min_ndim=2, found ndim=1"),
    (ValueError, lambda: layers.Dense(1)([[1.0]]), "tf.constant"),
    (ValueError, lambda: layers.Dense(1)(keras.Input((None,))), "must be known"),
    (ValueError, lambda: layers.Conv2D(1, (3, 3, 3)), "kernel_size"),
    (ValueError, lambda: layers.Conv2D(1, 3, padding="full"), "padding"),
    (ValueError, lambda: layers.Conv2D(1, 3)(X), "min_ndim=4"),
    (ValueError, lambda: layers.Reshape((5,))(X), "total size"),
    (ValueError, lambda: layers.Dropout(2), "rate"),
    (ValueError, lambda: layers.Add()(X), r"layer\(\[a, b\]\)"),
    (ValueError, lambda: layers.Concatenate()([X, X[:2]]), "matching shapes"),
    (ValueError, lambda: Mute()(keras.Input((3,))), r"mute\w* returned None: end its call\(\)"),
    (ValueError, lambda: keras.Input(3), r"shape=\(3,\)"),
    (ValueError, lambda: keras.Input((2.5,)), r"received \(2.5,\)"),
    (ValueError, lambda: tf.sin(keras.Input((3,))), "symbolic"),
    (NotImplementedError, lambda: keras.layers.Layer()(X), "call"),
])  # fmt: skip
def test_refusals(error, call, words):
    with pytest.raises(error, match=words):
        call()


def test_a_built_layer_refuses_another_length():
    layer = layers.Dense(2)
    layer(X)
    with pytest.raises(ValueError, match=r"axis -1 of input shape to have value 3.*\(4, 5\)"):
        layer(np.ones((4, 5)))


def test_a_layer_that_was_built_by_hand_is_not_built_again():
    layer = layers.Dense(2)
    layer.build((None, 3))
    assert layer.built and layer(X).shape == (len(X), 2)
    assert [v.shape for v in layer.weights] == [(3, 2), (2,)]


def test_forgotten_super():
    class Forgetful(keras.layers.Layer):
        def __init__(self):
            self.x = 1

    with pytest.raises(RuntimeError, match="forgot to call"):
        Forgetful()(X)
