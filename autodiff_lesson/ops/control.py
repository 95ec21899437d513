"""Choosing between two computations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def cond(pred: Any, true_fn: Callable, false_fn: Callable, name: str | None = None) -> Any:
    """Call ``true_fn`` if ``pred`` holds, else ``false_fn``; the tape records the one that ran."""
    return true_fn() if pred else false_fn()
