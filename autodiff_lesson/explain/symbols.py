"""Symbols: what a backward rule is applied to so that it writes down what it does.

Rules are ordinary Python. On arrays they compute, on lifted tensors they are recorded, and on the
symbols of this file they leave an expression. A symbol carries the value that the rule would
see, hence its shape and dtype too, so whatever a rule asks of its arguments has an answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..lifted import bind
from ..primitive import ROWS


class Symbol(np.lib.mixins.NDArrayOperatorsMixin):
    """What stands for an array while a rule is written down: an expression, and its value."""

    def __init__(self, value: Any, name: str = "", row: Any = None, args: tuple = (), **attributes):
        self.value = value
        self.name = name
        self.row = row
        self.args = args
        self.attributes = attributes

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    @property
    def ndim(self) -> int:
        return self.value.ndim

    @property
    def size(self) -> int:
        return self.value.size

    @property
    def dtype(self) -> np.dtype:
        return self.value.dtype

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return self._apply(ufunc, inputs, kwargs) if method == "__call__" else NotImplemented

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return self._apply(func, args, kwargs)

    @staticmethod
    def _apply(func: Callable, args: tuple, kwargs: dict) -> Symbol:
        row = ROWS.get(func)
        if row is None:
            raise TypeError(f"a backward rule uses {func.__name__}, which has no row in the table")
        inputs, attributes = bind(row, args, kwargs)
        values = [x.value if type(x) is Symbol else x for x in inputs]
        return Symbol(row.forward(*values, **attributes), row=row, args=inputs, **attributes)
