"""An error says what happened, where, and what to write instead."""

import logging

import pytest

import autodiff_lesson as tf

HERE = "test_messages.py, line "


def message_of(function, error):
    with pytest.raises(error) as caught:
        function()
    return str(caught.value)


def test_shapes_that_do_not_fit_are_named_with_the_line():
    one, two = tf.constant([1.0, 2.0]), tf.constant([1.0, 2.0, 3.0])
    text = message_of(lambda: one + two, tf.errors.InvalidArgumentError)
    assert "add" in text
    assert "(2,)" in text
    assert "(3,)" in text
    assert HERE in text


def test_dtypes_that_do_not_mix_are_named_with_the_way_out():
    text = message_of(lambda: tf.constant(1) * tf.constant(2.0), tf.errors.InvalidArgumentError)
    assert "int32 and float32" in text
    assert "tf.cast" in text
    assert HERE in text


def test_the_root_of_whole_numbers_is_refused_with_the_way_out():
    text = message_of(lambda: tf.sqrt(tf.constant([4, 9])), tf.errors.InvalidArgumentError)
    assert "sqrt" in text
    assert "int32" in text
    assert "tf.cast(x, tf.float32)" in text
    assert HERE in text


@pytest.mark.parametrize(
    "op, call, says",
    [
        ("squeeze", lambda: tf.squeeze([1.0, 2.0], 0), "(2,)"),
        ("expand_dims", lambda: tf.expand_dims([1.0, 2.0], 3), "axis=3"),
        ("unstack", lambda: tf.unstack(1.0), "scalar"),
        ("split", lambda: tf.split([1.0, 2.0, 3.0], 2), "3 cannot be cut into 2"),
        ("tile", lambda: tf.tile([1.0], [2, 2]), "2 multiples"),
        ("gather", lambda: tf.gather([1.0], [0.5]), "float32, not whole numbers"),
        ("one_hot", lambda: tf.one_hot([0.5], 2), "tf.cast(i, tf.int32)"),
        ("pad", lambda: tf.pad([1.0], [[1, 1]], mode="REFLECT"), "mode='CONSTANT'"),
        ("where", lambda: tf.where([1.0], 1.0, 2.0), "x > 0"),
        ("einsum", lambda: tf.einsum("ij,jk", [[1.0]]), "2 operands, and 1"),
        ("conv2d", lambda: tf.nn.conv2d([[[[1.0]]]], [[[[1.0]]]], 0, "SAME"), "strides=0"),
        ("max_pool2d", lambda: tf.nn.max_pool2d([[[[1.0]]]], 2, None, "SAME"), "strides=None"),
        ("reduce_mean", lambda: tf.reduce_mean([True]), "tf.cast(x, tf.float32)"),
        ("add", lambda: tf.constant(True) + True, "not bools"),
        ("pad", lambda: tf.pad([1.0], 1), "one [before, after] for each axis"),
        ("repeat", lambda: tf.repeat([1.0, 2.0], [1, 2, 3]), "3 repeats (1, 2, 3)"),
        ("repeat", lambda: tf.repeat([1.0, 2.0], 2, axis=2), "axis=2"),
        ("split", lambda: tf.split([1.0, 2.0], 0), "into 0 equal parts"),
        ("range", lambda: tf.range(1, 5, 0), "in steps of 0"),
        ("zeros", lambda: tf.zeros(-1), "(-1,)"),
        ("random.normal", lambda: tf.random.normal(2, 3), "write [2]"),
        ("slice", lambda: tf.constant(1.0)[tf.constant(-1)], "scalar"),
        ("max_pool2d", lambda: tf.nn.max_pool2d([[[[1.0]]]], 2, 2, "FULL"), "'SAME' or 'VALID'"),
    ],
)
def test_what_an_operation_refuses_is_named_with_the_line(op, call, says):
    text = message_of(call, tf.errors.InvalidArgumentError)
    assert text.startswith(f"{op} at {HERE}")
    assert says in text


def test_an_unknown_keyword_is_named_with_those_there_are():
    text = message_of(lambda: tf.square(tf.constant(1.0), axsi=0), TypeError)
    assert "'axsi'" in text
    assert "It takes x" in text


def test_a_ragged_list_is_shown():
    assert "[[1, 2], [3]]" in message_of(lambda: tf.constant([[1, 2], [3]]), ValueError)


def test_a_used_tape_says_where_it_was_used_and_what_to_write():
    v = tf.Variable(1.0)
    with tf.GradientTape() as tape:
        y = v * v
    tape.gradient(y, v)
    text = message_of(lambda: tape.gradient(y, v), RuntimeError)
    assert "`tape.gradient(y, v)`" in text
    assert HERE in text
    assert "persistent=True" in text


def test_watching_a_number_says_how_to_make_a_tensor():
    text = message_of(lambda: tf.GradientTape().watch(3.0), ValueError)
    assert "tf.constant(3.0)" in text


def test_watching_integers_warns_with_the_fix(caplog):
    with caplog.at_level(logging.WARNING), tf.GradientTape() as tape:
        tape.watch(tf.constant(3))
    assert "tf.constant(3.0)" in caplog.text
    assert HERE in caplog.text


def test_a_wrong_number_of_gradients_names_the_function():
    @tf.custom_gradient
    def short(x, y):
        def grad(upstream):
            return upstream

        return x * y, grad

    x = tf.constant(1.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = short(x, x)
    text = message_of(lambda: tape.gradient(y, x), ValueError)
    assert "`short`" in text
    assert HERE in text


def test_assigning_a_wrong_shape_names_both():
    text = message_of(lambda: tf.Variable([1.0, 2.0]).assign([1.0]), ValueError)
    assert "(2,)" in text
    assert "(1,)" in text


def test_a_target_that_is_no_tensor_is_refused():
    with tf.GradientTape() as tape:
        pass
    assert "not 3.0" in message_of(lambda: tape.gradient(3.0, tf.constant(1.0)), TypeError)


def test_arguments_of_another_kind_are_named():
    t = tf.constant([1.0, 2.0])
    assert "'foo' is not a dtype" in message_of(lambda: tf.cast(t, "foo"), TypeError)
    assert "whole numbers" in message_of(lambda: tf.zeros([2.5]), TypeError)
    assert HERE in message_of(lambda: tf.reshape(t, (1, 2.0)), TypeError)
    refused = tf.errors.InvalidArgumentError
    assert "axis=2" in message_of(lambda: tf.unstack(t, axis=2), refused)
    assert "the equation comes first" in message_of(lambda: tf.einsum(t, "i->i"), TypeError)
    assert "tf.stack" in message_of(lambda: tf.constant([t, t]), ValueError)
    assert "'true_fn' must be callable" in message_of(lambda: tf.cond(True, 1, 2), TypeError)
    for op in tf.concat, tf.stack, tf.reduce_sum:
        text = message_of(lambda op=op: op(t, t), TypeError)
        assert text.startswith(f"{op.__name__} at {HERE}")
        assert "axis must be whole numbers" in text
    assert "multiples (2,) for a tensor of shape" in message_of(
        lambda: tf.tile([[1.0]], 2), refused
    )
