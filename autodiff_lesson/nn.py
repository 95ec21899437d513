"""``tf.nn``: what neural networks are made of, under the names TensorFlow gives it."""

from .ops.elementwise import elu, leaky_relu, relu, sigmoid, softplus, tanh
from .ops.nn import (
    conv2d,
    max_pool2d,
    sigmoid_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits,
    sparse_softmax_cross_entropy_with_logits,
)
from .ops.reduce import log_softmax, softmax

__all__ = [
    "conv2d",
    "elu",
    "leaky_relu",
    "log_softmax",
    "max_pool2d",
    "relu",
    "sigmoid",
    "sigmoid_cross_entropy_with_logits",
    "softmax",
    "softmax_cross_entropy_with_logits",
    "softplus",
    "sparse_softmax_cross_entropy_with_logits",
    "tanh",
]
