"""Layer: something with weights that is called on tensors. Every model is one too.

What belongs to a layer is found, not registered: its variables, sublayers and metrics are whatever
its attributes hold, in the order in which the attributes were first set, through lists and dicts.
So a layer that is appended to a list, or set anew, is found as it is now.
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .. import nest
from ..arguments import tensor_of
from ..dtypes import as_dtype
from ..ops.create import convert_to_tensor
from ..ops.elementwise import cast
from ..recorder import silence
from ..tensor import Tensor
from ..variable import Module, Variable
from . import initializers, regularizers
from .metrics import Metric
from .names import hint_for, snake_case, unwritten
from .symbolic import KerasTensor, outputs_for
from .variables import KerasVariable, unique_name


class _Call(threading.local):
    """What layers inside a call know of the call that is going on around them."""

    depth = 0
    training: Any = None
    number = 0  # of the outermost call: losses of an earlier one are stale


_calling = _Call()


class Aside(list):
    """A list of things that do not belong to the layer that keeps it."""


def _once_built(build: Callable) -> Callable:
    """A layer's ``build`` that notes that it ran: called by hand, it is not called once more."""

    @functools.wraps(build)
    def wrapper(self: Layer, *args: Any, **kwargs: Any) -> None:
        build(self, *args, **kwargs)
        self.built = True

    return wrapper


def _gather(values: Iterable, found: tuple[list, list, list]) -> bool:
    """Put variables, layers and metrics into their lists, through lists, tuples and dicts.

    Returns whether nothing was met that can change by itself, as a list can.
    """
    fixed = True
    for value in values:
        if isinstance(value, Variable):
            found[0].append(value)
        elif isinstance(value, Layer):
            found[1].append(value)
        elif isinstance(value, Metric):
            found[2].append(value)
        elif isinstance(value, Module):
            found[0].extend(value.variables)
            fixed = False
        elif isinstance(value, (list, tuple, dict)) and type(value) is not Aside:
            inner = _gather(value.values() if isinstance(value, dict) else value, found)
            fixed = fixed and inner and isinstance(value, tuple)
    return fixed


