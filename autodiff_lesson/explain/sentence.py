"""Sentence: what most answers of `explain` are."""

from __future__ import annotations

from typing import Any, Self


class Sentence(str):
    """A text that prints and shows as itself, without quotes. What it rests on are attributes."""

    def __new__(cls, text: str, **facts: Any) -> Self:
        self = super().__new__(cls, text)
        self.__dict__.update(facts)
        return self

    def __repr__(self) -> str:
        return str(self)

    def _repr_markdown_(self) -> str:
        parts = self.replace("\n", "\n\n").split("`")
        # every other part is code; elsewhere <lambda> would be a tag, and not be seen
        parts[::2] = [part.replace("<", "\\<") for part in parts[::2]]
        return "`".join(parts)
