"""``tf.print``: prints the numbers of tensors at every call, also of a `function`."""

from __future__ import annotations

import re
import sys
from typing import Any

import numpy as np

from . import nest
from .arguments import tensor_of
from .dtypes import TensorShape
from .recorder import record, thread
from .tensor import Tensor


class Print:
    """Stands in a record for a print; its inputs are the tensors, the rest is kept as it is."""

    name = "print"
    rules: tuple = ()

    def __call__(self, *inputs: Tensor, **how: Any) -> tuple:
        """Print, and tell who listens."""
        show_line(*(x._value for x in inputs), **how)
        if thread.active:
            record(thread.active, self, inputs, how, None)
        return ()


_print = Print()
_HERE = object()  # stands where a tensor belongs


def print(
    *inputs: Any,
    output_stream: Any = None,
    summarize: int = 3,
    sep: str = " ",
    end: str = "\n",
    name: str | None = None,
) -> None:
    """Print tensors as numbers, and whatever else as Python prints it.

    In a function that is recorded it prints at every call, where Python's own print speaks only
    while it is recorded.

    >>> import autodiff_lesson as tf, sys
    >>> tf.print("x is", tf.constant([1.0, 2.5]), output_stream=sys.stdout)
    x is [1 2.5]

    Args:
        inputs: tensors, Python values, and lists, tuples and dicts of them.
        output_stream: a file like ``sys.stdout``, or "file://" and a path to append to;
            ``sys.stderr`` unless given.
        summarize: how many at each end of a longer axis are printed; -1 for all.
        sep: what stands between two inputs.
        end: what stands behind the last.
    """
    tensors: list[Tensor] = []

    def leaf(value: Any) -> Any:
        found = tensor_of(value)
        if type(found) is not Tensor:
            return value
        tensors.append(found)
        return _HERE

    texts = [repr(x) if isinstance(x, TensorShape) else x for x in inputs]
    pattern = nest.map_structure(leaf, texts)
    _print(*tensors, pattern=pattern, stream=output_stream, summarize=summarize, sep=sep, end=end)


def show_line(*values: Any, pattern: list, stream: Any, summarize: int, sep: str, end: str) -> None:
    """Write one line: ``pattern`` says what stands between the values."""
    left = iter(values)
    text = sep.join(_text(part, left, summarize, top=True) for part in pattern) + end
    if isinstance(stream, str):
        with open(stream.removeprefix("file://"), "a", encoding="utf-8") as file:
            file.write(text)
    else:
        (stream or sys.stderr).write(text)


def _text(part: Any, left: Any, summarize: int, top: bool = False) -> str:
    if part is _HERE:
        return array_text(next(left), summarize)
    if isinstance(part, dict):
        keys = sorted(part)
        return "{" + ", ".join(f"{k!r}: {_text(part[k], left, summarize)}" for k in keys) + "}"
    if isinstance(part, (list, tuple)):
        items = ", ".join(_text(item, left, summarize) for item in part)
        if isinstance(part, list):
            return f"[{items}]"
        return f"({items},)" if len(part) == 1 else f"({items})"
    return part if top and isinstance(part, str) else repr(part)


def array_text(value: Any, summarize: int = 3) -> str:
    """An array as ``tf.print`` prints it: ``[1 2 3]``, the first and last three of more.

    >>> array_text(np.arange(8, dtype=np.float32) / 3)
    '[0 0.333333343 0.666666687 ... 1.66666663 2 2.33333325]'
    """
    if not value.ndim:
        return number_text(value[()])
    rows = list(value)
    if 0 <= summarize < len(rows) / 2:
        head, tail = rows[:summarize], rows[len(rows) - summarize :]
        texts = [array_text(r, summarize) for r in head] + ["..."]
        texts += [array_text(r, summarize) for r in tail]
    else:
        texts = [array_text(row, summarize) for row in rows]
    if value.ndim == 1:
        return f"[{' '.join(texts)}]"
    between = "\n" * (value.ndim - 1) + " "
    return "[" + between.join(re.sub(r"\n(?!\n)", "\n ", text) for text in texts) + "]"


def number_text(value: Any) -> str:
    """A number with 6 digits (float64: 15) if they say it all, else with 9 (17).

    >>> number_text(np.float32(1) / 3), number_text(np.float64(0.1)), number_text(np.float32(2))
    ('0.333333343', '0.1', '2')
    """
    kind = value.dtype.kind
    if kind == "b":
        return str(int(value))
    if kind != "f":
        return str(value)
    if not np.isfinite(value):
        return "nan" if np.isnan(value) else "inf" if value > 0 else "-inf"
    double = value.dtype.itemsize == 8
    few, many, kind = (15, 17, np.float64) if double else (6, 9, np.float32)
    short = f"{float(value):.{few}g}"
    return short if kind(short) == kind(value) else f"{float(value):.{many}g}"
