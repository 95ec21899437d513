"""The data sets: what is in them, against what others have published about them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from autodiff_lesson import data

FOLDER = Path(data.__file__).parent


def test_penguins_are_millimetres_and_grams():
    flipper, mass = data.penguins()
    assert flipper.shape == mass.shape == (342,)
    assert flipper.dtype == mass.dtype == np.float32
    # The summary that R prints of the two columns.
    assert np.percentile(flipper, [0, 25, 50, 75, 100]).tolist() == [172, 190, 197, 213, 231]
    assert np.percentile(mass, [0, 25, 50, 75, 100]).tolist() == [2700, 3550, 4050, 4750, 6300]
    assert f"{flipper.mean(dtype=float):.1f} {mass.mean(dtype=float):.0f}" == "200.9 4202"


def test_penguins_regression_is_the_published_one():
    # lm(body_mass_g ~ flipper_length_mm) on the 333 rows without any missing value.
    flipper, mass, _ = data.penguins("flipper_length_mm", "body_mass_g", "sex")
    slope, intercept = np.polyfit(flipper.astype(float), mass.astype(float), 1)
    assert f"{slope:.2f} {intercept:.2f}" == "50.15 -5872.09"


def test_penguins_rows_stay_together():
    # The published correlation among Gentoo penguins, and the model with one level per species.
    flipper, mass, species = data.penguins("flipper_length_mm", "body_mass_g", "species")
    gentoo = species == "Gentoo"
    assert np.corrcoef(flipper[gentoo], mass[gentoo])[0, 1] == pytest.approx(0.7026665, abs=1e-7)
    columns = [np.ones(342), mass, species == "Chinstrap", gentoo]
    fit = np.linalg.lstsq(np.stack(columns, 1).astype(float), flipper.astype(float))[0]
    assert fit == pytest.approx([158.9, 8.402e-3, 5.597, 15.68], rel=5e-4)


def test_penguins_drops_only_what_is_missing():
    assert len(data.penguins("species")[0]) == 344
    assert len(data.penguins("bill_length_mm", "bill_depth_mm")[0]) == 342
    assert len(data.penguins("sex")[0]) == 333
    names, counts = np.unique(data.penguins("species")[0], return_counts=True)
    assert dict(zip(names.tolist(), counts.tolist())) == {
        "Adelie": 152, "Chinstrap": 68, "Gentoo": 124,
    }  # fmt: skip
    assert set(data.penguins("island")[0]) == {"Biscoe", "Dream", "Torgersen"}
    assert set(data.penguins("year")[0]) == {2007, 2008, 2009}


def test_penguins_names_the_nearest_column():
    with pytest.raises(ValueError, match="no column 'flipper'.*'flipper_length_mm'.*body_mass_g"):
        data.penguins("flipper")


def test_digits_shapes_and_ranges():
    (x_train, y_train), (x_test, y_test) = data.digits()
    assert (x_train.shape, y_train.shape) == ((1437, 8, 8), (1437,))
    assert (x_test.shape, y_test.shape) == ((360, 8, 8), (360,))
    assert x_train.dtype == x_test.dtype == np.float32
    assert y_train.dtype == y_test.dtype == np.int64
    for x in (x_train, x_test):
        assert (x.min(), x.max()) == (0, 1)
        assert np.array_equal(x * 16, np.round(x * 16))


def test_digits_are_the_published_ones():
    (_, y_train), (_, y_test) = data.digits()
    # Class counts of the test part, in the description of the data set at UCI.
    published = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert np.bincount(np.concatenate([y_train, y_test])).tolist() == published
    assert np.bincount(y_test).min() >= 33


def test_digits_belong_to_their_labels():
    (x_train, y_train), (x_test, y_test) = data.digits()
    means = np.stack([x_train[y_train == k].mean(axis=0) for k in range(10)])
    distance = np.sum((x_test[:, None] - means) ** 2, axis=(2, 3))
    assert np.mean(distance.argmin(axis=1) == y_test) > 0.8


@pytest.mark.compare
def test_digits_equal_the_copy_in_scikit_learn():
    bunch = pytest.importorskip("sklearn.datasets").load_digits()
    (x_train, y_train), (x_test, y_test) = data.digits()
    assert np.array_equal(np.concatenate([x_train, x_test]) * 16, bunch.images)
    assert np.array_equal(np.concatenate([y_train, y_test]), bunch.target)


@pytest.mark.parametrize("toy", [data.moons, data.spirals])
def test_toys(toy):
    points, labels = toy(150, seed=7)
    assert (points.shape, points.dtype) == ((150, 2), np.float32)
    assert (labels.shape, labels.dtype) == ((150,), np.int64)
    assert np.bincount(labels).tolist() == [75, 75]
    again, _ = toy(150, seed=7)
    other, _ = toy(150, seed=8)
    assert np.array_equal(points, again) and not np.array_equal(points, other)


def test_moons_lie_on_two_half_circles():
    points, labels = data.moons(noise=0.0)
    centres = np.array([[0, 0], [1, 0.5]])
    away = points - centres[labels]
    assert np.linalg.norm(away, axis=1) == pytest.approx(1, abs=1e-6)
    assert np.all(away[labels == 0, 1] >= 0) and np.all(away[labels == 1, 1] <= 0)
    noise = data.moons(4000, noise=0.3)[0] - data.moons(4000, noise=0.0)[0]
    assert noise.std() == pytest.approx(0.3, rel=0.03)


def test_spirals_turn_evenly():
    points, labels = data.spirals(300, noise=0.0, classes=3, turns=0.5)
    radius = np.linalg.norm(points, axis=1)
    turned = np.arctan2(points[:, 1], points[:, 0]) / (2 * np.pi) - labels / 3
    off = (turned - 0.5 * radius + 0.5) % 1 - 0.5
    assert radius.max() <= 1 and np.abs(off).max() < 1e-5


def test_sources_and_licences_lie_beside_the_files():
    text = (FOLDER / "LICENSES.md").read_text(encoding="utf-8")
    for file in FOLDER.iterdir():
        if file.suffix in (".csv", ".npz"):
            assert f"`{file.name}`" in text
    for fact in ("CC0", "CC BY 4.0", "10.24432/C50P49", "Horst", "Gorman", "Alpaydin", "Changes"):
        assert fact in text


def test_nothing_is_read_at_import():
    code = (
        "import builtins, numpy\n"
        "def refuse(*a, **k): raise AssertionError('opened ' + str(a[0]))\n"
        "builtins.open = refuse\n"
        "import autodiff_lesson.data\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
