"""Model: layers that are trained together. ``compile`` it, ``fit`` it, or override its steps.

`fit` goes through the batches and calls ``train_step`` with each; everything else (callbacks,
validation, progress) is the same whatever the step does. Override one of these verbs:
``train_step``, ``test_step``, ``predict_step``, ``compute_loss``, ``compute_metrics``.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from .. import nest
from ..ops.arithmetic import add
from ..tape import GradientTape
from ..tensor import Tensor
from . import optimizers, saving, training
from .batches import unpack, whole
from .compiled import Compiled
from .layer import Layer, each_once
from .layers import Input, InputLayer
from .metrics import Metric
from .names import keywords, unwritten
from .summary import print_summary
from .symbolic import Graph, KerasTensor
from .variables import unique_name
from .warn import warn


class Model(Layer):
    """Layers with a ``fit``: made from inputs and outputs, or by subclassing.

    >>> from .layers import Dense, Input
    >>> inputs = Input((3,))
    >>> model = Model(inputs, Dense(1)(inputs))
    >>> [w.path.split("/")[1] for w in model.weights], model.output.shape
    (['kernel', 'bias'], (None, 1))

    A subclass makes its layers in ``__init__`` and calls them in ``call``; or it is made from
    inputs and outputs too, and overrides ``train_step``.

    Args:
        inputs: what `Input` gave; a list or dict of several.
        outputs: what layers made of them, in any structure.
        name: of the model.
    """

    compiled = run_eagerly = stop_training = False
    steps_per_execution = 1
    history: Any = None
    optimizer: Any
    _compiled: Compiled
    _graph: Graph | None = None

    def __init__(
        self, inputs: Any = None, outputs: Any = None, name: str | None = None, **kwargs: Any
    ):
        if name is None and type(self) is Model and inputs is not None:
            name = unique_name("functional")
        super().__init__(name=name, **kwargs)
        self._steps = training.Steps(self)
        if (inputs is None) != (outputs is None):
            raise ValueError("a model is made from both, Model(inputs, outputs), or from neither")
        if inputs is not None:
            self._connect(inputs, outputs)

    def _connect(self, inputs: Any, outputs: Any) -> None:
        if isinstance(outputs, (list, tuple)) and len(outputs) == 1:
            outputs = outputs[0]
        self._graph = Graph(inputs, outputs)
        self._graph_layers = tuple(x for x in self._graph.operations() if isinstance(x, Layer))
        self.built = True

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """Compute the outputs. Override it in a model that is not made from inputs and outputs."""
        if self._graph is None:
            raise unwritten(self, "call(self, inputs)")
        return self._graph.run(self.name, inputs)

    def build(self, input_shape: Any) -> None:
        """Make the weights, by a call on zeros of this shape: ``model.build((None, 32))``."""
        if type(self).build is Model.build and not self.built:
            self(np.zeros([n or 1 for n in input_shape]))

    def _build_for(self, args: tuple) -> None:
        if type(self).build not in (Model.build, Sequential.build):
            super()._build_for(args)
        self.built = True  # the call that follows builds the layers inside

    def get_config(self) -> dict[str, Any]:
        """The arguments of a subclass with an ``__init__`` of its own, see `Layer.get_config`."""
        if type(self).__init__ in (Model.__init__, Sequential.__init__):
            raise NotImplementedError(
                f"{type(self).__name__}.get_config is left out: a model made of layers would share "
                "them with its copy. Write a function that makes the model and call it again; "
                "copy.set_weights(model.get_weights()) carries the weights over"
            )
        return super().get_config()

    # What it is made of

    @property
    def layers(self) -> list[Layer]:
        """Its layers, without the layers inside those."""
        if self._graph is not None:
            return list(self._graph_layers)
        return each_once(self._contents()[1])

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic inputs."""
        return nest.flatten(self.input)

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic outputs."""
        return nest.flatten(self.output)

    def _only_call(self) -> Any:
        return self._graph or super()._only_call()

    def get_layer(self, name: str) -> Layer:
        """The layer of a name."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ValueError(
            f"No such layer: {name}. Existing layers are: {[x.name for x in self.layers]}."
        )

    summary = print_summary
    save_weights = saving.save_weights
    load_weights = saving.load_weights

    # How it is trained

    @keywords(
        jit_compile="", auto_scale_loss="",
        loss_weights="Weigh the losses in a compute_loss or train_step of your own",
    )  # fmt: skip
    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        *,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
    ) -> None:
        """Say how it is to be trained: ``compile(optimizer="adam", loss="mse", metrics=["mae"])``.

        Args:
            optimizer: an optimizer or its name.
            loss: a loss, its name, or a function of (y_true, y_pred).
            metrics: metrics, their names, or functions of (y_true, y_pred).
            weighted_metrics: metrics that take ``sample_weight`` into account.
            run_eagerly: run each step as plain Python, to print and to look inside. Otherwise it
                is recorded once and played again, see `function`.
            steps_per_execution: how many steps between two visits of the callbacks.
        """
        self._check_initialised()
        self.steps_per_execution = whole("steps_per_execution", steps_per_execution)
        self.optimizer = None if optimizer is None else optimizers.get(optimizer)
        self._compiled = Compiled(loss, metrics, weighted_metrics)
        self.compiled = True
        self.run_eagerly = run_eagerly
        self._steps = training.Steps(self)
        self.stop_training = False

    def __getattr__(self, name: str) -> Any:
        if name in ("optimizer", "_compiled", "compiled_metrics"):
            raise AttributeError(
                f"{type(self).__name__!r} object has no optimizer, loss and metrics yet: call "
                "compile(optimizer=..., loss=...) first"
            )
        return self.__getattribute__(name)  # once more, for the error: a property may have its own

    @property
    def metrics(self) -> list[Metric]:
        """The loss, the compiled metrics, and those that its attributes and layers hold.

        They are reset at the start of each epoch. Override it to say which.
        """
        compiled = self._compiled.all_metrics if self.compiled else []
        return compiled + super().metrics

    def reset_metrics(self) -> None:
        """Forget what the metrics have seen."""
        for metric in self.metrics:
            metric.reset_state()

    def get_metrics_result(self) -> dict[str, Any]:
        """The values of all `metrics` by name."""
        results: dict[str, Any] = {}
        for metric in self.metrics:
            value = metric.result()
            results.update(value if isinstance(value, dict) else {metric.name: value})
        return results

    def train_step(self, data: Any) -> dict[str, Any]:
        """One step: predict, loss, gradients, update. Override it to train in your own way.

        Args:
            data: what `fit` was given, one batch of it: (x, y), (x, y, sample_weight), or x.

        Returns:
            {name: scalar}, what is shown and kept in the history.
        """
        x, y, sample_weight = unpack(data)
        with GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight)
        self._track(loss, x)
        variables = self.trainable_variables
        if variables:
            gradients = tape.gradient(loss, variables)
            self.optimizer.apply_gradients(zip(gradients, variables))
        else:
            warn(f"Model {self.name!r} has no trainable weights: fit() changes nothing")
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def test_step(self, data: Any) -> dict[str, Any]:
        """One step of `evaluate` and of validation: as ``train_step``, without the update."""
        x, y, sample_weight = unpack(data)
        y_pred = self(x, training=False)
        loss = self.compute_loss(
            x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=False
        )
        self._track(loss, x)
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def predict_step(self, data: Any) -> Any:
        """One step of `predict`."""
        return self(unpack(data)[0], training=False)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        """The loss of a batch: the compiled one, and what layers and regularizers add."""
        terms = []
        if self.compiled and self._compiled.loss is not None and y is not None:
            terms.append(self._compiled.loss_of(y, y_pred, sample_weight))
        terms += self.losses
        if not terms:
            why = "Provide a `loss` argument in `compile()`, and `y` in `fit()`"
            if y is None:
                why += ": these data have no y"
            if not self.compiled:
                why = "Call `compile(loss=...)`; one of your own calls `super().compile(loss=...)`"
            raise ValueError(f"No loss to compute. {why}.")
        return reduce(add, terms)

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Update the compiled metrics, and give the values of all."""
        if self.compiled:
            self._compiled.metrics.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def _track(self, loss: Any, batch: Any) -> None:
        """Take the loss of a batch into the mean of the epoch, as heavy as it has examples."""
        if self.compiled:
            examples = nest.flatten(batch)[0]._value.shape[0]
            self._compiled.tracker.update_state(loss, sample_weight=float(examples))

    def compiled_loss(
        self, y: Any, y_pred: Any, sample_weight: Any = None, regularization_losses: Any = None
    ) -> Tensor:
        """The loss in the form of Keras 2, with ``regularization_losses=self.losses`` added; it is
        taken into the mean of the epoch, too."""
        if self._compiled.loss is None:
            raise ValueError("No loss to compute. Provide a `loss` argument in `compile()`.")
        loss = self._compiled.loss_of(y, y_pred, sample_weight)
        total = reduce(add, regularization_losses or (), loss)
        self._track(total, y_pred)
        return total

    @property
    def compiled_metrics(self) -> Metric:
        """The metrics in the form of Keras 2: ``compiled_metrics.update_state(y, y_pred)``."""
        return self._compiled.metrics

    fit = training.fit
    evaluate = training.evaluate
    predict = training.predict


class Sequential(Model):
    """Layers one after the other.

    >>> from .layers import Dense, Input
    >>> model = Sequential([Input((4,)), Dense(8, activation="relu"), Dense(1)])
    >>> model.output.shape, model.count_params()
    ((None, 1), 49)

    Without an `Input` at its start it is built by the first data it sees.
    """

    def __init__(self, layers: Any = None, name: str | None = None, **kwargs: Any):
        super().__init__(name=name, **kwargs)
        self._chain: tuple[Layer, ...] = ()
        for layer in layers or ():
            self.add(layer)

    def add(self, layer: Any) -> None:
        """Put a layer at the end."""
        if type(layer) is KerasTensor and not layer.node.parents:
            layer = layer.node.operation
        if not isinstance(layer, Layer):
            raise ValueError(
                "Only instances of `keras.Layer` can be added to a Sequential model. "
                f"Received: {layer!r} (of type {type(layer)})"
            )
        shape = getattr(layer, "_given_input_shape", None)
        if not self._chain and shape is not None:
            self.add(InputLayer(shape))
        names = [x.name for x in self._chain]
        if layer.name in names:
            raise ValueError(
                "All layers added to a Sequential model should have unique names. Name "
                f"{layer.name!r} is already the name of a layer in this model."
            )
        self._chain += (layer,)
        start = self._chain[0]
        if isinstance(start, InputLayer):  # then there is a graph of what it is now
            last = start.output if self._graph is None else self._graph.outputs
            self._connect(start.output, last if isinstance(layer, InputLayer) else layer(last))

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of this shape, as an `Input` at its start would have."""
        if self._graph is None and self._chain:
            start = Input(input_shape[1:], input_shape[0])
            self._connect(start, reduce(lambda x, layer: layer(x), self._chain, start))

    @property
    def layers(self) -> list[Layer]:
        """Its layers, without the `Input`."""
        return [layer for layer in self._chain if not isinstance(layer, InputLayer)]

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        if self._graph is not None:
            return super().call(inputs)
        if not self._chain:
            raise ValueError(
                f"Sequential model {self.name!r} has no layers yet: give it some, with add()"
            )
        for layer in self._chain:
            inputs = layer(inputs)
        return inputs
