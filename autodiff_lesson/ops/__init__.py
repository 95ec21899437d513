"""The table of operations, by topic; and, at its end, the operators of Tensor and Variable."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..errors import InvalidArgumentError
from ..primitive import Primitive
from ..tensor import Tensor
from ..variable import Variable
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
            raise InvalidArgumentError(f"{sign} is for tensors of bools, not {args[0].dtype.name}")
        return row(*args)

    return operator


def _operators(cls: Any) -> None:
    """Hang the operators on a class. A lambda each: what is found on the type is called fastest."""
    add, subtract = arithmetic.add, arithmetic.subtract
    multiply, divide = arithmetic.multiply, arithmetic.divide
    cls.__add__ = lambda x, y: add(x, y)
    cls.__radd__ = lambda y, x: add(x, y)
    cls.__sub__ = lambda x, y: subtract(x, y)
    cls.__rsub__ = lambda y, x: subtract(x, y)
    cls.__mul__ = lambda x, y: multiply(x, y)
    cls.__rmul__ = lambda y, x: multiply(x, y)
    cls.__truediv__ = lambda x, y: divide(x, y)
    cls.__rtruediv__ = lambda y, x: divide(x, y)
    cls.__floordiv__ = lambda x, y: arithmetic.floordiv(x, y)
    cls.__rfloordiv__ = lambda y, x: arithmetic.floordiv(x, y)
    cls.__mod__ = lambda x, y: arithmetic.mod(x, y)
    cls.__rmod__ = lambda y, x: arithmetic.mod(x, y)
    cls.__pow__ = lambda x, y: arithmetic.pow(x, y)
    cls.__rpow__ = lambda y, x: arithmetic.pow(x, y)
    cls.__matmul__ = lambda x, y: linalg.matmul(x, y)
    cls.__rmatmul__ = lambda y, x: linalg.matmul(x, y)
    cls.__neg__ = lambda x: arithmetic.negative(x)
    cls.__abs__ = lambda x: elementwise.abs(x)
    cls.__lt__ = lambda x, y: arithmetic.less(x, y)
    cls.__le__ = lambda x, y: arithmetic.less_equal(x, y)
    cls.__gt__ = lambda x, y: arithmetic.greater(x, y)
    cls.__ge__ = lambda x, y: arithmetic.greater_equal(x, y)
    cls.__eq__ = lambda x, y: _equal(arithmetic.equal, x, y, False)
    cls.__ne__ = lambda x, y: _equal(arithmetic.not_equal, x, y, True)
    cls.__hash__ = None
    cls.__and__ = _logical(arithmetic.logical_and, "&")
    cls.__or__ = _logical(arithmetic.logical_or, "|")
    cls.__invert__ = _logical(arithmetic.logical_not, "~")
    cls.__getitem__ = shape.getitem
    cls.__iter__ = _iterate


def _equal(row: Primitive, x: Any, y: Any, otherwise: bool) -> Any:
    return otherwise if y is None else row(x, y)


_operators(Tensor)
_operators(Variable)
