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
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from .errors import InvalidArgumentError
from .lines import here
from .recorder import Record, record, thread
from .tensor import Tensor, as_value

# log(0), the slope of sqrt at 0: TensorFlow is silent there, and np.errstate costs 1.4 us a call
warnings.filterwarnings("ignore", category=RuntimeWarning, module="autodiff_lesson")

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
        rules: one rule per input; None where no gradient flows (an index, a condition). With
            ``variadic`` a single rule that is also told the input's ``position``. Empty if the
            operation has no gradient at all.
        pull_back: runs the rules of those inputs of a record that are in ``reached``. It gets the
            adjoint ``g`` of the output ``z`` (tuples, if there are several), the record, and
            ``lift``, which makes of a tensor what rules compute with; it gives, for each of the
            inputs, (position, input, what the rule gave).
        floating: whether it refuses whole numbers and bools, of which NumPy would make float64.
    """

    floating = False
    packed: Any = None
    """Stacks lists that hold tensors; the table puts it here."""

    def __init__(
        self, forward: Callable, *rules: Rule | None, name: str = "", variadic: bool = False
    ):
        self.name = name or forward.__name__
        self.forward = forward
        self.compute = _OPERATORS.get(forward, getattr(forward, "__wrapped__", forward))
        self.rules = rules
        self.variadic = variadic
        # which inputs must agree in dtype: those that are numbers of the same kind
        self.alike = tuple(i for i, rule in enumerate(rules) if rule) if not variadic else ()
        self._alike = not rules or variadic or len(self.alike) >= 2
        known = next((rule for rule in rules if rule), None)
        self.inputs, self.attributes = _signature(known, forward)
        self._keywords = frozenset(self.attributes)
        self.pull_back = self._from_many
        if len(rules) == 1 and not variadic:  # one input and two are nearly all there is
            self.pull_back = self._from_one
        elif len(rules) == 2 and not self.attributes:
            self.pull_back = self._from_two

    def __repr__(self) -> str:
        return f"<Primitive: {self.name}>"

    def __call__(self, *inputs: Any, **attributes: Any) -> Any:
        """Run it on tensors, variables, arrays and numbers, tell who listens, return tensors."""
        if attributes and not attributes.keys() <= self._keywords:
            inputs, attributes = self._sorted_out(inputs, attributes)
        for x in inputs:
            if type(x) is not Tensor:
                inputs = self._as_tensors(inputs)
                break
        try:
            if len(inputs) == 1:  # one input and two are nearly all there is, and written out
                x = inputs[0]._value
                if self.floating and x.dtype.kind != "f":
                    raise TypeError("it is for floating numbers. Write tf.cast(x, tf.float32)")
                value = self.compute(x, **attributes)
            elif len(inputs) == 2:
                x, y = inputs[0]._value, inputs[1]._value
                if x.dtype is not y.dtype and self._alike:
                    self._check_dtypes(inputs)
                value = self.compute(x, y, **attributes)
            else:
                if self._alike:
                    self._check_dtypes(inputs)
                value = self.compute(*[x._value for x in inputs], **attributes)
        except (ValueError, TypeError, IndexError) as error:
            raise self._refused(inputs, attributes, error) from None
        output = tuple(map(Tensor, value)) if type(value) is tuple else Tensor(value)
        if active := thread.active:
            record(active, self, inputs, attributes, output)
        return output

    def of_two(self) -> Callable[[Any, Any], Tensor]:
        """The same as a plain function of two inputs: what an operator runs, at half the cost."""
        compute, ndarray = self.compute, np.ndarray

        def run(x: Any, y: Any) -> Tensor:
            if type(x) is not Tensor or type(y) is not Tensor:
                x, y = self._pair(x, y)
            a, b = x._value, y._value
            # of two scalars the class tells the dtype, sooner than they make one to show
            if (type(a) is ndarray or type(a) is not type(b)) and a.dtype is not b.dtype:
                self._check_dtypes((x, y))
            try:
                output = Tensor(compute(a, b))
            except (ValueError, TypeError) as error:
                raise self._refused((x, y), {}, error) from None
            if active := thread.active:
                record(active, self, (x, y), _NO_ATTRIBUTES, output)
            return output

        return run

    def _from_one(self, g: Any, z: Any, played: Record, reached: set[int], lift: Callable) -> Any:
        """`pull_back` of one input."""
        (x,), (rule,) = played.inputs, self.rules
        return ((0, x, rule(g, z, lift(x), **played.attributes)),) if rule else ()

    def _from_two(self, g: Any, z: Any, played: Record, reached: set[int], lift: Callable) -> Any:
        """`pull_back` of two inputs."""
        (x, y), (by_x, by_y) = played.inputs, self.rules
        a, b = lift(x), lift(y)
        given = []
        if by_x and id(x) in reached:
            given.append((0, x, by_x(g, z, a, b)))
        if by_y and id(y) in reached:
            given.append((1, y, by_y(g, z, a, b)))
        return given

    def _from_many(self, g: Any, z: Any, played: Record, reached: set[int], lift: Callable) -> Any:
        """`pull_back` of however many inputs."""
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

    def _sorted_out(self, inputs: tuple, attributes: dict) -> tuple[tuple, dict]:
        """Inputs may be given by name; every operation takes (and does not need) a ``name``."""
        other = {"features": "x", "input": "x"} if "x" in self.inputs else {}
        attributes = {other.get(k, k): value for k, value in attributes.items() if k != "name"}
        named = self.inputs[len(inputs) :]
        inputs += tuple(attributes.pop(key) for key in named if key in attributes)
        unknown = attributes.keys() - self._keywords
        if unknown:
            raise TypeError(
                f"{self.name} at {here()} got an unexpected keyword argument "
                f"{sorted(unknown)[0]!r}. It takes {', '.join(self.inputs + self.attributes)}"
            )
        return inputs, attributes

    def _as_tensors(self, inputs: tuple) -> Any:
        """Whatever is not a tensor takes the dtype of the tensors beside it."""
        found = [tensor_of(x) for x in inputs]
        for x in found:
            if type(x) is not Tensor:
                break
        else:
            return tuple(found)
        alike = self.alike or range(len(found))
        dtype = None
        for i in alike:
            if type(found[i]) is Tensor:
                dtype = found[i]._value.dtype
                break
        if dtype is None and self.variadic:  # of the parts of a list any float one decides
            parts = [as_value(x).dtype for x in found]
            dtype = next((part for part in parts if part.kind == "f"), None)
        for i, x in enumerate(found):
            if type(x) is not Tensor:
                found[i] = Tensor(self._converted(x, dtype if i in alike else None))
                if dtype is None and i in alike:  # no tensor at all: the first number decides
                    dtype = found[i]._value.dtype
        return tuple(found)

    def _pair(self, x: Any, y: Any) -> tuple[Tensor, Tensor]:
        """The same for two inputs of one dtype; one beside a tensor is the commonest."""
        x, y = tensor_of(x), tensor_of(y)
        if type(x) is Tensor:
            if type(y) is not Tensor:
                y = Tensor(self._converted(y, x._value.dtype))
        elif type(y) is Tensor:
            x = Tensor(self._converted(x, y._value.dtype))
        else:
            x, y = self._as_tensors((x, y))
        return x, y

    def _converted(self, value: Any, dtype: np.dtype | None) -> Any:
        try:
            return as_value(value, dtype)
        except InvalidArgumentError as error:
            raise InvalidArgumentError(f"{self.name} at {here()}: {error}") from None

    def _check_dtypes(self, inputs: tuple[Tensor, ...]) -> None:
        checked = [inputs[i] for i in self.alike] if self.alike else list(inputs)
        dtypes = [x._value.dtype for x in checked]
        for other in dtypes[1:]:
            if other != dtypes[0]:
                raise InvalidArgumentError(
                    f"{self.name} at {here()}: the inputs have the dtypes "
                    f"{' and '.join(d.name for d in dtypes)}, which do not mix. Bring one to the "
                    f"other's: tf.cast(..., tf.{dtypes[0].name})"
                )

    def _refused(self, inputs: tuple, attributes: dict, error: Exception) -> Exception:
        if len(inputs) != len(self.inputs) and not self.variadic:
            takes = f"{len(self.inputs)} inputs ({', '.join(self.inputs)})"
            return TypeError(f"{self.name} at {here()} takes {takes}, not {len(inputs)}")
        shapes = ", ".join(f"{tuple(x.shape)} {x.dtype.name}" for x in inputs)
        with_ = "".join(f", {key}={value!r}" for key, value in attributes.items())
        return InvalidArgumentError(
            f"{self.name} at {here()} cannot take inputs of shape {shapes}{with_}: {error}"
        )


_PLAIN = {Tensor, int, float, bool, np.ndarray, np.float32, np.float64}


def tensor_of(x: Any) -> Any:
    """The tensor that ``x`` stands for, if it is one or is read like one; else ``x`` itself."""
    if type(x) in _PLAIN:
        return x
    if type(x) is list or type(x) is tuple:
        return Primitive.packed(x)
    read = getattr(x, "_read", None)  # a Variable, or a Keras object that holds one
    return x if read is None else read()


def primitive(
    forward: Callable, *rules: Rule | None, name: str = "", variadic: bool = False
) -> Primitive:
    """Make a row and enter it into the table, so that rules may use ``forward`` too."""
    row = Primitive(forward, *rules, name=name, variadic=variadic)
    ROWS.setdefault(forward, row)
    return row


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


def _signature(rule: Rule | None, forward: Callable) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the inputs and of the attributes, read off a rule or the forward function."""
    if rule is None and isinstance(forward, np.ufunc):
        return ("x", "y")[: forward.nin], ()
    parameters = inspect.signature(rule or forward).parameters.values()
    legend = ("g", "z") if rule else ()
    inputs = tuple(p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD)
    keywords = tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)
    return inputs[len(legend) :], tuple(k for k in keywords if k != "position")
