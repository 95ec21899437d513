"""What is not a ratio to NumPy: imports, the first fit, memory, tracing, and how costs grow."""

from __future__ import annotations

import gc
import importlib.util
import os
import statistics
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
import timing
from networks import Convolution, LargeMLP, SmallMLP
from small import Chain
from work import Work, eager

import autodiff_lesson as tf

NETWORKS = (SmallMLP, LargeMLP, Convolution)
RECORDS = (1_000, 10_000, 100_000)
CLOCK = "import time; start = time.process_time()\n{}\nprint(1e3 * (time.process_time() - start))"
FIRST_FIT = """
from training import Fit
import autodiff_lesson as tf
fit = Fit().tape(tf, tf.function)
""" + CLOCK.format("fit()")


def fresh(codes: dict[str, str], rounds: int) -> dict[str, float]:
    """For each code, the median of what it prints in fresh processes, in turn."""
    # byte code may be written, so that after the first round nothing is compiled any more
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    here = os.path.dirname(__file__)
    environment["PYTHONPATH"] = os.pathsep.join([here, *filter(None, sys.path)])
    found: dict[str, list[float]] = {name: [] for name in codes}
    for _, (name, code) in product(range(rounds + 1), codes.items()):
        command = [sys.executable, "-c", code]
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        found[name].append(float(ran.stdout))
    return {name: statistics.median(times[1:]) for name, times in found.items()}


def imports(peers: bool) -> Iterator[str]:
    codes = {name: CLOCK.format(f"import {name}") for name in ("numpy", "autodiff_lesson")}
    found = fresh(codes, rounds=9)
    if peers:
        names = ("tensorflow", "torch", "jax", "autograd", "mygrad")
        installed = [name for name in names if importlib.util.find_spec(name)]
        found |= fresh({name: CLOCK.format(f"import {name}") for name in installed}, rounds=1)
    aims = {"autodiff_lesson": found["numpy"] + 30}
    for name, milliseconds in found.items():
        yield line(f"import {name}", f"{milliseconds:.0f} ms", aims.get(name), "{:.0f} ms")
    first = fresh({"fit": FIRST_FIT}, rounds=5)["fit"]
    yield line("first fit of 3 epochs, fresh process", f"{first:.1f} ms", 10, "{} ms")


def line(name: str, found: str, aim: float | None = None, form: str = "{}") -> str:
    return f"{name:44}{found:>10}" + (f"   aim {form.format(aim)}" if aim is not None else "")


# ---- memory


def allocated() -> int:
    return tracemalloc.get_traced_memory()[0]


def bytes_per_record(records: int = 10_000) -> float:
    x, factor = tf.constant(0.5), tf.constant(1.0001)
    with tf.GradientTape() as tape:
        tape.watch(x)
        v = x * factor
        tracemalloc.start()
        before = allocated()
        for _ in range(records):
            v = v * factor
        grown = allocated() - before
        tracemalloc.stop()
    return grown / records


def step_memory(work: Work, wrap: Callable) -> float:
    """Bytes of the arrays that are kept from call to call, and of all that a call adds at most."""
    tracemalloc.start()
    step = work.tape(tf, wrap)
    arrays = arrays_kept()
    for _ in range(3):
        step()
    gc.collect()  # what tracing left in cycles
    arrays = arrays_kept() - arrays
    before = allocated()
    tracemalloc.reset_peak()
    step()
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    return arrays + peak


def arrays_kept() -> int:
    """NumPy reports the data of its arrays to tracemalloc, in a domain of its own."""
    only = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
    snapshot = tracemalloc.take_snapshot().filter_traces([only])
    return sum(trace.size for trace in snapshot.traces)


# ---- tracing, and growth


def seconds(work: Work, wrap: Callable, times: int = 1) -> tuple[float, float]:
    """To get from nothing to a result and ready for replays, and of a call then; medians.

    The first may be put off to the second call in part, so what that takes too long counts too.
    """
    found = []
    for _ in range(times):
        run = work.tape(tf, wrap)
        first, second, third = (timing.processor_time(run) for _ in range(3))
        found.append((first + max(second - third, 0), third))
    return tuple(map(statistics.median, zip(*found)))  # type: ignore[return-value]


def tracing_in_eager_calls(work: Work) -> float:
    return seconds(work, tf.function, 7)[0] / seconds(work, eager, 15)[1]


def growth(records: int) -> list[float]:
    """Microseconds per record of a chain: its gradient, tracing it, a replay."""
    work = Chain()
    work.turns = records // 3
    (_, gradient), (tracing, replay) = seconds(work, eager), seconds(work, tf.function)
    return [1e6 * time / records for time in (gradient, tracing, replay)]


def report(peers: bool) -> Iterator[str]:
    """The lines to print, each as soon as it is known."""
    yield line("bytes per record", f"{bytes_per_record():.0f}", 350)
    for kind in NETWORKS:
        name = kind.name.partition(",")[0]
        replay, beside = (step_memory(kind(), wrap) / 1e3 for wrap in (tf.function, eager))
        yield line(f"memory of a replay, {name}", f"{replay:,.0f} kB", beside, "{:,.0f} kB (eager)")
    for kind in NETWORKS:
        name = kind.name.partition(",")[0]
        found = tracing_in_eager_calls(kind())
        yield line(f"tracing, in eager calls, {name}", f"{found:.1f}", 20)
    for records in RECORDS:
        gradient, tracing, replay = growth(records)
        yield (
            f"us per record of {records:7,}: gradient {gradient:.2f}, tracing {tracing:.1f}, "
            f"replay {replay:.3f}"
        )
    yield from imports(peers)
