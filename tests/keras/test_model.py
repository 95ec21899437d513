"""Models: drawn from inputs to outputs, in a row, or subclassed."""

import numpy as np
import pytest

import autodiff_lesson as tf
from autodiff_lesson import keras

layers = keras.layers
X = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)


def test_functional_model_with_branches():
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    shared = layers.Dense(2)
    joined = layers.Concatenate()([shared(a), shared(b)])
    model = keras.Model([a, b], {"sum": layers.Add()([joined, joined]), "half": joined * 0.5})
    outputs = model([X, 2 * X])
    expected = np.hstack([X, 2 * X]) @ np.kron(np.eye(2), shared.kernel.numpy())
    np.testing.assert_allclose(outputs["sum"], 2 * expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(outputs["half"], expected / 2, rtol=1e-4, atol=1e-5)
    assert len(model.weights) == 2
    assert [x.name for x in model.layers[:3]] == ["a", "b", shared.name]
    assert model.get_layer("a") is model.layers[0]


def test_symbolic_shapes():
    images = keras.Input((28, None, 1))
    h = layers.Conv2D(4, 3)(images)
    assert h.shape == (None, 26, None, 4)
    assert layers.GlobalAveragePooling2D()(h).shape == (None, 4)
    assert keras.ops.mean(h, axis=0).shape == (26, None, 4)
    assert (h[:, 0] + 1.0).shape == (None, None, 4)
    assert keras.Input((3,), batch_size=5).shape == (5, 3)


def test_ops_on_symbolic_tensors_run_in_the_model():
    x = keras.Input((3,))
    model = keras.Model(x, 1.0 - keras.ops.sum(keras.ops.square(x), axis=-1, keepdims=True))
    np.testing.assert_allclose(model(X), 1 - (X**2).sum(-1, keepdims=True), rtol=1e-5)
    np.testing.assert_array_equal(keras.Model(x, abs(-x))(X), abs(X))
    np.testing.assert_array_equal(keras.Model(x, x > 0.5)(X), X > 0.5)


def test_a_model_is_a_layer_of_another():
    inner = keras.Sequential([keras.Input((3,)), layers.Dense(4), layers.Dense(2)])
    x = keras.Input((3,))
    outer = keras.Model(x, layers.Dense(1)(inner(x)))
    assert len(outer.trainable_variables) == 6
    inner.trainable = False
    assert len(outer.trainable_variables) == 2
    part = keras.Model(inner.input, inner.layers[0].output)
    np.testing.assert_allclose(part(X), inner.layers[0](X))


def test_a_model_of_layers_has_no_config_to_share_them():
    x = keras.Input((3,))
    for model in keras.Model(x, layers.Dense(1)(x)), keras.Sequential([layers.Dense(1)]):
        with pytest.raises(NotImplementedError, match="would share them with its copy"):
            model.get_config()


def test_inputs_are_brought_to_the_promised_rank_and_dtype():
    x = keras.Input((1,))
    model = keras.Model(x, layers.Dense(1)(x))
    assert model(np.arange(4)).shape == (4, 1)
    assert model(np.ones((4, 1, 1))).shape == (4, 1)
    with pytest.raises(ValueError, match=r"expected shape=\(None, 1\), found shape=\(4, 2\)"):
        model(np.ones((4, 2)))
    image = keras.Input((2, 2, 1))  # the article's: its loop may be given one image at a time
    assert keras.Model(image, layers.Dense(1)(image))(np.ones((2, 2, 1))).shape == (2, 2, 1, 1)
    image = keras.Input((3, 2, 1))
    with pytest.raises(ValueError, match=r"found shape=\(3, 2, 1, 1\)"):
        keras.Model(image, layers.Dense(1)(image))(np.ones((3, 2, 1)))


def test_sequential_is_built_by_its_input_or_its_first_data():
    known = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    assert known.built and known.output.shape == (None, 2) and len(known.layers) == 1
    older = keras.Sequential([layers.Dense(2, input_shape=(3,))])
    assert older.built
    lazy = keras.Sequential([layers.Dense(2), layers.Dense(1)])
    assert lazy.weights == []
    lazy(X)
    assert len(lazy.weights) == 4
    told = keras.Sequential([layers.Dense(2), layers.Dense(1)])
    told.build((None, 3))
    assert [w.shape for w in told.weights] == [(3, 2), (2,), (2, 1), (1,)]
    known.add(layers.Dense(5))
    assert known(X).shape == (6, 5)
    assert known.output.shape == (None, 5)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = layers.Dense(4, activation="relu")
        self.drop = layers.Dropout(0.5)
        self.out = layers.Dense(1)

    def call(self, inputs, training=False):
        return self.out(self.drop(self.hidden(inputs), training=training))


def test_subclassed_model():
    model = Subclassed()
    assert model(X).shape == (6, 1)
    assert [type(x).__name__ for x in model.layers] == ["Dense", "Dropout", "Dense"]
    assert len(model.weights) == 4
    assert np.ptp([float(tf.reduce_sum(model(X, training=True))) for _ in range(5)]) > 0


def test_summary(capsys):
    model = keras.Sequential(
        [keras.Input((3,)), layers.Dense(2, name="first"), layers.Dense(1, name="last")]
    )
    model.layers[0].trainable = False
    model.summary()
    table = capsys.readouterr().out
    assert "│ first (Dense)                   │ (None, 2)              │             8 │" in table
    assert " Total params: 11 (44.00 B)\n Trainable params: 3 (12.00 B)\n" in table
    assert " Non-trainable params: 8 (32.00 B)" in table
    lazy = Subclassed()
    lines = []
    lazy.summary(print_fn=lines.append)
    assert lines[0].count("?") == 3
    lazy(X)
    lazy.summary()
    assert "(6, 4)" in capsys.readouterr().out


@pytest.mark.parametrize("call, words", [
    (lambda x, y: keras.Model(x, layers.Dense(1)(y)), "not connected"),
    (lambda x, y: keras.Model([x, y], None), "from both"),
    (lambda x, y: keras.Model(np.ones(3), y), "keras.Input"),
    (lambda x, y: keras.Sequential([5]), "Only instances of `keras.Layer`"),
    (lambda x, y: keras.Model([x, y], layers.Add()([x, y]))(X), r"expected 2 input\(s\)"),
    (lambda x, y: keras.Sequential([layers.ReLU(name="a"), layers.ReLU(name="a")]), "unique"),
    (lambda x, y: keras.Model(x, layers.Dense(1)(x)).get_layer("nothing"), "No such layer"),
    (lambda x, y: keras.Sequential()(X), "no layers yet"),
])  # fmt: skip
def test_refusals(call, words):
    with pytest.raises(ValueError, match=words):
        call(keras.Input((3,)), keras.Input((3,)))


def test_a_missing_attribute_is_named_also_inside_a_property():
    class Mistyped(keras.Model):
        @property
        def metrics(self):
            return [self.loss_traker]

    with pytest.raises(AttributeError, match="loss_traker"):
        Mistyped().metrics  # noqa: B018
    with pytest.raises(AttributeError, match="no single input"):
        Mistyped().output  # noqa: B018
    for name in ("optimizer", "compiled_metrics"):
        with pytest.raises(AttributeError, match=r"call compile\(optimizer"):
            getattr(Mistyped(), name)
    assert not hasattr(Mistyped(), "optimizer")


def test_layers_stand_in_the_order_of_keras():
    inputs, late = keras.Input((4,), name="i"), keras.Input((2,), name="late")
    short = layers.Dense(3, name="short")(inputs)
    long = layers.Dense(3, name="second")(layers.Dense(3, name="first")(inputs))
    model = keras.Model(inputs, layers.Add(name="add")([long, short]))
    assert [x.name for x in model.layers] == ["i", "first", "second", "short", "add"]
    b, a = layers.Dense(1, name="b")(inputs), layers.Dense(1, name="a")(inputs)
    assert [x.name for x in keras.Model(inputs, [a, b]).layers] == ["i", "a", "b"]
    both = layers.Concatenate(name="both")([long, late])
    names = [x.name for x in keras.Model([inputs, late], both).layers]
    assert names == ["i", "first", "second", "late", "both"]


def test_one_output_in_a_list_is_one_output():
    inputs = keras.Input((4,))
    model = keras.Model([inputs], [layers.Dense(1)(inputs)])
    assert model(np.ones((2, 4))).shape == (2, 1)
    assert model.predict(np.ones((2, 4)), verbose=0).shape == (2, 1)


def test_sequential_is_built_by_a_shape(capsys):
    model = keras.Sequential([layers.Dense(3), layers.Dense(1)])
    model.build((None, 4))
    assert [w.shape for w in model.weights] == [(4, 3), (3,), (3, 1), (1,)]
    model.summary()
    assert "(None, 3)" in capsys.readouterr().out
    assert model(np.ones((5, 4))).shape == (5, 1)
