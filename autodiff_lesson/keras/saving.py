"""Weights in a file: written whole or not at all, read without running anything in it."""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from ..variable import Variable
from .names import snake_case


def _named(model: Any) -> dict[str, Variable]:
    """Every weight by a name that a model made anew in the same way gives it too.

    A layer's own name, where its user chose it; else its class's, counted within the model, since
    ``dense_7`` depends on how many there were before.
    """
    weights: dict[str, Variable] = {}
    seen: set[int] = set()
    used: Counter[str] = Counter()

    def counted(name: str) -> str:
        used[name] += 1
        return name if used[name] == 1 else f"{name}_{used[name] - 1}"

    for layer, variables, _ in model._tree():
        base = snake_case(type(layer).__name__)
        owner = counted(base if layer.name.startswith(base) else layer.name)
        for variable in variables:
            if id(variable) not in seen:
                seen.add(id(variable))
                weights[counted(f"{owner}/{variable.name.split(':')[0]}")] = variable
    if not weights:
        raise ValueError(
            f"model {model.name!r} has no weights yet, to save or to load: call it on data once, "
            "to build them"
        )
    return weights


def save_weights(model: Any, filepath: str | Path, overwrite: bool = True) -> None:
    """Write the weights to a file: all of it or, if something goes wrong, nothing.

    The file is NumPy's npz, whatever its name (`.weights.h5` too, which Keras asks for). It is
    written beside ``filepath``, then put in its place in one go.
    """
    path = Path(filepath)
    weights = _named(model)
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists already; write overwrite=True to replace it")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent} to save weights in")
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
        try:
            np.savez(file, **{name: v._tensor._value for name, v in weights.items()})
            file.flush()
            os.fsync(file.fileno())
            file.close()  # Windows does not move a file that is open
            os.replace(file.name, path)
        except BaseException:
            file.close()
            Path(file.name).unlink(missing_ok=True)
            raise


def load_weights(model: Any, filepath: str | Path) -> None:
    """Set the weights to those in a file of `save_weights`.

    A file whose names or shapes are not those of this model is a ValueError, and nothing has
    changed then.
    """
    path = Path(filepath)
    weights = _named(model)
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            values = {name: file[name] for name in file.files}
    except (ValueError, AttributeError, TypeError, EOFError, zipfile.BadZipFile, KeyError):
        # what NumPy says of such files is no help: it offers to unpickle them
        raise ValueError(f"{path} is not a file of save_weights, or is damaged") from None
    missing = [name for name in weights if name not in values]
    extra = [name for name in values if name not in weights]
    wrong = f"{path} does not fit model {model.name!r}; nothing was loaded."
    if missing or extra:
        raise ValueError(
            wrong
            + (f" It lacks {', '.join(missing)}." if missing else "")
            + (f" The model has no {', '.join(extra)}." if extra else "")
        )
    for name, variable in weights.items():
        value = values[name]
        if value.shape != variable.shape or value.dtype != variable.dtype:
            raise ValueError(
                f"{wrong} {name} is {value.dtype} of shape {value.shape} there, "
                f"{variable.dtype.name} of shape {variable.shape} in the model"
            )
    for name, variable in weights.items():
        variable.assign(values[name])