class Layer(Module):
    """Subclass it to make a layer: weights in ``build``, what it computes in ``call``.

    >>> class Scale(Layer):
    ...     def build(self, input_shape):
    ...         self.factor = self.add_weight(input_shape[-1:], "ones", name="factor")
    ...     def call(self, inputs):
    ...         return inputs * self.factor
    >>> layer = Scale()
    >>> layer(np.float32([[1.0, 2.0]])).numpy()
    array([[1., 2.]], dtype=float32)
    >>> [w.name for w in layer.weights]
    ['factor']

    Args:
        trainable: whether its weights count as trainable.
        name: made from the class's name if there is none: ``dense``, ``dense_1``.
        dtype: of its weights and computations; floating inputs are cast to it.
    """

    _takes_training = False
    _arguments: Aside
    _weights: tuple[Variable, ...]
    _found: Any

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        parameters = inspect.signature(cls.call).parameters.values()
        cls._takes_training = any(
            p.name == "training" or p.kind is p.VAR_KEYWORD for p in parameters
        )
        if "build" in vars(cls):
            cls.build = _once_built(cls.build)  # type: ignore[method-assign]

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        self = super().__new__(cls)
        self._weights = ()
        self._arguments = Aside((args, kwargs))
        return self

    def __init__(
        self,
        *,
        trainable: bool = True,
        name: str | None = None,
        dtype: Any = None,
        input_shape: Any = None,
        **unknown: Any,
    ):
        if unknown:
            raise ValueError(
                f"Unrecognized keyword arguments passed to {type(self).__name__}: {unknown}. "
                + hint_for(type(self), unknown)
            )
        self._name = name or unique_name(snake_case(type(self).__name__))
        self._dtype = as_dtype(dtype or "float32")
        self._numpy_dtype = self._dtype.dtype
        self._trainable = bool(trainable)
        self._added_losses = Aside()
        self._nodes = Aside()  # one for each symbolic call
        self._call_number = self._losses_number = -1
        self._output_shape: Any = None  # of the call that built it
        self.built = False
        if input_shape is not None:
            self._given_input_shape = tuple(input_shape)

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        vars(self)["_found"] = None  # what belongs to it is looked for anew

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        vars(self)["_found"] = None

    # What a subclass writes

    def build(self, input_shape: Any) -> None:
        """Make the weights, now that the shape of the input is known. Called once."""

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output. Called by ``layer(inputs)``."""
        raise unwritten(self, "call(self, inputs)")

    def add_weight(
        self,
        shape: Any = (),
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        regularizer: Any = None,
        name: str | None = None,
    ) -> Variable:
        """Make a variable that belongs to this layer.

        Args:
            shape: of the variable; () for a scalar.
            initializer: name, object or function; ``glorot_uniform`` if there is none
                (``zeros`` for whole numbers and bools).
            regularizer: its penalty is added to ``losses`` as long as the variable is trainable.
            name: ``variable`` if there is none; also the attribute it is set to is found.
        """
        self._check_initialised()
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        if any(not isinstance(n, (int, np.integer)) for n in shape):
            raise ValueError(
                f"a weight of layer {self.name!r} was given the shape {shape}, which is not known "
                "in full. Make weights in build(self, input_shape) from lengths that are known"
            )
        wanted = as_dtype(dtype) if dtype is not None else self._dtype
        if initializer is None:
            initializer = "glorot_uniform" if wanted.is_floating else "zeros"
        make = initializers.get(initializer)
        with silence():
            variable = KerasVariable(
                make(shape, dtype=wanted),
                trainable=trainable,
                dtype=wanted,
                name=name or "variable",
                owner=self.name,
                regularizer=regularizers.get(regularizer),
            )
        self._weights += (variable,)
        return variable

    def add_loss(self, loss: Any) -> None:
        """Inside ``call``: a scalar to add to the loss, such as a penalty on activations."""
        if self._losses_number != _calling.number:
            self._added_losses = Aside()
            self._losses_number = _calling.number
        self._added_losses.extend(nest.flatten(loss))

    # Calling it

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        x = args[0] if args else None
        if (
            type(x) is not Tensor
            or x._value.dtype is not self._numpy_dtype
            or len(args) > 1
            or not self.built
        ):
            self._check_initialised()
            args, kwargs = self._converted(args, kwargs)
            if not self.built:
                self._build_for(args)
                result = self(*args, **kwargs)
                self._output_shape = nest.map_structure(_shape_of, result)
                return result
            if any(type(leaf) is KerasTensor for leaf in nest.flatten([args, kwargs])):
                return outputs_for(self, args, kwargs)
        calling = _calling
        before = calling.training
        training = kwargs.get("training")
        if training is None:
            training = before
        if not self._takes_training:
            kwargs.pop("training", None)
        elif training is not None:
            kwargs["training"] = training
        if not calling.depth:
            calling.number += 1
        vars(self)["_call_number"] = calling.number  # quicker than an attribute: this is each call
        calling.depth += 1
        calling.training = training
        try:
            return self.call(*args, **kwargs)
        finally:
            calling.depth -= 1
            calling.training = before

    def _check_initialised(self) -> None:
        if "_dtype" not in vars(self):
            raise RuntimeError(
                f"In layer {type(self).__name__!r}, you forgot to call `super().__init__()` as the "
                "first statement in the `__init__()` method."
            )

    def _converted(self, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        """Arrays as tensors, floats in the layer's dtype; other positional arguments refused."""
        args, kwargs = nest.map_structure(self._to_tensor, (args, kwargs))
        for leaf in nest.flatten(args):
            if type(leaf) not in (Tensor, KerasTensor) and leaf is not None:
                raise ValueError(
                    "Only input tensors may be passed as positional arguments. The following "
                    f"argument value should be passed as a keyword argument: {leaf!r} (of type "
                    f"{type(leaf)}). Numbers in lists become a tensor by tf.constant([...])"
                )
        return args, kwargs

    def _to_tensor(self, value: Any) -> Any:
        if type(value) is KerasTensor:
            return value
        value = tensor_of(value)
        if isinstance(value, (np.ndarray, np.generic)) and not isinstance(value, np.bool):
            if value.dtype.kind == "f":
                value = value.astype(self._numpy_dtype)
            return convert_to_tensor(value)
        if type(value) is Tensor and value._value.dtype.kind == "f":
            return cast(value, self._numpy_dtype)
        return value

    def _build_for(self, args: tuple) -> None:
        shapes = nest.map_structure(_shape_of, args[0]) if args else None
        with silence():
            self.build(shapes)
        self.built = True  # also of a layer without a build of its own

    # What belongs to it

    def _contents(self) -> tuple[list[Variable], list[Layer], list[Metric]]:
        """The variables, layers and metrics that its own attributes hold."""
        if self._found is not None:
            return self._found
        found: tuple[list, list, list] = ([], [], [])
        if _gather(vars(self).values(), found):
            vars(self)["_found"] = found
        return found

    def _tree(self, only_trainable: bool = False) -> list[tuple[Layer, list, list]]:
        """(layer, variables, metrics) of this layer and all below it, each layer once."""
        found: dict[int, tuple[Layer, list, list]] = {}
        waiting: list[Layer] = [self]
        while waiting:
            layer = waiting.pop()
            if id(layer) in found or (only_trainable and not layer.trainable):
                continue
            variables, layers, metrics = layer._contents()
            found[id(layer)] = (layer, variables, metrics)
            waiting.extend(reversed(layers))
        return list(found.values())

    @property
    def weights(self) -> list[Variable]:
        """Every variable of it and of the layers inside, each layer's trainable ones first."""
        ordered = (sorted(own, key=_trains, reverse=True) for _, own, _ in self._tree())
        return each_once(v for own in ordered for v in own)

    variables = weights  # type: ignore[assignment]

    @property
    def trainable_variables(self) -> list[Variable]:  # type: ignore[override]
        """The weights to train: those with ``trainable=True`` in layers with ``trainable=True``."""
        return each_once(v for _, own, _ in self._tree(True) for v in own if v.trainable)

    trainable_weights = trainable_variables

    @property
    def non_trainable_variables(self) -> list[Variable]:  # type: ignore[override]
        """The other weights."""
        trainable = {id(v) for v in self.trainable_variables}
        return [v for v in self.weights if id(v) not in trainable]

    non_trainable_weights = non_trainable_variables

    @property
    def trainable(self) -> bool:
        """Whether its weights count as trainable. Set it, and it is so at once, also inside."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer, variables, _ in self._tree():
            layer._trainable = bool(value)
            for v in variables:
                trains = _trains(v)
                v.trainable, v.thaws = trains and bool(value), trains and not value

    @property
    def losses(self) -> list[Tensor]:
        """What `add_loss` gathered in the latest call, and the penalties of regularizers."""
        tree = self._tree()
        fresh = [x for x, _, _ in tree if x._losses_number >= self._call_number]
        added = [loss for layer in fresh for loss in layer._added_losses]
        held = [v for _, own, _ in tree for v in each_once(own) if v.trainable]
        return added + [v.regularizer(v) for v in held if getattr(v, "regularizer", None)]

    @property
    def metrics(self) -> list[Metric]:
        """The metrics that its attributes and the layers inside hold."""
        return [metric for _, _, metrics in self._tree() for metric in metrics]

    def get_weights(self) -> list[np.ndarray]:
        """The values of `weights` as arrays."""
        return [np.array(v._tensor._value) for v in self.weights]

    def set_weights(self, weights: Any) -> None:
        """Set `weights` to arrays of the same shapes in the same order; all of them, or none."""
        own, values = self.weights, [np.asarray(w) for w in weights]
        if len(own) != len(values):
            raise ValueError(
                f"You called `set_weights(weights)` on layer {self.name!r} with a weight list of "
                f"length {len(values)}, but the layer was expecting {len(own)} weights."
                + ("" if own else " It has none yet: call it on data once, to build them")
            )
        for variable, value in zip(own, values):
            if variable.shape != value.shape:
                raise ValueError(
                    f"Layer {self.name!r} weight shape {variable.shape} of "
                    f"{getattr(variable, 'path', variable.name)} is not compatible with provided "
                    f"weight shape {value.shape}."
                )
        for variable, value in zip(own, values):
            variable.assign(value)

    def count_params(self) -> int:
        """How many numbers its weights hold."""
        return sum(v.shape.num_elements() for v in self.weights)

    # What it is

    @property
    def dtype(self) -> str:
        """The dtype of its weights, as a name."""
        return self._dtype.name

    @property
    def input(self) -> Any:
        """The symbolic input of its only symbolic call."""
        return self._only_call().inputs

    @property
    def output(self) -> Any:
        """The symbolic output of its only symbolic call; with it a model can end at this layer."""
        return self._only_call().outputs

    def _only_call(self) -> Any:
        if len(self._nodes) != 1:
            raise AttributeError(
                f"layer {self.name!r} has no single input and output: it was called on symbolic "
                f"tensors {len(self._nodes)} times"
            )
        return self._nodes[0]

    def get_config(self) -> dict[str, Any]:
        """The arguments it was made with, by name: ``type(layer).from_config(config)`` makes
        another like it, with weights of its own."""
        args, kwargs = self._arguments
        bound = inspect.signature(type(self).__init__).bind(self, *args, **kwargs)
        bound.apply_defaults()
        config = dict(list(bound.arguments.items())[1:])
        parameters = bound.signature.parameters.values()
        more = [p.name for p in parameters if p.kind is p.VAR_KEYWORD]
        for name in more:
            config |= config.pop(name)
        if more or "name" in config:
            config["name"] = self.name
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A new layer from what `get_config` gave."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


def each_once(things: Iterable) -> list:
    """The things in their order, without those that were there before."""
    return list({id(thing): thing for thing in things}.values())


def _trains(variable: Variable) -> bool:
    """Whether it is trainable, or will be when the layer that is frozen now is not any more."""
    return variable.trainable or getattr(variable, "thaws", False)


def _shape_of(tensor: Any) -> Any:
    return tuple(tensor.shape) if hasattr(tensor, "shape") else None
