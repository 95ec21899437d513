"""The rows of linear algebra: matmul, einsum.

The legend of every rule: g the upstream gradient, z the output, x and y the inputs.
"""

from __future__ import annotations

import string
from typing import Any

import numpy as np

from ..errors import refused
from ..primitive import kernel, of_numbers, primitive
from ..tensor import Tensor
from .shape import as_tensor, broadcast_kernel


@kernel
def matmul_kernel(x: Any, y: Any) -> Any:
    """The product of matrices, over leading axes that broadcast."""
    if x.ndim == 2 == y.ndim:
        return np.dot(x, y)
    if x.ndim < 2 or y.ndim < 2:
        raise ValueError("matrices have two axes or more; use tf.tensordot(x, y, 1) for vectors")
    return np.matmul(x, y)


@kernel
def swap(x: Any) -> Any:
    """The transposed matrices: the last two axes swapped."""
    return x.T if x.ndim == 2 else np.swapaxes(x, -1, -2)


@kernel
def einsum_kernel(*xs: Any, equation: str) -> Any:
    """NumPy's einsum."""
    return np.einsum(equation, *xs)


# ---------------------------------------------------------------- the rows
# fmt: off
_matmul = of_numbers(matmul_kernel, lambda g, z, x, y: matmul_kernel(g, swap(y)),
                                    lambda g, z, x, y: matmul_kernel(swap(x), g), name="matmul")
_swap = primitive(swap, lambda g, z, x: swap(g), name="matrix_transpose")
_einsum = primitive(einsum_kernel,
    lambda g, z, *xs, position, equation: einsum_back(g, xs, position, equation),
    name="einsum", variadic=True)
# fmt: on


# ---------------------------------------------------------------- what the rules compute with
def einsum_back(g: Any, xs: tuple, position: int, equation: str) -> Any:
    """The gradient of one operand: einsum of the others with ``g``, its own indices as result.

    An index that only this operand has was summed over: it comes back as a repetition.
    """
    terms, result = equation.split("->")
    own = terms.split(",")
    wanted = own[position]
    others = [(t, x) for i, (t, x) in enumerate(zip(own, xs, strict=True)) if i != position]
    known = set(result).union(*(set(t) for t, _ in others))
    found = "".join(c for c in wanted if c in known)
    spec = ",".join([result, *(t for t, _ in others)]) + "->" + found
    part = einsum_kernel(g, *(x for _, x in others), equation=spec)
    shape = xs[position].shape
    aligned = tuple(n if c in known else 1 for c, n in zip(wanted, shape, strict=True))
    return broadcast_kernel(np.reshape(part, aligned), shape=shape)


# ---------------------------------------------------------------- the functions users call
def matmul(
    a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False, name: str | None = None
) -> Tensor:
    """The matrix product; both need at least two axes, leading ones broadcast.

    >>> matmul([[1.0, 2.0]], [[3.0], [4.0]]).numpy()
    array([[11.]], dtype=float32)
    """
    return _matmul(_swap(a) if transpose_a else a, _swap(b) if transpose_b else b)


def matrix_transpose(a: Any, name: str | None = None) -> Tensor:
    """Swap the last two axes."""
    return _swap(a)


def einsum(equation: str, *inputs: Any, name: str | None = None) -> Tensor:
    """Sums of products named by indices, e.g. ``einsum('ij,jk->ik', a, b)``.

    An index that stands twice in one operand takes its diagonal.

    >>> print(einsum("ii->i", [[1.0, 2.0], [3.0, 4.0]]))
    tf.Tensor([1. 4.], shape=(2,), dtype=float32)
    """
    if not isinstance(equation, str):
        why = "the equation comes first: tf.einsum('ij,jk->ik', a, b)"
        raise refused("einsum", why, TypeError)
    spec = equation.replace(" ", "")
    if "->" not in spec:
        terms = spec.replace(",", "").replace(".", "")
        every = "..." if "..." in spec else ""
        spec += "->" + every + "".join(sorted(c for c in set(terms) if terms.count(c) == 1))
    terms, result = spec.split("->")
    own, operands = terms.split(","), list(inputs)
    if len(own) != len(operands):
        given = len(operands)
        raise refused("einsum", f"{equation!r} names {len(own)} operands, and {given} are given")
    free = [c for c in string.ascii_letters if c not in spec]
    if "..." in spec:
        result, own, operands = _named(result, own, operands, free)
    for i in range(len(inputs)):
        for position, c in enumerate(own[i]):
            if c in own[i][:position]:  # the diagonal is a product with the identity matrix
                other = free.pop()
                own[i] = own[i][:position] + other + own[i][position + 1 :]
                own.append(c + other)
                operands[i] = x = as_tensor(inputs[i])
                operands.append(Tensor(np.eye(x.shape[position], dtype=x._value.dtype)))
    return _einsum(*operands, equation=",".join(own) + "->" + result)


def _named(result: str, own: list, operands: list, free: list) -> tuple[str, list, list]:
    """An einsum with letters for the axes that '...' stands for; they are aligned at the last."""
    operands = [as_tensor(x) for x in operands]
    dots = [x.ndim - len(t.replace("...", "")) if "..." in t else 0 for t, x in zip(own, operands)]
    most = max(dots)
    letters = "".join(free.pop() for _ in range(most))
    own = [t.replace("...", letters[most - n :]) for t, n in zip(own, dots)]
    lengths = [dict(zip(t, x.shape)) for t, x in zip(own, operands)]
    for c in letters:
        if len({found[c] for found in lengths if c in found}) > 1:
            raise refused("einsum", "the axes that '...' stands for have different lengths")
    return result.replace("...", letters), own, operands


def tensordot(a: Any, b: Any, axes: Any, name: str | None = None) -> Tensor:
    """Sum products over ``axes``: how many (last of ``a``, first of ``b``), or two lists."""
    a, b = as_tensor(a), as_tensor(b)
    if isinstance(axes, int):
        axes = (list(range(a.ndim - axes, a.ndim)), list(range(axes)))
    first, second = ([ax] if isinstance(ax, int) else list(ax) for ax in axes)
    letters = iter(string.ascii_lowercase)
    left = [next(letters) for _ in range(a.ndim)]
    right = [next(letters) for _ in range(b.ndim)]
    for i, j in zip(first, second, strict=True):
        right[j % b.ndim] = left[i % a.ndim]
    shared = {left[i % a.ndim] for i in first}
    result = [c for c in left + right if c not in shared]
    return einsum(f"{''.join(left)},{''.join(right)}->{''.join(result)}", a, b)
