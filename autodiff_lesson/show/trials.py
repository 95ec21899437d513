"""show.custom_rule: write a backward rule and see at once whether it is right."""

from __future__ import annotations

import ast
import inspect
import itertools
import textwrap
import types
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..custom_gradient import custom_gradient
from ..errors import InvalidArgumentError
from ..recorder import silence
from ..tape import GradientTape
from ..tensor import Tensor
from ..values import constant
from .hosting import Explorer, function_name, live, scalar
from .stills import still

POINTS = ((0.8, 1.3, 0.6, 1.7), (1.5, 0.7, 1.2, 0.9), (0.4, 1.9, 1.6, 0.5))
"""Where a rule is tried, unless something else is asked for: one row per trial."""
UPSTREAM = 1.0, 2.0, -0.5
"""The upstream gradient of each trial: a rule that forgets it is wrong."""
_PRECISION = {"float64": (1e-5, 1e-6), "float32": (1e-2, 2e-2)}  # step, tolerance


def custom_rule(f: Callable, rule: str | None = None, *, at: Sequence[Any] | None = None) -> Any:
    """Edit the backward rule of a function: its gradient stands beside a finite difference.

    The line is evaluated in the kernel, with the names that ``f`` and its ``grad`` have.

    >>> import autodiff_lesson as tf
    >>> from autodiff_lesson import show
    >>> def product(x, y):
    ...     return x * y
    >>> show.custom_rule(product, "upstream * y, upstream * x")
    <custom_rule of product: return upstream * y, upstream * x: right at 3 points>
    >>> show.custom_rule(product, "y, x")
    <custom_rule of product: return y, x: wrong for x and y>

    Args:
        f: function of scalar tensors that gives one; as it is, or made with ``custom_gradient``.
        rule: what stands after ``return``; if left out, what ``f``'s own ``grad`` returns, or,
            where ``f`` has none, a first try that lets everything through.
        at: points to try the rule at, each with one number per argument.

    Returns:
        A widget. A saved notebook keeps the rule it was shown with, and its verdict.
    """
    trial = Trial(f, rule, at)
    return live(trial.explorer(), trial.respond)


