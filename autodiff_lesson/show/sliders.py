"""show.explore: turn the inputs of a function and watch its backward pass follow."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any

from ..tape import GradientTape
from ..tensor import Tensor
from ..values import constant
from .hosting import function_name, scalar, show_both
from .stepper import BackwardPass, backward


def explore(f: Callable, **ranges: Any) -> Any:
    """Turn the inputs of a scalar function with sliders; the stepper follows, at the same step.

    >>> import autodiff_lesson as tf
    >>> from autodiff_lesson import show
    >>> def wave(x, k):
    ...     return tf.sin(k * x)
    >>> show.explore(wave, x=(-3.0, 3.0, 1.0), k=(0.5, 4.0, 2.0))
    <explore wave: x = 1, k = 2; dy/dx = -0.83229, dy/dk = -0.41615>

    Args:
        f: function of scalar tensors that gives a scalar tensor.
        ranges: for each parameter of f its lowest and highest value, and, if you like, the one to
            begin with, else the middle.

    Returns:
        A widget: sliders above the stepper. A saved notebook keeps the stepper at the values the
        widget was shown with.
    """
    name = function_name(f)
    spans = {parameter: _span(parameter, given) for parameter, given in ranges.items()}
    needed = [
        p.name
        for p in inspect.signature(f).parameters.values()
        if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    missing = [p for p in needed if p not in spans]
    if missing or not spans:
        raise ValueError(
            f"explore: give a range for {', '.join(missing) or 'an input'} of {name}, as in "
            f"show.explore({name}, {(missing or ['x'])[0]}=(-3.0, 3.0))"
        )
    return _widget_class()(f, name, spans)


def _span(name: str, given: Any) -> tuple[float, float, float]:
    try:
        low, high, *rest = map(float, given)
    except (TypeError, ValueError):
        low = high = 0.0
        rest = []
    start = rest[0] if rest else (low + high) / 2
    if not low < high or not low <= start <= high or len(rest) > 1:
        raise ValueError(
            f"explore: {name}=(lowest, highest) or (lowest, highest, start); got {given!r:.60}"
        )
    return low, high, start


def _fine(width: float) -> float:
    """The step of a slider: a power of ten, a hundred or more to the width."""
    return 10.0 ** math.floor(math.log10(width / 100))


def recorded(f: Callable, values: dict[str, float]) -> tuple[GradientTape, Tensor, list[Tensor]]:
    """Run f on a tape: the tape, the result, the inputs under their names."""
    inputs = {name: constant(value, name=name) for name, value in values.items()}
    with GradientTape(persistent=True) as tape:
        tape.watch(list(inputs.values()))
        y = scalar(f(**inputs), "explore: f")
    if y.name is None and all(y is not given for given in inputs.values()):
        y._name = "y"  # as in the caption; a name from f's own lines comes first
    return tape, y, list(inputs.values())


@functools.cache
def _widget_class() -> type:
    """Made when the first one is wanted: ipywidgets loads slowly."""
    import ipywidgets

    class Exploration(ipywidgets.VBox):
        """Sliders for the inputs of a function, above its stepper."""

        def __init__(self, f: Callable, name: str, spans: dict[str, tuple[float, float, float]]):
            self.f, self.name = f, name
            values = {parameter: start for parameter, (_, _, start) in spans.items()}
            self.stepper = backward(*recorded(f, values), step=-1, live=True)
            self.sliders = {
                parameter: ipywidgets.FloatSlider(
                    start, min=low, max=high, step=_fine(high - low), description=parameter,
                    readout_format=".4g", continuous_update=True,
                    layout=ipywidgets.Layout(width="420px"),
                )
                for parameter, (low, high, start) in spans.items()
            }  # fmt: skip
            self.said = ipywidgets.Label("")
            for slider in self.sliders.values():
                slider.observe(self._follow, "value")
            super().__init__([*self.sliders.values(), self.said, self.stepper])
            self.said.layout.display = "none"

        @property
        def values(self) -> dict[str, float]:
            """What the sliders say."""
            return {name: slider.value for name, slider in self.sliders.items()}

        def _follow(self, change: Any) -> None:
            try:
                self.stepper.show(*recorded(self.f, self.values))
                self.said.value = ""
            except Exception as error:  # shown in place: the log of a widget is seen by nobody
                self.said.value = f"{type(error).__name__}: {error}"
            self.said.layout.display = "" if self.said.value else "none"

        def __repr__(self) -> str:
            tape, y, inputs = recorded(self.f, self.values)
            slopes = ", ".join(
                f"dy/d{name} = {'None' if slope is None else format(float(slope._value), '.5g')}"
                for name, slope in zip(self.values, tape.gradient(y, inputs), strict=True)
            )
            at = ", ".join(f"{name} = {value:.4g}" for name, value in self.values.items())
            return f"<explore {self.name}: {at}; {slopes}>"

        def _repr_html_(self) -> str:
            """The stepper at the values of now, for notebooks without a kernel."""
            stepper = self.stepper
            return BackwardPass(stepper.picture, step=stepper.step, key=stepper.key)._repr_html_()

        def _ipython_display_(self) -> None:
            show_both(self._repr_mimebundle_(), self)

    return Exploration
