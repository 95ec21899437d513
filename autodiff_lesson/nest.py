"""Nested lists, tuples and dicts of tensors: taken apart, and put together again."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from typing import Any


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
        if not isinstance(item, (list, tuple, dict)):
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
    return _pack(structure, iter(flat_sequence))


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
    if not isinstance(structure, (list, tuple, dict)):
        return next(leaves)
    if isinstance(structure, dict):
        packed = {key: _pack(structure[key], leaves) for key in in_order(structure)}
        return with_values(structure, packed)
    items = [
        _pack(item, leaves) if isinstance(item, (list, tuple, dict)) else next(leaves)
        for item in structure
    ]
    if hasattr(structure, "_fields"):  # a namedtuple takes its fields one by one
        return type(structure)(*items)
    return items if isinstance(structure, list) else tuple(items)


def map_structure(func: Callable, *structures: Any) -> Any:
    """Apply ``func`` to the leaves of structures of one form; the result has that form too.

    >>> map_structure(lambda a, b: a + b, [1, (2,)], [10, (20,)])
    [11, (22,)]
    """
    flat = [flatten(structure) for structure in structures]
    if len({len(leaves) for leaves in flat}) > 1:
        raise ValueError(
            "the structures do not have the same form: they hold "
            + ", ".join(str(len(leaves)) for leaves in flat)
            + " leaves"
        )
    return pack_sequence_as(structures[0], map(func, *flat))
