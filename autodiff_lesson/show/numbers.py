"""Numbers as they stand in a picture: scalars and short arrays in full, larger ones as heat maps."""

from __future__ import annotations

from typing import Any

import numpy as np

MINUS = "−"
IN_FULL = 4
"""A vector of up to this many numbers is written out."""
ROWS, COLUMNS = 8, 12
"""A heat map has at most this many cells; a larger array is averaged over blocks."""
LEVELS = 8
"""Shades of a heat map to each side of zero; a cell is a letter, 'i' for zero."""


def number(x: Any, digits: int = 4) -> str:
    """A number in few digits, with a true minus sign.

    >>> number(-0.98999), number(3.0), number(True)
    ('−0.99', '3', 'True')
    """
    if isinstance(x, (bool, np.bool_)):
        return str(bool(x))
    text = f"{float(x):.{digits}g}"
    if "e" in text:
        mantissa, exponent = text.split("e")
        text = f"{mantissa}e{int(exponent)}"
    return text.replace("-", MINUS)


def shape_text(array: Any) -> str:
    """A shape as Python prints it: ``(2, 3)``, ``(5,)``."""
    return str(tuple(np.shape(array)))


def value(array: Any) -> str | list:
    """What stands for an array in the data of a picture.

    Returns:
        A string for a scalar or a short vector; else a heat map ``[rows, columns, numbers, shades,
        shape]``: the numbers row by row with spaces between, and one letter per cell for its shade.
    """
    array = np.asarray(array)
    if array.ndim == 0:
        return number(array)
    if array.ndim == 1 and array.size <= IN_FULL or array.size == 0:
        return "[" + " ".join(number(x, 3) for x in array.reshape(-1)) + "]"
    cells = _blocks(_as_matrix(array))
    numbers = " ".join(number(x, 3) for x in cells.reshape(-1))
    return [*cells.shape, numbers, _shades(cells), shape_text(array)]


def _as_matrix(array: np.ndarray) -> np.ndarray:
    if array.ndim == 1:
        return array[None].astype(float)
    return array.reshape(-1, array.shape[-1]).astype(float)


def _blocks(matrix: np.ndarray) -> np.ndarray:
    """At most ROWS x COLUMNS cells, each the mean of what it covers."""
    for axis, most in ((0, ROWS), (1, COLUMNS)):
        length = matrix.shape[axis]
        if length > most:
            starts = np.arange(most) * length // most
            sums = np.add.reduceat(matrix, starts, axis=axis)
            counts = np.diff([*starts, length])
            matrix = sums / (counts[:, None] if axis == 0 else counts)
    return matrix


def _shades(cells: np.ndarray) -> str:
    """One letter per cell, 'a' (most negative) to 'i' (zero) to 'q' (most positive); '?' for nan."""
    finite = cells[np.isfinite(cells)]
    top = np.abs(finite).max() if finite.size else 0.0
    scaled = np.clip(np.nan_to_num(cells / (top or 1.0), nan=0.0), -1, 1)
    letters = np.rint(scaled * LEVELS).astype(int)
    return "".join(
        "?" if np.isnan(x) else chr(ord("i") + k)
        for x, k in zip(cells.reshape(-1), letters.reshape(-1), strict=True)
    )
