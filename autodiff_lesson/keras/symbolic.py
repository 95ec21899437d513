"""Models without data: `Input` gives a symbolic tensor, and calls on it are noted as a graph.

What shape comes out of a call is found by making it: with a batch of 2, then with one of 3. What
differs is unknown (None). So a layer of one's own needs no rule about shapes.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from itertools import count
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
        self.node: Any = None  # the call it came out of

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


def _operator(function: Callable, swapped: bool = False) -> Callable:
    def operation(*operands: Any) -> Any:
        return apply(function, *(reversed(operands) if swapped else operands))

    return operation


_both_ways = ("add", "sub", "mul", "truediv", "matmul", "pow")
for _name in ("getitem", "neg", "abs", "lt", "le", "gt", "ge", *_both_ways):
    setattr(KerasTensor, f"__{_name}__", _operator(getattr(operator, _name)))
for _name in _both_ways:
    setattr(KerasTensor, f"__r{_name}__", _operator(getattr(operator, _name), swapped=True))


class Node:
    """One call on symbolic tensors: what was called, on what, and what came out.

    An `InputLayer` has one, too, without parents, as if a call had made its tensor.
    """

    _made = count()

    def __init__(self, operation: Callable, args: tuple, kwargs: dict):
        self.operation, self.args, self.kwargs = operation, args, kwargs
        self.outputs: Any = None
        self.number = next(Node._made)
        leaves = nest.flatten([args, kwargs])
        self.parents = [leaf for leaf in leaves if type(leaf) is KerasTensor]

    @property
    def inputs(self) -> Any:
        """What was called on: the argument, or a list of several."""
        return self.args[0] if len(self.args) == 1 else list(self.args)

    def symbol(self, shape: Any, dtype: Any, name: str | None = None) -> KerasTensor:
        """A symbolic tensor that comes out."""
        made = KerasTensor(shape, dtype, name)
        made.node = self
        return made


def apply(function: Callable, *args: Any, **kwargs: Any) -> Any:
    """Call a function that may be given symbolic tensors: then it becomes part of a graph."""
    if any(type(leaf) is KerasTensor for leaf in nest.flatten([args, kwargs])):
        return outputs_for(function, args, kwargs)
    return function(*args, **kwargs)


def outputs_for(operation: Callable, args: tuple, kwargs: dict) -> Any:
    """Note a call in the graph, and give its symbolic outputs."""
    node = Node(operation, args, kwargs)
    first = _tried(node, 2, 64)
    if first is None:
        owner = getattr(operation, "name", getattr(operation, "__name__", operation))
        raise ValueError(f"{owner} returned None: end its call() with `return outputs`")
    second = _tried(node, 3, 96) if any(None in p.shape for p in node.parents) else first

    def symbolic(one: Any, other: Any) -> KerasTensor:
        shape = (n if n == m else None for n, m in zip(one.shape, other.shape, strict=True))
        return node.symbol(shape, one.dtype)

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
            if type(leaf) is not KerasTensor or leaf.node is None:
                raise ValueError(
                    f"a model is made from symbolic tensors, and {leaf!r} is none. Start with "
                    "inputs = keras.Input(shape=...) and call layers on it"
                )
        self.nodes = self._between()

    def _between(self) -> list[Node]:
        """The nodes between inputs and outputs. What a call uses was made before it, so the order
        in which the calls were noted is an order in which they can be made again."""
        found: dict[int, Node] = {}
        seen = {id(tensor) for tensor in self._given}
        waiting = list(self._wanted)
        while waiting:
            tensor = waiting.pop()
            if id(tensor) in seen:
                continue
            seen.add(id(tensor))
            if not tensor.node.parents:
                raise ValueError(
                    f"Output {self._wanted[0]!r} is not connected to `inputs`: it also depends on "
                    f"{tensor!r}. Put that into Model(inputs=[...])"
                )
            found[tensor.node.number] = tensor.node
            waiting += tensor.node.parents
        return [found[number] for number in sorted(found)]

    def operations(self) -> list[Callable]:
        """What makes the inputs and what is called, each once, in the order of Keras.

        First what is farthest from the outputs; of one distance, what a walk back from the outputs
        meets first.
        """
        starts = [tensor.node for tensor in self._given if not tensor.node.parents]
        nodes = starts + self.nodes
        inside, met = set(map(id, nodes)), dict[int, int]()
        waiting = [tensor.node for tensor in self._wanted[::-1]]
        while waiting:
            node = waiting.pop()
            if id(node) in inside:
                inside.discard(id(node))
                met.setdefault(id(node.operation), len(met))
                waiting += [tensor.node for tensor in node.parents[::-1]]
        away: dict[int, int] = {}  # of nodes and of operations, by their ids
        for node in sorted(nodes, key=lambda node: -node.number):
            distance = max(away.get(id(node), 0), away.get(id(node.operation), 0))
            away[id(node.operation)] = distance
            for tensor in node.parents:
                away[id(tensor.node)] = max(away.get(id(tensor.node), 0), distance + 1)
        found = {id(node.operation): node.operation for node in nodes}
        return sorted(found.values(), key=lambda o: (-away[id(o)], met.get(id(o), -1)))

    def run(self, owner: str, inputs: Any) -> Any:
        """The outputs for data."""
        if isinstance(inputs, dict):
            inputs = self._by_name(owner, inputs)
        leaves = nest.flatten(inputs)
        if len(leaves) != len(self._given):
            raise ValueError(
                f"Layer {owner!r} expected {len(self._given)} input(s). Received {len(leaves)} "
                "instead. Several inputs are a list or a dict; to train on x and y write fit(x, y)"
            )
        values = {}
        for i, (wanted, leaf) in enumerate(zip(self._given, leaves)):
            values[id(wanted)] = self._fitting(owner, i, wanted, leaf)

        def value(leaf: Any) -> Any:
            return values[id(leaf)] if type(leaf) is KerasTensor else leaf

        def known(given: Any) -> Any:  # no recursion: a cycle would keep the values alive
            nested = isinstance(given, (list, tuple, dict))
            return nest.map_structure(value, given) if nested else value(given)

        for node in self.nodes:
            kwargs = node.kwargs and {name: known(given) for name, given in node.kwargs.items()}
            result = node.operation(*map(known, node.args), **kwargs)
            if type(node.outputs) is KerasTensor:
                values[id(node.outputs)] = result
            else:
                for tensor, one in zip(nest.flatten(node.outputs), nest.flatten(result)):
                    values[id(tensor)] = one
        return known(self.outputs)

    def _by_name(self, owner: str, given: dict) -> Any:
        """The inputs that a dict gives, in the order of this model's own."""
        named = isinstance(self.inputs, dict)
        names = nest.in_order(self.inputs) if named else [tensor.name for tensor in self._given]
        missing = [name for name in names if name not in given]
        if missing:
            raise ValueError(
                f"Layer {owner!r} has the inputs {', '.join(names)}. The data is a dict without "
                f"{', '.join(missing)}; it has {', '.join(map(str, given))}"
            )
        return [given[name] for name in names]

    @staticmethod
    def _fitting(owner: str, position: int, wanted: KerasTensor, given: Tensor) -> Any:
        """An input in the dtype and rank that `Input` promised; an axis of 1 may be missing."""
        given = cast(given, wanted.dtype.dtype)
        shape, promised = given._value.shape, wanted.shape
        if _fits(promised, shape):
            return given
        # One image (2, 2, 1) where (None, 2, 2, 1) is promised passes as in Keras: as two of (2, 1)
        alone = shape == promised[1:] and promised[-1] == 1 and _fits(promised[:-2], shape[:-1])
        if len(shape) == len(promised) - 1 and promised[-1] == 1:
            given = expand_dims(given, -1)
        elif len(shape) == len(promised) + 1 and shape[-1] == 1:
            given = squeeze(given, -1)
        shape = given._value.shape
        if alone or _fits(promised, shape):
            return given
        advice = ". The first axis is the batch: a Dataset needs .batch(32), an array a new axis"
        raise ValueError(
            f"Input {position} of layer {owner!r} is incompatible with the layer: expected "
            f"shape={promised}, found shape={shape}"
            + (advice if len(shape) < len(promised) else "")
        )


def _fits(promised: tuple, shape: tuple) -> bool:
    same = (n is None or n == m for n, m in zip(promised, shape))
    return len(promised) == len(shape) and all(same)
