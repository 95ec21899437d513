"""A rule as text with a mark for each tensor. (Stand-in until explain has it.)"""

from __future__ import annotations

from typing import Any

import numpy as np


def mark(i: int) -> str:
    """Stands for the input or output number ``i`` of the record."""
    return chr(0xE200 + i)


def upstream_mark(j: int) -> str:
    """Stands for the adjoint of the output number ``j``."""
    return chr(0xF000 + j)


class Symbol(np.lib.mixins.NDArrayOperatorsMixin):
    def __init__(self, text: str, strength: int, like: Any):
        self.text, self.strength = text, strength
        self.shape, self.ndim = np.shape(like), np.ndim(like)
        self.dtype = np.asarray(like).dtype
        self.size = np.size(like)

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        infix = {"add": ("+", 1), "subtract": ("−", 1), "multiply": ("·", 2), "divide": ("/", 2),
                 "matmul": ("@", 2), "power": ("**", 4)}
        out = [i.like() if isinstance(i, Symbol) else i for i in inputs]
        like = getattr(ufunc, method)(*out)
        if ufunc.__name__ in infix:
            sign, strength = infix[ufunc.__name__]
            a = _operand(inputs[0], strength)
            b = _operand(inputs[1], strength + (sign in "−/"))
            return Symbol(f"{a} {sign} {b}", strength, like)
        if ufunc.__name__ == "negative":
            return Symbol("−" + _operand(inputs[0], 3), 3, like)
        return Symbol(f"{ufunc.__name__}({', '.join(_operand(i, 0) for i in inputs)})", 9, like)

    def __array_function__(self, func, types, args, kwargs):
        real = [i.like() if isinstance(i, Symbol) else i for i in args]
        like = func(*real, **kwargs)
        shown = ", ".join(_operand(i, 0) for i in args)
        return Symbol(f"{func.__name__}({shown})", 9, like)

    def like(self):
        return np.zeros(self.shape, self.dtype)


def _operand(x: Any, strength: int) -> str:
    if not isinstance(x, Symbol):
        return str(x)
    return f"({x.text})" if x.strength < strength else x.text


def rule(record: Any, position: int, upstream: Any) -> str:
    """The rule of one input as text."""
    op = record.op
    g = upstream_mark(0)
    found = op.rule(position) if hasattr(op, "rule") else None
    if found is None or isinstance(record.output, tuple):
        return f"grad({g})"
    values = [Symbol(mark(i), 9, t._value) for i, t in enumerate(record.inputs)]
    z = Symbol(mark(len(record.inputs)), 9, record.output._value)
    with np.errstate(all="ignore"):
        made = found(Symbol(g, 9, upstream), z, *values, **record.attributes)
    return _operand(made, 0)
