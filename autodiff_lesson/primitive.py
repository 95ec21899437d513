"""Primitive: one row of the table of operations, and the single place where one is run.

A row is a forward NumPy function and one *backward rule per input*::

    multiply = primitive(np.multiply, lambda g, z, x, y: g * y,
                                      lambda g, z, x, y: g * x)

The legend of names is the same in every rule: ``g`` is the upstream gradient, the adjoint of the
output; ``z`` is the output; then the inputs; then the attributes by name. A rule may use
operators, ufuncs, and NumPy functions and `kernel` functions that are rows themselves. For it runs
on three kinds of values:

- NumPy arrays, when nobody listens;
- `Lifted` tensors (see `lifted`), when an outer tape or a `function` records the backward pass:
  each operation in the rule runs through its own row, and so is recorded and has a gradient itself;
- symbols, when `explain` writes the rule down as a formula.
"""

from __future__ import annotations

import functools
import inspect
import operator
import warnings
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from .arguments import as_pair, as_tensors, by_name, check_dtypes, refusal
from .recorder import Record, record, thread
from .tensor import Tensor

# log(0), the slope of sqrt at 0: TensorFlow is silent there, and np.errstate costs 1.4 us a call
warnings.filterwarnings("ignore", category=RuntimeWarning, module="autodiff_lesson")

# The C library of Linux gives a block back to the system at once, unless it has seen a larger one
# freed: without this line a training step on images waits as long for memory as it computes.
np.empty(31 << 20, np.uint8)  # below the 32 MiB up to which it learns; no page of it is touched

ROWS: dict[Callable, Primitive] = {}
"""The row of each NumPy function or kernel that rules may use."""

# On scalars Python's operators are three to ten times faster than the ufuncs of the same name.
_OPERATORS: dict[Callable, Callable] = {
    np.add: operator.add,
    np.subtract: operator.sub,
    np.multiply: operator.mul,
    np.true_divide: operator.truediv,
    np.negative: operator.neg,
    np.power: operator.pow,
    np.matmul: operator.matmul,
}

Rule = Callable[..., Any]

_NO_ATTRIBUTES: dict[str, Any] = {}


class Primitive:
    """One operation: how to compute it, and per input how a gradient flows back through it.

    Attributes:
        name: what TensorFlow calls it.
        forward: the NumPy function; takes the inputs' values and the attributes by name.
        compute: the same, as it is fastest to call.
        rules: one rule per input; None where no gradient flows (an index, a condition). With
            ``variadic`` a single rule that is also told the input's ``position``. Empty if the
            operation has no gradient at all.
        inputs, attributes: their names.
        alike: which inputs must agree in dtype: those that are numbers of the same kind.
        refuses: the kinds of dtypes that it does not take: "b" where NumPy would compute with
            bools, "biu" where it would make float64 of whole numbers.
    """

    def __init__(
        self,
        forward: Callable,
        *rules: Rule | None,
        name: str = "",
        variadic: bool = False,
        refuses: str = "",
    ):
        self.name = name or forward.__name__
        self.refuses = refuses
        self.forward = forward
        self.compute = _OPERATORS.get(forward, getattr(forward, "__wrapped__", forward))
        self.rules = rules
        self.variadic = variadic
        self.alike = tuple(i for i, rule in enumerate(rules) if rule) if not variadic else ()
        self.inputs, self.attributes = _signature(forward, rules)
        self._keywords = frozenset(self.attributes)
        self._mixes = rules and not variadic and len(self.alike) < 2

    def __repr__(self) -> str:
        return f"<Primitive: {self.name}>"

    def __call__(self, *inputs: Any, **attributes: Any) -> Any:
        """Run it on tensors, variables, arrays and numbers, tell who listens, return tensors."""
        if attributes and not attributes.keys() <= self._keywords:
            inputs, attributes = by_name(self, inputs, attributes)
        for x in inputs:
            if type(x) is not Tensor:
                inputs = as_tensors(self, inputs)
                break
        if not self._mixes:
            check_dtypes(self, inputs)
        if self.refuses:
            self.check_kinds(inputs)
        try:
            value = self.compute(*[x._value for x in inputs], **attributes)
        except (ValueError, TypeError, IndexError) as error:
            raise refusal(self, inputs, attributes, error) from None
        output = tuple(map(Tensor, value)) if type(value) is tuple else Tensor(value)
        if active := thread.active:
            record(active, self, inputs, attributes, output)
        return output

    def check_kinds(self, inputs: tuple[Tensor, ...]) -> None:
        """Refuse bools, or whole numbers too."""
        if any(x._value.dtype.kind in self.refuses for x in inputs):
            takes = "numbers, not bools" if self.refuses == "b" else "floating numbers"
            why = TypeError(f"it is for {takes}. Write tf.cast(x, tf.float32)")
            raise refusal(self, inputs, {}, why)

    def pull_back(
        self, g: Any, z: Any, played: Record, reached: set[int], lift: Callable
    ) -> Iterable[tuple[int, Tensor, Any]]:
        """Run the rules of those inputs of a record that are in ``reached``.

        Args:
            g, z: the adjoint of the output, and the output (tuples, if there are several).
            played: the record.
            reached: the ids of the tensors that need their adjoint.
            lift: makes of a tensor what rules compute with.

        Returns:
            For each of those inputs (position, input, what its rule gave).
        """
        values = [*map(lift, played.inputs)]
        return [
            (position, x, rule(g, z, *values, **played.attributes))
            for position, x, rule in zip(count(), played.inputs, self.rules_for(played))
            if rule and id(x) in reached
        ]

    def rules_for(self, record: Record) -> Sequence[Rule | None]:
        """The rule of each input of a record; a variadic row's single rule is told which it is."""
        if self.variadic:
            rule: Any = self.rules[0]
            return [functools.partial(rule, position=i) for i in range(len(record.inputs))]
        return self.rules


