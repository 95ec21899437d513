"""check: whether the answer to an exercise is right, at once, with a hint if it is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..recorder import silence
from ..tensor import Tensor
from ..values import constant
from .sentence import Sentence

NOT_YET = "Not answered yet: put your answer in place of the `...` and run the cell again."


class Verdict(Sentence):
    """What `check` says. ``.right`` tells whether the answer was right."""

    right: bool


def check(answer: Any, expected: Any, at: Any = None, *, hint: str = "") -> Verdict:
    """Say whether an answer is right; if not, how it is wrong (sign, factor, shape) and a hint.

    Args:
        answer: a number, an array, a tensor, or a list of numbers; ``...`` is "not answered yet".
        expected: what it should be; or, together with ``at``, the function whose derivative
            it should be. That is then found by central differences in float64, without a tape.
        at: where the derivative is taken: a number or an array.
        hint: a sentence for whoever is wrong.

    Returns:
        A sentence. It does not tell the right answer.

    >>> check(6.0, lambda x: x * x, at=3.0)
    Right: finite differences say so too.
    >>> check(3.0, lambda x: x * x, at=3.0, hint="x stands there twice.")
    Not yet: too small by a factor of 2. x stands there twice.
    >>> check([1, 2], [1, 2])
    Right.
    """
    if answer is ...:
        return Verdict(NOT_YET, right=False)
    wrong = _difference(answer, _array(expected) if at is None else _slope(expected, at))
    if wrong:
        return Verdict(f"Not yet: {wrong}. {hint}".rstrip(), right=False)
    right = "Right." if at is None else "Right: finite differences say so too."
    return Verdict(right, right=True)


def _difference(answer: Any, right: np.ndarray) -> str:
    """In what way an answer differs, in words; '' if it agrees to five digits or so."""
    if answer is None:
        return "this is None. Ask `explain.why_none(tape, target, source)`"
    try:
        given = _array(answer)
    except (TypeError, ValueError):
        return f"a {type(answer).__name__} is no number"
    if given.shape != right.shape:
        return f"the shape is {given.shape} where {right.shape} is needed"
    if not np.isfinite(given).all():
        return "it holds nan or inf"
    close = np.isclose(given, right, rtol=2e-5, atol=1e-6)
    if close.all():
        return ""
    if np.allclose(given, right, rtol=5e-3, atol=1e-6):
        return "close, but rounded or a little off: give it with all its digits"
    if np.allclose(given, -right, rtol=2e-5, atol=1e-6):
        return "the sign is wrong"
    if given.size > 1 and close.any():
        return f"{close.sum()} of {close.size} numbers are right"
    if not right.any():
        return "it should be zero"
    if not given.any():
        return "it is zero"
    factor = float(given.ravel()[0] / right.ravel()[0]) if right.ravel()[0] else 0.0
    if factor > 0 and np.allclose(given, factor * right, rtol=1e-4):
        if factor > 1:
            return f"too large by a factor of {factor:.3g}"
        return f"too small by a factor of {1 / factor:.3g}"
    return "the number is not right" if given.size == 1 else "the numbers are not right"


def _slope(f: Callable, at: Any) -> np.ndarray:
    """The gradient of the sum of f, by central differences in float64."""
    x = _array(at)
    slope = np.empty_like(x)
    for place in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[place] = 1e-5 * max(1.0, abs(float(x[place])))
        with silence():
            ahead, behind = (_array(f(constant(x + s))).sum() for s in (step, -step))
        slope[place] = (ahead - behind) / (2 * step[place])
    return slope


def _array(value: Any) -> np.ndarray:
    with silence():
        if isinstance(value, (list, tuple)):
            value = [v.numpy() if isinstance(v, Tensor) else v for v in value]
        return np.array(value, dtype=np.float64)
