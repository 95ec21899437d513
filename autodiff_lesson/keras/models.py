"""``keras.models``: `Model` and `Sequential` under their longer name."""

from .model import Model, Sequential

__all__ = ["Model", "Sequential"]
