"""Layers, models, losses, optimizers: ``from autodiff_lesson import keras``, and as in Keras.

An order to read the files in: `layer` (what has weights and is called) and `layers`; `losses`,
`metrics` and `optimizers`, one formula after the other; `model` (the verbs to override, such as
``train_step``) and `training` (the loops around them: fit, evaluate, predict). The others each
serve one of these: `symbolic` the models without data, `compiled`, `batches`, `callbacks` and
`progress` the loops, `names` whatever is given by its name, `warn` what a student is told.
"""

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
