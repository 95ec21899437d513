"""Small data sets to train on: penguins, handwritten digits, and two toys made from a seed.

Everything comes back as NumPy arrays, and nothing is read before it is asked for. Sources and
licences are in `LICENSES.md` beside this file.
"""

import csv
import difflib
from pathlib import Path

import numpy as np

from .dataset import Dataset

__all__ = ["penguins", "digits", "moons", "spirals", "Dataset"]

_HERE = Path(__file__).parent
_TEXT_COLUMNS = ("species", "island", "sex")


def penguins(*columns: str) -> tuple[np.ndarray, ...]:
    """Predict a penguin's weight from its flipper: measurements of three species in Antarctica.

    Without arguments, `(flipper, mass)`: two float32 arrays of shape (342,), the flipper length in
    millimetres (172 to 231) and the body mass in grams (2700 to 6300). With column names, those
    columns in that order, out of `species`, `island`, `bill_length_mm`, `bill_depth_mm`,
    `flipper_length_mm`, `body_mass_g`, `sex`, `year`; `species`, `island` and `sex` are arrays of
    strings, the others float32.

    The table has 344 rows. A row in which a column you ask for is missing is dropped: 2 rows for
    any of the four measurements, 11 for `sex`.

    Raises ValueError for a column that does not exist.

    Source: Gorman, Williams and Fraser (2014); Horst, Hill and Gorman (2020). CC0.

    >>> flipper, mass = penguins()
    >>> flipper[:3], mass[:3]
    (array([181., 186., 195.], dtype=float32), array([3750., 3800., 3250.], dtype=float32))
    >>> species, bill = penguins("species", "bill_length_mm")
    >>> print(species[0], bill[0])
    Adelie 39.1
    """
    names = columns or ("flipper_length_mm", "body_mass_g")
    with open(_HERE / "penguins.csv", encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        known = table.fieldnames or []
        for name in names:
            if name not in known:
                near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.3)
                hint = f" Did you mean {near[0]!r}?" if near else ""
                have = ", ".join(known)
                raise ValueError(f"penguins has no column {name!r}.{hint} It has: {have}.")
        rows = [[row[name] for name in names] for row in table]
    complete = zip(*(row for row in rows if "NA" not in row))
    return tuple(
        np.array(values, dtype=np.str_ if name in _TEXT_COLUMNS else np.float32)
        for name, values in zip(names, complete)
    )


def digits() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Train a first classifier: 1,797 handwritten digits of 8 x 8 pixels.

    Returns `(x_train, y_train), (x_test, y_test)`, as the data sets of Keras do. Images are float32
    of shape (1437, 8, 8) and (360, 8, 8), from 0 (paper) to 1 (ink) in steps of 1/16; labels are
    int64, 0 to 9, of shape (1437,) and (360,). No value is missing and no row was dropped.

    The test set is the last 360 images in the order of the file. Neighbours there resemble each
    other, so this test is harder, and more honest, than one on images drawn at random: logistic
    regression gets 90 % right here and 98 % there.

    Source: Alpaydin and Kaynak (1998), UCI Machine Learning Repository, doi 10.24432/C50P49.
    CC BY 4.0.

    >>> (x_train, y_train), (x_test, y_test) = digits()
    >>> x_train.shape, y_train[:10]
    ((1437, 8, 8), array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]))
    """
    with np.load(_HERE / "digits.npz", allow_pickle=False) as file:
        images = file["images"].astype(np.float32) / 16
        labels = file["labels"].astype(np.int64)
    return (images[:-360], labels[:-360]), (images[-360:], labels[-360:])


def moons(n: int = 200, noise: float = 0.1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Separate two interleaved half circles: a small problem that no straight line solves.

    Returns `(points, labels)`: float32 of shape (n, 2) and int64 of shape (n,), 0 and 1 in turn.
    Both half circles have radius 1; label 0 is the upper one around (0, 0), label 1 the lower one
    around (1, 0.5). `noise` is the standard deviation of what is added to each coordinate. The same
    `seed` gives the same points.

    >>> points, labels = moons(4, noise=0.0)
    >>> points.shape, labels
    ((4, 2), array([0, 1, 0, 1]))
    """
    rng = np.random.default_rng(seed)
    labels = np.arange(n, dtype=np.int64) % 2
    angle = rng.uniform(0, np.pi, n)
    x = np.where(labels == 0, np.cos(angle), 1 - np.cos(angle))
    y = np.where(labels == 0, np.sin(angle), 0.5 - np.sin(angle))
    return _scatter(rng, x, y, noise), labels


def spirals(
    n: int = 300, noise: float = 0.02, seed: int = 0, *, classes: int = 2, turns: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Separate spiral arms that wind around each other: easy to see, hard for a small network.

    Returns `(points, labels)`: float32 of shape (n, 2), within 1 of the origin but for the noise,
    and int64 of shape (n,), 0 to `classes` - 1 in turn. Every arm starts at the origin and makes
    `turns` turns on its way out. `noise` is the standard deviation of what is added to each
    coordinate. The same `seed` gives the same points.

    >>> points, labels = spirals(6, classes=3)
    >>> points.shape, labels
    ((6, 2), array([0, 1, 2, 0, 1, 2]))
    """
    rng = np.random.default_rng(seed)
    labels = np.arange(n, dtype=np.int64) % classes
    radius = np.sqrt(rng.uniform(0, 1, n))  # the root spreads the points evenly along the arm
    angle = 2 * np.pi * (turns * radius + labels / classes)
    return _scatter(rng, radius * np.cos(angle), radius * np.sin(angle), noise), labels


def _scatter(rng: np.random.Generator, x: np.ndarray, y: np.ndarray, noise: float) -> np.ndarray:
    points = np.stack([x, y], axis=1)
    return (points + rng.normal(0, noise, points.shape)).astype(np.float32)
