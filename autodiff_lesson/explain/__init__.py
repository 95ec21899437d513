"""Sentences, formulas and checks about gradients; TensorFlow has nothing of this.

- `formula`: the backward rule of an operation, as mathematics.
- `names`: what the tensors of a recording are called in the user's code.
- `why_none`: why a gradient is None, with the line that is the reason.
"""

from .formula import Formula, adjoint, adjoint_latex, formula
from .naming import names
from .reasons import Reason, why_none

__all__ = ["Formula", "Reason", "adjoint", "adjoint_latex", "formula", "names", "why_none"]
