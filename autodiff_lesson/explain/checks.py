"""Check gradients against finite differences, and a custom gradient against its own promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from .. import nest
from ..custom_gradient import CustomGradient
from ..errors import InvalidArgumentError
from ..recorder import Record, silence
from ..tape import GradientTape
from ..tensor import Tensor
from ..values import as_value
from .formula import grad_line
from .naming import in_line
from .reasons import EXITS, onward
from .sentence import Sentence

_DIRECTIONS = 3
# the longest and the shortest step of central differences for numbers around 1, and how far from
# them a gradient may be, relative to its size: about the cube root of the precision, its square
_STEPS = {"float64": ((1e-5, 1e-7), 1e-5), "float32": ((1e-2, 1e-2), 2e-2)}
_FORGOTTEN = (
    "forgot `upstream`: for argument {} it gives the same whatever comes from above. Multiply the "
    "derivative by upstream"
)
_BENT = (
    "is not linear in upstream for argument {}: twice the upstream gradient must give twice the "
    "gradient"
)


class GradientReport(Sentence):
    """What `check_gradients` found, in a few lines; true if nothing is wrong.

    Attributes:
        problems: one sentence for each thing that is wrong.
        checked: what was compared.
    """

    problems: list[str]
    checked: list[str]

    def __bool__(self) -> bool:
        return not self.problems


def check_gradients(f: Callable, *args: Any, order: int = 2) -> GradientReport:
    """Compare the gradients of a function with central finite differences, in float64.

    The difference is taken along random directions, always the same: the report of a run is the
    report of the next one. For a function made with ``custom_gradient``, its ``grad`` is also
    asked for the right count and shapes, and must be linear in the upstream gradient. Where f has
    a kink, is not finite or draws random numbers there is nothing to compare: then it says so.

    Args:
        f: takes tensors, returns a tensor or a nest of them.
        args: numbers, arrays or tensors; floating ones are varied, all others stay: Python's
            whole numbers, truths and texts as they are.
        order: 1 for first derivatives only, 2 for second derivatives too.

    >>> import autodiff_lesson as tf
    >>> check_gradients(lambda x, y: tf.sin(x) * y, 0.5, [1.0, 2.0])
    <lambda>: right (2 arguments, first order, second order)
    """
    name = str(getattr(f, "__name__", None) or getattr(f, "name", type(f).__name__))
    with silence(), np.errstate(all="ignore"):
        try:
            problems, checked = _Check(f, args, np.float64).report(order)
        except (InvalidArgumentError, ValueError):
            # f holds float32 tensors of its own, or casts to float32, or a grad answers in it:
            # then its numbers decide. Whatever else is wrong with it is wrong there too, and said
            problems, checked = _Check(f, args, np.float32).report(order)
    text = f"{name}: right ({', '.join(checked)})"
    if problems:
        text = "\n".join([f"{name}: wrong", *(f"- {p}" for p in problems)])
    return GradientReport(text, problems=problems, checked=checked)


class _Check:
    """One function at one point."""

    def __init__(self, f: Callable, args: tuple, dtype: Any):
        self.f = f
        self.args = [_converted(a, dtype) for a in args]
        self.varied = [i for i, a in enumerate(self.args) if _floating(a)]
        self.dtype = np.dtype(dtype)
        self.steps, self.tolerance = _STEPS[self.dtype.name]
        self.random = np.random.default_rng(0)

    def report(self, order: int) -> tuple[list[str], list[str]]:
        """What is wrong, and what was compared."""
        count = len(self.varied)
        if not count:
            return ["no argument is a floating number: nothing to vary. Write 3.0, not 3"], []
        checked = [f"{count} argument{'s' if count != 1 else ''}"]
        tape, sources, outputs = self._taped(self.f, self.args)
        if not outputs:
            nothing = "it returns no floating tensor: compute with tf operations, and return that"
            return [nothing, *_lost(tape, sources)], []
        if any(o.dtype.name != self.dtype.name for o in outputs) and self.dtype == np.float64:
            raise InvalidArgumentError("f casts to float32")  # `check_gradients` goes on with that
        customs = [r for r in tape._records if isinstance(r.op, CustomGradient)]
        variables = list({id(v): v for r in customs for v in r.op.variables}.values())
        if any(v.dtype.name != self.dtype.name for v in variables) and self.dtype == np.float64:
            raise InvalidArgumentError("f reads a variable in float32")
        problems = [problem for record in customs for problem in self._promises(record)]
        checked += ["count, shapes and linearity of grad"] if customs else []
        if not problems:
            problems = self._compared(self.f, "the gradient", variables) or self._beside()
            checked.append("first order")
        if not problems and order > 1:
            problems = self._compared(self._gradient, "the second derivative")
            checked.append("second order")
        return problems, checked

    # ------------------------------------------------------------ against finite differences
    def _compared(self, f: Callable, what: str, variables: Sequence[Any] = ()) -> list[str]:
        """Compare per argument, so that it can be said which one is wrong."""
        tape, sources, outputs = self._taped(f, self.args)
        weights = _weights(outputs)
        upstream = [self._tensor(w) for w in weights]
        slopes = tape.gradient(outputs, [*sources, *variables], upstream)

        def value(args: list) -> float:
            pairs = zip(_floating(f(*args)), weights, strict=True)
            return sum(float(np.sum(o._value.astype(np.float64) * w)) for o, w in pairs)

        here = value(self.args)
        if not np.isfinite(here):
            return [f"{what} is not there: the function is {here} at this point. Take another one"]
        if abs(value(self.args) - here) > 0.01 * self.tolerance * (1 + abs(here)):
            return ["f gives another value at each call: draw its random numbers outside of it"]
        weighted = "" if sum(w.size for w in weights) == 1 else "for a weighted sum of the results "
        problems = []
        for (name, x, move), slope in zip(self._moves(value, variables), slopes, strict=True):
            for _ in range(_DIRECTIONS):
                direction = self._draw(x.shape)
                line = _Line(partial(_along, move, direction), here, x, self.dtype)
                given = np.zeros(x.shape) if slope is None else slope._value
                found, size = float(np.sum(given * direction)), float(np.linalg.norm(given))
                if wrong := line.against(found, size):
                    along = "" if direction.size == 1 else "along a random direction "
                    gives = "None" if slope is None else f"{found:.4g}"
                    says = f"{weighted}{along}the rule gives {gives}{wrong}"
                    problems.append(f"{what} by {name}: {says}")
                    break
        return problems + _lost(tape, sources) if problems else []

    def _moves(self, value: Callable, variables: Sequence[Any]) -> Iterator[tuple]:
        """What is varied: its name, its value, and f's value with it moved by so much."""
        for i in self.varied:
            yield f"argument {i}", self.args[i]._value, partial(self._moved, value, i)
        for variable in variables:
            now = variable._read()._value
            yield f"variable {variable.name}", now, partial(self._assigned, value, variable)

    def _beside(self) -> list[str]:
        """What is wrong a little further on, where a rule made of the numbers of one point fails.

        On one side of a point f may have a kink, or end; wrong is what is wrong on both.
        """
        moved = {}
        for number, i in enumerate(self.varied, 1):  # each by another amount: equal ones part
            x = self.args[i]._value
            moved[i] = self._draw(x.shape) * 0.05 * (1 + np.abs(x)) / number
        for sign in (1, -1):
            args = [
                self._tensor(x._value + sign * moved[i]) if i in moved else x
                for i, x in enumerate(self.args)
            ]
            problems = _Check(self.f, tuple(args), self.dtype)._compared(
                self.f, "a little beside this point the gradient"
            )
            if not problems:
                break
        return problems

    def _gradient(self, *args: Tensor) -> list[Tensor]:
        """The gradients of f as a function, which has a gradient in turn."""
        tape, sources, outputs = self._taped(self.f, args)
        weights = [self._tensor(w) for w in _weights(outputs)]
        return [g for g in tape.gradient(outputs, sources, weights) if g is not None]

    def _taped(self, f: Callable, args: Sequence[Tensor]) -> tuple[GradientTape, list, list]:
        """A recording of f, the arguments that are varied, and its floating outputs."""
        sources = [args[i] for i in self.varied]
        with GradientTape() as tape:
            tape.watch(sources)
            outputs = _floating(f(*args))
        return tape, sources, outputs

    def _draw(self, shape: Any) -> Any:
        """A random direction of length 1; of a single number, 1 itself."""
        drawn = np.asarray(self.random.normal(size=tuple(shape)))
        return np.ones(shape) if drawn.size == 1 else drawn / (float(np.linalg.norm(drawn)) or 1.0)

    def _tensor(self, value: Any) -> Tensor:
        return Tensor(value.astype(self.dtype)[()])

    def _moved(self, value: Callable, i: int, step: Any) -> float:
        """The value after one argument has made a step."""
        args = list(self.args)
        args[i] = self._tensor(args[i]._value + step)
        return value(args)

    def _assigned(self, value: Callable, variable: Any, step: Any) -> float:
        """The value after a variable has made a step, which is then taken back."""
        before = variable._read()
        variable.assign(self._tensor(before._value + step))
        try:
            return value(self.args)
        finally:
            variable.assign(before)

    # ------------------------------------------------------------ custom gradients
    def _promises(self, record: Record) -> list[str]:
        """What the grad of a custom function does wrong whatever its formula: count, shapes; and
        it must be linear in upstream."""
        op, says = record.op, f"It says {grad_line(record.op)}"
        one, two = (  # far apart, since a rule may bend far out only, as one that clips does
            [
                np.asarray(self.random.normal(0.0, s, o.shape), o._value.dtype)
                for o in record.outputs
            ]
            for s in (1.0, 100.0)
        )
        both = [a + 2.0 * b for a, b in zip(one, two, strict=True)]
        try:
            given = [self._asked(op, upstream) for upstream in (one, two, both)]
        except ValueError as error:
            return [str(error)]
        except TypeError as error:
            if "positional argument" not in str(error):
                raise
            wanted = f"one upstream gradient for each of the {len(one)} results of {op.name}"
            return [f"{error}: it gets {wanted}. {says}"]
        problems = []
        faults: dict[str, list[str]] = {_FORGOTTEN: [], _BENT: []}
        for i, (x, a, b, ab) in enumerate(zip(record.inputs, *given, strict=True)):
            if a is None or b is None or ab is None:
                continue
            if a.shape != x._value.shape:
                shapes = f"shape {a.shape} for argument {i}, which has shape {x._value.shape}"
                problems.append(f"the grad of {op.name} gives {shapes}. {says}")
            elif np.any(a != 0) and np.array_equal(a, b) and np.array_equal(a, ab):
                faults[_FORGOTTEN].append(str(i))
            elif not np.allclose(ab, a + 2.0 * b, rtol=self.tolerance, atol=self.tolerance):
                faults[_BENT].append(str(i))
        return problems + [
            f"the grad of {op.name} {fault.format(' and '.join(which))}. {says}"
            for fault, which in faults.items()
            if which
        ]

    def _asked(self, op: CustomGradient, upstream: list) -> list:
        found = op._ask([Tensor(u[()]) for u in upstream])
        return [None if g is None else np.asarray(getattr(g, "_value", g)) for g in found]


