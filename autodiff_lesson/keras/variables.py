"""A layer's variable, which knows whose it is and prints as in Keras; rules on variables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from ..lifted import Lifted
from ..recorder import thread
from ..tensor import Tensor
from ..variable import Variable


class KerasVariable(Variable):
    """A weight of a layer; ``path`` says whose it is, ``dense/kernel`` for instance.

    >>> KerasVariable([1.0, 2.0], name="bias", owner="dense")
    <Variable path=dense/bias, shape=(2,), dtype=float32, value=[1. 2.]>
    """

    def __init__(
        self,
        initial_value: Any,
        trainable: bool = True,
        dtype: Any = None,
        name: str | None = None,
        owner: str = "",
        regularizer: Any = None,
    ):
        super().__init__(initial_value, trainable=trainable, dtype=dtype, name=name)
        self.path = f"{owner}/{self._name}" if owner else self._name
        self.regularizer = regularizer

    @property
    def name(self) -> str:
        """The name within its layer: ``kernel``."""
        return self._name

    def __repr__(self) -> str:
        return (
            f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype.name}, "
            f"value={self._tensor._value}>"
        )


def operands(*tensors: Any) -> list:
    """What a rule computes with: arrays, or `Lifted` tensors if somebody listens."""
    if thread.active:
        return [Lifted(t if type(t) is Tensor else t._read()) for t in tensors]
    return [t._value if type(t) is Tensor else t._tensor._value for t in tensors]


def assign(variables: Sequence[Variable], values: Sequence[Any]) -> None:
    """Give variables the values that a rule made of `operands`."""
    if len(values) != len(variables):
        names = ", ".join(v.name for v in variables)
        raise ValueError(f"a rule gave {len(values)} values. It must give one for each of {names}")
    listened = thread.active
    for variable, value in zip(variables, values):
        now = variable._tensor._value
        if listened:
            variable.assign(value.tensor if type(value) is Lifted else value)
        elif value.dtype is now.dtype and value.shape == now.shape:
            variable._hold(Tensor(value))  # what assign comes to, sooner
        else:
            variable.assign(Tensor(value))


def run(rule: Callable[..., tuple], *tensors: Any) -> list[Tensor]:
    """The tensors that a rule makes of tensors and variables."""
    made = rule(*operands(*tensors))
    return [value.tensor if type(value) is Lifted else Tensor(value) for value in made]


_used: Counter[str] = Counter()


def unique_name(base: str) -> str:
    """``dense`` the first time, then ``dense_1``, ``dense_2``."""
    count = _used[base]
    _used[base] += 1
    return f"{base}_{count}" if count else base
