"""Timing that can be trusted: contenders in turn, one thread, the median of ratios.

Each round runs every contender once, so that a machine that slows down slows all of them. What
counts is processor time of this process, not the clock on the wall. Import this module first: it
sets numbers of threads, which NumPy and the others read when they are imported.
"""

from __future__ import annotations

import gc
import os
import statistics
import time
from collections.abc import Callable

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

SECONDS = 0.02  # of one contender in one round
ROUNDS, FEW, LONG = 11, 3, 0.1  # rounds; rounds of a contender whose call takes longer than LONG


def processor_time(run: Callable, calls: int = 1) -> float:
    """Seconds of processor time of a call."""
    start = time.process_time()
    for _ in range(calls):
        run()
    return (time.process_time() - start) / calls


def calls_for(run: Callable) -> int:
    """How often to call ``run`` so that it takes about SECONDS; 0 if one call takes too long."""
    start, calls = time.process_time(), 0
    while time.process_time() - start < SECONDS:
        run()
        calls += 1
        if time.process_time() - start > LONG:
            return 0
    return calls


def compare(contenders: dict[str, Callable]) -> dict[str, tuple[float, float]]:
    """Per contender: microseconds of a call, and its ratio to the first contender's: medians."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()  # for its own garbage each contender pays, not for the others'
    calls = {name: calls_for(run) for name, run in contenders.items()}
    base = next(iter(contenders))
    times: dict[str, list[float]] = {name: [] for name in contenders}
    ratios: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(ROUNDS):
        for name, run in contenders.items():
            if calls[name] or number < FEW:
                times[name].append(processor_time(run, calls[name] or 1) * 1e6)
                ratios[name].append(times[name][-1] / times[base][-1])
    return {
        name: (statistics.median(times[name]), statistics.median(ratios[name]))
        for name in contenders
    }
