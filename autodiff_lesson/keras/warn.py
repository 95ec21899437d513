"""Warnings that point at the user's own line, however many of ours lie between."""

from __future__ import annotations

import warnings

from ..lines import user_frame


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """As ``warnings.warn``, from the innermost line that is not of this package."""
    frame = user_frame(2)
    place = frame.f_code.co_filename, frame.f_lineno
    said = frame.f_globals.setdefault("__warningregistry__", {})
    warnings.warn_explicit(message, category, *place, registry=said)
