"""The table of operations, by topic; and, at its end, the operators of Tensor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..errors import refused
from ..primitive import OfTwo, Primitive
from ..tensor import Tensor
from . import arithmetic, create, elementwise, linalg, nn, random, reduce, shape

__all__ = [
    "arithmetic",
    "create",
    "elementwise",
    "linalg",
    "nn",
    "random",
    "reduce",
    "shape",
]


def _iterate(x: Any) -> Iterator:
    if not x.ndim:
        raise TypeError("Cannot iterate over a scalar tensor.")
    return iter(shape.unstack(x))


def _logical(row: Primitive, sign: str) -> Callable:
    """& | ~ are for bools; whoever means whole numbers is told."""

    def operator(*args: Any) -> Any:
        if args[0].dtype != "bool":
            raise refused(sign, f"it is for tensors of bools, not {args[0].dtype.name}")
        return row(*args)

    return operator


def hang_operators(cls: Any) -> None:
    """Give a class Python's operators; on each side of one may stand a number or an array too."""
    cls.__add__, cls.__radd__ = _both_sides(arithmetic.add)
    cls.__sub__, cls.__rsub__ = _both_sides(arithmetic.subtract)
    cls.__mul__, cls.__rmul__ = _both_sides(arithmetic.multiply)
    cls.__truediv__, cls.__rtruediv__ = _both_sides(arithmetic.divide)
    cls.__floordiv__, cls.__rfloordiv__ = _both_sides(arithmetic.floordiv)
    cls.__mod__, cls.__rmod__ = _both_sides(arithmetic.mod)
    cls.__pow__, cls.__rpow__ = _both_sides(arithmetic.pow)
    cls.__matmul__, cls.__rmatmul__ = _both_sides(linalg._matmul)
    cls.__lt__ = _plain(arithmetic.less)
    cls.__le__ = _plain(arithmetic.less_equal)
    cls.__gt__ = _plain(arithmetic.greater)
    cls.__ge__ = _plain(arithmetic.greater_equal)
    cls.__eq__ = lambda x, y: _equal(arithmetic.equal, x, y, False)
    cls.__ne__ = lambda x, y: _equal(arithmetic.not_equal, x, y, True)
    cls.__hash__ = _unhashable
    cls.__neg__ = lambda x: arithmetic.negative(x)
    cls.__abs__ = lambda x: elementwise.abs(x)
    cls.__and__ = _logical(arithmetic.logical_and, "&")
    cls.__or__ = _logical(arithmetic.logical_or, "|")
    cls.__invert__ = _logical(arithmetic.logical_not, "~")
    cls.__getitem__ = shape.getitem
    cls.__iter__ = _iterate


def _plain(row: Primitive) -> Callable:
    """The row as an operator calls it: of two inputs, without keywords."""
    assert isinstance(row, OfTwo)
    return row.run


def _both_sides(row: Primitive) -> tuple[Callable, Callable]:
    run = _plain(row)
    return run, lambda y, x: run(x, y)


def _unhashable(x: Any) -> int:
    kind = type(x).__name__
    raise TypeError(f"{kind} is unhashable. Instead, use {kind.lower()}.ref() as the key.")


def _equal(row: Primitive, x: Any, y: Any, otherwise: bool) -> Any:
    """As in TensorFlow, shapes that do not fit together are not equal, and no error."""
    if y is None:
        return otherwise
    a, b = getattr(x, "shape", ()), getattr(y, "shape", ())
    alike = all(n == m or 1 in (n, m) for n, m in zip(a[::-1], b[::-1], strict=False))
    return row(x, y) if alike else Tensor(np.bool(otherwise))


hang_operators(Tensor)
