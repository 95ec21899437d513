"""``tf.random``: random draws, under the names TensorFlow gives them."""

from .ops.random import normal, set_seed, shuffle, truncated_normal, uniform

__all__ = ["normal", "set_seed", "shuffle", "truncated_normal", "uniform"]
