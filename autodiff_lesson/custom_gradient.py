"""custom_gradient: a function with a backward rule of your own."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable
from typing import Any

from . import nest
from .arguments import tensor_of
from .lifted import Lifted
from .lines import here, place_of, user_frame
from .ops.elementwise import identity
from .ops.shape import as_tensor
from .recorder import Record, Recorder, only, thread
from .tensor import Tensor
from .values import constant


class CustomGradient:
    """Stands in a record for a call of a custom function: its rule is the user's ``grad``.

    Where a `Primitive` has one rule per input, ``grad`` answers for all inputs at once, so it runs
    once per walk, with the upstream gradients of all outputs.
    """

    rules = (None,)  # not empty: gradients flow through it

    def __init__(self, function: Callable, grad: Callable, arguments: int, variables: list):
        self.name = getattr(function, "__name__", type(function).__name__)
        self.function = function
        self.grad = grad
        self.arguments = arguments
        self.variables = variables

    def __repr__(self) -> str:
        return f"<CustomGradient: {self.name}>"

    def pull_back(self, g: Any, z: Any, record: Record, reached: set[int], lift: Callable) -> list:
        """Ask ``grad``, once for all inputs; see `Primitive.pull_back`."""
        upstream = [
            part.tensor if type(part) is Lifted else Tensor(part)
            for part in (g if type(g) is tuple else (g,))
        ]
        given = []
        for position, (x, grad) in enumerate(zip(record.inputs, self._ask(upstream))):
            if grad is not None and id(x) in reached:
                given.append((position, x, lift(self._checked(position, x, grad))))
        return given

    def _ask(self, upstream: list[Tensor]) -> list:
        if not self.variables:
            grads = self.grad(*upstream)
            return self._counted(grads, self.arguments, "gradients")
        answer = self.grad(*upstream, variables=self.variables)
        if not (isinstance(answer, tuple) and len(answer) == 2):
            raise TypeError(
                f"the grad of {self.name} was given variables= and must return two things: the "
                "gradients of the arguments, and a list with one gradient per variable"
            )
        by_arguments = self._counted(answer[0], self.arguments, "gradients")
        by_variables = self._counted(answer[1], len(self.variables), "gradients of variables")
        return by_arguments + by_variables

    def _counted(self, grads: Any, expected: int, what: str) -> list:
        flat = nest.flatten(grads) if isinstance(grads, (list, tuple, dict)) else [grads]
        if len(flat) != expected:
            raise ValueError(
                f"custom_gradient function expected to return {expected} {what}, but returned "
                f"{len(flat)} instead. The grad of `{self.name}` ({_place(self.grad)}) must "
                "return one gradient per argument"
            )
        return flat

    def _checked(self, position: int, x: Tensor, grad: Any) -> Tensor:
        found = tensor_of(grad)
        if type(found) is not Tensor:
            found = constant(found, dtype=x.dtype)
        if found._value.dtype != x._value.dtype:
            raise ValueError(
                f"the grad of `{self.name}` ({_place(self.grad)}) gave {found.dtype.name} for "
                f"argument {position}, which is {x.dtype.name}: use tf.cast"
            )
        given, wanted = found._value.shape, x._value.shape
        if given != wanted and not _covers(given, wanted):
            raise ValueError(
                f"the grad of `{self.name}` ({_place(self.grad)}) gave shape {given} for argument "
                f"{position} of shape {wanted}: give one number for each, with tf.broadcast_to"
            )
        return found


def custom_gradient(f: Callable) -> Callable:
    """Give a function its own backward rule.

    ``f(*args)`` returns its result and a function ``grad(*upstream)``. That gets one upstream
    gradient per result and returns one gradient per argument, already multiplied by upstream.
    A function that reads variables needs ``grad(*upstream, variables)``, which returns the
    gradients of the arguments and a list of those of the variables.

    >>> import autodiff_lesson as tf
    >>> @tf.custom_gradient
    ... def bar(x, y):
    ...     def grad(upstream):
    ...         return upstream * y, upstream * x
    ...     return x * y, grad
    >>> x, y = tf.constant(2.0), tf.constant(3.0)
    >>> with tf.GradientTape() as tape:
    ...     tape.watch([x, y])
    ...     z = bar(x, y)
    >>> [g.numpy().item() for g in tape.gradient(z, [x, y])]
    [3.0, 2.0]
    """

    return _Custom(f)


class _Custom:
    """What `custom_gradient` makes; on an object it is a method, whose self has no gradient."""

    def __init__(self, function: Callable):
        functools.update_wrapper(self, function)
        self._function = function

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else _Custom(types.MethodType(self._function, instance))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        f, listening = self._function, thread.active
        tensors = [_recorded(x) for x in nest.flatten(args)]
        for recorder in listening:
            recorder.begins("custom")
        # Tapes hear what runs inside, since grad may use it and have a gradient itself. But the
        # outputs are new tensors, which for them come out of the one record of the whole call.
        reader = _Reader()
        with only(lambda recorder: True):
            thread.active.append(reader)
            y, grad = _two(f, f(*args, **kwargs))
        with only(lambda recorder: not recorder.is_tape):
            outputs = [identity(as_tensor(part)) for part in nest.flatten(y)]
        variables = [v for v, t in reader.read_ones() if not any(t is x for x in tensors)]
        for variable in variables:
            for recorder in listening:
                if recorder.is_tape:
                    recorder.read(variable, variable._tensor)
        if variables and not _takes_variables(grad):
            raise TypeError(
                "@tf.custom_gradient grad_fn must accept keyword argument 'variables', since "
                f"function uses variables: `{getattr(f, '__name__', f)}` reads "
                f"{', '.join(v.name for v in variables)}. Write grad(*upstream, variables=None) at "
                f"{_place(grad)}, and return the gradients of the arguments and a list of those "
                "of the variables"
            )
        op = CustomGradient(f, grad, len(tensors), variables)
        inputs = (*tensors, *(v._tensor for v in variables))
        output = outputs[0] if len(outputs) == 1 else tuple(outputs)
        frame = user_frame()
        made = Record(op, inputs, {}, output, frame.f_code, frame.f_lasti)
        for recorder in listening:
            recorder.customized(made)
        return nest.pack_sequence_as(y, outputs)


def _recorded(argument: Any) -> Tensor:
    """What stands for an argument in the record; one that is no number (a word) has no gradient."""
    return constant(0) if argument is None or isinstance(argument, str) else as_tensor(argument)


def _covers(wide: tuple, narrow: tuple) -> bool:
    """Whether the one is the other, repeated along some axes: it can be summed back then."""
    pairs = zip(wide[::-1], narrow[::-1], strict=False)
    return len(wide) >= len(narrow) and all(n in (1, m) for m, n in pairs)


def _takes_variables(grad: Callable) -> bool:
    parameters = inspect.signature(grad).parameters
    return "variables" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def recompute_grad(f: Callable) -> Callable:
    """Run ``f`` without keeping what it computes; the backward pass runs it once more.

    Saves memory for time (Griewank 1992; Chen et al. 2016). Gradients are those of ``f``.
    """
    from .tape import GradientTape  # the tape stands on the floor of this file, beside it

    @functools.wraps(f)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        @custom_gradient
        def inner(*tensors: Any) -> tuple:
            def grad(*upstream: Any, variables: Any = ()) -> Any:
                with GradientTape() as tape:
                    tape.watch(tensors)
                    again = f(*tensors, **kwargs)
                flat = nest.flatten(tensors)
                found = tape.gradient(again, flat + list(variables), list(upstream))
                by_arguments, by_variables = found[: len(flat)], found[len(flat) :]
                return (by_arguments, by_variables) if variables else by_arguments

            with only(lambda recorder: not recorder.is_tape):  # so that no tape keeps it
                return f(*tensors, **kwargs), grad

        return inner(*args)

    return wrapper


class _Reader(Recorder):
    """Listens for the trainable variables that are read, and forgets the rest."""

    def __init__(self) -> None:
        self._read: dict[int, tuple] = {}

    def append(self, record: Record) -> None:
        """Nothing."""

    def read(self, variable: Any, tensor: Tensor) -> None:
        if variable.trainable:
            self._read[id(variable)] = (variable, tensor)

    def read_ones(self) -> list[tuple]:
        return list(self._read.values())


def _two(f: Callable, result: Any) -> tuple:
    if not (isinstance(result, tuple) and len(result) == 2 and callable(result[1])):
        raise TypeError(
            f"a function under @custom_gradient returns two things, its result and a function "
            f"grad; {getattr(f, '__name__', f)} at {here()} returned {result!r:.200}"
        )
    return result


def _place(function: Callable) -> str:
    code = getattr(function, "__code__", None)
    return str(place_of(code, -1)) if code else repr(function)
