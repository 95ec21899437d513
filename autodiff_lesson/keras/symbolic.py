"""Models without data: `Input` gives a symbolic tensor, and calls on it are noted as a graph.

What shape comes out of a call is found by making it: with a batch of 2, then with one of 3. What
differs is unknown (None). So a layer of one's own needs no rule about shapes.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import nest
from ..dtypes import DType, as_dtype
from ..ops.elementwise import cast
from ..ops.shape import expand_dims, squeeze
from ..recorder import silence
from ..tensor import Tensor


class KerasTensor:
    """Stands for a tensor that there is no data for yet: a shape with unknown lengths, a dtype.

    Layers, ``keras.ops`` and the operators of arithmetic take it and give another.
    """

    __array_priority__ = 100

    def __init__(self, shape: Any, dtype: Any = "float32", name: str | None = None):
        self.shape = tuple(shape)
        self.dtype: DType = as_dtype(dtype)
        self.name = name or "keras_tensor"
        self.node: Node | None = None  # the call it came out of
        self.source: Any = None  # or the InputLayer that it stands for

    @property
    def ndim(self) -> int:
        """How many axes."""
        return len(self.shape)

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype.name}, name={self.name}>"

    def _no_value(self, *args: Any, **kwargs: Any) -> Any:
        raise ValueError(
            "A KerasTensor is symbolic: it has a shape and a dtype, but no numbers yet. Use it as "
            "the input of keras.layers and keras.ops; to compute with tf functions, write a layer "
            "of your own and put them into its call()"
        )

    __array__ = __bool__ = __float__ = __int__ = __index__ = __len__ = __iter__ = _no_value
    numpy = _read = _no_value

    def __getitem__(self, key: Any) -> Any:
        return apply(operator.getitem, self, key)

    def __neg__(self) -> Any:
        return apply(operator.neg, self)


def _operators() -> None:
    for name in ("add", "sub", "mul", "truediv", "matmul", "pow"):
        function = getattr(operator, name)

        def forward(self: Any, other: Any, function: Callable = function) -> Any:
            return apply(function, self, other)

        def backward(self: Any, other: Any, function: Callable = function) -> Any:
            return apply(function, other, self)

        setattr(KerasTensor, f"__{name}__", forward)
        setattr(KerasTensor, f"__r{name}__", backward)


_operators()


class Node:
    """One call on symbolic tensors: what was called, on what, and what came out."""

    def __init__(self, operation: Callable, args: tuple, kwargs: dict):
        self.operation = operation
        self.args = args
        self.kwargs = kwargs
        self.outputs: Any = None

    @property
    def parents(self) -> list[KerasTensor]:
        """The symbolic tensors that went in."""
        leaves = nest.flatten([self.args, self.kwargs])
        return [leaf for leaf in leaves if type(leaf) is KerasTensor]


def apply(function: Callable, *args: Any, **kwargs: Any) -> Any:
    """Call a function that may be given symbolic tensors: then it becomes part of a graph."""
    if any(type(leaf) is KerasTensor for leaf in nest.flatten([args, kwargs])):
        return outputs_for(function, args, kwargs)
    return function(*args, **kwargs)


def outputs_for(operation: Callable, args: tuple, kwargs: dict) -> Any:
    """Note a call in the graph, and give its symbolic outputs."""
    node = Node(operation, args, kwargs)
    first = _tried(node, 2, 64)
    second = _tried(node, 3, 96) if any(None in p.shape for p in node.parents) else first

    def symbolic(one: Any, other: Any) -> KerasTensor:
        shape = (n if n == m else None for n, m in zip(one.shape, other.shape, strict=True))
        made = KerasTensor(shape, one.dtype)
        made.node = node
        return made

    node.outputs = nest.map_structure(symbolic, first, second)
    if hasattr(operation, "_nodes"):
        operation._nodes.append(node)
    return node.outputs


def _tried(node: Node, batch: int, length: int) -> Any:
    """The outputs for zeros, with ``batch`` for an unknown batch and ``length`` for others."""

    def zeros(leaf: Any) -> Any:
        if type(leaf) is not KerasTensor:
            return leaf
        known = (n or (length if axis else batch) for axis, n in enumerate(leaf.shape))
        return Tensor(np.zeros(tuple(known), leaf.dtype.dtype))

    args, kwargs = nest.map_structure(zeros, (node.args, node.kwargs))
    variables = getattr(node.operation, "weights", [])
    before = [(v, v._tensor) for v in variables]  # what the call assigns is undone
    try:
        with silence():
            return node.operation(*args, **kwargs)
    except Exception as error:
        error.add_note(f"(found when the shapes were worked out with a batch of {batch} zeros)")
        raise
    finally:
        for variable, tensor in before:
            variable._tensor = tensor


class Graph:
    """The calls that lead from symbolic inputs to symbolic outputs, in the order to make them."""

    def __init__(self, inputs: Any, outputs: Any):
        self.inputs, self.outputs = inputs, outputs
        self._given = nest.flatten(inputs)
        self._wanted = nest.flatten(outputs)
        for leaf in self._given + self._wanted:
            if type(leaf) is not KerasTensor:
                raise ValueError(
                    f"a model is made from symbolic tensors, and {leaf!r} is none. Start with "
                    "inputs = keras.Input(shape=...) and call layers on it"
                )
        self.nodes = self._ordered()
        self._slots: dict[int, int] = {}
        for tensor in self._given:
            self._slot(tensor)
        self._plan = [self._planned(node) for node in self.nodes]
        self._results = [self._slot(tensor) for tensor in self._wanted]
        self._single = not isinstance(outputs, (list, tuple, dict))

    def _slot(self, tensor: KerasTensor) -> int:
        return self._slots.setdefault(id(tensor), len(self._slots))

    def _planned(self, node: Node) -> tuple:
        """(operation, input slot, output slot) where that says all; else with structures."""
        made = [self._slot(t) for t in nest.flatten(node.outputs)]
        alone = len(node.args) == 1 and type(node.args[0]) is KerasTensor and not node.kwargs
        if alone and type(node.outputs) is KerasTensor:
            return node.operation, self._slot(node.args[0]), made[0], None
        return node.operation, None, made, (node.args, node.kwargs)

    def _ordered(self) -> list[Node]:
        """The nodes between inputs and outputs, the furthest from the outputs first."""
        ends = {id(t) for t in self._given}
        found: list[Node] = []
        state: dict[int, bool] = {}  # False: its parents are being visited, True: done
        waiting = list(reversed(self._wanted))
        while waiting:
            tensor = waiting[-1]
            node = tensor.node
            if id(tensor) in ends or (node is not None and state.get(id(node))):
                waiting.pop()
            elif node is None or not node.parents:
                raise ValueError(
                    f"Output {self._wanted[0]!r} is not connected to `inputs`: it also depends on "
                    f"{tensor!r}. Put that into Model(inputs=[...])"
                )
            elif id(node) in state:
                state[id(node)] = True
                found.append(node)
                waiting.pop()
            else:
                state[id(node)] = False
                waiting.extend(reversed(node.parents))
        depth: dict[int, int] = {}
        for node in reversed(found):
            below = depth.setdefault(id(node), 0) + 1
            for parent in node.parents:
                if parent.node is not None and id(parent) not in ends:
                    depth[id(parent.node)] = max(depth.get(id(parent.node), 0), below)
        return sorted(found, key=lambda node: -depth[id(node)])

    def run(self, owner: str, inputs: Any) -> Any:
        """The outputs for data."""
        values: list[Any] = [None] * len(self._slots)
        if type(inputs) is Tensor and len(self._given) == 1:
            values[0] = self._fitting(owner, 0, self._given[0], inputs)
        else:
            leaves = nest.flatten(inputs)
            if len(leaves) != len(self._given):
                raise ValueError(
                    f"Layer {owner!r} expected {len(self._given)} input(s). Received "
                    f"{len(leaves)} instead."
                )
            for i, (wanted, leaf) in enumerate(zip(self._given, leaves)):
                values[i] = self._fitting(owner, i, wanted, leaf)
        for operation, taken, made, structure in self._plan:
            if structure is None:
                values[made] = operation(values[taken])
            else:
                args, kwargs = nest.map_structure(
                    lambda leaf: (
                        values[self._slots[id(leaf)]] if type(leaf) is KerasTensor else leaf
                    ),
                    structure,
                )
                result = operation(*args, **kwargs)
                for slot, value in zip(made, nest.flatten(result), strict=True):
                    values[slot] = value
        if self._single:
            return values[self._results[0]]
        return nest.pack_sequence_as(self.outputs, [values[slot] for slot in self._results])

    @staticmethod
    def _fitting(owner: str, position: int, wanted: KerasTensor, given: Tensor) -> Any:
        """An input in the dtype and rank that `Input` promised; an axis of 1 may be missing."""
        if given._value.dtype is not wanted.dtype.dtype:
            given = cast(given, wanted.dtype)
        shape = given._value.shape
        if len(shape) == len(wanted.shape) - 1 and wanted.shape[-1] == 1:
            given = expand_dims(given, -1)
        elif len(shape) == len(wanted.shape) + 1 and shape[-1] == 1:
            given = squeeze(given, -1)
        shape = given._value.shape
        if len(shape) != len(wanted.shape) or any(
            n is not None and n != m for n, m in zip(wanted.shape, shape)
        ):
            raise ValueError(
                f"Input {position} of layer {owner!r} is incompatible with the layer: expected "
                f"shape={wanted.shape}, found shape={shape}"
            )
        return given
