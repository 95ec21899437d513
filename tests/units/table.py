"""What the generated tests need to know of each row: a reference, where it is defined, examples.

A row of the table of operations without an entry here makes `test_rows.py` fail, so whoever adds
a row adds a line. The shapes of rows that work number by number are supplied by this file.
"""

# ruff: noqa: E501  (the table is aligned by hand)
from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import autodiff_lesson  # noqa: F401  (fills the table)
from autodiff_lesson.primitive import ROWS, Primitive

ONE = [((),), ((3,),), ((2, 3),), ((2, 1, 3),), ((0,),), ((2, 0),)]
TWO = [
    ((), ()),
    ((3,), (3,)),
    ((2, 3), (2, 3)),
    ((), (3,)),
    ((2, 3), ()),
    ((3,), (2, 3)),
    ((2, 3), (1, 3)),
    ((2, 1), (2, 3)),
    ((2, 1), (1, 3)),
    ((2, 1, 3), (4, 1)),
    ((1,), ()),
    ((0,), (1,)),
    ((2, 0), ()),
    ((0, 3), (3,)),
]
THREE = [((), (), ()), ((3,), (3,), (3,)), ((2, 3), (), (3,)), ((1, 3), (2, 1), ()), ((0,), (), ())]

# Where numbers are drawn from; `real` keeps a distance from 0, where many rules have a kink.
DOMAINS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "real": lambda u: np.where(u < 0.5, -0.3 - 2.4 * u, 0.3 + 2.4 * (u - 0.5)),
    "positive": lambda u: 0.4 + 1.2 * u,
    "inside": lambda u: 1.7 * u - 0.85,
    "fraction": lambda u: 0.1 + 0.8 * u,
    "low": lambda u: u - 1.4,
    "high": lambda u: u + 0.4,
    "bool": lambda u: u < 0.5,
    "index": lambda u: (u * 3).astype(np.int64),
}


@dataclass
class Entry:
    """How to try a row."""

    reference: Callable
    domains: tuple[str, ...] = ("real",)
    cases: list[tuple] = field(default_factory=list)  # (shapes, attributes)


@dataclass
class Case:
    """One row, with the shapes of its inputs and its attributes."""

    row: Primitive
    entry: Entry
    shapes: tuple
    attributes: dict

    def inputs(self, dtype: Any) -> list:
        """The values to try: all different, so that extremes have no ties; scalars as scalars."""
        sizes = [math.prod(shape) for shape in self.shapes]
        total = sum(sizes)
        drawn = (np.random.default_rng(7).permutation(total) + 0.37) / max(total, 1)
        values, start = [], 0
        for position, (shape, size) in enumerate(zip(self.shapes, sizes)):
            domains = self.entry.domains
            domain = domains[min(position, len(domains) - 1)]
            value = DOMAINS[domain](drawn[start : start + size]).reshape(shape)
            values.append(value.astype(dtype)[()] if value.dtype.kind == "f" else value[()])
            start += size
        return values


def _one(reference: Callable, domain: str = "real", **attributes: Any) -> Entry:
    return Entry(reference, (domain,), [(shapes, attributes) for shapes in ONE])


def _two(reference: Callable, *domains: str) -> Entry:
    return Entry(reference, domains or ("real",), [(shapes, {}) for shapes in TWO])


def _cases(reference: Callable, *cases: tuple, domains: tuple = ("real",)) -> Entry:
    return Entry(reference, domains, list(cases))


def _reduction(reference: Callable, domain: str = "real", empty: bool = True) -> Entry:
    axes = [((), None), ((3,), None), ((3,), 0), ((2, 3), None), ((2, 3), 0), ((2, 3), -1)]
    axes += [((2, 3, 2), (0, 2)), ((2, 3), (1,)), ((2, 0), 0)]
    axes += [((0,), None), ((2, 0), 1)] if empty else []
    cases = [((s,), {"axis": a, "keepdims": k}) for s, a in axes for k in (False, True)]
    return Entry(reference, (domain,), cases)