def _along(move: Callable, direction: Any, step: float) -> float:
    return move(step * direction)


class _Line:
    """A function along one line through the point: ``move(t)`` is its value at the distance t."""

    def __init__(self, move: Callable[[float], float], here: float, x: Any, dtype: Any):
        self.move, self.here = move, here
        (self.longest, self.shortest), self.tolerance = _STEPS[dtype.name]
        self.rounding = 10 * float(np.finfo(dtype).eps)
        sizes = np.abs(np.ravel(x))
        sizes = sizes[np.isfinite(sizes) & (sizes > 0)]
        self.large = float(np.max(sizes, initial=1.0))
        self.small = float(np.min(sizes, initial=1.0))

    def steps(self) -> Iterator[float]:
        """Ever shorter ones: long where the numbers are large, short where f bends much."""
        step = self.longest * self.large
        while step > 0.99 * self.shortest * self.small:
            yield step
            step /= 10

    def noise(self, step: float, size: float) -> float:
        """What rounding may do to a difference over such a step: that of f, and that of x."""
        return self.rounding * (1 + abs(self.here) + size * self.large) / step

    def against(self, found: float, size: float) -> str:
        """How a slope differs from finite differences, in words; '' if it agrees.

        ``size`` is that of the whole gradient, beside which a difference counts.
        """
        agrees, used, wanted = False, 0.0, 0.0
        for step in self.steps():
            noise = self.noise(step, size)
            if used and noise > 100 * self.tolerance * max(size, abs(wanted)):
                break  # a still shorter step tells nothing
            used, wanted = step, (self.move(step) - self.move(-step)) / (2 * step)
            agrees = abs(found - wanted) <= self.tolerance * max(size, abs(wanted)) + noise
            if agrees:
                break
        if not np.isfinite(wanted):
            return ", and f is not finite beside this point. Take another one"
        low, high = self.sides(used / 10)
        # where the slope is 0, what the step adds is all there is: less with each shorter step
        agrees = agrees or abs(found - (low + high) / 2) < 0.2 * abs(found - wanted)
        # a smooth f has the same slope on both sides, the more so the shorter the step
        far_apart = 0.1 * max(size, abs(low), abs(high)) + 4 * self.noise(used / 10, size)
        before = self.sides(used)
        if high - low > max(far_apart, 0.5 * (before[1] - before[0])):
            return (
                f", finite differences from {low:.4g} to {high:.4g}: f has a kink or a jump "
                "there. Take another point"
            )
        return "" if agrees else f", finite differences {wanted:.4g}"

    def sides(self, step: float) -> list[float]:
        """The slopes behind and ahead, the smaller one first."""
        return sorted([(self.here - self.move(-step)) / step, (self.move(step) - self.here) / step])


