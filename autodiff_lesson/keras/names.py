"""What ``compile`` and layers are given by name: looked up, or the nearest right name offered."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any


def resolve(kind: str, identifier: Any, known: Mapping[str, Any]) -> Any:
    """What ``identifier`` stands for: a name is looked up, a class is made with all its defaults.

    An object or a function is itself, and None is None. A wrong name is a ValueError that offers
    the nearest right one.
    """
    found = _look_up(kind, identifier, known) if isinstance(identifier, str) else identifier
    if isinstance(found, type):
        return found()
    if found is None or callable(found):
        return found
    raise ValueError(
        f"Could not interpret {kind} identifier: {identifier!r}. Give a name, such as "
        f"{next(iter(known))!r}, an object or a function"
    )


def _look_up(kind: str, name: str, known: Mapping[str, Any]) -> Any:
    if name in known:
        return known[name]
    folded = {key.lower(): key for key in reversed(list(known))}  # the first of a kind wins
    near = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.5)
    advice = f"Did you mean {folded[near[0]]!r}? " if near else ""
    names = ", ".join(sorted(key for key in known if key.islower()))
    raise ValueError(
        f"Could not interpret {kind} identifier: {name!r}. {advice}The names are {names}"
    )


def with_snake_case(*classes: type) -> dict[str, type]:
    """Each class under its name and under the name in small letters: ``GlorotUniform`` and
    ``glorot_uniform``."""
    return {name: c for c in classes for name in (snake_case(c.__name__), c.__name__)}


def snake_case(name: str) -> str:
    """``MeanSquaredError`` as ``mean_squared_error``.

    >>> snake_case("RMSprop"), snake_case("HeNormal"), snake_case("L1L2")
    ('rmsprop', 'he_normal', 'l1l2')
    """
    return "".join(
        "_" + c.lower() if c.isupper() and i and name[i - 1].islower() else c.lower()
        for i, c in enumerate(name)
    )
