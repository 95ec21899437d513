"""From rows to NumPy calls: each kernel is followed while it runs, and its calls are written down.

A row of the table computes with a NumPy function or with a kernel, a few lines of NumPy. Both
players, the eager one and the replay, are to make the same choices and get the same bits. So a
kernel is not written a second time for the replay: it is run once more, on arrays that note what
is done with them. A kernel that cannot be followed (it writes in place, or looks at values) is
called as a whole.
"""

from __future__ import annotations

import types
from typing import Any

import numpy as np

from ..primitive import Primitive

_FUNCTIONS = frozenset(
    {
        np.dot, np.matmul, np.where, np.broadcast_to, np.concatenate, np.stack, np.take,
        np.argmax, np.argmin, np.cumsum, np.einsum, np.expand_dims, np.moveaxis, np.squeeze,
        np.clip,
    }
)  # fmt: skip
_METHODS = {np.reshape: "reshape", np.transpose: "transpose", np.swapaxes: "swapaxes"}
_REDUCE = {np.sum: np.add, np.max: np.maximum, np.min: np.minimum, np.any: np.logical_or,
           np.all: np.logical_and, np.prod: np.multiply}  # fmt: skip


class Opaque(Exception):
    """A kernel did something that cannot be written down as one NumPy call."""


class Value(np.lib.mixins.NDArrayOperatorsMixin):
    """An array of the traced call that notes what is done with it.

    Attributes:
        array: the NumPy array or scalar.
        lines: where to note.
        name: what it is called in the source, filled in when that is written.
        origin: 'argument', 'variable', 'constant', 'line' or 'part'.
        hint: what to call it, where the user's code says that.
        key: equal for two values that are the same to the last bit at each call.
        memory: stands for the memory that it is in; 0 for scalars, which are in none.
    """

    __slots__ = ("array", "lines", "name", "origin", "hint", "key", "memory")

    def __init__(self, array: Any, lines: Lines, origin: str = "line"):
        self.array = array
        self.lines = lines
        self.origin = origin
        self.name = self.hint = ""
        self.key = key_of(array) if origin == "constant" else id(self)
        while isinstance(base := getattr(array, "base", None), np.ndarray):
            array = base
        self.memory = id(array) if isinstance(array, np.ndarray) else 0

    shape = property(lambda self: self.array.shape)
    ndim = property(lambda self: self.array.ndim)
    size = property(lambda self: self.array.size)
    dtype = property(lambda self: self.array.dtype)
    T = property(lambda self: self._note("T", (self,), {}))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method not in ("__call__", "reduce") or "out" in kwargs or ufunc.nout > 1:
            raise Opaque
        if method == "reduce":
            return self._reduce(ufunc, *inputs, **kwargs)
        return self._note(ufunc, inputs, kwargs)

    def __array_function__(self, func: Any, types_: Any, args: Any, kwargs: Any) -> Any:
        if isinstance(func, types.FunctionType) and hasattr(func, "__wrapped__"):
            return self._inner(func, args, kwargs)
        if func in _REDUCE:
            return self._reduce(_REDUCE[func], *args, **kwargs)
        if func is np.stack and all(type(x) is Value and x.ndim for x in args[0]):
            return self._stack(*args, **kwargs)
        if func in _METHODS:  # three times faster than the functions of those names
            if func is np.reshape and (*args, *kwargs.values())[1] == args[0].shape:
                return args[0]
            return self._note(_METHODS[func], (*args, *kwargs.values()), {})
        if func not in _FUNCTIONS or "out" in kwargs:
            raise Opaque
        return self._note(func, args, kwargs)

    def _reduce(self, ufunc: Any, x: Any, axis: Any = None, **kwargs: Any) -> Any:
        """What NumPy does without being told is left out."""
        if not kwargs.get("keepdims", True):
            del kwargs["keepdims"]
        if x.dtype.kind == "f" and kwargs.get("dtype") is x.dtype:
            del kwargs["dtype"]
        return self._note((ufunc,), (x,), {"axis": axis, **kwargs})

    def _stack(self, parts: Any, axis: int = 0) -> Any:
        if axis:
            return self._note(np.stack, (parts, axis), {})
        joined = self._note(np.concatenate, (parts,), {})  # three times faster
        return self._note("reshape", (joined, (len(parts), *parts[0].shape)), {})

    def _inner(self, kernel: Any, args: tuple, kwargs: dict) -> Any:
        """A kernel in a kernel: followed too, or called as a whole."""
        start = len(self.lines)
        try:
            return kernel.__wrapped__(*args, **kwargs)
        except Exception:
            self.lines.cut(start)
            return self._note(kernel.__wrapped__, args, kwargs)

    def __getitem__(self, key: Any) -> Any:
        return self._note("getitem", (self, key), {})

    def reshape(self, *shape: Any) -> Any:
        return self._note("reshape", (self, shape[0] if len(shape) == 1 else shape), {})

    def transpose(self, *axes: Any) -> Any:
        return self._note("transpose", (self, *axes), {})

    def astype(self, dtype: Any) -> Any:
        return self._note("astype", (self, np.dtype(dtype)), {})

    def sum(self, axis: Any = None) -> Any:
        return self._reduce(np.add, self, axis)

    def _refuse(self, *args: Any) -> Any:
        raise Opaque

    __array__ = __bool__ = __len__ = __iter__ = __float__ = __int__ = __index__ = _refuse
    __setitem__ = __contains__ = __format__ = any = all = min = max = argmax = squeeze = _refuse
    __iadd__ = __isub__ = __imul__ = __itruediv__ = _refuse

    def _note(self, function: Any, args: tuple, kwargs: dict) -> Value:
        return note(self.lines, function, args, kwargs)


