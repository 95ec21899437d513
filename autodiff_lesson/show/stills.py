"""Still pictures of explorers, for readers whose notebook runs no scripts."""

from __future__ import annotations

import base64
import html
import math
import struct
import textwrap
import zlib
from collections.abc import Sequence

import numpy as np

from .palette import BACKWARD, FORWARD

LEFT, TOP, WIDTH, HEIGHT = 60, 14, 420, 270  # of the frame that curves are drawn in
FULL = 640


def still(
    title: str,
    lines: Sequence[Sequence[tuple]] = (),
    x: Sequence[float] = (0, 1),
    y: Sequence[float] = (0, 1),
    colours: Sequence[str] = (FORWARD, BACKWARD),
    names: Sequence[str] = (),
    land: dict | None = None,
) -> str:
    """Curves in a frame, on a land if there is one, with words below: an SVG as a data URL."""
    words = textwrap.wrap(title, 86)[:8]
    top = TOP + HEIGHT + 44 if lines else 26
    height = top + 20 * len(words)
    parts = [f'<rect x=".5" y=".5" width="{FULL - 1}" height="{height - 1}" rx="10" '
             'fill="#f7f8fa" stroke="#d7dbe3"/>']  # fmt: skip
    if lines:
        parts += _frame(x, y, land)
        parts += [_curve(points, x, y, colour) for points, colour in zip(lines, colours)]
    for i, (name, colour) in enumerate(zip(names, colours)):
        at = TOP + 14 + 22 * i
        parts.append(f'<path d="M494 {at - 5}h22" stroke="{colour}" stroke-width="3"/>')
        parts.append(_text(522, at, name if len(name) < 15 else f"{name[:13]}…"))
    parts += [_text(16, top + 20 * i, line) for i, line in enumerate(words)]
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{FULL}" height="{height}" '
        f'font-family="sans-serif" font-size="14" fill="#1f2430"><clipPath id="frame"><rect '
        f'x="{LEFT}" y="{TOP}" width="{WIDTH}" height="{HEIGHT}"/></clipPath>{"".join(parts)}</svg>'
    )
    return _data_url("svg+xml", svg.encode())


def _frame(x: Sequence[float], y: Sequence[float], land: dict | None) -> list[str]:
    place = f'x="{LEFT}" y="{TOP}" width="{WIDTH}" height="{HEIGHT}"'
    ground = (
        f'<image {place} preserveAspectRatio="none" href="{_data_url("png", _shades(land))}"/>'
        if land
        else f'<rect {place} fill="#fff" stroke="#d7dbe3"/>'
    )
    below, left = TOP + HEIGHT + 18, LEFT - 8
    return [
        ground,
        _text(LEFT, below, f"{x[0]:.3g}"),
        _text(LEFT + WIDTH, below, f"{x[1]:.3g}", "end"),
        _text(left, TOP + HEIGHT, f"{y[0]:.3g}", "end"),
        _text(left, TOP + 12, f"{y[1]:.3g}", "end"),
    ]


def _curve(points: Sequence[tuple], x: Sequence[float], y: Sequence[float], colour: str) -> str:
    known = [(a, b) for a, b in points if None not in (a, b) and math.isfinite(a + b)]
    across, up = WIDTH / (x[1] - x[0]), HEIGHT / (y[1] - y[0])
    places = [
        (LEFT + (a - x[0]) * across, TOP + min(max((y[1] - b) * up, -4e3), 4e3)) for a, b in known
    ]
    text = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
    return (
        f'<polyline points="{text}" fill="none" stroke="{colour}" stroke-width="2" '
        'clip-path="url(#frame)"/>'
    )


def _text(x: float, y: float, words: str, anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{html.escape(words)}</text>'


def _shades(land: dict) -> bytes:
    """A land as a PNG: half as many pixels as it has heights each way, the higher the darker."""
    shares = np.frombuffer(base64.b64decode(land["z"]), "<u2").reshape(land["h"], land["w"]) / 65535
    low, high = np.array([255, 255, 255]), np.array([168, 184, 205])
    pixels = (low + (high - low) * shares[::2, ::2, None]).astype(np.uint8)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    size = struct.pack(">2I5B", pixels.shape[1], pixels.shape[0], 8, 2, 0, 0, 0)
    image = chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + image


def _data_url(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
