"""Lifted: what a backward rule computes with while somebody records the backward pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from .primitive import ROWS, Primitive
from .tensor import Tensor


class StandIn(NDArrayOperatorsMixin):
    """What a rule gets in place of an array: operators, ufuncs and NumPy functions ask its row.

    A subclass says which array it stands for, and what it is to run a row. What has no row is an
    error, never a silent array.
    """

    __slots__ = ()
    array: Any
    shape = property(lambda self: self.array.shape)
    ndim = property(lambda self: self.array.ndim)
    size = property(lambda self: self.array.size)
    strides = property(lambda self: self.array.strides)
    dtype = property(lambda self: self.array.dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return self._ask(ufunc, inputs, kwargs) if method == "__call__" else NotImplemented

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return self._ask(func, args, kwargs)

    def _ask(self, func: Callable, args: tuple, kwargs: dict) -> Any:
        row = ROWS.get(func)
        if row is None:
            raise TypeError(f"a backward rule uses {func.__name__}, which has no row in the table")
        if kwargs or row.variadic or len(args) != len(row.inputs):
            args, kwargs = bind(row, args, kwargs)
        return self._run(row, args, kwargs)

    def _run(self, row: Primitive, inputs: tuple, attributes: dict) -> Any:
        raise NotImplementedError


def _hang_operators(cls: Any) -> None:
    """Let the commonest operators ask their row at once: through NumPy it takes twice as long."""

    def hang(name: str, ufunc: Callable) -> None:
        setattr(cls, f"__{name}__", lambda x, y: x._ask(ufunc, (x, y), {}))
        setattr(cls, f"__r{name}__", lambda y, x: y._ask(ufunc, (x, y), {}))

    hang("add", np.add)
    hang("sub", np.subtract)
    hang("mul", np.multiply)
    hang("truediv", np.true_divide)
    cls.__neg__ = lambda x: x._ask(np.negative, (x,), {})


_hang_operators(StandIn)


class Lifted(StandIn):
    """A tensor inside a rule while somebody records the backward pass: each row is recorded."""

    __slots__ = ("tensor",)

    def __init__(self, tensor: Tensor):
        self.tensor = tensor

    array = property(lambda self: self.tensor._value)

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        raise TypeError(
            "a backward rule turned a lifted tensor into an array: its gradient would be lost. "
            "Rules use operators, ufuncs, and functions that are rows of the table"
        )

    def _run(self, row: Primitive, inputs: tuple, attributes: dict) -> Any:
        tensors = [x.tensor if type(x) is Lifted else x for x in inputs]
        for t in tensors:
            if type(t) is Tensor and t._value.dtype.kind == "b":
                tensors = Lifted._counted(row, tensors)
                break
        made = row(*tensors, **attributes)
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