def _weights(outputs: list[Tensor]) -> list:
    """Fixed weights, so that one number stands for all outputs: 1 if it is one number anyway."""
    if sum(o._value.size for o in outputs) == 1:
        return [np.ones(o.shape) for o in outputs]
    draw = np.random.default_rng(1)  # the same at each call: it is one function
    return [np.asarray(draw.normal(size=tuple(o.shape))) for o in outputs]


def _lost(tape: GradientTape, sources: list[Tensor]) -> list[str]:
    """A sentence for the first step that keeps the tape from seeing all of f."""
    reached = onward(set(map(id, sources)), tape._records)
    for record in tape._records:
        jumps = any(not t.dtype.is_floating for t in record.outputs)  # a condition, an index
        if not (record.op.rules or jumps or reached.isdisjoint(map(id, record.inputs))):
            through = EXITS.get(record.op.name, (record.op.name,))[0]
            return [f"nothing flows back through {through} in {in_line(record)}"]
    return []


def _floating(outputs: Any) -> list[Tensor]:
    found = [o for o in nest.flatten(outputs) if isinstance(o, Tensor)]
    return [o for o in found if o.dtype.is_floating]


def _converted(value: Any, dtype: Any) -> Any:
    if isinstance(value, (int, str)):  # an exponent, an axis, a switch
        return value
    read = value._read() if hasattr(value, "_read") else value
    array = np.asarray(as_value(read))
    return Tensor(array.astype(dtype)[()] if array.dtype.kind == "f" else array[()])
