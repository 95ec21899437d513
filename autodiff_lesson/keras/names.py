"""What ``compile`` and layers are given by name: looked up, or the nearest right name offered."""

from __future__ import annotations

import difflib
import functools
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

_F = TypeVar("_F", bound=Callable)


def resolve(kind: str, identifier: Any, known: Mapping[str, Any]) -> Any:
    """What ``identifier`` stands for: a name is looked up, a class is made with all its defaults.

    An object or a function is itself, and None is None. A wrong name is a ValueError that offers
    the nearest right one.
    """
    if isinstance(identifier, str) and identifier not in known:
        names = ", ".join(sorted(key for key in known if key.islower()))
        raise ValueError(
            f"Could not interpret {kind} identifier: {identifier!r}. "
            f"{hint(identifier, known)}The names are {names}"
        )
    found = known[identifier] if isinstance(identifier, str) else identifier
    if isinstance(found, type):
        return found()
    if found is None or callable(found):
        return found
    raise ValueError(
        f"Could not interpret {kind} identifier: {identifier!r}. Give a name, such as "
        f"{next(iter(known))!r}, an object or a function"
    )


_OLDER = {"lr": "learning_rate", "alpha": "negative_slope", "nb_epoch": "epochs"}


def hint(name: str, known: Iterable[str]) -> str:
    """Which right name may have been meant, as a sentence; nothing if none is near."""
    folded = {key.lower(): key for key in reversed(list(known))}  # the first of a kind wins
    near = difflib.get_close_matches(_OLDER.get(name, name).lower(), folded, n=1, cutoff=0.5)
    return f"Did you mean {folded[near[0]]!r}? " if near else ""


def unwritten(owner: Any, method: str) -> NotImplementedError:
    """What is raised where a subclass has not written a method that it must write."""
    return NotImplementedError(f"{type(owner).__name__} needs a method {method}")


def keywords(**left_out: str) -> Callable[[_F], _F]:
    """A method that says more of a keyword argument that it does not take.

    ``left_out`` are arguments of Keras, each with what to write instead; or with nothing: then it
    is ignored, since it changes no number. Of other names the nearest right one is offered.
    """

    def decorate(method: _F) -> _F:
        known = _arguments(method)

        @functools.wraps(method)
        def checked(*args: Any, **given: Any) -> Any:
            for name in given.keys() - known:
                advice = left_out.get(name, hint(name, known))
                if name not in left_out or (advice and given[name] is not None):
                    raise TypeError(
                        f"{method.__name__}() takes no argument {name!r}. {advice}"
                        + ("" if name in left_out else f"It takes {', '.join(known)}")
                    )
                del given[name]
            return method(*args, **given)

        return checked  # type: ignore[return-value]

    return decorate


def hint_for(cls: type, unknown: Iterable[str]) -> str:
    """Which arguments may have been meant by those that a class, when called, does not know."""
    inits = [vars(c)["__init__"] for c in cls.__mro__[:-1] if "__init__" in vars(c)]
    known = [name for init in inits for name in _arguments(init)]
    return "".join(hint(name, known) for name in unknown).strip()


def _arguments(method: Any) -> tuple[str, ...]:
    code = method.__code__
    return code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]


def with_snake_case(*classes: type) -> dict[str, type]:
    """Each class under its name and under the name in small letters: ``GlorotUniform`` and
    ``glorot_uniform``."""
    return {name: c for c in classes for name in (snake_case(c.__name__), c.__name__)}


def snake_case(name: str) -> str:
    """``MeanSquaredError`` as ``mean_squared_error``, by Keras' rules.

    >>> snake_case("LeakyReLU"), snake_case("MyGRUCell"), snake_case("L1L2")
    ('leaky_re_lu', 'my_gru_cell', 'l1l2')
    """
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


class OfFunction:
    """Mixed into a class whose objects stand for a ``function`` of (y_true, y_pred, settings ...).

    They take the settings beside what all of the kind take; the signature shows both.
    """

    function: Callable[..., Any]
    kind_takes: Mapping[str, Any] = {"name": None, "dtype": None}
    settings_first = False
    __signature__: inspect.Signature

    def __init_subclass__(cls, function: Callable | None = None, known_as: str = "") -> None:
        if function is not None:
            cls.function = staticmethod(function)
            defaults = {**cls.kind_takes, "name": known_as or snake_case(cls.__name__)}
            own = [
                inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=value)
                for name, value in defaults.items()
            ]
            settings = _settings(function)
            both = [*settings, *own] if cls.settings_first else [*own, *settings]
            cls.__signature__ = inspect.Signature(both)

    def __init__(self, *args: Any, **kwargs: Any):
        try:
            given = self.__signature__.bind(*args, **kwargs)
        except TypeError as error:
            known = ", ".join(p.name for p in _settings(self.function)) or "none of its own"
            raise TypeError(f"{type(self).__name__} {error}. Its settings are {known}") from None
        given.apply_defaults()
        super().__init__(self.function, **given.arguments)  # type: ignore[call-arg]


def _settings(function: Callable) -> list[inspect.Parameter]:
    return list(inspect.signature(function).parameters.values())[2:]
