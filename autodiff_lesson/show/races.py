"""show.race: optimizers walk down a surface side by side, and any single step can be opened."""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..function import function
from ..keras import optimizers as rules
from ..ops.shape import unstack
from ..recorder import silence
from ..tape import GradientTape
from ..values import constant
from ..variable import Variable
from .hosting import Explorer, rounded
from .hosting import live as with_kernel
from .palette import LOOKS, looks_of
from .stills import still
from .surfaces import Point, argument_names, cut, few_digits, heights

LAND = 72, 54  # heights sent of a surface, along x and y
AWAY = 10  # a path that is so many picture widths away has diverged

# What a slot holds, in words; the nearest class counts.
_SLOTS: dict[type, dict[str, str]] = {
    rules.SGD: {"momentum": "velocity"},
    rules.Adagrad: {"accumulator": "sum of squares"},
    rules.Adadelta: {
        "accumulated_grad": "mean of squares",
        "accumulated_delta_var": "mean of squared moves",
    },
    rules.RMSprop: {"velocity": "mean of squares", "average_gradient": "mean gradient"},
    rules.Adam: {
        "momentum": "mean gradient",
        "velocity": "mean of squares",
        "velocity_hat": "largest mean of squares",
    },
    rules.Nadam: {"momentum": "mean gradient", "velocity": "mean of squares"},
}


def race(
    surface: Callable[[Any, Any], Any],
    optimizers: Mapping[str, Any] | Sequence[Any],
    *,
    start: Point | None = None,
    steps: int = 100,
    noise: float = 0.0,
    seed: int = 0,
    x_range: Point | None = None,
    y_range: Point | None = None,
    live: bool = True,
) -> Any:
    """Let optimizers race down a surface: click where they start, turn their rates, open a step.

    Every path is walked by the optimizers of this package, in Python; the page draws it. A path
    has diverged when it is more than ten picture widths away, or no longer finite.

    >>> from autodiff_lesson import keras, show
    >>> from autodiff_lesson.show.surfaces import ravine
    >>> sgd, adam = keras.optimizers.SGD(0.05), keras.optimizers.Adam(0.2)
    >>> show.race(ravine, [sgd, adam], steps=60)
    <race on ravine from (-2.6, 1): SGD diverged at step 9; Adam 0.0299 after 60 steps>

    Args:
        surface: one of `show.surfaces`, or your own function of two scalar tensors.
        optimizers: some of `keras.optimizers`, in a list, or in a dict with their names. Copies of
            them walk.
        start: (x, y) to begin with; the surface's own if left out.
        steps: how many updates.
        noise: standard deviation of what is added to each gradient, as small batches would do.
        seed: of the noise.
        x_range, y_range: the part to look at; the surface's own if left out.
        live: a widget beside a running kernel; False gives the page that needs none, in which the
            steps can be played and opened but nothing new is computed.

    Returns:
        What a notebook shows.
    """
    made = Race(surface, optimizers, start, steps, noise, seed, x_range, y_range)
    explorer = made.explorer()
    return with_kernel(explorer, made.respond) if live else explorer


