"""Check gradients against finite differences, and a custom gradient against its own promises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import nest
from ..custom_gradient import CustomGradient
from ..errors import InvalidArgumentError
from ..recorder import Record, silence
from ..tape import GradientTape
from ..tensor import Tensor, as_value
from .formula import grad_line

_DIRECTIONS = 3
# step and tolerance of central differences: about the cube root of the precision, and its square
_STEPS = {"float64": (1e-5, 1e-5), "float32": (1e-2, 2e-2)}


class GradientReport:
    """What `check_gradients` found: true if nothing is wrong. Prints as a few lines.

    Attributes:
        problems: one sentence for each thing that is wrong.
        checked: what was compared.
    """

    def __init__(self, name: str, problems: list[str], checked: list[str]):
        self.name = name
        self.problems = problems
        self.checked = checked

    def __bool__(self) -> bool:
        return not self.problems

    def __repr__(self) -> str:
        if self.problems:
            return "\n".join([f"{self.name}: wrong", *(f"- {p}" for p in self.problems)])
        return f"{self.name}: right ({', '.join(self.checked)})"

    def _repr_markdown_(self) -> str:
        return repr(self)


def check_gradients(f: Callable, *args: Any, order: int = 2) -> GradientReport:
    """Compare the gradients of a function with central finite differences, in float64.

    The difference is taken along random directions, always the same: the report of a run is the
    report of the next one. For a function made with ``custom_gradient``, its ``grad`` is also
    asked for the right count and shapes, and must be linear in the upstream gradient.

    Args:
        f: takes tensors, returns a tensor or a nest of them.
        args: numbers, arrays or tensors; floating ones are varied, all others stay.
        order: 1 for first derivatives only, 2 for second derivatives too.

    >>> import autodiff_lesson as tf
    >>> check_gradients(lambda x, y: tf.sin(x) * y, 0.5, [1.0, 2.0])
    <lambda>: right (2 arguments, first order, second order)
    """
    name = str(getattr(f, "__name__", None) or getattr(f, "name", type(f).__name__))
    with silence(), np.errstate(all="ignore"):
        try:
            return _Check(f, args, np.float64).report(name, order)
        except InvalidArgumentError as error:
            if "dtypes" not in str(error) and "float32" not in str(error):
                raise
            # f holds float32 tensors of its own: then its numbers decide
            return _Check(f, args, np.float32).report(name, order)


class _Check:
    """One function at one point."""

    def __init__(self, f: Callable, args: tuple, dtype: Any):
        self.f = f
        self.args = [_converted(a, dtype) for a in args]
        self.varied = [i for i, a in enumerate(self.args) if a.dtype.is_floating]
        self.dtype = np.dtype(dtype)
        self.step, self.tolerance = _STEPS[self.dtype.name]
        self.random = np.random.default_rng(0)

    def report(self, name: str, order: int) -> GradientReport:
        count = len(self.varied)
        checked = [f"{count} argument{'s' if count != 1 else ''}"]
        if not self.varied:
            return GradientReport(name, ["no argument is a floating number: nothing to vary"], [])
        problems, customs = self._custom_rules()
        checked += ["count, shapes and linearity of grad"] if customs else []
        if not problems:
            problems = self._along(self._value, self._slopes, "the gradient")
            checked.append("first order")
        if not problems and order > 1:
            problems = self._along(self._slope_sum, self._second, "the second derivative")
            checked.append("second order")
        return GradientReport(name, problems, checked)

    # ------------------------------------------------------------ against finite differences
    def _along(self, value: Callable, slopes: Callable, what: str) -> list[str]:
        """Compare per argument, so that it can be said which one is wrong."""
        problems = []
        for i in self.varied:
            for _ in range(_DIRECTIONS):
                direction = self._draw(self.args[i].shape)
                weights = [self._draw(a.shape) for a in self.args]
                slope = slopes(weights)[i]
                found = float(np.sum(slope * direction)) if slope is not None else 0.0
                ahead, behind = (
                    value(self._moved(i, direction, s), weights) for s in (self.step, -self.step)
                )
                wanted = (ahead - behind) / (2 * self.step)
                if not abs(found - wanted) <= self.tolerance * (1 + abs(wanted)):
                    problems.append(
                        f"{what} by argument {i}: along a random direction the rule gives "
                        f"{found:.4g}, finite differences {wanted:.4g}"
                    )
                    break
        return problems

    def _draw(self, shape: Any) -> Any:
        """A random direction of length 1."""
        drawn = self.random.normal(size=tuple(shape))
        return np.asarray(drawn / max(float(np.linalg.norm(drawn)), 1e-12))

    def _moved(self, i: int, direction: Any, step: float) -> list[Tensor]:
        args = list(self.args)
        args[i] = Tensor((args[i]._value + step * direction).astype(self.dtype)[()])
        return args

    def _outputs(self, args: list[Tensor]) -> list[Tensor]:
        found = [o for o in nest.flatten(self.f(*args)) if isinstance(o, Tensor)]
        return [o for o in found if o.dtype.is_floating]

    def _seeds(self, outputs: list[Tensor]) -> list[Tensor]:
        """Fixed weights of the outputs, so that one number stands for all of them."""
        draw = np.random.default_rng(1)
        drawn = (np.asarray(draw.normal(size=tuple(o.shape)), self.dtype) for o in outputs)
        return [Tensor(d[()]) for d in drawn]

    def _value(self, args: list[Tensor], weights: list) -> float:
        outputs = self._outputs(args)
        seeds = self._seeds(outputs)
        return sum(
            float(np.sum(o._value.astype(np.float64) * s._value))
            for o, s in zip(outputs, seeds, strict=True)
        )

    def _gradients(self, args: list[Tensor]) -> list[Tensor | None]:
        with GradientTape() as tape:
            tape.watch([args[i] for i in self.varied])
            outputs = self._outputs(args)
        found = tape.gradient(outputs, [args[i] for i in self.varied], self._seeds(outputs))
        by_argument = dict(zip(self.varied, found, strict=True))
        return [by_argument.get(i) for i in range(len(args))]

    def _slopes(self, weights: list) -> list:
        return [None if g is None else g._value for g in self._gradients(self.args)]

    def _slope_sum(self, args: list[Tensor], weights: list) -> float:
        """The gradients as one number: their sum, weighted."""
        return sum(
            float(np.sum(g._value * w))
            for g, w in zip(self._gradients(args), weights, strict=True)
            if g is not None
        )

    def _second(self, weights: list) -> list:
        """The gradient of `_slope_sum`, by a tape around the gradient."""
        sources = [self.args[i] for i in self.varied]
        with GradientTape() as outer:
            outer.watch(sources)
            first = self._gradients(self.args)
        pairs = [
            (g, Tensor(w.astype(self.dtype)[()]))
            for g, w in zip(first, weights, strict=True)
            if g is not None
        ]
        if not pairs:
            return [None] * len(self.args)
        found = outer.gradient([g for g, _ in pairs], sources, [w for _, w in pairs])
        by_argument = dict(zip(self.varied, found, strict=True))
        return [
            None if (g := by_argument.get(i)) is None else g._value for i in range(len(self.args))
        ]

    # ------------------------------------------------------------ custom gradients
    def _custom_rules(self) -> tuple[list[str], int]:
        """What the grads of custom functions inside f do wrong, and how many there are."""
        with GradientTape() as tape:
            tape.watch([self.args[i] for i in self.varied])
            self.f(*self.args)
        customs = [r for r in tape._records if isinstance(r.op, CustomGradient)]
        problems: list[str] = []
        for record in customs:
            problems += self._promises(record)
        return problems, len(customs)

    def _promises(self, record: Record) -> list[str]:
        op = record.op
        one, two = self._upstream(record), self._upstream(record)
        try:
            first = self._asked(op, one)
        except ValueError as error:
            return [str(error)]
        problems = []
        for i, (x, g) in enumerate(zip(record.inputs, first, strict=True)):
            if g is not None and g.shape != x._value.shape:
                problems.append(
                    f"the grad of {op.name} gives shape {g.shape} for argument {i}, which has "
                    f"shape {x._value.shape}. It says {grad_line(op)}"
                )
        if problems:
            return problems
        second = self._asked(op, two)
        both = self._asked(op, [a + 2.0 * b for a, b in zip(one, two, strict=True)])
        constant, bent = [], []
        for i, (a, b, ab) in enumerate(zip(first, second, both, strict=True)):
            if a is None or b is None or ab is None:
                continue
            if np.any(a != 0) and np.array_equal(a, b) and np.array_equal(a, ab):
                constant.append(str(i))
            elif not np.allclose(ab, a + 2.0 * b, rtol=self.tolerance, atol=self.tolerance):
                bent.append(str(i))
        if constant:
            problems.append(
                f"the grad of {op.name} forgot `upstream`: for argument {' and '.join(constant)} "
                "it gives the same whatever comes from above. Multiply the derivative by upstream. "
                f"It says {grad_line(op)}"
            )
        if bent:
            problems.append(
                f"the grad of {op.name} is not linear in upstream for argument "
                f"{' and '.join(bent)}: twice the upstream gradient must give twice the gradient. "
                f"It says {grad_line(op)}"
            )
        return problems

    def _upstream(self, record: Record) -> list:
        drawn = (self.random.normal(size=tuple(o.shape)) for o in record.outputs)
        return [np.asarray(d, o._value.dtype) for d, o in zip(drawn, record.outputs, strict=True)]

    def _asked(self, op: CustomGradient, upstream: list) -> list:
        found = op._ask([Tensor(u.astype(u.dtype)[()]) for u in upstream])
        return [None if g is None else np.asarray(getattr(g, "_value", g)) for g in found]


def _converted(value: Any, dtype: Any) -> Tensor:
    read = value._read() if hasattr(value, "_read") else value
    array = np.asarray(as_value(read))
    return Tensor(array.astype(dtype)[()] if array.dtype.kind == "f" else array[()])
