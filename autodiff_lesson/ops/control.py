"""Choosing between two computations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import refused


def cond(pred: Any, true_fn: Callable, false_fn: Callable, name: str | None = None) -> Any:
    """Call ``true_fn`` if ``pred`` holds, else ``false_fn``; the tape records the one that ran."""
    for role, given in (("true_fn", true_fn), ("false_fn", false_fn)):
        if not callable(given):
            why = f"'{role}' must be callable. Write lambda: {given!r}"
            raise refused("cond", why, TypeError)
    return true_fn() if pred else false_fn()