class Race:
    """Optimizers on a surface, and the paths they take from the settings last asked for."""

    def __init__(
        self,
        surface: Callable[[Any, Any], Any],
        optimizers: Mapping[str, Any] | Sequence[Any],
        start: Point | None,
        steps: int,
        noise: float,
        seed: int,
        x_range: Point | None,
        y_range: Point | None,
    ):
        self.surface = surface
        self.name = str(getattr(surface, "__name__", "a surface"))
        self.optimizers = _by_name(optimizers)
        self.steps, self.seed = int(steps), seed
        self.x = _given("x_range", x_range, surface)
        self.y = _given("y_range", y_range, surface)
        self.reach = [_around(self.x), _around(self.y)]
        self.start = _given("start", start, surface)
        self.minima = getattr(surface, "minima", ())
        self.noise = float(noise)
        self.slopes = _Slopes(surface)
        self.rates = [_rate(o) for o in self.optimizers.values()]
        self.momenta = [_momentum(o) for o in self.optimizers.values()]
        self.data: dict[str, Any] = {
            "title": f"A race on {self.name}",
            "axes": list(argument_names(surface)),
            "names": list(self.optimizers),
            "looks": [list(LOOKS).index(look) for look in looks_of(self.optimizers)],
            "x": list(self.x),
            "y": list(self.y),
            "steps": self.steps,
            "land": self._land(),
            "minima": [list(m) for m in self.minima],
            "runs": [self._run(i) for i in range(len(self.optimizers))],
        }

    def explorer(self) -> Explorer:
        """The page's data, for the settings of now."""
        (x, y), facts = self.start, []
        for name, run in zip(self.optimizers, self.data["runs"]):
            facts.append(
                f"{name} diverged at step {run['out']}"
                if run["out"] is not None
                else f"{name} {few_digits(run['l'][-1])} after {self.steps} steps"
            )
        said = f"race on {self.name} from ({x:g}, {y:g}): {'; '.join(facts)}"
        chosen = {
            "start": list(self.start),
            "rates": list(self.rates),
            "momenta": list(self.momenta),
            "noise": self.noise,
        }
        paths = [_pairs(run["p"])[: run["left"]] for run in self.data["runs"]]
        colours = [list(LOOKS.values())[i].light for i in self.data["looks"]]
        image = still(
            said, paths, self.x, self.y, colours, list(self.optimizers), self.data["land"]
        )
        return Explorer("races", self.data, chosen, said, image)

    def respond(self, chosen: dict) -> dict:
        """Walk again where a setting has changed: the new runs, by their numbers."""
        anew = chosen["start"] != list(self.start) or chosen["noise"] != self.noise
        self.start = (float(chosen["start"][0]), float(chosen["start"][1]))
        self.noise = float(chosen["noise"])
        made = {}
        for i, setting in enumerate(zip(chosen["rates"], chosen["momenta"])):
            if anew or setting != (self.rates[i], self.momenta[i]):
                self.rates[i], self.momenta[i] = setting
                made[i] = self.data["runs"][i] = self._run(i)
        return {"runs": made, "serial": chosen.get("serial", 0)}

    def _run(self, i: int) -> dict:
        """One optimizer's path: points, losses, and for each step gradient, slots and move."""
        optimizer = copy.deepcopy(list(self.optimizers.values())[i])
        if self.rates[i] is not None:
            optimizer.learning_rate = self.rates[i]
        momentum = self.momenta[i]
        if momentum is not None:
            _set_momentum(optimizer, momentum)
        point = Variable(np.array(self.start, np.float32), name="point")
        optimizer.build([point])
        words = _words(optimizer)
        random = np.random.default_rng(self.seed)
        path, losses = [point.numpy()], []
        gradients: list[np.ndarray] = []
        slots: dict[str, list] = {words.get(n, n): [] for n in optimizer.slots}
        with np.errstate(all="ignore"), silence():
            while len(gradients) < self.steps and self._near(path[-1]):
                loss, gradient = self.slopes(point)
                losses.append(loss)
                if self.noise:
                    gradient = gradient + random.normal(0, self.noise, 2).astype(np.float32)
                optimizer.apply_gradients([(constant(gradient), point)])
                gradients.append(gradient)
                for kept, slot in zip(slots.values(), optimizer.state(point)):
                    kept.append(slot.numpy())
                path.append(point.numpy())
            losses.append(self.slopes(point)[0])
        out = None if self._near(path[-1]) else len(path) - 1
        seen, left = cut(np.array(path), self.x, self.y)
        return {
            "p": rounded(path),
            "l": rounded(losses),
            "g": rounded(gradients, 4),
            "s": {name: rounded(kept, 4) for name, kept in slots.items()},
            "out": out,
            "left": left,
            "edge": rounded(seen[-1]) if left else [],
        }

    def _near(self, point: np.ndarray) -> bool:
        x, y = point.tolist()
        (x0, x1), (y0, y1) = self.reach
        return x0 <= x <= x1 and y0 <= y <= y1  # false for NaN, too

    def _land(self) -> dict:
        """Heights on a grid, as shares of the way up: whole numbers of 16 bits, row by row."""
        x, y = np.linspace(*self.x, LAND[0]), np.linspace(*self.y[::-1], LAND[1])
        text, low = packed_land(heights(self.surface, *np.meshgrid(x, y)))
        known = [self.slopes(constant(np.array(m, np.float32)))[0] for m in self.minima]
        return {"w": LAND[0], "h": LAND[1], "z": text, "low": min([low, *known])}


