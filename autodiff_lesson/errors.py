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


def refused(op: str, why: str) -> InvalidArgumentError:
    """The error for values that an operation cannot take, with the user's line."""
    return InvalidArgumentError(f"{op} at {here()}: {why}")


def warn(message: str, *values: Any) -> None:
    """Log a warning; ``logging.getLogger("autodiff_lesson")`` is where it can be silenced."""
    import logging  # takes 4 ms to load, which only those pay who are warned

    logging.getLogger("autodiff_lesson").warning(message, *values)
