"""The errors of the engine, under the names TensorFlow gives them; and warnings."""

from __future__ import annotations

from typing import Any

from .lines import here


class OpError(Exception):
    """An operation that could not be run; the base of the errors below."""

    @property
    def message(self) -> str:
        """The text of the error."""
        return str(self)


class InvalidArgumentError(OpError):
    """An operation was given values it cannot take: shapes or dtypes that do not fit."""


class UnimplementedError(OpError):
    """An operation exists, but not for these values."""


class OutOfRangeError(OpError):
    """A position lies outside what there is."""


MEANT = {
    **{name: f"tf.reduce_{name}" for name in ("sum", "mean", "max", "min", "prod", "any", "all")},
    **{name: f"tf.{name}" for name in ("reshape", "squeeze", "argmax", "argmin", "abs")},
    **{name: f"tf.math.{name}" for name in ("log", "log1p", "floor", "ceil", "cumsum", "mod")},
    **{name: f"tf.nn.{name}" for name in ("relu", "softmax", "log_softmax", "softplus")},
    "T": "tf.transpose", "astype": "tf.cast", "backward": "tape.gradient", "cat": "tf.concat",
    "clip": "tf.clip_by_value", "detach": "tf.stop_gradient", "dot": "tf.matmul", "grad":
    "tape.gradient", "item": "float(x) or x.numpy()", "tolist": "x.numpy().tolist()",
}  # fmt: skip
"""What people write who come from elsewhere -> what it is called here."""


def refused(op: str, why: str, kind: type[Exception] = InvalidArgumentError) -> Exception:
    """The error for values that an operation cannot take, with the user's line."""
    return kind(f"{op} at {here()}: {why}")


def warn(message: str, *values: Any) -> None:
    """Log a warning; ``logging.getLogger("autodiff_lesson")`` is where it can be silenced."""
    import logging  # takes 4 ms to load, which only those pay who are warned

    logging.getLogger("autodiff_lesson").warning(message, *values)