class Line:
    """One call of the replay.

    Attributes:
        function: a ufunc; a tuple of one, for its ``reduce``; a NumPy function; 'T', 'getitem' or
            the name of a method; or a kernel that is called as a whole, or the `Primitive` that
            has it.
        args, kwargs: values, and what is written as it is.
        results: the values that it makes, more than one only for a whole kernel.
        values: those that it uses.
        step: the step of the program that it belongs to.
        several: whether a kernel gives a tuple.
    """

    __slots__ = ("args", "function", "kwargs", "results", "several", "step", "values")

    def __init__(
        self, function: Any, args: tuple, kwargs: dict, results: tuple, several: bool = False,
        step: Any = None,
    ):  # fmt: skip
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.results = results
        self.values: list[Value] = []
        for arg in args:
            if type(arg) is Value:
                self.values.append(arg)
            elif isinstance(arg, (list, tuple)):
                self.values += [x for x in arg if type(x) is Value]
        self.several = several
        self.step = step

    @property
    def arrays(self) -> list[Value]:
        """Those of the values that are no scalars."""
        return [value for value in self.values if value.array.ndim]


class Lines(list):
    """The calls of a program, in order. A call that was made already is not made again.

    Attributes:
        sharing: set it to False where each call is to have a line of its own.
        step: the step of the program that they are noted for.
    """

    def __init__(self) -> None:
        self.known: dict[tuple, Line] = {}
        self.sharing = True
        self.step: Any = None

    def cut(self, start: int) -> None:
        """Forget the lines from this one on."""
        for _ in self[start:]:
            if self.sharing:
                self.known.popitem()
        del self[start:]

    def release(self) -> None:
        """Forget all: values and lines that hold each other would wait for the collector."""
        self.known.clear()
        self.clear()


def note(lines: Lines, function: Any, args: tuple, kwargs: dict, made: Any = None) -> Value:
    """Note a call on the traced values, and what it gives: ``made``, or it is called."""
    key: tuple = ()
    if lines.sharing:
        key = (function, *map(key_of, args), *map(key_of, kwargs.items() if kwargs else ()))
        line = lines.known.get(key)
        if line is not None:
            return line.results[0]
    result = Value(_call(function, _arrays(args), kwargs) if made is None else made, lines)
    line = Line(function, args, kwargs, (result,), step=lines.step)
    lines.append(line)
    if key:
        lines.known[key] = line
    return result


def key_of(a: Any) -> Any:
    """What is equal for arguments that are equal to the last bit."""
    if type(a) is Value:
        return a.key
    if type(a) is tuple or type(a) is list:
        return tuple(map(key_of, a))
    if isinstance(a, (np.ndarray, np.generic)) and not a.ndim:
        return a.dtype, a.tobytes()
    return id(a) if type(a) is np.ndarray else (type(a), repr(a))


def follow(lines: Lines, op: Primitive, args: tuple, attributes: dict, output: Any) -> tuple:
    """Note the calls that a row makes, and give the values of its outputs.

    ``output`` is the array that the row made in the traced call, the first if there are several.
    """
    if isinstance(op.forward, np.ufunc):
        return (note(lines, op.forward, args, {}, output),)
    start = len(lines)
    try:
        made = _unwrapped(op.forward)(*args, **attributes) if args else None
    except Exception:  # NumPy wraps Opaque in errors of its own
        made = None
    if type(made) is Value and _same(made.array, output):
        return (made,)
    lines.cut(start)
    return _whole(lines, op, args, attributes, output)


def _unwrapped(forward: Any) -> Any:
    is_python = type(forward) is types.FunctionType
    return getattr(forward, "__wrapped__", forward) if is_python else forward


def _whole(lines: Lines, op: Primitive, args: tuple, attributes: dict, output: Any) -> tuple:
    """Note the call of a kernel as a whole. Draws are not made again, the rest is: so it shows
    which results are views of which values."""
    made = op.forward(*_arrays(args), **attributes) if args else output
    results = tuple(Value(part, lines) for part in (made if type(made) is tuple else (made,)))
    lines.append(Line(op, args, attributes, results, type(made) is tuple, lines.step))
    return results


def _same(one: Any, other: Any) -> bool:
    return (
        type(one) is type(other)
        and one.dtype == other.dtype
        and one.shape == other.shape
        and one.strides == other.strides
    )


def _call(function: Any, args: list, kwargs: dict) -> Any:
    if type(function) is tuple:
        return function[0].reduce(*args, **kwargs)
    if type(function) is not str:
        return function(*args, **kwargs)
    if function == "getitem":
        return args[0][args[1]]
    return args[0].T if function == "T" else getattr(args[0], function)(*args[1:])


def _arrays(args: tuple) -> list:
    """The arguments with arrays in place of values."""
    return [
        a.array
        if type(a) is Value
        else [x.array if type(x) is Value else x for x in a]
        if isinstance(a, (list, tuple)) and any(type(x) is Value for x in a)
        else a
        for a in args
    ]
