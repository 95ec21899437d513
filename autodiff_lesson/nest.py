"""Nested lists, tuples and dicts of tensors: taken apart, and put together again."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .dtypes import TensorShape

_VIEWS: tuple = (type({}.keys()), type({}.values()), type({}.items()))
_NESTED = (list, tuple, dict, *_VIEWS)


def is_nested(item: Any) -> bool:
    """Whether it is taken apart; a shape is one thing."""
    return isinstance(item, _NESTED) and type(item) is not TensorShape


def flatten(structure: Any) -> list:
    """The leaves of a nested structure, in order; a dict's by its sorted keys.

    >>> flatten({"b": [1, (2, 3)], "a": 0})
    [0, 1, 2, 3]
    """
    leaves: list = []
    _collect((structure,), leaves)
    return leaves


def _collect(items: Iterable, leaves: list) -> None:
    for item in items:
        if not isinstance(item, _NESTED) or type(item) is TensorShape:
            leaves.append(item)
        elif isinstance(item, dict):
            _collect([item[key] for key in in_order(item)], leaves)
        else:
            _collect(item, leaves)


def pack_sequence_as(structure: Any, flat_sequence: Iterable) -> Any:
    """The values of ``flat_sequence`` in the shape of ``structure``: the way back of `flatten`.

    >>> pack_sequence_as({"b": [1, (2, 3)], "a": 0}, "wxyz")
    {'b': ['x', ('y', 'z')], 'a': 'w'}
    """
    leaves = iter(flat_sequence)
    try:
        packed = _pack(structure, leaves)
    except StopIteration:
        packed = leaves
    if packed is leaves or next(leaves, leaves) is not leaves:
        raise ValueError(
            f"the flat sequence has more or fewer than the {len(flatten(structure))} leaves that "
            f"the structure has: {structure!r:.200}"
        )
    return packed


def with_values(structure: dict, values: dict) -> dict:
    """A dict of the same kind and order with other values; a defaultdict keeps its factory."""
    made = copy.copy(structure)
    made.update(values)
    return made


def in_order(keys: Iterable) -> list:
    """Sorted, as TensorFlow goes through a dict; keys that do not compare, by their text."""
    try:
        return sorted(keys)
    except TypeError:
        return sorted(keys, key=str)


def _pack(structure: Any, leaves: Iterator) -> Any:
    if not is_nested(structure):
        return next(leaves)
    if isinstance(structure, dict):
        packed = {key: _pack(structure[key], leaves) for key in in_order(structure)}
        return with_values(structure, packed)
    items = [_pack(item, leaves) if is_nested(item) else next(leaves) for item in structure]
    if hasattr(structure, "_fields"):  # a namedtuple takes its fields one by one
        return type(structure)(*items)
    return tuple(items) if isinstance(structure, tuple) else items


def map_structure(func: Callable, *structures: Any) -> Any:
    """Apply ``func`` to the leaves of structures of one form; the result has that form too.

    >>> map_structure(lambda a, b: a + b, [1, (2,)], [10, (20,)])
    [11, (22,)]
    """
    first, *others = structures
    for other in others:
        _check_form(first, other)
    flat = [flatten(structure) for structure in structures]
    return pack_sequence_as(first, map(func, *flat))


def _check_form(one: Any, other: Any) -> None:
    """Refuse structures that are not of one form, like ``[1, 2]`` and ``(1, 2)``."""
    if is_nested(one) != is_nested(other) or (is_nested(one) and len(one) != len(other)):
        raise ValueError(f"the structures do not have the same form: {one!r:.100}, {other!r:.100}")
    if not is_nested(one):
        return
    if isinstance(one, dict) and isinstance(other, dict):
        if one.keys() != other.keys():
            raise ValueError(f"the dicts have the keys {list(one)} and {list(other)}")
        one, other = ([items[key] for key in in_order(one)] for items in (one, other))
    elif type(one) is not type(other):
        raise TypeError(f"a {type(one).__name__} and a {type(other).__name__} differ in form")
    for pair in zip(one, other, strict=True):
        _check_form(*pair)
