"""Lifted: what a backward rule computes with while somebody records the backward pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .primitive import ROWS, Primitive
from .tensor import Tensor


class Lifted(np.lib.mixins.NDArrayOperatorsMixin):
    """A tensor inside a rule while somebody records the backward pass.

    It answers to operators, ufuncs and NumPy functions by running their rows, so each of them is
    recorded. What has no row is an error, never a silent array.
    """

    __slots__ = ("tensor",)

    def __init__(self, tensor: Tensor):
        self.tensor = tensor

    @property
    def shape(self) -> tuple[int, ...]:
        return self.tensor._value.shape

    @property
    def ndim(self) -> int:
        return self.tensor._value.ndim

    @property
    def size(self) -> int:
        return self.tensor._value.size

    @property
    def dtype(self) -> np.dtype:
        return self.tensor._value.dtype

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        raise TypeError(
            "a backward rule turned a lifted tensor into an array: its gradient would be lost. "
            "Rules use operators, ufuncs, and functions that are rows of the table"
        )

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__":
            return NotImplemented
        return self._run(ufunc, inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return self._run(func, args, kwargs)

    @staticmethod
    def _run(func: Callable, args: tuple, kwargs: dict) -> Any:
        row = ROWS.get(func)
        if row is None:
            raise TypeError(f"a backward rule uses {func.__name__}, which has no row in the table")
        inputs, attributes = bind(row, args, kwargs)
        tensors = [x.tensor if type(x) is Lifted else x for x in inputs]
        made = row(*Lifted._counted(row, tensors), **attributes)
        return tuple(map(Lifted, made)) if type(made) is tuple else Lifted(made)

    cast: Any = None
    """The row that makes numbers of bools; the table puts it here."""

    @staticmethod
    def _counted(row: Primitive, tensors: list) -> list:
        """In a rule a bool counts as 0 or 1 beside a number, as in NumPy: ``g * (x > 0)``."""
        alike = row.alike or range(len(tensors))
        dtypes = [tensors[i]._value.dtype for i in alike if type(tensors[i]) is Tensor]
        number = next((dtype for dtype in dtypes if dtype.kind != "b"), None)
        if number is None or all(dtype is number for dtype in dtypes):
            return tensors
        return [
            Lifted.cast(t, dtype=number)
            if i in alike and type(t) is Tensor and t._value.dtype.kind == "b"
            else t
            for i, t in enumerate(tensors)
        ]


def bind(row: Primitive, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
    """Split the arguments of a NumPy-style call into a row's inputs and its attributes."""
    if row.variadic and args and isinstance(args[0], (list, tuple)):
        inputs, rest = tuple(args[0]), args[1:]  # np.stack([a, b]), np.concatenate([a, b])
    elif row.variadic:
        inputs, rest = args, ()
    else:
        inputs, rest = args[: len(row.inputs)], args[len(row.inputs) :]
    return inputs, {**dict(zip(row.attributes, rest, strict=False)), **kwargs}
