"""What a piece of work for the benchmark is, and who does it.

A piece of work is a class with one method per contender. Each gets the contender's package and
returns a function without arguments, to be called many times. ``hand`` is NumPy, forward and
backward written out. ``tape`` is written once: it gets either this package or TensorFlow as ``tf``,
and as ``wrap`` either nothing (eager) or ``tf.function``. The others stand where they are short.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import autodiff_lesson

F = np.float32
EAGER, FUNCTION = "eager", "function"  # our two forms
PEERS = ("TF eager", "tf.function", "torch", "jax", "autograd", "mygrad")


class Work:
    """One piece of work. Subclasses give a name, our aims, and the methods named above."""

    name: str
    aims: tuple[float | None, float | None]  # of our two forms
    without: tuple[str, ...] = ()  # contenders that would take minutes
    tolerance = 1e-3  # how far results may differ, relative to the largest number

    def __init__(self) -> None:
        self.random = np.random.default_rng(0)

    def draw(self, *shape: int, scale: float = 1.0) -> np.ndarray:
        return (self.random.normal(size=shape) * scale).astype(F)

    def hand(self) -> Callable:
        raise NotImplementedError

    def tape(self, tf: Any, wrap: Callable) -> Callable:
        raise NotImplementedError


def eager(f: Callable) -> Callable:
    return f


def contenders(work: Work, peers: bool) -> dict[str, Callable]:
    """NumPy by hand first, then ours, then the peers that are installed and know this work.

    Each is called three times, and must come to NumPy's results: losses, gradients, variables.
    """
    found = {"NumPy": work.hand()}
    ours = autodiff_lesson
    made = {EAGER: (work.tape, ours, eager), FUNCTION: (work.tape, ours, ours.function)}
    if peers and (tf := package("tensorflow")):
        made |= {"TF eager": (work.tape, tf, eager), "tf.function": (work.tape, tf, tf.function)}
    for name in PEERS[2:] if peers else ():
        if hasattr(work, name) and (module := package(name)):
            made[name] = (getattr(work, name), module)
    found |= {
        name: make(*given) for name, (make, *given) in made.items() if name not in work.without
    }
    expected = None
    for name, run in found.items():
        run(), run()
        result = np.concatenate([np.ravel(array) for array in arrays(run())])
        expected = result if expected is None else expected
        scale = np.abs(expected).max()
        np.testing.assert_allclose(
            result / scale, expected / scale, atol=work.tolerance, err_msg=f"{work.name}: {name}"
        )
    return found


@functools.cache
def package(name: str) -> Any:
    """The package on one thread, or None if it is not installed."""
    if importlib.util.find_spec(name) is None:
        return None
    module = importlib.import_module(name)
    if name == "tensorflow":
        module.config.threading.set_intra_op_parallelism_threads(1)
        module.config.threading.set_inter_op_parallelism_threads(1)
        module.get_logger().setLevel("ERROR")
    if name == "torch":
        module.set_num_threads(1)
    return module


def arrays(result: Any) -> Iterator[np.ndarray]:
    """The numbers in a result, whoever made it."""
    if isinstance(result, list | tuple):
        for part in result:
            yield from arrays(part)
    elif hasattr(result, "detach"):  # torch
        yield result.detach().numpy()
    else:
        yield np.asarray(result)
