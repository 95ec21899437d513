"""The rows of arithmetic: sums, products, powers, comparisons.

The legend of every rule: g the upstream gradient, z the output, x and y the inputs.
"""

# fmt: off
from __future__ import annotations

from typing import Any

import numpy as np

from ..primitive import kernel, of_numbers, primitive


@kernel
def floordiv_kernel(x: Any, y: Any) -> Any:
    """The quotient, rounded down; whole numbers have none by 0."""
    _check_divisor(y)
    return np.floor_divide(x, y)


@kernel
def mod_kernel(x: Any, y: Any) -> Any:
    """What is left over, in the sign of ``y``; whole numbers have none by 0."""
    _check_divisor(y)
    return np.mod(x, y)


def _check_divisor(y: Any) -> None:
    if y.dtype.kind in "iu" and not np.all(y):
        raise ValueError("Integer division by zero")


add = of_numbers(np.add, lambda g, z, x, y: g,
                         lambda g, z, x, y: g)

subtract = of_numbers(np.subtract, lambda g, z, x, y: g,
                                   lambda g, z, x, y: -g)

multiply = primitive(np.multiply, lambda g, z, x, y: g * y,
                                  lambda g, z, x, y: g * x)

divide = of_numbers(np.true_divide, lambda g, z, x, y: g / y,
                                    lambda g, z, x, y: -g * z / y, name="divide")

negative = of_numbers(np.negative, lambda g, z, x: -g)

# the logarithm of a negative base does not exist: the slope by the exponent is taken as 0 there,
# as in TensorFlow; and as there, x ** 0 at 0 has the slope 0 * 0 ** -1, which is nan
pow = of_numbers(np.power,
    lambda g, z, x, y: g * y * x ** (y - 1),
    lambda g, z, x, y: g * z * np.log(np.where(x > 0, x, 1.0)))

# at a tie the whole gradient goes to the first argument
maximum = of_numbers(np.maximum, lambda g, z, x, y: g * (x >= y),
                                 lambda g, z, x, y: g * (x < y))

minimum = of_numbers(np.minimum, lambda g, z, x, y: g * (x <= y),
                                 lambda g, z, x, y: g * (x > y))

greater = of_numbers(np.greater)
greater_equal = of_numbers(np.greater_equal)
less = of_numbers(np.less)
less_equal = of_numbers(np.less_equal)
equal = primitive(np.equal)
not_equal = primitive(np.not_equal)
logical_and = primitive(np.logical_and)
logical_or = primitive(np.logical_or)
logical_not = primitive(np.logical_not)
floordiv = of_numbers(floordiv_kernel, name="floordiv")

# x - floor(x / y) * y, so by y the slope is that of the floor's negative
mod = of_numbers(mod_kernel, lambda g, z, x, y: g,
                             lambda g, z, x, y: -g * np.floor(x / y), name="floormod")
# fmt: on
