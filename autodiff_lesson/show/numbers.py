"""Numbers and names as they stand in a picture; larger arrays as heat maps."""

from __future__ import annotations

import unicodedata
from typing import Any

import numpy as np

MINUS = "−"
WHOLE = 6
"""Digits of a whole number that is written without a power of ten."""
IN_FULL = 3
"""A vector of up to this many numbers is written out."""
ROWS, COLUMNS = 8, 12
"""A heat map has at most this many cells; a larger array is averaged over blocks."""
NAME = 22
"""Characters of a name, or of a value, in a box."""
HIDDEN = ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")
"""Categories of characters that one does not see: control, direction, private, line ends."""
SHADES = 8
"""Steps of colour to each side of zero; a cell is a letter, 'a' to 'q', 'i' for zero."""


def number(x: Any, digits: int = 4) -> str:
    """A number in few digits, with a true minus sign.

    >>> number(-0.98999), number(3.0), number(1e-7), number(58889.3), number(True)
    ('−0.99', '3', '1e−7', '58889', 'True')
    """
    if isinstance(x, (bool, np.bool_)):
        return str(bool(x))
    if 10**digits <= abs(x) < 10**WHOLE:
        return f"{float(x):.0f}".replace("-", MINUS)
    mantissa, _, exponent = f"{float(x) + 0.0:.{digits}g}".partition("e")
    text = f"{mantissa}e{int(exponent)}" if exponent else mantissa
    return text.replace("-", MINUS)


def shape_text(array: Any) -> str:
    """A shape as Python prints it: ``(2, 3)``, ``(5,)``."""
    return str(tuple(np.shape(array)))


def in_full(array: Any) -> str | None:
    """A scalar or a short vector as text; None for what is larger.

    >>> in_full(np.array([2.0, -5.0])), in_full(np.array(True)), in_full(np.zeros((3, 3)))
    ('[2 −5]', 'True', None)
    """
    array = np.asarray(array)
    if array.ndim == 0:
        return number(array[()])
    if (array.ndim == 1 and array.size <= IN_FULL) or array.size == 0:
        return "[" + " ".join(number(x, 3) for x in array.reshape(-1)) + "]"
    return None


def fitted(text: str) -> str:
    """A value that fits into a box: of a vector in long numbers, the first and the last.

    >>> fitted("[−1.23e−7 4.56e−7 −7.89e−7]"), fitted("[1 2 3]")
    ('[−1.23e−7 … −7.89e−7]', '[1 2 3]')
    """
    numbers = text.split(" ")
    return text if len(text) <= NAME else f"{numbers[0]} … {numbers[-1]}"


def heat_map(array: Any) -> list:
    """An array as ``[rows, columns, numbers, shades, shape]``.

    The numbers stand row by row with spaces between; the shades are one letter per cell. Of an
    array that is larger, each cell is the mean of what it covers.
    """
    array = np.asarray(array)
    with np.errstate(invalid="ignore"):  # the mean of inf and -inf is nan, which is shown
        cells = _blocks(_as_matrix(array))
    numbers = " ".join(number(x, 3) for x in cells.reshape(-1))
    averaged = " averaged" if cells.size < array.size else ""
    return [*cells.shape, numbers, _shades(cells), shape_text(array) + averaged]


def span(array: Any) -> str:
    """A larger array in a few words: smallest and largest number.

    >>> span(np.arange(12.0).reshape(3, 4))
    '0 … 11'
    """
    array = np.asarray(array)
    return f"{number(array.min(), 3)} … {number(array.max(), 3)}"


def _as_matrix(array: np.ndarray) -> np.ndarray:
    array = array.astype(float)
    return array[None] if array.ndim == 1 else array.reshape(-1, array.shape[-1])


def _blocks(matrix: np.ndarray) -> np.ndarray:
    for axis, most in ((0, ROWS), (1, COLUMNS)):
        length = matrix.shape[axis]
        if length > most:
            starts = np.arange(most) * length // most
            sums = np.add.reduceat(matrix, starts, axis=axis)
            counts = np.diff([*starts, length])
            matrix = sums / (counts[:, None] if axis == 0 else counts)
    return matrix


def _shades(cells: np.ndarray) -> str:
    """'a' is the most negative, 'i' zero, 'q' the most positive; '?' is not a number."""
    finite = cells[np.isfinite(cells)]
    top = np.abs(finite).max() if finite.size else 0.0
    with np.errstate(invalid="ignore"):
        scaled = np.clip(np.nan_to_num(cells / (top or 1.0), nan=0.0), -1, 1)
    steps = np.rint(scaled * SHADES).astype(int)
    return "".join(
        "?" if np.isnan(x) else chr(ord("i") + k)
        for x, k in zip(cells.reshape(-1), steps.reshape(-1), strict=True)
    )


def printable(text: str) -> str:
    """Text in which nothing acts: control, direction and private characters as their codes."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(f"\\u{ord(c):04x}" if unicodedata.category(c) in HIDDEN else c for c in text)


def shortened(name: str) -> str:
    """A name that fits into a box."""
    return name if len(name) <= NAME else name[: NAME - 1] + "…"
