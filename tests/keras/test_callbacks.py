"""Callbacks: when each visit happens, and what the ready-made ones do."""

import numpy as np
import pytest

from autodiff_lesson import keras

callbacks = keras.callbacks
X = np.random.default_rng(7).normal(size=(20, 2))
Y = X.sum(1, keepdims=True)


def linear(**compiled):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="zeros")])
    model.compile(**{"optimizer": "sgd", "loss": "mse"} | compiled)
    return model


def fit(model, *visitors, **options):
    options = {"epochs": 2, "batch_size": 8, "verbose": 0, "shuffle": False} | options
    return model.fit(X, Y, callbacks=list(visitors), **options).history


class Diary(callbacks.Callback):
    def __init__(self):
        self.entries = []


def _writing(name):
    def visit(self, *args):
        self.entries.append((name, *(sorted(a) if isinstance(a, dict) else a for a in args)))

    return visit


for _name in [n for n in vars(callbacks.Callback) if n.startswith("on_") and "on_batch" not in n]:
    setattr(Diary, _name, _writing(_name))


def test_every_visit_in_its_order():
    diary = Diary()
    model = linear()
    fit(model, diary, epochs=1, validation_data=(X[:8], Y[:8]))
    steps = [
        entry
        for number in range(3)
        for entry in (
            ("on_train_batch_begin", number, []),
            ("on_train_batch_end", number, ["loss"]),
        )
    ]
    assert diary.entries == [
        ("on_train_begin", []),
        ("on_epoch_begin", 0, []),
        *steps,
        ("on_test_begin", []),
        ("on_test_batch_begin", 0, []),
        ("on_test_batch_end", 0, ["loss"]),
        ("on_test_end", ["loss"]),
        ("on_epoch_end", 0, ["loss", "val_loss"]),
        ("on_train_end", ["loss", "val_loss"]),
    ]
    assert diary.model is model and diary.params == {"epochs": 1, "steps": 3, "verbose": 0}
    diary.entries.clear()
    model.predict(X, batch_size=10, verbose=0, callbacks=[diary])
    assert [entry[0] for entry in diary.entries] == [
        "on_predict_begin",
        *["on_predict_batch_begin", "on_predict_batch_end"] * 2,
        "on_predict_end",
    ]


def test_older_names_of_visits():
    class Older(callbacks.Callback):
        seen = ()

        def on_batch_end(self, batch, logs=None):
            self.seen += (batch,)

    class Newer(Older):
        def on_train_batch_end(self, batch, logs=None):
            self.seen += (-batch,)

    older, newer = Older(), Newer()
    fit(linear(), older, newer, epochs=1)
    assert older.seen == (0, 1, 2) and newer.seen == (0, -1, -2)


@pytest.mark.parametrize("eagerly", [True, False])
def test_steps_per_execution_visits_after_so_many(eagerly):
    diary = Diary()
    model = linear(steps_per_execution=2, run_eagerly=eagerly)
    history = fit(model, diary, epochs=1)
    visits = [entry[:2] for entry in diary.entries if "train_batch" in entry[0]]
    assert visits == [
        ("on_train_batch_begin", 0), ("on_train_batch_end", 1),
        ("on_train_batch_begin", 2), ("on_train_batch_end", 3),
    ]  # fmt: skip
    assert model.optimizer.iterations.numpy() == 3
    assert history == fit(linear(), epochs=1)


def test_stop_training_in_the_middle_of_an_epoch():
    def stop(batch, logs):
        model.stop_training = batch == 1

    model = linear()
    history = fit(model, callbacks.LambdaCallback(on_train_batch_end=stop), epochs=4)
    assert len(history["loss"]) == 1 and model.optimizer.iterations.numpy() == 2
    assert len(fit(model)["loss"]) == 2  # the next fit starts afresh


def scripted(values):
    """A callback that sets val_loss to the given values, before the others look."""
    return callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: logs.update(val_loss=values[epoch])
    )


def test_early_stopping():
    stopping = callbacks.EarlyStopping(patience=2, restore_best_weights=True)
    kernels = []
    model = linear()
    keep = callbacks.LambdaCallback(
        on_epoch_end=lambda e, logs: kernels.append(model.get_weights()[0])
    )
    fit(model, keep, scripted([3, 1, 2, 2, 0]), stopping, epochs=5)
    assert stopping.stopped_epoch == 3 and stopping.best_epoch == 1 and len(kernels) == 4
    np.testing.assert_array_equal(model.get_weights()[0], kernels[1])


@pytest.mark.parametrize("options, values, epochs", [
    ({"min_delta": 0.5}, [3, 2.8, 2.7], 2),
    ({"mode": "max"}, [1, 2, 1.5, 3], 3),
    ({"baseline": 1.0, "patience": 2}, [3, 3, 3], 2),
    ({"start_from_epoch": 2}, [1, 2, 3, 4, 5], 4),
])  # fmt: skip
def test_early_stopping_options(options, values, epochs):
    history = fit(
        linear(), scripted(values), callbacks.EarlyStopping(**options), epochs=len(values)
    )
    assert len(history["loss"]) == epochs


def test_a_name_that_is_not_logged_is_said_once():
    with pytest.warns(
        UserWarning, match=r"'val_loss', which is not logged.*validation_data"
    ) as seen:
        fit(linear(), callbacks.EarlyStopping())
    assert len(seen) == 1


def test_learning_rate_scheduler():
    model = linear()
    history = fit(model, callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2), epochs=3)
    np.testing.assert_allclose(history["learning_rate"], [0.005, 0.0025, 0.00125], rtol=1e-6)
    fit(model, callbacks.LearningRateScheduler(lambda epoch: 0.5), epochs=1)
    assert float(model.optimizer.learning_rate) == 0.5


def test_a_mistake_in_a_schedule_is_the_one_that_is_told():
    with pytest.raises(TypeError, match="unsupported operand"):
        fit(linear(), callbacks.LearningRateScheduler(lambda epoch, rate: rate + "a"))


def test_reduce_on_plateau():
    model = linear()
    plateau = callbacks.ReduceLROnPlateau(factor=0.5, patience=2, cooldown=1, min_lr=0.004)
    history = fit(model, scripted([1] * 9), plateau, epochs=9)
    np.testing.assert_allclose(
        history["learning_rate"], [0.01] * 3 + [0.005] * 2 + [0.004] * 4, rtol=1e-6
    )
    with pytest.raises(ValueError, match="factor"):
        callbacks.ReduceLROnPlateau(factor=2)


@pytest.mark.filterwarnings("ignore:loss became")
def test_terminate_on_nan(capsys):
    model = linear()
    model.fit(
        X, Y * np.inf, epochs=3, batch_size=8, verbose=0, callbacks=[callbacks.TerminateOnNaN()]
    )
    assert model.optimizer.iterations.numpy() == 1
    assert "Batch 0: Invalid loss" in capsys.readouterr().out


def test_lambda_callback_refuses_unknown_visits():
    with pytest.raises(TypeError, match="on_epoch_end"):
        callbacks.LambdaCallback(on_epoc_end=print)
