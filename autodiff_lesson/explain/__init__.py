"""Sentences, formulas and checks about gradients; TensorFlow has nothing of this.

- `formula`: the backward rule of an operation, as mathematics.
- `names`: what the tensors of a recording are called in the user's code.
"""

from .formula import Formula, adjoint, adjoint_latex, formula
from .naming import names

__all__ = ["Formula", "adjoint", "adjoint_latex", "formula", "names"]
