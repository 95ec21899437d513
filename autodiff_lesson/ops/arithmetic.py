"""The rows of arithmetic: sums, products, powers, comparisons.

The legend of every rule: g the upstream gradient, z the output, x and y the inputs.
"""

# fmt: off
from __future__ import annotations

import numpy as np

from ..primitive import primitive

add = primitive(np.add, lambda g, z, x, y: g,
                        lambda g, z, x, y: g)

subtract = primitive(np.subtract, lambda g, z, x, y: g,
                                  lambda g, z, x, y: -g)

multiply = primitive(np.multiply, lambda g, z, x, y: g * y,
                                  lambda g, z, x, y: g * x)

divide = primitive(np.true_divide, lambda g, z, x, y: g / y,
                                   lambda g, z, x, y: -g * z / y, name="divide")

negative = primitive(np.negative, lambda g, z, x: -g)

# the logarithm of a negative base does not exist: the slope by the exponent is taken as 0 there,
# as in TensorFlow; and as there, x ** 0 at 0 has the slope 0 * 0 ** -1, which is nan
pow = primitive(np.power,
    lambda g, z, x, y: g * y * x ** (y - 1),
    lambda g, z, x, y: g * z * np.log(np.where(x > 0, x, 1.0)))

# at a tie the whole gradient goes to the first argument
maximum = primitive(np.maximum, lambda g, z, x, y: g * (x >= y),
                                lambda g, z, x, y: g * (x < y))

minimum = primitive(np.minimum, lambda g, z, x, y: g * (x <= y),
                                lambda g, z, x, y: g * (x > y))

greater = primitive(np.greater)
greater_equal = primitive(np.greater_equal)
less = primitive(np.less)
less_equal = primitive(np.less_equal)
equal = primitive(np.equal)
not_equal = primitive(np.not_equal)
logical_and = primitive(np.logical_and)
logical_or = primitive(np.logical_or)
logical_not = primitive(np.logical_not)
floordiv = primitive(np.floor_divide, name="floordiv")

# x - floor(x / y) * y, so by y the slope is that of the floor's negative
mod = primitive(np.mod, lambda g, z, x, y: g,
                        lambda g, z, x, y: -g * np.floor(x / y), name="floormod")
# fmt: on
