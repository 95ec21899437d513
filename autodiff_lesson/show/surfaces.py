"""Landscapes of two numbers on which optimizers can be watched, and a walk down them.

Each is a function of `x` and `y` made of operators alone, so it takes tensors, arrays and plain
numbers alike, and knows what part of it to look at, where to start, and where its minima lie.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..ops.shape import unstack
from ..recorder import silence
from ..tape import GradientTape
from ..values import constant
from ..variable import Variable

Range = tuple[float, float]
Point = tuple[float, float]


@dataclass(frozen=True, repr=False)
class Surface:
    """A function of two numbers, with what one needs to draw it: call it as `surface(x, y)`.

    `x_range` and `y_range` are the part worth looking at, `start` is where walks begin, `minima`
    are the lowest points known.

    >>> beale
    <Surface beale: x -0.5..4, y -1.5..1.5, start (1.0, 1.0), minimum 0 at (3.0, 0.5)>
    >>> beale(3.0, 0.5)
    0.0
    """

    f: Callable[[Any, Any], Any]
    x_range: Range
    y_range: Range
    start: Point
    minima: tuple[Point, ...]

    def __call__(self, x: Any, y: Any) -> Any:
        return self.f(x, y)

    @property
    def __name__(self) -> str:
        return self.f.__name__

    def __repr__(self) -> str:
        (x0, x1), (y0, y1) = self.x_range, self.y_range
        at = " and ".join(map(str, self.minima))
        return (
            f"<Surface {self.__name__}: x {x0:g}..{x1:g}, y {y0:g}..{y1:g}, "
            f"start {self.start}, minimum {self(*self.minima[0]):.3g} at {at}>"
        )


def _surface(
    x_range: Range, y_range: Range, start: Point, *minima: Point
) -> Callable[[Callable[[Any, Any], Any]], Surface]:
    def made(f: Callable[[Any, Any], Any]) -> Surface:
        surface = Surface(f, x_range, y_range, start, minima)
        object.__setattr__(surface, "__doc__", f.__doc__)
        return surface

    return made


@_surface((-3.0, 3.0), (-2.0, 2.0), (-2.5, 1.5), (0.0, 0.0))
def bowl(x, y):
    """Nothing in the way: a bowl, twice as steep along y. Any sensible optimizer gets down."""
    return x * x + 2 * y * y


@_surface((-3.0, 3.0), (-1.5, 1.5), (-2.6, 1.0), (0.0, 0.0))
def ravine(x, y):
    """Fifty times as steep across as along: plain descent swings from wall to wall.

    Its curvatures are 1 and 50, so gradient descent diverges above a learning rate of 2/50 = 0.04
    (Polyak, 1964, is about this shape).
    """
    return (x * x + 50 * y * y) / 2


@_surface((-3.0, 3.0), (-2.5, 2.5), (-2.5, 0.01), (0.0, -(2.0**0.5)), (0.0, 2.0**0.5))
def saddle(x, y):
    """A pass between two hollows: a walk along the ridge comes almost to rest at (0, 0).

    The minima, at y = ±sqrt(2), have the value -1.
    """
    return x * x - y * y + y * y * y * y / 4


@_surface((-6.0, 6.0), (-4.0, 4.0), (-5.0, 3.0), (0.0, 0.0))
def plateau(x, y):
    """A hole in a plain: far out there is next to no slope to follow.

    The function of Geman and McClure (1985), r²/(1 + r²), of the distance r.
    """
    square = x * x + y * y
    return square / (1 + square)


@_surface((-0.5, 4.0), (-1.5, 1.5), (1.0, 1.0), (3.0, 0.5))
def beale(x, y):
    """Flat in the middle, steep walls at the corners (Beale, 1958).

    Formula, start and minimum as in Moré, Garbow and Hillstrom (1981), no. 5.
    """
    a = 1.5 - x * (1 - y)
    b = 2.25 - x * (1 - y * y)
    c = 2.625 - x * (1 - y * y * y)
    return a * a + b * b + c * c


@_surface((-2.0, 2.0), (-1.0, 3.0), (-1.2, 1.0), (1.0, 1.0))
def rosenbrock(x, y):
    """A bent valley with an almost flat floor: easy to enter, slow to walk (Rosenbrock, 1960).

    Formula, start and minimum as in Moré, Garbow and Hillstrom (1981), no. 1.
    """
    a = y - x * x
    b = 1 - x
    return 100 * a * a + b * b


def descend(
    f: Callable[[Any, Any], Any],
    optimizer: Any,
    start: Point | None = None,
    steps: int = 100,
    *,
    noise: float = 0.0,
    seed: int = 0,
) -> np.ndarray:
    """Let an optimizer walk down a surface, and get its path to draw or to compare.

    Args:
        f: function of two scalar tensors that gives a scalar tensor.
        optimizer: one of `keras.optimizers` that has not trained anything yet; a copy of it walks,
            so that two walks are alike.
        start: (x, y); `f.start` if left out.
        steps: how many updates.
        noise: standard deviation of what is added to each gradient, as small batches would do.
        seed: of the noise.

    Returns:
        float32 of shape (steps + 1, 2): the start, then the point after each step. It is shorter if
        a point is infinite or NaN: that one is the last.

    >>> from autodiff_lesson import keras
    >>> descend(bowl, keras.optimizers.SGD(0.25), start=(1.0, 1.0), steps=2)
    array([[1.  , 1.  ],
           [0.5 , 0.  ],
           [0.25, 0.  ]], dtype=float32)
    """
    if start is None:
        start = getattr(f, "start", None)
    if start is None:
        raise ValueError("descend does not know where to begin: give it start=(x, y)")
    optimizer = copy.deepcopy(optimizer)
    rng = np.random.default_rng(seed)
    point = Variable(np.array(start, np.float32), name="point")
    path = [point.numpy()]
    while len(path) <= steps and np.isfinite(path[-1]).all():
        with GradientTape() as tape:
            height = f(*unstack(point))
        gradient = tape.gradient(height, point)
        if noise:
            gradient = gradient + rng.normal(0, noise, 2)
        optimizer.apply_gradients([(gradient, point)])
        path.append(point.numpy())
    return np.array(path)


def argument_names(f: Any) -> tuple[str, str]:
    """What a function calls its two numbers: the names of the axes."""
    try:
        names = list(inspect.signature(getattr(f, "f", f)).parameters)
    except (TypeError, ValueError):
        names = []
    return (names[0], names[1]) if len(names) >= 2 else ("x", "y")


def heights(f: Callable[[Any, Any], Any], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The values of `f` at many points, through the engine: float64, in the shape of `x`."""
    values = at_once(f, x, y)
    return one_by_one(f, x, y) if values is None else values


