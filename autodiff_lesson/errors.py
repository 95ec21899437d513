"""The errors of the engine, under the names TensorFlow gives them."""


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
