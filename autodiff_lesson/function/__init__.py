"""function: the recording of one call, played again as straight-line NumPy.

The Python function runs once on real values while a recorder listens; what it used is written
down as NumPy source (`Function.source`), and later calls of the same dtypes and shapes run that.
"""

from __future__ import annotations

import functools
import inspect
import types
import weakref
from collections.abc import Callable
from typing import Any

from .. import config, nest
from ..errors import warn
from ..lines import place_of
from ..ops.elementwise import identity
from ..ops.random import source as draws
from ..recorder import thread
from ..tensor import Tensor
from .hearing import announced
from .names import names_around
from .playing import Player
from .program import Program
from .results import flat_result, packer_of
from .signature import (
    TensorSpec,
    checked,
    conformed,
    described,
    difference,
    names_of,
    note_repeated,
    take_apart,
    weakly,
)
from .source import OtherWay, Writer
from .tracing import Tracing

__all__ = ["Function", "TensorSpec", "function"]


def function(
    func: Callable | None = None,
    input_signature: Any = None,
    autograph: bool = True,
    jit_compile: Any = None,
    reduce_retracing: bool = False,
    name: str | None = None,
) -> Any:
    """Record a function once per kind of arguments, and play the recording at later calls.

    What Python does besides tensors, printing for instance, happens only while it is recorded.
    ``f.source`` is what is played, ``f.traces`` what was recorded and why. ``autograph`` and
    ``jit_compile`` are taken and have no effect: an ``if`` on a tensor works by itself.

    >>> import autodiff_lesson as tf
    >>> @tf.function
    ... def f(x):
    ...     return x * x + 1.0
    >>> f(tf.constant(3.0)), f(tf.constant(4.0))[()].numpy().item(), len(f.traces)
    (<tf.Tensor: shape=(), dtype=float32, numpy=10.0>, 17.0, 1)

    Args:
        func: the function, or nothing if it is used as ``@function(...)``.
        input_signature: a `TensorSpec` per argument; others are a TypeError. With a None in a
            shape each length is recorded by itself, so Python prints once for each: TensorFlow
            records all of them at once, our recordings hold the lengths.
        reduce_retracing: Taken as a sign that many shapes are meant: no warning about them.
    """
    options = {"input_signature": input_signature, "reduce_retracing": reduce_retracing}
    if func is None:
        return functools.partial(_made, name=name, **options)
    return _made(func, name=name, **options)


def _made(func: Callable, **options: Any) -> Function:
    return Function(func, **options)


class Trace:
    """One recording of a call: what it was known by, and why it was made.

    Attributes:
        signature: the arguments in words.
        reason: why no older trace fitted.
        source: the NumPy function that is played at later calls.
    """

    def __init__(self, key: tuple, signature: str, reason: str, pack: Callable):
        self.key = key
        self.signature = signature
        self.reason = reason
        self.pack = pack  # from a list of tensors to what the function returns
        self.held: list = []
        self.player: Any = None
        self.source = Source()

    @property
    def dead(self) -> bool:
        """Whether an object that it is for is gone: nobody can call for it any more."""
        return any(alive() is None for alive in self.held)

    def __repr__(self) -> str:
        return f"<Trace: {self.signature}; {self.reason}>"


class Source(str):
    """The text of a program. It prints as itself, and a notebook shows it in colours."""

    def __repr__(self) -> str:
        return str(self)

    def _repr_markdown_(self) -> str:
        return f"```python\n{self}\n```"


class Traces(list):
    """The traces of a function; printed, a table with one row for each."""

    def __repr__(self) -> str:
        rows = [("trace", "arguments", "why")]
        rows += [(str(i), t.signature, t.reason) for i, t in enumerate(self, 1)]
        widths = [max(len(row[column]) for row in rows) for column in range(2)]
        return "\n".join(
            "  ".join([row[0].ljust(widths[0]), row[1].ljust(widths[1]), row[2]]).rstrip()
            for row in rows
        )


