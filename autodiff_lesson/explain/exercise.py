"""check: whether the answer to an exercise is right, at once, with a hint if it is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..recorder import silence
from ..tensor import Tensor
from ..values import constant
from .sentence import Sentence

NOT_YET = "Not answered yet: put your answer in place of the `...` and run the cell again."
WHY_NONE = "`explain.why_none` says why, given your tape, your target and your source"


class Verdict(Sentence):
    """What `check` says. ``.right`` tells whether the answer was right."""

    right: bool


def check(answer: Any, expected: Any, at: Any = None, *, hint: str = "") -> Verdict:
    """Say whether an answer is right; if not, how it is wrong (sign, factor, shape) and a hint.

    Args:
        answer: a number, an array, a tensor, or a list of numbers; ``...`` is "not answered yet".
        expected: what it should be, or True for a condition that should hold; or, together with
            ``at``, the function whose derivative it should be. That is then found by central
            differences in float64, without a tape.
        at: where the derivative is taken: a number or an array.
        hint: a sentence for whoever is wrong.

    Returns:
        A sentence. It does not tell the right answer: of whole numbers, such as counts, it says
        "too small" or "too large". A factor is told of other numbers and of gradients, where a
        term that is missing or counted twice shows in it.

    >>> check(6.0, lambda x: x * x, at=3.0)
    Right: finite differences say so too.
    >>> check(3.0, lambda x: x * x, at=3.0, hint="x stands there twice.")
    Not yet: too small by a factor of 2. x stands there twice.
    >>> check([1, 2], [1, 2])
    Right.
    >>> check(2, 3, hint="Count again.")
    Not yet: too small. Count again.
    >>> check(0.3 < 0.2, True, hint="The height is 0.3.")
    Not yet. The height is 0.3.
    """
    if any(leaf is ... for leaf in _leaves(answer)):
        return Verdict(NOT_YET, right=False)
    if at is None and _is_condition(expected):
        holds = _is_condition(answer) and _array(answer) == _array(expected)
        wrong = None if holds else "" if _is_condition(answer) else "this is neither True nor False"
    else:
        right = _array(expected) if at is None else _slope(expected, at)
        counted = at is None and bool(np.all(right == np.rint(right)))
        wrong = _difference(answer, right, counted)
    if wrong is not None:
        said = f"Not yet: {wrong}" if wrong else "Not yet"
        return Verdict(f"{said}. {hint}".rstrip(), right=False)
    return Verdict("Right." if at is None else "Right: finite differences say so too.", right=True)


def _difference(answer: Any, right: np.ndarray, counted: bool) -> str | None:
    """In what way an answer differs, in words; None if it agrees to five digits or so.

    Where whole numbers are ``counted``, neither a factor nor "rounded" is said.
    """
    given = _given(answer, counted and right.size == 1)
    if isinstance(given, str):
        return given
    if given.shape != right.shape:
        return f"the shape is {given.shape} where {right.shape} is needed"
    if not np.isfinite(given).all():
        return "it holds nan or inf" if given.ndim else f"it is {given:g}"
    close = np.isclose(given, right, rtol=2e-5, atol=1e-6)
    if close.all():
        return None
    if not counted and np.allclose(given, right, rtol=5e-3, atol=1e-6):
        return "close, but rounded or a little off: give it with all its digits"
    if np.allclose(given, -right, rtol=2e-5, atol=1e-6):
        return "the sign is wrong"
    if given.size > 1 and close.any():
        return f"{_part(int(close.sum()), close.size)} right"
    if counted:
        return _side(given, right)
    if not given.any():
        return "it is zero"
    factor = float(given.ravel()[0] / right.ravel()[0]) if right.ravel()[0] else 0.0
    if factor > 0 and np.allclose(given, factor * right, rtol=1e-4):
        if factor > 1:
            return f"too large by a factor of {factor:.3g}"
        return f"too small by a factor of {1 / factor:.3g}"
    return _not_right(given)


def _part(count: int, of: int) -> str:
    return f"{count} of {of} numbers {'is' if count == 1 else 'are'}"


def _side(given: np.ndarray, right: np.ndarray) -> str:
    if (given < right).all():
        return "too small"
    return "too large" if (given > right).all() else _not_right(given)


def _not_right(given: np.ndarray) -> str:
    return "the number is not right" if given.size == 1 else "the numbers are not right"


def _given(answer: Any, one_count: bool) -> np.ndarray | str:
    """An answer as an array, or why it is none."""
    leaves = list(_leaves(answer))
    missing = sum(leaf is None for leaf in leaves)
    if answer is None and one_count:  # which no tape has made
        return "this is None, where a number is needed"
    if answer is None:
        return f"this is None. If a tape gave it, {WHY_NONE}"
    if missing:
        return f"{_part(missing, len(leaves))} None. If a tape gave that, {WHY_NONE}"
    for leaf in leaves:
        try:
            _array(leaf)
        except (TypeError, ValueError):
            return f"a {type(leaf).__name__} is no number"
    try:
        return _array(answer)
    except (TypeError, ValueError):
        return "the rows of the list differ in length"


def _leaves(answer: Any) -> Iterator[Any]:
    """What stands in a list, and in the lists in it; of anything else, itself."""
    if isinstance(answer, (list, tuple)):
        for part in answer:
            yield from _leaves(part)
    else:
        yield answer


def _is_condition(value: Any) -> bool:
    value = value._value if isinstance(value, Tensor) else value
    return (
        isinstance(value, (bool, np.bool_, np.ndarray))
        and np.shape(value) == ()
        and np.asarray(value).dtype.kind == "b"
    )


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
        return np.array(_plain(value), dtype=np.float64)


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return value.numpy() if isinstance(value, Tensor) else value
