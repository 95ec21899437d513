"""``tf.config``: whether functions are recorded and replayed, or just run."""

from __future__ import annotations

_eager = False


def run_functions_eagerly(run_eagerly: bool) -> None:
    """With True, what is decorated by `function` runs as plain Python, to step through it."""
    global _eager
    _eager = bool(run_eagerly)


def functions_run_eagerly() -> bool:
    """Whether functions run as plain Python."""
    return _eager