class _Slopes:
    """A surface's height and gradient at a point, replayed by a `function` where it can be."""

    def __init__(self, surface: Callable[[Any, Any], Any]):
        self.surface = surface
        self.call: Callable = function(self._eager)
        self.tried = False

    def _eager(self, point: Any) -> tuple:
        with GradientTape() as tape:
            tape.watch(point)
            height = self.surface(*unstack(point))
        return height, tape.gradient(height, point)

    def __call__(self, point: Any) -> tuple[float, np.ndarray]:
        given = constant(point.numpy())
        try:
            height, gradient = self.call(given)
        except Exception:
            # a surface that decides by the height it is at cannot be recorded once for all
            if self.call == self._eager:
                raise
            self.call = self._eager
            height, gradient = self.call(given)
        if gradient is None:
            raise ValueError(
                "race: the surface's gradient is None: it does not depend on x and y by recorded "
                "steps. explain.why_none(tape, height, x) names the missing link"
            )
        return float(height._value), gradient._value


def packed_land(heights: np.ndarray) -> tuple[str, float]:
    """Heights as base64 of 16 bits each, and the lowest.

    Equal differences are equal ratios high up and equal steps near the ground.
    """
    finite = heights[np.isfinite(heights)]
    if not finite.size:
        raise ValueError("the surface is not finite anywhere in the part to look at")
    low, middle = float(finite.min()), float(np.median(finite))
    up = np.log1p((heights - low) / max((middle - low) / 8, 1e-12))
    most = np.log1p((finite.max() - low) / max((middle - low) / 8, 1e-12)) or 1.0
    shares = np.nan_to_num(up / most, nan=1.0, posinf=1.0, neginf=0.0).clip(0, 1)
    return base64.b64encode((shares * 65535).astype("<u2").tobytes()).decode(), low


def _given(what: str, value: Any, surface: Any) -> Point:
    value = getattr(surface, what, None) if value is None else value
    if value is None:
        raise ValueError(f"race: your surface has no {what} of its own: give it {what}=(…, …)")
    first, second = map(float, value)
    if what != "start" and not first < second:
        raise ValueError(f"race: {what} goes from low to high; got ({first:g}, {second:g})")
    return first, second


def _by_name(optimizers: Mapping[str, Any] | Sequence[Any]) -> dict[str, Any]:
    if isinstance(optimizers, Mapping):
        named = {str(name): o for name, o in optimizers.items()}
    else:
        given = optimizers if isinstance(optimizers, (list, tuple)) else [optimizers]
        named = {}
        for o in given:
            name = base = type(o).__name__
            while name in named:
                name = f"{base} {int(name.removeprefix(base) or 1) + 1}"
            named[name] = o
    for name, o in named.items():
        if not isinstance(o, rules.Optimizer):
            raise TypeError(f"race: {name} is {o!r:.60}, not one of keras.optimizers")
    if not 1 <= len(named) <= len(LOOKS):
        raise ValueError(f"race: 1 to {len(LOOKS)} optimizers; got {len(named)}")
    return named


def _rate(optimizer: Any) -> float | None:
    """The learning rate; None where a schedule sets it."""
    rate = optimizer.learning_rate
    return float(f"{float(rate.numpy()):.6g}") if isinstance(rate, Variable) else None


def _momentum(optimizer: Any) -> float | None:
    found = getattr(optimizer, "momentum", getattr(optimizer, "beta_1", None))
    return None if found is None else float(found)


def _set_momentum(optimizer: Any, momentum: float) -> None:
    """On a copy that has no state yet."""
    if hasattr(optimizer, "beta_1"):
        optimizer.beta_1 = momentum
        return
    before = bool(optimizer.momentum)
    optimizer.momentum = momentum
    if bool(momentum) == before:
        return
    slots = {name: 0.0 for name in optimizer.slots if name != "momentum"}
    if momentum:  # its place is after the mean of squares, where RMSprop has one
        first = {name: 0.0 for name in slots if name == "velocity"}
        slots = {**first, "momentum": 0.0, **slots}
    optimizer.slots = slots


def _around(low_high: Point) -> Point:
    """The range of AWAY times the width around the middle, on each side."""
    low, high = low_high
    return (low + high) / 2 - AWAY * (high - low), (low + high) / 2 + AWAY * (high - low)


def _pairs(values: list) -> list[tuple]:
    return list(zip(values[::2], values[1::2]))


def _words(optimizer: Any) -> dict[str, str]:
    return next((_SLOTS[c] for c in type(optimizer).__mro__ if c in _SLOTS), {})
