"""Sentences, formulas and checks about gradients; TensorFlow has nothing of this.

- `check`: whether the answer to an exercise is right, and a hint if it is not.
- `formula`: the backward rule of an operation, as mathematics.
- `names`: what the tensors of a recording are called in the user's code.
- `why_none`: why a gradient is None, with the line that is the reason.
- `find_nan`: the line where the first NaN or infinity was born, forward and backward.
- `check_gradients`: gradients against finite differences, custom rules against their promises.

An order to read the files in: `naming`; `writing`, which `formula` stands on; then, each by itself,
`reasons` (`why_none`), `nans`, `checks` and `exercise`.
"""

from .checks import GradientReport, check_gradients
from .exercise import Verdict, check
from .formula import Formula, formula
from .naming import names
from .nans import NanReport, find_nan
from .reasons import Reason, why_none
from .writing import adjoint, adjoint_latex

__all__ = [
    "Formula",
    "GradientReport",
    "NanReport",
    "Reason",
    "Verdict",
    "adjoint",
    "adjoint_latex",
    "check",
    "check_gradients",
    "find_nan",
    "formula",
    "names",
    "why_none",
]
