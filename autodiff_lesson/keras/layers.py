"""The layers: Dense, Conv2D and their kin. Images are (batch, height, width, channels)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import InvalidArgumentError
from ..ops import arithmetic
from ..ops.arithmetic import minimum, multiply
from ..ops.elementwise import cast, leaky_relu, relu, where
from ..ops.linalg import matmul
from ..ops.nn import conv2d, max_pool2d
from ..ops.random import uniform
from ..ops.reduce import reduce_mean
from ..ops.shape import concat, reshape
from ..tensor import Tensor
from ..variable import Variable
from . import activations, initializers, regularizers
from .layer import Layer
from .symbolic import KerasTensor, Node


class InputLayer(Layer):
    """What `Input` makes: it stands at the start of a model, and hands on what it is given."""

    def __init__(
        self, shape: Any = None, batch_size: int | None = None, dtype: Any = None,
        name: str | None = None,
    ):  # fmt: skip
        super().__init__(name=name)
        known = np.iterable(shape) and all(n is None or _is_length(n) for n in shape)
        if not known:
            example = shape if isinstance(shape, int) else 3
            raise ValueError(
                f"Input needs the lengths of one example, shape=({example},) for instance, None "
                f"where one is not known; received {shape!r}"
            )
        node = Node(self, (), {})
        node.outputs = node.symbol((batch_size, *shape), dtype or "float32", self.name)
        self._nodes.append(node)
        self.built = True

    def call(self, inputs: Any) -> Any:
        return inputs


def Input(
    shape: Any = None, batch_size: int | None = None, dtype: Any = None, name: str | None = None
) -> KerasTensor:
    """The start of a model: a symbolic tensor for a batch of examples.

    >>> Input(shape=(32,), name="pixels")
    <KerasTensor shape=(None, 32), dtype=float32, name=pixels>

    Args:
        shape: of one example, without the batch axis; None where a length is not known.
        batch_size: the length of the batch axis, if it is fixed.
        dtype: of the numbers; data are cast to it. float32 if not given.
        name: of the input.
    """
    return InputLayer(shape, batch_size, dtype, name).output


class _Affine(Layer):
    """What Dense and Conv2D share: ``activation(product(inputs, kernel) + bias)``."""

    _ndim = 2  # how many axes the input has, at least

    def __init__(
        self,
        outputs: tuple[str, int],
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self._outputs = _positive(*outputs)
        found = activations.get(activation)  # what does nothing is not called
        self.activation = None if found is activations.linear else found
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.bias: Variable | None = None

    def _kernel_shape(self, channels: int) -> tuple[int, ...]:
        return (channels, self._outputs)

    def _product(self, inputs: Any) -> Any:
        return matmul(inputs, self.kernel)

    def build(self, input_shape: Any) -> None:
        _check_input(self, input_shape, self._ndim)
        if input_shape[-1] is None:
            raise ValueError(
                f"The last dimension of the inputs to layer {self.name!r} must be known. It is "
                f"None: the input shape is {input_shape}"
            )
        self._channels = int(input_shape[-1])
        self.kernel = self.add_weight(
            self._kernel_shape(self._channels), self.kernel_initializer, name="kernel",
            regularizer=self.kernel_regularizer,
        )  # fmt: skip
        if self.use_bias:
            self.bias = self.add_weight(
                (self._outputs,), self.bias_initializer, name="bias",
                regularizer=self.bias_regularizer,
            )  # fmt: skip

    def call(self, inputs: Any) -> Any:
        shape = inputs._value.shape
        if len(shape) < self._ndim or shape[-1] != self._channels:
            _check_input(self, shape, self._ndim, self._channels)
        if inputs._value.dtype is not self._numpy_dtype:
            inputs = cast(inputs, self._numpy_dtype)
        outputs = self._product(inputs)
        if self.bias is not None:
            outputs = arithmetic.add(outputs, self.bias)
        return outputs if self.activation is None else self.activation(outputs)


class Dense(_Affine):
    """``activation(inputs @ kernel + bias)``: every output depends on every input.

    Takes (batch, ..., n) to (batch, ..., units). The kernel has shape (n, units).

    Args:
        units: how many outputs.
        activation: a function or its name; none for a linear layer.
        use_bias: whether something is added.
        kwargs: ``kernel_initializer="glorot_uniform"``, ``bias_initializer="zeros"``,
            ``kernel_regularizer``, ``bias_regularizer``, and those of `Layer`.
    """

    def __init__(self, units: int, activation: Any = None, use_bias: bool = True, **kwargs: Any):
        super().__init__(("units", units), activation, use_bias, **kwargs)
        self.units = self._outputs


class Conv2D(_Affine):
    """Slide ``filters`` small windows over images: (batch, h, w, channels) to (..., filters).

    The kernel has shape (height, width, channels, filters).

    Args:
        filters: how many outputs at each place.
        kernel_size: the window, n or (height, width).
        strides: how far it moves from one place to the next.
        padding: ``"valid"``: only where the window fits; ``"same"``: with zeros around the image.
        kwargs: those of `Dense`, such as ``activation``.
    """

    _ndim = 4

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        **kwargs: Any,
    ):
        super().__init__(("filters", filters), **kwargs)
        self.filters = self._outputs
        self.kernel_size = _pair("kernel_size", kernel_size)
        self.strides = _pair("strides", strides)
        self.padding = _padding(padding)

    def _kernel_shape(self, channels: int) -> tuple[int, ...]:
        return (*self.kernel_size, channels, self.filters)

    def _product(self, inputs: Any) -> Any:
        return conv2d(inputs, self.kernel, self.strides, self.padding)


class MaxPooling2D(Layer):
    """The largest number of each window, channel by channel: images become smaller.

    Args:
        pool_size: the window, n or (height, width).
        strides: how far it moves; as far as it is long if not given.
        padding: ``"valid"`` or ``"same"``.
    """

    def __init__(
        self, pool_size: Any = (2, 2), strides: Any = None, padding: str = "valid", **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.pool_size = _pair("pool_size", pool_size)
        self.strides = self.pool_size if strides is None else _pair("strides", strides)
        self.padding = _padding(padding)

    def call(self, inputs: Any) -> Any:
        _check_input(self, inputs._value.shape, 4)
        return max_pool2d(inputs, self.pool_size, self.strides, self.padding)


class GlobalAveragePooling2D(Layer):
    """The mean of each channel over the image: (batch, h, w, channels) to (batch, channels)."""

    def call(self, inputs: Any) -> Any:
        _check_input(self, inputs._value.shape, 4)
        return reduce_mean(inputs, (1, 2))


class Flatten(Layer):
    """Each example as one row: (batch, a, b, ...) to (batch, a * b * ...)."""

    def call(self, inputs: Any) -> Any:
        shape = inputs._value.shape
        return reshape(inputs, (*shape[:1], math.prod(shape[1:])))


class Reshape(Layer):
    """Each example in another shape; one length may be -1."""

    def __init__(self, target_shape: Any, **kwargs: Any):
        super().__init__(**kwargs)
        self.target_shape = tuple(target_shape)

    def call(self, inputs: Any) -> Any:
        shape = inputs._value.shape
        try:
            return reshape(inputs, (*shape[:1], *self.target_shape))
        except InvalidArgumentError:
            raise ValueError(
                "The total size of the tensor must be unchanged. Received: "
                f"input_shape={shape[1:]}, target_shape={self.target_shape}"
            ) from None


class Activation(Layer):
    """A function of each number: ``Activation("tanh")``."""

    def __init__(self, activation: Any, **kwargs: Any):
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def call(self, inputs: Any) -> Any:
        return self.activation(inputs)


class ReLU(Layer):
    """``max(inputs, 0)``, at most ``max_value``; ``negative_slope * inputs`` where negative."""

    def __init__(self, max_value: float | None = None, negative_slope: float = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.max_value = max_value
        self.negative_slope = negative_slope

    def call(self, inputs: Any) -> Any:
        slope = self.negative_slope
        outputs = leaky_relu(inputs, slope) if slope else relu(inputs)
        return outputs if self.max_value is None else minimum(outputs, self.max_value)


class LeakyReLU(Layer):
    """The inputs where positive, ``negative_slope`` times them where not (Maas et al. 2013)."""

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any):
        super().__init__(**kwargs)
        self.negative_slope = negative_slope

    def call(self, inputs: Any) -> Any:
        return leaky_relu(inputs, self.negative_slope)


class Softmax(Layer):
    """Numbers as probabilities: positive, with sum 1 along ``axis``."""

    def __init__(self, axis: int = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Any) -> Any:
        return activations.softmax(inputs, self.axis)


class Dropout(Layer):
    """While training, sets each number to 0 with probability ``rate`` (Srivastava et al. 2014).

    The others are divided by ``1 - rate``, so that the mean stays. Otherwise it does nothing.
    """

    def __init__(self, rate: float, **kwargs: Any):
        super().__init__(**kwargs)
        if not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
            raise ValueError(
                "Invalid value received for argument `rate`. Expected a float value between 0 "
                f"and 1. Received: rate={rate}"
            )
        self.rate = rate

    def call(self, inputs: Any, training: Any = False) -> Any:
        if not training or not self.rate:
            return inputs
        if self.rate == 1:
            return multiply(inputs, 0.0)
        kept = uniform(inputs._value.shape) >= self.rate  # type: ignore[operator]
        return where(kept, multiply(inputs, 1.0 / (1.0 - self.rate)), 0.0)


class Add(Layer):
    """The sum of a list of inputs."""

    def call(self, inputs: Any) -> Any:
        total = _several(self, inputs)[0]
        for other in inputs[1:]:
            total = arithmetic.add(total, other)
        return total


class Concatenate(Layer):
    """A list of inputs, joined along ``axis``."""

    def __init__(self, axis: int = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Any) -> Any:
        try:
            return concat(_several(self, inputs), self.axis)
        except InvalidArgumentError:
            raise ValueError(
                "A `Concatenate` layer requires inputs with matching shapes except for the "
                f"concatenation axis. Received: input_shape={[t._value.shape for t in inputs]}"
            ) from None


def add(inputs: Any, **kwargs: Any) -> Any:
    """`Add` as a function: ``add([x, y])``."""
    return Add(**kwargs)(inputs)


def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """`Concatenate` as a function: ``concatenate([x, y])``."""
    return Concatenate(axis=axis, **kwargs)(inputs)


# ---------------------------------------------------------------- what the layers check
def _is_length(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and int(value) > 0


def _positive(name: str, value: Any) -> int:
    if not _is_length(value):
        raise ValueError(
            f"Received an invalid value for `{name}`, expected a positive integer. "
            f"Received: {name}={value}"
        )
    return int(value)


def _pair(name: str, value: Any) -> tuple[int, int]:
    pair = (value, value) if isinstance(value, (int, np.integer)) else tuple(value)
    if len(pair) != 2:
        raise ValueError(f"`{name}` is a whole number or a pair of them. Received: {value!r}")
    return _positive(name, pair[0]), _positive(name, pair[1])


def _padding(value: Any) -> str:
    if str(value).lower() not in ("valid", "same"):
        raise ValueError(f"`padding` is 'valid' or 'same'. Received: {value!r}")
    return str(value).lower()


def _check_input(layer: Layer, shape: tuple, ndim: int, length: int | None = None) -> None:
    start = f"Input 0 of layer {layer.name!r} is incompatible with the layer: expected "
    if len(shape) < ndim:
        raise ValueError(
            f"{start}min_ndim={ndim}, found ndim={len(shape)}. Full shape received: {shape}. "
            + ("The first axis is the batch: x[:, np.newaxis] makes n numbers n examples of one"
               if ndim == 2 else "Images are (batch, height, width, channels)")
        )  # fmt: skip
    if length is not None and shape[-1] != length:
        raise ValueError(
            f"{start}axis -1 of input shape to have value {length}, but received input with shape "
            f"{shape}"
        )


def _several(layer: Layer, inputs: Any) -> list[Tensor]:
    if not isinstance(inputs, (list, tuple)) or len(inputs) < 2:
        received = getattr(inputs, "shape", inputs)
        raise ValueError(
            f"Layer {layer.name!r} joins a list of at least 2 inputs: write layer([a, b]). "
            f"Received: {received}"
        )
    return list(inputs)
