"""show.tangent: what a gradient is, beside what a difference quotient makes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import InvalidArgumentError
from ..recorder import silence
from ..tape import GradientTape
from ..tensor import Tensor
from ..values import constant
from .hosting import Explorer, function_name, rounded, scalar
from .hosting import live as with_kernel
from .stills import still

_PLACES = 121  # positions of x; odd, so that the middle is one
_DIGITS = {"float32": 7, "float64": 12}  # powers of ten that h goes through


def tangent(
    f: Callable,
    at: float = 3.0,
    *,
    h: float = 1.0,
    reach: float = 3.0,
    dtype: str = "float32",
    live: bool = False,
) -> Any:
    """Move x and h: see the curve, its tangent by the tape's gradient, and a secant beside it.

    Everything is computed beforehand, so it plays without a kernel.

    >>> from autodiff_lesson import show
    >>> show.tangent(lambda x: x * x, at=3.0)
    <tangent to <lambda> at x = 3: gradient 6; difference quotient with h = 1: 7, error 1>

    Args:
        f: function of one scalar tensor that gives a scalar tensor.
        at: the x to begin with.
        h: the step of the difference quotient (f(x + h) - f(x)) / h to begin with.
        reach: how far x goes to each side.
        dtype: "float32", as tensors are by default, or "float64": where rounding sets in.
        live: return an ipywidgets widget, whose trait ``chosen`` holds x and h.

    Returns:
        What a notebook shows as a moving picture.
    """
    if dtype not in _DIGITS:
        raise ValueError(f"tangent: dtype is 'float32' or 'float64', not {dtype!r}")
    if not reach > 0 or not h > 0:
        raise ValueError(f"tangent: h and reach must be above 0; got h={h}, reach={reach}")
    data = _computed(f, float(at), float(reach), dtype)
    i = _PLACES // 2
    k = int(np.abs(np.log(data["hs"]) - np.log(h)).argmin())
    name, slope, quotient = data["of"], data["g"][i], data["q"][k][i]
    fact = f"tangent to {name} at x = {at:g}: gradient {_text(slope)}"
    if slope is not None and quotient is not None:
        fact += (
            f"; difference quotient with h = {data['hs'][k]:.2g}: {quotient:.6g}, "
            f"error {abs(quotient - slope):.2g}"
        )
    points = [(x, y) for x, y in zip(data["xs"], data["f"]) if y is not None]
    low, high = (m(y for _, y in points) for m in (min, max))
    room = (high - low) * 0.08 or 1.0
    lines = [points]
    if slope is not None and data["f"][i] is not None:
        ends = np.linspace(at - reach, at + reach, 200).tolist()
        lines.append([(x, data["f"][i] + slope * (x - at)) for x in ends])
    window = (at - reach, at + reach), (low - room, high + room)
    chosen = {"x": data["xs"][i], "h": data["hs"][k]}
    explorer = Explorer("tangents", data, chosen, fact, still(fact, lines, *window))
    return with_kernel(explorer) if live else explorer


def _computed(f: Callable, at: float, reach: float, dtype: str) -> dict:
    """Values, gradients and difference quotients for every x and h that can be chosen."""
    xs = np.linspace(at - reach, at + reach, _PLACES).astype(dtype)
    hs = (10.0 ** np.arange(-_DIGITS[dtype], 0.25, 0.5)).astype(dtype)  # rising, as its axis does
    with np.errstate(all="ignore"):
        values = np.array([_value(f, x) for x in xs], dtype)
        slopes = np.array([_slope(f, x) for x in xs], dtype)
        ahead = np.array([[_value(f, x + h) for x in xs] for h in hs], dtype)
        quotients = (ahead - values) / hs[:, None]
    if not np.isfinite(values).any():
        raise ValueError(f"tangent: f is not finite anywhere between {xs[0]:g} and {xs[-1]:g}")
    name = function_name(f)
    shown = "f(x)" if name == "<lambda>" else f"{name}(x)"
    return {
        "title": f"The gradient of {shown}, and what a difference quotient makes of it",
        "name": shown,
        "of": name,
        "dtype": dtype,
        "floor": 1e-9 if dtype == "float32" else 1e-17,
        "xs": rounded(xs, 7),
        "hs": rounded(hs, 4),
        "f": rounded(values, 7),
        "g": rounded(slopes, 9),
        "q": [rounded(row, 9) for row in quotients],
    }


def _value(f: Callable, x: Any) -> float:
    with silence():
        return float(_result(f, constant(x))._value)


def _slope(f: Callable, x: Any) -> float:
    given = constant(x)
    with GradientTape() as tape:
        tape.watch(given)
        y = _result(f, given)
    found = tape.gradient(y, given)
    if found is None:
        raise ValueError(
            f"tangent: the tape's gradient is None at x = {x:g}: f's result does not depend on x "
            "by recorded steps. explain.why_none(tape, y, x) names the missing link"
        )
    return float(found._value)


def _result(f: Callable, x: Tensor) -> Tensor:
    try:
        y = f(x)
    except InvalidArgumentError as error:
        raise InvalidArgumentError(
            f"tangent: f(x) with x of {x.dtype.name}: {error}. If f holds float32 tensors of its "
            "own, leave dtype as it is"
        ) from error
    return scalar(y, "tangent: f(x)")


def _text(x: float | None) -> str:
    return "not finite" if x is None else f"{x:.6g}"
