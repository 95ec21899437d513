"""Timing that can be trusted: contenders in turn, one thread, the median of ratios.

Each round runs every contender once, so that a machine that slows down slows all of them. What
counts is processor time of this process, not the clock on the wall.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is imported

import statistics
import time
from collections.abc import Callable

ROUNDS = 15
SECONDS = 0.02  # of one contender in one round


def calls_for(run: Callable) -> int:
    """How often to call ``run`` so that it takes about SECONDS."""
    run()
    start = time.process_time()
    calls = 0
    while time.process_time() - start < SECONDS:
        run()
        calls += 1
    return calls


def compare(contenders: dict[str, Callable]) -> dict[str, tuple[float, float]]:
    """Per contender: microseconds of a call (median), and its ratio to the first contender's."""
    calls = {name: calls_for(run) for name, run in contenders.items()}
    rounds: list[dict[str, float]] = []
    for _ in range(ROUNDS):
        took = {}
        for name, run in contenders.items():
            start = time.process_time()
            for _ in range(calls[name]):
                run()
            took[name] = (time.process_time() - start) / calls[name] * 1e6
        rounds.append(took)
    base = next(iter(contenders))
    return {
        name: (
            statistics.median(r[name] for r in rounds),
            statistics.median(r[name] / r[base] for r in rounds),
        )
        for name in contenders
    }