def at_once(f: Callable[[Any, Any], Any], x: np.ndarray, y: np.ndarray) -> np.ndarray | None:
    """The same, by one call with tensors of that shape; None if `f` did not expect those."""
    try:
        with silence(), np.errstate(all="ignore"):
            values = np.asarray(f(constant(np.float32(x)), constant(np.float32(y))), dtype=float)
    except Exception:  # if something else is wrong, single points will tell
        return None
    return values if values.shape == x.shape else None


def one_by_one(f: Callable[[Any, Any], Any], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The same, by a call for each point."""
    points = zip(np.float32(x).flat, np.float32(y).flat)
    with silence(), np.errstate(all="ignore"):
        values = [float(f(constant(a), constant(b))) for a, b in points]
    return np.array(values).reshape(x.shape)


def few_digits(height: float) -> str:
    """A height for a label: tiny ones depend on the processor, and labels are compared as text."""
    return f"{height:.3g}" if not 0 < abs(height) < 1e-6 else "almost 0"


def cut(path: np.ndarray, x_range: Range, y_range: Range) -> tuple[np.ndarray, int | None]:
    """The part of a path to draw, to the edge, and the step at which it leaves the map, or None."""
    low, high = np.array([x_range, y_range], dtype=float).T
    inside = np.flatnonzero(((low <= path) & (path <= high)).all(axis=1))
    left = int(inside[-1]) + 1 if inside.size else 0
    if left == len(path):
        return path, None
    if left == 0:
        return path[:0], 0
    here, there = path[left - 1].astype(float), path[left].astype(float)
    if not np.isfinite(there).all():
        return path[:left], left
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.where(there > here, high - here, low - here) / (there - here)
    share = np.nanmin(np.where(there == here, np.nan, reach))
    return np.vstack([path[:left], here + share * (there - here)]), left
