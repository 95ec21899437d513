"""Weights in files: the way there and back, and every file that does not fit."""

import numpy as np
import pytest

from autodiff_lesson import keras

layers = keras.layers
X = np.ones((2, 3), np.float32)


def make(units=4, last="out"):
    return keras.Sequential([
        keras.Input((3,)), layers.Dense(units), layers.Dense(units), layers.Dense(1, name=last)
    ])  # fmt: skip


@pytest.mark.parametrize("name", ["w.weights.h5", "w.npz", "w"])
def test_there_and_back(tmp_path, name):
    model, other = make(), make()  # automatic names differ: dense, dense_1 and dense_2, dense_3
    model.save_weights(tmp_path / name)
    assert [p.name for p in tmp_path.iterdir()] == [name]
    other.load_weights(str(tmp_path / name))
    np.testing.assert_array_equal(model(X), other(X))


def test_subclassed_and_nested(tmp_path):
    class Nested(keras.Model):
        def __init__(self):
            super().__init__()
            self.parts = [make(), make()]
            self.scale = self.add_weight(shape=(), initializer="ones", name="scale")

        def call(self, x):
            return (self.parts[0](x) + self.parts[1](x)) * self.scale

    model, other = Nested(), Nested()
    model(X), other(X)
    model.scale.assign(3.0)
    model.save_weights(tmp_path / "w")
    other.load_weights(tmp_path / "w")
    np.testing.assert_array_equal(model(X), other(X))


@pytest.mark.parametrize("other, words", [
    (lambda: make(5), r"dense/kernel is float32 of shape \(3, 4\) there.*\(3, 5\)"),
    (lambda: make(last="end"), "lacks end/kernel.*has no out/kernel"),
    (lambda: keras.Sequential([layers.Dense(1)]), "no weights yet"),
])  # fmt: skip
def test_a_file_that_does_not_fit_changes_nothing(tmp_path, other, words):
    make().save_weights(tmp_path / "w")
    model = other()
    before = model.get_weights()
    with pytest.raises(ValueError, match=words):
        model.load_weights(tmp_path / "w")
    for one, two in zip(before, model.get_weights()):
        np.testing.assert_array_equal(one, two)


def test_files_that_are_not_ours(tmp_path):
    (tmp_path / "text").write_text("no weights here", encoding="utf-8")
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    np.save(tmp_path / "array.npy", np.ones(3))
    np.savez(tmp_path / "pickled.npz", **{"dense/kernel": np.array([print], dtype=object)})
    whole = tmp_path / "whole"
    make().save_weights(whole)
    (tmp_path / "half").write_bytes(whole.read_bytes()[:500])
    for name in ("text", "objects.npy", "array.npy", "pickled.npz", "half"):
        with pytest.raises(ValueError, match="not a file of save_weights, or is damaged$"):
            make().load_weights(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        make().load_weights(tmp_path / "nowhere")


def test_saving_is_all_or_nothing(tmp_path, monkeypatch):
    model = make()
    path = tmp_path / "w"
    model.save_weights(path)
    before = path.read_bytes()

    def half_written(file, **arrays):
        file.write(b"half")
        raise OSError("the disk is full")

    monkeypatch.setattr(np, "savez", half_written)
    with pytest.raises(OSError, match="full"):
        model.save_weights(path)
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1
    with pytest.raises(FileExistsError):
        model.save_weights(path, overwrite=False)
    with pytest.raises(FileNotFoundError, match="no folder"):
        model.save_weights(tmp_path / "missing" / "w")
    with pytest.raises(ValueError, match="no weights yet"):
        keras.Sequential([layers.Dense(1)]).save_weights(path)