def _along(reference: Callable) -> Entry:
    axes = [((3,), 0), ((2, 3), 0), ((2, 3), 1), ((2, 3), -1), ((2, 3, 2), 1), ((0, 3), 1)]
    return Entry(reference, ("real",), [((s,), {"axis": a}) for s, a in axes])


def _embed(g: Any, key: Any, shape: tuple) -> Any:
    positions = np.arange(math.prod(shape)).reshape(shape)[key]
    flat = np.bincount(np.ravel(positions), np.ravel(g), math.prod(shape))
    return flat.reshape(shape)


def _sum_to(x: Any, shape: tuple) -> Any:
    grown = np.broadcast_to(np.arange(math.prod(shape)).reshape(shape), x.shape)
    return np.bincount(grown.ravel(), np.ravel(x), math.prod(shape)).reshape(shape)


def _scatter(g: Any, indices: Any, axis: int, shape: tuple) -> Any:
    positions = np.take(np.arange(math.prod(shape)).reshape(shape), indices, axis)
    return np.bincount(positions.ravel(), np.ravel(g), math.prod(shape)).reshape(shape)


def _softmax(x: Any, axis: int) -> Any:
    return np.exp(x) / np.exp(x).sum(axis, keepdims=True)


def _padded(x: Any, window: tuple, strides: tuple, padding: str, value: float) -> Any:
    """Padded images and the number of windows along each axis, as TensorFlow documents them."""
    if padding == "VALID":
        return x, [(n - k) // s + 1 for n, k, s in zip(x.shape[1:3], window, strides)]
    outs = [math.ceil(n / s) for n, s in zip(x.shape[1:3], strides)]
    lacking = [
        max((o - 1) * s + k - n, 0) for o, s, k, n in zip(outs, strides, window, x.shape[1:3])
    ]
    widths = [(0, 0), *((n // 2, n - n // 2) for n in lacking), (0, 0)]
    return np.pad(x, widths, constant_values=value), outs


def _windows(x: Any, window: tuple, strides: tuple, padding: str, value: float = 0.0) -> Iterator:
    """(row, column, the window's numbers) of each window."""
    x, outs = _padded(x, window, strides, padding, value)
    for i in range(outs[0]):
        for j in range(outs[1]):
            top, left = i * strides[0], j * strides[1]
            yield i, j, x[:, top : top + window[0], left : left + window[1], :]


def _conv(x: Any, w: Any, strides: tuple, padding: str) -> Any:
    columns: dict[tuple, Any] = {
        (i, j): np.tensordot(part, w, 3)
        for i, j, part in _windows(x, w.shape[:2], strides, padding)
    }
    rows, cols = (max(key[n] for key in columns) + 1 for n in (0, 1))
    return np.stack([np.stack([columns[i, j] for j in range(cols)], 1) for i in range(rows)], 1)


def _back(forward: Callable, g: Any, shape: tuple) -> Any:
    """The transpose of a linear function, number by number."""
    out = np.zeros(shape)
    for at in np.ndindex(*shape):
        unit = np.zeros(shape)
        unit[at] = 1.0
        out[at] = np.sum(forward(unit) * g)
    return out


def _conv_back_input(g: Any, w: Any, strides: tuple, padding: str, shape: tuple) -> Any:
    return _back(lambda x: _conv(x, w, strides, padding), g, shape)


def _conv_back_filters(x: Any, g: Any, strides: tuple, padding: str, shape: tuple) -> Any:
    return _back(lambda w: _conv(x, w, strides, padding), g, shape)


def _pool(x: Any, window: tuple, strides: tuple, padding: str) -> Any:
    return _pool_gather(x, x, window, strides, padding)


def _pool_gather(v: Any, x: Any, window: tuple, strides: tuple, padding: str) -> Any:
    found = {}
    values = _windows(v, window, strides, padding)
    keys = _windows(x, window, strides, padding, -np.inf)
    for (i, j, value), (_, _, key) in zip(values, keys):
        flat = key.reshape(key.shape[0], -1, key.shape[3]).argmax(1)[:, None]
        found[i, j] = np.take_along_axis(value.reshape(*flat.shape[:1], -1, key.shape[3]), flat, 1)
    rows, cols = (max(key[n] for key in found) + 1 for n in (0, 1))
    return np.stack([np.concatenate([found[i, j] for j in range(cols)], 1) for i in range(rows)], 1)


def _pool_scatter(g: Any, x: Any, window: tuple, strides: tuple, padding: str) -> Any:
    return _back(lambda v: _pool_gather(v, x, window, strides, padding), g, x.shape)


_VALID: dict[str, Any] = {"strides": (1, 1), "padding": "VALID"}
_SAME: dict[str, Any] = {"strides": (2, 2), "padding": "SAME"}
_POOL: dict[str, Any] = {"window": (2, 2), "strides": (2, 2), "padding": "VALID"}
_POOL_SAME: dict[str, Any] = {"window": (2, 2), "strides": (1, 2), "padding": "SAME"}
_KEYS = [
    ((3,), 1),
    ((3,), slice(None, None, -1)),
    ((2, 3), (slice(None), 1)),
    ((2, 3), (..., slice(0, 2))),
    ((2, 3), (None, 1)),
    ((3,), np.array([0, 2, 0])),
    ((3,), np.array([True, False, True])),
    ((0, 3), slice(0, 0)),
]

# fmt: off
TABLE: dict[str, Entry] = {
    # arithmetic
    "add": _two(lambda x, y: x + y),
    "subtract": _two(lambda x, y: x - y),
    "multiply": _two(lambda x, y: x * y),
    "divide": _two(lambda x, y: x / y),
    "negative": _one(lambda x: -x),
    "power": _two(lambda x, y: np.exp(y * np.log(x)), "positive", "real"),
    "maximum": _two(lambda x, y: np.where(x >= y, x, y)),
    "minimum": _two(lambda x, y: np.where(x <= y, x, y)),
    "greater": _two(lambda x, y: x > y),
    "greater_equal": _two(lambda x, y: x >= y),
    "less": _two(lambda x, y: x < y),
    "less_equal": _two(lambda x, y: x <= y),
    "equal": _two(lambda x, y: x == y),
    "not_equal": _two(lambda x, y: x != y),
    "logical_and logical_and": _two(lambda x, y: x * y, "bool"),
    "logical_and bitwise_and": _two(lambda x, y: x * y, "bool"),
    "logical_or": _two(lambda x, y: x + y > 0, "bool"),
    "logical_not": _one(lambda x: x == 0, "bool"),
    "floordiv": _two(lambda x, y: np.floor(x / y), "real", "positive"),
    "floormod": _two(lambda x, y: x - np.floor(x / y) * y, "real", "positive"),
    # number by number
    "square": _one(lambda x: x * x),
    "sqrt": _one(lambda x: x ** 0.5, "positive"),
    "exp": _one(lambda x: math.e ** x),
    "expm1": _one(lambda x: np.exp(x) - 1),
    "log": _one(np.log, "positive"),
    "log1p": _one(lambda x: np.log(1 + x), "inside"),
    "sin": _one(np.sin),
    "cos": _one(np.cos),
    "tan": _one(lambda x: np.sin(x) / np.cos(x), "inside"),
    "asin": _one(np.arcsin, "inside"),
    "acos": _one(np.arccos, "inside"),
    "atan": _one(np.arctan),
    "sinh": _one(lambda x: (np.exp(x) - np.exp(-x)) / 2),
    "cosh": _one(lambda x: (np.exp(x) + np.exp(-x)) / 2),
    "tanh": _one(np.tanh),
    "sigmoid": _one(lambda x: 1 / (1 + np.exp(-x))),
    "softplus": _one(lambda x: np.log(1 + np.exp(x))),
    "abs": _one(lambda x: np.sqrt(x * x)),
    "reciprocal": _one(lambda x: 1 / x),
    "step": _one(lambda x: np.where(x > 0, 1.0, 0.0).astype(x.dtype)),
    "sign": _one(lambda x: x / np.sqrt(x * x)),
    "floor": _one(np.floor),
    "ceil": _one(lambda x: -np.floor(-x)),
    "round": _one(np.round),
    "is_nan": _one(lambda x: x != x),
    "is_inf": _one(lambda x: x == x + 1),
    "is_finite": _one(lambda x: x == x),
    "identity": _one(lambda x: x),
    "stop_gradient": _one(lambda x: x),
    "cast cast_kernel": _one(lambda x, dtype: x.astype(dtype), dtype=np.dtype(np.float64)),
    "cast <lambda>": _one(lambda x, dtype: np.trunc(x), dtype=np.dtype(np.int32)),
    "relu": _one(lambda x: x * (x > 0)),
    "leaky_relu": _one(lambda x, alpha: x * (x > 0) + alpha * x * (x < 0), alpha=0.2),
    "elu": _one(lambda x, alpha: np.where(x > 0, x, alpha * (np.exp(x) - 1)), alpha=1.5),
    "clip_by_value": Entry(lambda x, low, high: np.where(x < low, low, np.where(x > high, high, x)),
                           ("real", "low", "high"), [(shapes, {}) for shapes in THREE]),
    "where where": Entry(lambda condition, x, y: x * condition + y * (condition == 0),
                         ("bool", "real", "real"), [(shapes, {}) for shapes in THREE]),
    "where <lambda>": _cases(lambda x: np.stack(np.nonzero(x), 1), (((3,),), {}), (((2, 3),), {}),
                             (((0,),), {}), domains=("bool",)),
    # shape
    "sum_to": _cases(_sum_to, *(((s,), {"shape": to}) for s, to in [
        ((3,), ()), ((2, 3), (3,)), ((2, 3), (2, 1)), ((2, 3), (1, 3)), ((2, 3, 2), (3, 1)),
        ((2, 3, 2), (2,)), ((2, 3), (2, 3)), ((0, 3), (3,)), ((2, 3), ())])),
    "broadcast_to": _cases(lambda x, shape: x + np.zeros(shape), *(
        ((s,), {"shape": to}) for s, to in [
            ((), (3,)), ((3,), (2, 3)), ((2, 1), (2, 3)), ((1, 3), (2, 2, 3)), ((1,), (0,))])),
    "reshape": _cases(lambda x, shape: np.ravel(x).reshape(shape), *(
        ((s,), {"shape": to}) for s, to in [
            ((), (1, 1)), ((6,), (2, 3)), ((2, 3), (-1,)), ((2, 3), (3, 2)), ((0, 3), (3, 0)),
            ((1,), ())])),
    "transpose": _cases(lambda x, axes: np.einsum(x, list(range(x.ndim)), axes or
                                                  list(range(x.ndim))[::-1]), *(
        ((s,), {"axes": axes}) for s, axes in [
            ((2, 3), None), ((2, 3), (1, 0)), ((2, 3, 4), (1, 2, 0)), ((2, 3, 4), None),
            ((3,), None), ((2, 0), (1, 0))])),
    "concat": _cases(lambda *xs, axis: np.concatenate(xs, axis),
        (((3,), (2,)), {"axis": 0}), (((2, 3), (2, 1), (2, 2)), {"axis": 1}),
        (((2, 3), (1, 3)), {"axis": -2}), (((2, 3), (2, 0)), {"axis": -1}), (((2,),), {"axis": 0})),
    "stack": _cases(lambda *xs, axis: np.concatenate([np.expand_dims(x, axis) for x in xs], axis),
        (((), ()), {"axis": 0}), (((3,), (3,)), {"axis": 0}), (((3,), (3,)), {"axis": -1}),
        (((2, 3), (2, 3), (2, 3)), {"axis": 1}), (((0,), (0,)), {"axis": 0})),
    "unstack": _cases(lambda x, axis: tuple(np.take(x, i, axis) for i in range(x.shape[axis])),
        (((3,),), {"axis": 0}), (((2, 3),), {"axis": 0}), (((2, 3),), {"axis": -1}),
        (((1, 3),), {"axis": 0}), (((2, 0),), {"axis": 0})),
    "slice": _cases(lambda x, key: x[key], *(((s,), {"key": key}) for s, key in _KEYS)),
    "slice_embed": _cases(_embed, *(
        ((np.empty(s)[key].shape,), {"key": key, "shape": s}) for s, key in _KEYS)),
    "gather": _cases(lambda x, i, axis: np.take(x, i, axis),
        (((3,), ()), {"axis": 0}), (((3,), (4,)), {"axis": 0}), (((2, 3), (4,)), {"axis": 1}),
        (((3, 2), (2, 2)), {"axis": 0}), (((3, 2), (0,)), {"axis": 0}), domains=("real", "index")),
    "scatter_add": _cases(_scatter,
        (((4,), (4,)), {"axis": 0, "shape": (3,)}), (((2, 4), (4,)), {"axis": 1, "shape": (2, 3)}),
        (((0, 2), (0,)), {"axis": 0, "shape": (3, 2)}), domains=("real", "index")),
    "pad": _cases(lambda x, paddings, value: np.pad(x, paddings, constant_values=value),
        (((3,),), {"paddings": ((1, 2),), "value": 0.0}),
        (((2, 3),), {"paddings": ((0, 1), (2, 0)), "value": 1.5}),
        (((0,),), {"paddings": ((1, 1),), "value": 0.0})),
    "one_hot": _cases(lambda i, depth, on, off, dtype: np.where(np.eye(depth)[i] > 0, on, off),
        (((),), {"depth": 3, "on": 1.0, "off": 0.0, "dtype": np.dtype(np.float32)}),
        (((2, 2),), {"depth": 4, "on": 2.0, "off": -1.0, "dtype": np.dtype(np.float64)}),
        domains=("index",)),
    # linear algebra
    "matmul": _cases(lambda x, y: np.einsum("...ij,...jk->...ik", x, y), *((shapes, {}) for shapes in [
        ((2, 3), (3, 4)), ((1, 3), (3, 1)), ((2, 2, 3), (2, 3, 2)), ((2, 2, 3), (3, 2)),
        ((2, 3), (2, 3, 2)), ((2, 1, 2, 3), (3, 3, 2)), ((0, 3), (3, 2)), ((2, 0), (0, 3))])),
    "matrix_transpose": _cases(lambda x: np.einsum("...ij->...ji", x),
        (((2, 3),), {}), (((2, 3, 4),), {}), (((0, 3),), {})),
    "einsum": _cases(lambda *xs, equation: np.einsum(equation, *xs, optimize=True), *(
        (shapes, {"equation": e}) for shapes, e in [
            (((2, 3), (3, 4)), "ij,jk->ik"), (((3,), (3,)), "i,i->"), (((2, 3),), "ij->j"),
            (((2, 3),), "ij->ji"), (((3,), (2,)), "i,j->ij"), (((2, 3), (3,)), "ij,j->i"),
            (((2, 3), (2,), (4,)), "ij,i,k->jk"), (((2, 3), (4,)), "ij,k->k")])),
    # reductions
    "reduce_sum": _reduction(lambda x, axis, keepdims: np.sum(x, axis, keepdims=keepdims)),
    "reduce_mean": _reduction(lambda x, axis, keepdims: np.mean(x, axis, keepdims=keepdims), empty=False),
    "reduce_max": _reduction(lambda x, axis, keepdims: np.max(x, axis, keepdims=keepdims), empty=False),
    "reduce_min": _reduction(lambda x, axis, keepdims: -np.max(-x, axis, keepdims=keepdims), empty=False),
    "reduce_any": _reduction(lambda x, axis, keepdims: np.sum(x, axis, keepdims=keepdims) > 0, "bool"),
    "reduce_all": _reduction(lambda x, axis, keepdims: np.prod(x, axis, keepdims=keepdims), "bool"),
    "argmax": _along(np.argmax),
    "argmin": _along(np.argmin),
    "softmax": _along(_softmax),
    "log_softmax": _along(lambda x, axis: np.log(_softmax(x, axis))),
    "cumsum": _along(lambda x, axis: np.add.accumulate(x, axis)),
    # neural networks
    "laid_out": _cases(lambda x, order: x, (((2, 3, 4),), {"order": [2, 0, 1]}), (((2, 3),), {"order": [0, 1]})),
    "contiguous": Entry(lambda x: x, ("real",), [(shapes, {}) for shapes in ONE[1:]]),
    "fractions": _one(lambda x: x, "fraction"),
    "labels": _cases(lambda labels, classes: labels, (((),), {"classes": 3}), (((4,),), {"classes": 3}),
                     domains=("index",)),
    "conv2d": _cases(_conv, (((2, 4, 3, 2), (2, 2, 2, 3)), _VALID), (((1, 5, 4, 1), (3, 2, 1, 2)), _SAME)),
    "conv2d_back_input": _cases(_conv_back_input,
        (((1, 3, 2, 2), (2, 2, 1, 2)), {**_VALID, "shape": (1, 4, 3, 1)}),
        (((1, 3, 2, 2), (3, 2, 1, 2)), {**_SAME, "shape": (1, 5, 4, 1)})),
    "conv2d_back_filters": _cases(_conv_back_filters,
        (((2, 9, 9, 1), (2, 8, 8, 2)), {**_VALID, "shape": (2, 2, 1, 2)}),
        (((1, 4, 3, 1), (1, 3, 2, 2)), {**_VALID, "shape": (2, 2, 1, 2)}),
        (((1, 5, 4, 1), (1, 3, 2, 2)), {**_SAME, "shape": (3, 2, 1, 2)})),
    "max_pool2d": _cases(_pool, (((2, 4, 4, 2),), _POOL), (((1, 3, 4, 1),), _POOL_SAME)),
    "max_pool2d_scatter": _cases(_pool_scatter, (((1, 2, 2, 2), (1, 4, 4, 2)), _POOL),
                                 (((1, 3, 2, 1), (1, 3, 4, 1)), _POOL_SAME)),
    "max_pool2d_gather": _cases(_pool_gather, (((1, 4, 4, 2), (1, 4, 4, 2)), _POOL),
                                (((1, 3, 4, 1), (1, 3, 4, 1)), _POOL_SAME)),
}
# fmt: on


def _engine_rows() -> dict[str, Primitive]:
    """The rows by name; where two share one, the forward function tells them apart."""
    rows = list(ROWS.values())
    names = [row.name for row in rows]
    return {
        row.name if names.count(row.name) == 1 else f"{row.name} {row.forward.__name__}": row
        for row in rows
    }


BY_NAME = _engine_rows()


def cases_of(name: str) -> list[Case]:
    """Everything to try of one row; nothing if it has no entry, which a test reports."""
    entry = TABLE.get(name)
    if entry is None:
        return []
    return [Case(BY_NAME[name], entry, shapes, given) for shapes, given in entry.cases]


def all_cases(with_rules: bool = False) -> Iterator[tuple[str, Case]]:
    """(a readable id, the case) of every row, or of those that have rules."""
    for name, row in BY_NAME.items():
        if row.rules or not with_rules:
            for case in cases_of(name):
                shapes = " ".join(str(s).replace(" ", "") for s in case.shapes)
                keys = " ".join(f"{k}={v!s:.20}" for k, v in case.attributes.items())
                yield f"{name} {shapes} {keys}".strip(), case
