"""A rule with this step's names, and with this step's numbers. (Stand-in until explain has both.)"""

from __future__ import annotations

from typing import Any

import numpy as np


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


def applied(record: Any, position: int, upstream: Any, name_of: Any, g_name: str) -> str:
    """The rule of one input as text, with a name for each tensor."""
    op = record.op
    rule = op.rule(position) if hasattr(op, "rule") else None
    if rule is None or isinstance(record.output, tuple):
        return f"grad({g_name})"
    values = [Symbol(name_of(t), 9, t._value) for t in record.inputs]
    z = Symbol(name_of(record.output), 9, record.output._value)
    with np.errstate(all="ignore"):
        made = rule(Symbol(g_name, 9, upstream), z, *values, **record.attributes)
    return _operand(made, 0)