class Function:
    """A function that is recorded and played again; made by `function`."""

    def __init__(
        self,
        python_function: Callable,
        input_signature: Any = None,
        reduce_retracing: bool = False,
        name: str | None = None,
    ):
        functools.update_wrapper(self, python_function)
        self.python_function = python_function
        self.input_signature = checked(input_signature)
        self.traces: Traces = Traces()
        self._name = str(name or getattr(python_function, "__name__", "function"))
        self._signature = inspect.signature(python_function)
        parameters = self._signature.parameters.values()
        plain = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        self._defaults = tuple(p.default for p in plain)
        self._required = sum(p.default is p.empty for p in plain)
        self._named = any(  # defaults that only a keyword can replace
            p.kind is p.KEYWORD_ONLY and p.default is not p.empty for p in parameters
        )
        complete = self._required == len(plain) and not self._named and input_signature is None
        self._ordering = not complete
        self._by_key: dict[tuple, list[Trace]] = {}
        self._last: Trace | None = None
        self._made_variables = False
        self._quiet = reduce_retracing
        self._streak = 0  # calls in a row that had to be recorded

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<Function {self._name}: {len(self.traces)} traces>"

    @property
    def source(self) -> Source:
        """The NumPy function that the latest call ran, with the user's lines as comments."""
        if self._last is None:
            more = " more, since its first call made variables" if self._made_variables else ""
            raise ValueError(f"{self._name} was not recorded yet: call it once{more}")
        return self._last.source

    def experimental_get_tracing_count(self) -> int:
        """How often it was recorded."""
        return len(self.traces)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if config._eager:
            return self.python_function(*args, **kwargs)
        if kwargs or self._ordering:
            args, kwargs = self._ordered(args, kwargs)
        key: list = []
        tensors: list[Tensor] = []
        held: list = []
        taken = []
        for value in args:
            taken.append(take_apart(value, key, tensors, held))
        if kwargs:
            kwargs = take_apart(kwargs, key, tensors, held)
        if len(tensors) > 1:
            note_repeated(key, tensors)
        failed = False
        for trace in self._by_key.get(tuple(key), ()):
            if trace.held and trace.dead:
                continue
            try:
                play = trace.player.play_heard if thread.active else trace.player.play
                results = play(tensors)
            except OtherWay:
                failed = True
                continue
            self._last = trace
            self._streak = 0
            return trace.pack(results)
        with announced(self._name):
            return self._trace(tuple(key), tensors, held, taken, kwargs, failed)

    def _ordered(self, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        """The arguments in one order, however they were given, with defaults filled in."""
        given = len(args)
        if kwargs or self._named:
            bound = self._bound(args, kwargs)
            given = len(bound.args)
            bound.apply_defaults()
            args, kwargs = bound.args, bound.kwargs
        elif len(args) >= self._required:
            args += self._defaults[len(args) :]
        if self.input_signature is not None:
            args = self._conformed(args, given)
        return args, kwargs

    def _bound(self, args: Any, kwargs: dict) -> inspect.BoundArguments:
        try:
            return self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self._name}() {error}") from None

    def _conformed(self, args: tuple, given: int) -> tuple:
        """Those that the signature is about as it wants them; further ones have their defaults."""
        specs, names = self.input_signature or (), list(self._signature.parameters)
        first = int(names[:1] == ["self"])
        end = first + len(specs)
        if not given <= end <= len(args):
            raise TypeError(
                f"{self._name} takes {len(specs)} arguments by its input_signature, not "
                f"{given - first}"
            )
        fit = map(conformed, args[first:end], specs, names[first:])
        return (*args[:first], *fit, *args[end:])

    # ---------------------------------------------------------------- recording
    def _trace(
        self, key: tuple, tensors: list, held: list, taken: list, kwargs: dict, failed: bool
    ) -> Any:
        heard = bool(thread.active)
        # objects of their own, so that a tensor that is also captured is not taken for an argument
        own = {id(t): identity(t) if heard else Tensor(t._value) for t in tensors}
        fresh = [own[id(t)] for t in tensors]
        args, kwargs = nest.map_structure(lambda value: own.get(id(value), value), (taken, kwargs))
        arguments = self._signature.bind_partial(*args).arguments
        arguments |= {name: kwargs[name] for name in sorted(kwargs, key=str)}  # as taken apart
        # now: the function may change its lists
        names = [name for path, value in arguments.items() for name in names_of(path, value)]
        tracing = Tracing(fresh)
        state = draws.generator.bit_generator.state
        before = thread.active
        try:
            thread.active = [*before, tracing]
            result = self.python_function(*args, **kwargs)
            structure, outputs = flat_result(self._name, result)
            if tracing.created_variables and self._made_variables:
                raise ValueError(
                    f"{self._name} made a variable at a later call: tf.function only supports "
                    "singleton tf.Variables created on the first call. Make it outside, or once: "
                    "`if self.v is None: self.v = tf.Variable(...)`"
                )
        except BaseException:
            tracing.restore()
            draws.generator.bit_generator.state = state
            raise
        finally:
            thread.active = before  # nothing is called before, where Ctrl-C could come between
            thread.active = [recorder for recorder in before if not recorder.ended]
        trace = Trace(key, self._described(key), self._reason(key, failed), packer_of(structure))
        if tracing.created_variables:
            # played again, it would use this variable again, while Python would make a new one:
            # the next call must show that it does not
            self._made_variables = True
            trace.reason += "; made variables, so the next call is recorded too"
        else:
            self._made_variables = True
            this = weakref.ref(self)
            trace.held = [weakly(value, lambda _: _forget(this(), key)) for value in held]
            called = names_around(self.python_function, arguments)
            self._keep(trace, Program(tracing, outputs), names, called)
        self.traces.append(trace)
        self._note_streak()
        return trace.pack(outputs)

    def _keep(self, trace: Trace, program: Program, names: list[str], called: Callable) -> None:
        place = place_of(self._code, -1) if self._code else None
        heading = f"{self._name}({trace.signature})" + (f", recorded from {place}" if place else "")
        name = "f" if self._name == "<lambda>" else self._name
        writer = Writer(program, name, names, heading, called)
        trace.source = Source(writer.text)
        trace.player = Player(program, writer, self._name)
        self._by_key.setdefault(trace.key, []).insert(0, trace)
        self._last = trace

    @property
    def _code(self) -> Any:
        return getattr(inspect.unwrap(self.python_function), "__code__", None)

    # ---------------------------------------------------------------- saying why
    def _described(self, key: tuple) -> str:
        return ", ".join(described(part) for part in key)

    def _reason(self, key: tuple, failed: bool) -> str:
        if not self.traces:
            return "first call"
        if failed:
            return "a Python `if` or `while` on a tensor went another way"
        names = [f"argument {i}" for i in range(1, len(key) + 1)]
        reasons = [difference(names, t.key, key) for t in reversed(self.traces[-20:])]
        found = min(reasons, key=lambda why: ("structure" in why, why.count("argument"), len(why)))
        if self.input_signature is not None and ": shape" in found:
            found += "; the input_signature takes both, but each shape is recorded by itself"
        return found or "the variables it made are there now"

    def _note_streak(self) -> None:
        self._streak += 1
        if self._streak == 5 and not self._quiet:
            warn(
                "5 out of the last 5 calls to %s triggered tf.function retracing: the latest "
                "because of %s. Tracing is expensive. Python numbers and new shapes make a new "
                "trace each: pass tensors, of one shape where you can. See %s.traces",
                self._name, self.traces[-1].reason, self._name,
            )  # fmt: skip


def _forget(function: Function | None, key: tuple) -> None:
    """Let go of what was recorded under this key for an object that is gone."""
    traces = function._by_key.pop(key, []) if function else []
    for trace in traces:
        if trace.dead:
            trace.player = None
    if function and (left := [trace for trace in traces if trace.player]):
        function._by_key[key] = left
