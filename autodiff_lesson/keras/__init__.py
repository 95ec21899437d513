"""Layers, models, losses, optimizers: ``from autodiff_lesson import keras``, and as in Keras."""

from . import (
    activations,
    callbacks,
    initializers,
    layers,
    losses,
    metrics,
    models,
    ops,
    optimizers,
    regularizers,
    utils,
)
from .initializers import Initializer
from .layers import Input, Layer
from .losses import Loss
from .metrics import Metric
from .model import Model, Sequential
from .optimizers import Optimizer
from .symbolic import KerasTensor
from .variables import KerasVariable as Variable