class OfOne(Primitive):
    """A row of one input. Nearly all rows have one or two: they do the same in fewer steps."""

    def __call__(self, *inputs: Any, **attributes: Any) -> Any:
        if len(inputs) != 1 or (attributes and not attributes.keys() <= self._keywords):
            return super().__call__(*inputs, **attributes)
        if type(inputs[0]) is not Tensor:
            inputs = as_tensors(self, inputs)
        x = inputs[0]._value
        if self.refuses and x.dtype.kind in self.refuses:
            self.check_kinds(inputs)
        try:
            value = self.compute(x, **attributes) if attributes else self.compute(x)
        except (ValueError, TypeError, IndexError) as error:
            raise refusal(self, inputs, attributes, error) from None
        output = tuple(map(Tensor, value)) if type(value) is tuple else Tensor(value)
        if active := thread.active:
            record(active, self, inputs, attributes, output)
        return output

    def pull_back(
        self, g: Any, z: Any, played: Record, reached: set[int], lift: Callable
    ) -> Iterable[tuple[int, Tensor, Any]]:
        (x,) = played.inputs
        rule: Any = self.rules[0]
        return ((0, x, rule(g, z, lift(x), **played.attributes)),)


class OfTwo(Primitive):
    """A row of two inputs and no attributes.

    Attributes:
        run: the row as a plain function, which is what an operator calls, at half the cost.
    """

    def __init__(self, forward: Callable, *rules: Rule | None, name: str = "", refuses: str = ""):
        super().__init__(forward, *rules, name=name, refuses=refuses)
        self.run = self._plain_function()

    def __call__(self, *inputs: Any, **attributes: Any) -> Any:
        if attributes or len(inputs) != 2:
            return super().__call__(*inputs, **attributes)
        return self.run(*inputs)

    def _plain_function(self) -> Callable[[Any, Any], Tensor]:
        compute, ndarray, bool_ = self.compute, np.ndarray, np.bool_
        bools = np.dtype(bool) if self.refuses else None

        def run(x: Any, y: Any) -> Tensor:
            if type(x) is not Tensor or type(y) is not Tensor:
                x, y = as_pair(self, x, y)
            a, b = x._value, y._value
            kind = type(a)
            # of two scalars the class tells the dtype, sooner than they make one to show
            if kind is ndarray or kind is not type(b) or kind is bool_:
                dtype = a.dtype
                if dtype is not b.dtype or dtype is bools:
                    check_dtypes(self, (x, y))
                    self.check_kinds((x, y))
            try:
                output = Tensor(compute(a, b))
            except (ValueError, TypeError) as error:
                raise refusal(self, (x, y), {}, error) from None
            if active := thread.active:
                record(active, self, (x, y), _NO_ATTRIBUTES, output)
            return output

        return run

    def pull_back(
        self, g: Any, z: Any, played: Record, reached: set[int], lift: Callable
    ) -> Iterable[tuple[int, Tensor, Any]]:
        x, y = played.inputs
        by_x, by_y = self.rules
        a, b = lift(x), lift(y)
        given = []
        if by_x and id(x) in reached:
            given.append((0, x, by_x(g, z, a, b)))
        if by_y and id(y) in reached:
            given.append((1, y, by_y(g, z, a, b)))
        return given


def primitive(
    forward: Callable,
    *rules: Rule | None,
    name: str = "",
    variadic: bool = False,
    refuses: str = "",
) -> Primitive:
    """Make a row and enter it into the table, so that rules may use ``forward`` too."""
    inputs, attributes = _signature(forward, rules)
    row: Primitive
    if len(inputs) == 2 and not attributes and not variadic:
        row = OfTwo(forward, *rules, name=name, refuses=refuses)
    else:
        kind = OfOne if len(inputs) == 1 and not variadic else Primitive
        row = kind(forward, *rules, name=name, variadic=variadic, refuses=refuses)
    ROWS.setdefault(forward, row)
    return row


of_numbers = functools.partial(primitive, refuses="b")
"""A row that TensorFlow has for numbers alone, where NumPy would compute with bools too."""

of_floats = functools.partial(primitive, refuses="biu")
"""A row that TensorFlow has for floating numbers alone."""


def kernel(function: Callable) -> Callable:
    """Let a function of arrays be used in rules: on lifted tensors and symbols it asks them.

    This is NumPy's own protocol (``__array_function__``, NEP 18), for functions NumPy lacks.
    """

    @functools.wraps(function)
    def dispatch(*args: Any, **attributes: Any) -> Any:
        # the first argument decides: in a rule all are stand-ins for arrays, or none is
        if not isinstance(args[0], NDArrayOperatorsMixin):
            return function(*args, **attributes)
        first: Any = args[0]
        return first.__array_function__(dispatch, (type(first),), args, attributes)

    return dispatch


def _signature(
    forward: Callable, rules: Sequence[Rule | None]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the inputs and of the attributes, read off a rule or the forward function."""
    rule = next((rule for rule in rules if rule), None)
    if rule is None and isinstance(forward, np.ufunc):
        return ("x", "y")[: forward.nin], ()
    parameters = inspect.signature(rule or forward).parameters.values()
    legend = ("g", "z") if rule else ()
    inputs = tuple(p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD)
    keywords = tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)
    return inputs[len(legend) :], tuple(k for k in keywords if k != "position")
