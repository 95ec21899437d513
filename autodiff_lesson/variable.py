"""Variable: a number that training changes; Module: something that finds the variables in it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from .arguments import tensor_of
from .dtypes import DType, TensorShape, numpy_dtype
from .ops import hang_operators
from .ops.elementwise import identity
from .ops.shape import contiguous
from .recorder import LEFT, record, thread
from .tensor import Reference, Tensor, value_text
from .values import as_value

_numbers = itertools.count()


class Variable:
    """A tensor's worth of numbers that can be assigned anew; operations read its value of now.

    A tape watches a trainable variable as soon as it is read, without being asked.

    >>> v = Variable([1.0, 2.0], name="v")
    >>> v.assign_add([10.0, 10.0]).numpy()
    array([11., 12.], dtype=float32)

    Args:
        initial_value: numbers, an array, a tensor, or a function without arguments that gives one.
        trainable: whether tapes watch it, and models count it as something to train.
        name: what it is called where it is shown.
        dtype: as for `constant`.
    """

    __slots__ = ("_tensor", "trainable", "_name", "_number", "__dict__", "__weakref__")
    __array_priority__ = 100
    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self,
        initial_value: Any,
        trainable: bool | None = True,
        dtype: Any = None,
        name: str | None = None,
        shape: Any = None,
    ):
        if callable(initial_value):
            initial_value = initial_value()
        value = as_value(initial_value, None if dtype is None else numpy_dtype(dtype))
        if shape is not None and tuple(shape) != value.shape:
            raise ValueError(f"the initial value has shape {value.shape}, not shape={shape}")
        self._tensor = Tensor(value if value.flags.c_contiguous else np.ascontiguousarray(value))
        self.trainable = trainable is None or bool(trainable)
        self._number = next(_numbers)
        self._name = name or "Variable"
        for recorder in thread.active:
            recorder.created(self)

    def _read(self) -> Tensor:
        """The tensor of the present value; who listens is told that it is this variable's."""
        for recorder in thread.active:
            recorder.read(self, self._tensor)
        return self._tensor

    def _renew(self) -> Tensor:
        """Give its value a Tensor object that nobody has read; what there was comes back."""
        before = self._tensor
        fresh = Tensor(before._value)
        if self._tensor is before:  # another thread may have assigned
            self._tensor = fresh
        return before

    def _take_back(self, tensor: Tensor) -> None:
        """Undo assignments; who listens and goes on hears it as one more."""
        if thread.active:
            self._hold(tensor)
        else:
            self._tensor = tensor

    def value(self) -> Tensor:
        """The present value as a tensor, connected to this variable on a tape."""
        return identity(self._read())  # of its own: for a tape that begins later it is a number

    def read_value(self) -> Tensor:
        """The present value as a tensor, connected to this variable on a tape."""
        return self.value()

    def numpy(self) -> Any:
        """The present value as a NumPy array (read-only) or scalar. No tape sees it leave."""
        return self._read().numpy()

    @property
    def name(self) -> str:
        """The name, with ``:0`` behind it as TensorFlow writes it."""
        return self._name if ":" in self._name else self._name + ":0"

    @property
    def shape(self) -> TensorShape:
        """The length of each axis; it never changes."""
        return self._tensor.shape

    @property
    def dtype(self) -> DType:
        """The type of the numbers; it never changes."""
        return self._tensor.dtype

    @property
    def ndim(self) -> int:
        """How many axes."""
        return self._tensor.ndim

    def get_shape(self) -> TensorShape:
        """The shape, in TensorFlow's older spelling."""
        return self.shape

    def ref(self) -> Reference:
        """Something hashable that stands for this variable, to use as a key in a dict."""
        return Reference(self)

    def assign(self, value: Any, name: str | None = None, read_value: bool = True) -> Variable:
        """Give it a new value of the same shape. Nothing flows back through an assignment."""
        source, present = tensor_of(value), self._tensor._value
        if type(source) is not Tensor or source._value.dtype is not present.dtype:
            source = Tensor(self._fitting(source))
        if source._value.shape != present.shape:
            raise ValueError(
                f"Cannot assign value to variable '{self.name}': Shape mismatch. The variable "
                f"shape {self.shape}, and the assigned value shape {source.shape} are "
                "incompatible. Give a value of the variable's own shape"
            )
        return self._hold(source)

    def _hold(self, source: Tensor) -> Variable:
        """Take over a tensor that fits."""
        if not source._value.flags.c_contiguous:
            source = contiguous(source)  # a variable always has its numbers in order in memory
        tensor = Tensor(source._value)
        if active := thread.active:
            record(active, LEFT["assign"], (source,), {"variable": self}, tensor)
        self._tensor = tensor
        return self

    def assign_add(self, delta: Any, name: str | None = None, read_value: bool = True) -> Variable:
        """Add ``delta`` to it."""
        return self._hold(self._read() + self._delta(delta))

    def assign_sub(self, delta: Any, name: str | None = None, read_value: bool = True) -> Variable:
        """Subtract ``delta`` from it."""
        return self._hold(self._read() - self._delta(delta))

    def _delta(self, value: Any) -> Any:
        """What to add or subtract: of the very shape, since a variable does not broadcast."""
        found = tensor_of(value)
        if type(found) is not Tensor:
            found = Tensor(self._fitting(found))
        if found._value.shape != self._tensor._value.shape:
            raise ValueError(
                f"Cannot update variable '{self.name}' of shape {self.shape} using a tensor of "
                f"shape {found.shape}: the shapes must be equal. Write v.assign(v + value) to "
                "have the value broadcast"
            )
        return found

    def _fitting(self, value: Any) -> Any:
        dtype = self._tensor._value.dtype
        if isinstance(value, Tensor):
            if value._value.dtype == dtype:
                return value._value
            raise ValueError(
                f"variable '{self.name}' holds {dtype.name}, the assigned tensor "
                f"{value.dtype.name}. Write tf.cast(value, tf.{dtype.name})"
            )
        return as_value(value, dtype)

    def _refuse_in_place(self, other: Any) -> Any:
        raise RuntimeError(
            "Variable += value not supported. Use `variable.assign_add(value)` to modify the "
            "variable value and `variable = variable + value` to get a new Tensor object."
        )

    __iadd__ = __isub__ = __imul__ = __itruediv__ = __ipow__ = _refuse_in_place

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self._read().__array__(dtype, copy)

    def __bool__(self) -> bool:
        return bool(self._read())

    def __float__(self) -> float:
        return float(self._read())

    def __int__(self) -> int:
        return int(self._read())

    def __index__(self) -> int:
        return self._read().__index__()

    def __len__(self) -> int:
        return len(self._tensor)

    def __format__(self, spec: str) -> str:
        return format(self._read(), spec) if spec else str(self)

    def __repr__(self) -> str:
        return (
            f"<tf.Variable '{self.name}' shape={self.shape} dtype={self.dtype.name}, "
            f"numpy={value_text(self._tensor._value)}>"
        )

    def __deepcopy__(self, memo: dict) -> Variable:
        return Variable(self._tensor, trainable=self.trainable, name=self._name)


