"""Seeds for everything at once, and labels as one-hot rows."""

from __future__ import annotations

import random as python_random
from typing import Any

import numpy as np

from ..ops.random import set_seed


def set_random_seed(seed: int) -> None:
    """Seed Python's, NumPy's and this package's random numbers, so that a run can be repeated."""
    python_random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  (NumPy's old generator: what this call is known to seed)
    set_seed(seed)


def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray:
    """Labels as rows of zeros with a one at the label.

    Args:
        x: whole numbers from 0 to ``num_classes - 1``, any shape.
        num_classes: the largest label + 1 if not given.

    Returns:
        An array of shape ``x.shape + (num_classes,)``; a last axis of length 1 is replaced.

    >>> to_categorical([0, 2])
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    labels = np.asarray(x)
    whole = labels.astype(np.int64)
    if not (whole == labels).all():
        raise ValueError("to_categorical takes whole numbers, the labels 0, 1, 2, ...")
    if whole.ndim > 1 and whole.shape[-1] == 1:
        whole = whole[..., 0]
    count = int(whole.max(initial=-1)) + 1 if num_classes is None else num_classes
    if whole.size and not (whole.min() >= 0 and whole.max() < count):
        raise ValueError(
            f"labels run from {whole.min()} to {whole.max()}, but {count} classes have the "
            f"labels 0 to {count - 1}"
        )
    return np.eye(count)[whole]
