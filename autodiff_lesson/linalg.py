"""``tf.linalg``: linear algebra under the names TensorFlow gives it."""

from .ops.linalg import einsum, matmul, matrix_transpose, tensordot
from .ops.reduce import norm

__all__ = ["einsum", "matmul", "matrix_transpose", "norm", "tensordot"]