hang_operators(Variable)


class Module:
    """Base of classes that own variables: it finds them through attributes, lists and dicts.

    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.w, self.b = Variable(2.0, name="w"), Variable(1.0, name="b")
    >>> [v.name for v in Line().variables]
    ['b:0', 'w:0']
    """

    def __init__(self, name: str | None = None):
        self._name = name or _in_snake_case(type(self))

    @property
    def name(self) -> str:
        """The name it was given, or its class's."""
        return getattr(self, "_name", None) or _in_snake_case(type(self))

    @property
    def variables(self) -> tuple[Variable, ...]:
        """Every variable in it and in its submodules, by the sorted names of attributes."""
        return tuple(self._find(Variable))

    @property
    def trainable_variables(self) -> tuple[Variable, ...]:
        """The variables with ``trainable=True``."""
        return tuple(v for v in self.variables if v.trainable)

    @property
    def non_trainable_variables(self) -> tuple[Variable, ...]:
        """The variables with ``trainable=False``."""
        return tuple(v for v in self.variables if not v.trainable)

    @property
    def submodules(self) -> tuple[Module, ...]:
        """Every module inside this one."""
        return tuple(self._find(Module))

    def _find(self, wanted: type) -> Iterator:
        """Own attributes first, then those of the modules in them; each object once."""
        seen = {id(self)}
        waiting: list[Module] = [self]
        while waiting:
            inner = []
            attributes = vars(waiting.pop(0))
            for item in (x for key in sorted(attributes) for x in _members(attributes[key])):
                if id(item) not in seen:
                    seen.add(id(item))
                    if isinstance(item, wanted):
                        yield item
                    if isinstance(item, Module):
                        inner.append(item)
            waiting = inner + waiting


def _in_snake_case(cls: type) -> str:
    """``my_model`` for ``MyModel``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls.__name__).lower()


def _members(value: Any) -> Iterator:
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _members(item)
    elif isinstance(value, dict):
        for key in sorted(value, key=str):
            yield from _members(value[key])
    else:
        yield value