class Trial:
    """A function, and a backward rule for it that is being written."""

    def __init__(self, f: Callable, rule: str | None, at: Sequence[Any] | None):
        self.own = getattr(f, "__wrapped__", None)  # of a custom gradient: gives y and grad
        self.f = self.own or f
        self.name = function_name(f)
        self.arguments = _arguments(self.f)
        self.points = _points(at, len(self.arguments))
        self.before, self.upstream, found = "", "upstream", None
        grad = self._called([constant(v) for v in self.points[0]])[1] if self.own else None
        if grad is not None:
            self.upstream = next(iter(inspect.signature(grad).parameters), "upstream")
            self.before, found = _source(grad)
        untouched = ", ".join([self.upstream] * len(self.arguments))
        self.rule = rule if rule is not None else found or untouched
        self.wanted = self._differences()
        self.data: dict = {}
        self._judge()

    # ------------------------------------------------------------ what it is shown as
    def explorer(self) -> Explorer:
        """The widget's data, for the rule of now."""
        rows = self.data["rows"]
        wrong = sorted({r["of"] for r in rows if not r["ok"]}, key=self.arguments.index)
        verdict = (
            self.data["error"]
            or (f"wrong for {' and '.join(wrong)}" if wrong else "")
            or f"right at {len(self.points)} points"
        )
        said = f"custom_rule of {self.name}: return {self.rule}: {verdict}"
        return Explorer("trials", self.data, {"rule": self.rule}, said, still(said))

    def respond(self, chosen: dict) -> dict:
        """Try another rule; what the page draws then."""
        self.rule = str(chosen["rule"])
        self._judge()
        return {**self.data, "serial": chosen.get("serial", 0)}

    def _judge(self) -> None:
        """The rule's gradients beside the finite differences, or what is wrong with its line."""
        rows, error = [], ""
        tolerance = _PRECISION[self.dtype][1]
        try:
            for point, upstream, wanted in zip(self.points, itertools.cycle(UPSTREAM), self.wanted):
                at = ", ".join(f"{n} = {v:g}" for n, v in zip(self.arguments, point))
                for name, got, want in zip(
                    self.arguments, self._gradients(point, upstream), wanted
                ):
                    ok = bool(abs(got - want) <= tolerance * (1 + abs(want)))
                    rows.append({"at": at, "up": upstream, "of": name, "ok": ok,
                                 "got": f"{got:.6g}", "want": f"{want:.6g}"})  # fmt: skip
        except Exception as wrong:  # the student's line: whatever it raises is the answer
            said = wrong.msg if isinstance(wrong, SyntaxError) else wrong  # without its file name
            error = f"{type(wrong).__name__}: {said}"[:400]
        self.data.update(
            title=f"The backward rule of {self.name}",
            head=f"def grad({self.upstream}):",
            before=self.before,
            rows=rows if not error else [],
            error=error,
        )

    # ------------------------------------------------------------ the two gradients
    def _called(self, inputs: list[Tensor]) -> tuple[Tensor, Callable | None]:
        made = self.f(*inputs)
        y, grad = made if self.own else (made, None)
        return scalar(y, f"custom_rule: {self.name}"), grad

    def _gradients(self, point: Sequence[float], upstream: float) -> list[float]:
        """By the rule as it is written now."""
        text = self.rule.strip().removeprefix("return ").strip()
        line = compile(text, "<your rule>", "eval")
        before = compile(textwrap.dedent(self.before), "<your grad>", "exec")

        def tried(*inputs: Any) -> tuple:
            y, own = self._called(list(inputs))

            def grad(given: Any) -> Any:
                names = dict(getattr(self.f, "__globals__", {}))
                for function in (self.f, own):
                    if isinstance(function, types.FunctionType):
                        names |= inspect.getclosurevars(function).nonlocals
                names |= dict(zip(self.arguments, inputs))
                names[self.upstream] = given
                exec(before, names)
                made = eval(line, names)
                count = len(made) if isinstance(made, (tuple, list)) else 1
                if count != len(inputs):
                    raise ValueError(
                        f"one gradient per argument ({', '.join(self.arguments)}): the line "
                        f"gives {count} instead of {len(inputs)}"
                    )
                return made

            return y, grad

        inputs = [constant(np.asarray(v, self.dtype)) for v in point]
        with GradientTape() as tape:
            tape.watch(inputs)
            y = custom_gradient(tried)(*inputs)
        seed = constant(np.asarray(upstream, self.dtype))
        found = tape.gradient(y, inputs, output_gradients=seed)
        return [0.0 if g is None else float(g._value) for g in found]

    def _differences(self) -> list[list[float]]:
        """Central differences, in float64 unless f holds float32 tensors of its own."""
        for self.dtype in ("float64", "float32"):
            try:
                with silence():
                    return [
                        self._difference(p, u)
                        for p, u in zip(self.points, itertools.cycle(UPSTREAM))
                    ]
            except InvalidArgumentError:
                if self.dtype == "float32":
                    raise
        return []

    def _difference(self, point: Sequence[float], upstream: float) -> list[float]:
        step, found = _PRECISION[self.dtype][0], []
        for i in range(len(point)):
            ends = []
            for sign in (1, -1):
                moved = [v + sign * step * (j == i) for j, v in enumerate(point)]
                inputs = [constant(np.asarray(v, self.dtype)) for v in moved]
                ends.append(float(self._called(inputs)[0]._value))
            found.append(upstream * (ends[0] - ends[1]) / (2 * step))
        return found


def _arguments(f: Callable) -> list[str]:
    names = [
        p.name
        for p in inspect.signature(f).parameters.values()
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty
    ]
    if not 1 <= len(names) <= len(POINTS[0]):
        raise ValueError(f"custom_rule: a function of 1 to {len(POINTS[0])} arguments")
    return names


def _points(at: Sequence[Any] | None, count: int) -> list[tuple[float, ...]]:
    if at is None:
        return [row[:count] for row in POINTS]
    points = [tuple(map(float, np.atleast_1d(point))) for point in at]
    if not points or any(len(point) != count for point in points):
        raise ValueError(f"custom_rule: each point of at has {count} numbers, one per argument")
    return points


def _source(grad: Callable) -> tuple[str, str | None]:
    """The lines of grad before its last one, and what that returns; nothing without a source."""
    try:
        text = textwrap.dedent(inspect.getsource(grad))
        (tree,) = ast.parse(text).body
    except (OSError, TypeError, SyntaxError, ValueError):
        return "", None
    if not isinstance(tree, ast.FunctionDef):
        return "", None
    *before, last = tree.body
    if not isinstance(last, ast.Return) or last.value is None:
        return "", None
    return "\n".join(ast.unparse(node) for node in before), _plain(last.value)


def _plain(value: ast.expr) -> str:
    """What is returned, as one writes it: without brackets around several things."""
    text = ast.unparse(value)
    return text[1:-1] if isinstance(value, ast.Tuple) and text.startswith("(") else text
