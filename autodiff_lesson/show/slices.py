"""show.loss_surface: a slice through the loss of a model, with the way that training took."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..recorder import silence
from .hosting import Explorer, rounded
from .hosting import live as with_kernel
from .races import packed_land
from .stills import still
from .surfaces import Point

GRID = 41, 31  # where the loss is computed, along the two directions


def loss_surface(
    model: Any,
    data: tuple,
    *,
    path: Sequence[Sequence[Any]] | None = None,
    parameters: Sequence[tuple] | None = None,
    loss: Callable[[Any, Any], Any] | None = None,
    reach: float = 1.0,
    seed: int = 0,
    live: bool = False,
) -> Any:
    """See the loss around a model's weights, in a slice through two directions or two parameters.

    A slice is a plane through the weights the model has now. Two parameters: all others stay as
    they are. Else, with a path, its two principal directions; without one, two random directions,
    in each of which every weight array moves by as much as it is long (after Li, Xu, Taylor,
    Studer & Goldstein, 2018).

    >>> import numpy as np
    >>> from autodiff_lesson import keras, show
    >>> model = keras.Sequential([keras.layers.Dense(1, use_bias=False)])
    >>> model.compile(loss="mse")
    >>> x = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
    >>> _ = model(x)
    >>> model.set_weights([np.array([[1.0], [2.0]])])
    >>> show.loss_surface(model, (x, x @ [[1.0], [2.0]]), parameters=[(0, 0, 0), (0, 1, 0)])
    <loss_surface along kernel[0, 0] and kernel[1, 0]: loss 0 here, 0 to 1 in the slice>

    Args:
        model: a built model; compiled, unless a loss is given.
        data: (x, y), as for `fit`. The loss is that of all of it as one batch.
        path: what `model.get_weights()` gave at several times, in order.
        parameters: two of them, each as (number of the weight array, index, ...).
        loss: function of y and the model's answer, in place of the compiled one.
        reach: how far the slice goes to each side, where there is no path.
        seed: of the random directions.
        live: a widget, whose trait ``chosen`` holds the place on the path.

    Returns:
        What a notebook shows; it needs no kernel.
    """
    x, y = data
    if not getattr(model, "weights", None):
        raise ValueError("loss_surface: the model has no weights yet; call it once on your data")
    slice_ = _Slice(model, _loss_of(model, x, y, loss))
    explorer = slice_.explorer(path, parameters, float(reach), seed)
    return with_kernel(explorer) if live else explorer


def _loss_of(model: Any, x: Any, y: Any, loss: Callable | None) -> Callable[[], float]:
    def value() -> float:
        answer = model(x, training=False)
        if loss is not None:
            made = loss(y, answer)
        else:
            made = model.compute_loss(x=x, y=y, y_pred=answer, training=False)
        return float(np.mean(np.asarray(made, float)))

    return value


class _Slice:
    """The weights of a model as one long vector, and the loss along two directions from it."""

    def __init__(self, model: Any, loss: Callable[[], float]):
        self.model, self.loss = model, loss
        self.arrays = model.get_weights()
        self.centre = self._flat(self.arrays)

    def _flat(self, arrays: Sequence[Any]) -> np.ndarray:
        if [np.shape(a) for a in arrays] != [a.shape for a in self.arrays]:
            raise ValueError(
                "loss_surface: each point of path is what model.get_weights() gives, arrays of "
                f"shapes {[a.shape for a in self.arrays]}; got {[np.shape(a) for a in arrays]}"
            )
        return np.concatenate([np.asarray(a, float).reshape(-1) for a in arrays])

    def at(self, weights: np.ndarray) -> float:
        """The loss with other weights."""
        arrays, begin = [], 0
        for like in self.arrays:
            part = weights[begin : begin + like.size].reshape(like.shape)
            arrays.append(part.astype(like.dtype))
            begin += like.size
        self.model.set_weights(arrays)
        return self.loss()

    def explorer(self, path: Any, parameters: Any, reach: float, seed: int) -> Explorer:
        """Everything computed; the model has its weights back afterwards."""
        points = None if path is None else np.array([self._flat(w) for w in path])
        if points is not None and not len(points):
            raise ValueError("loss_surface: the path is empty")
        moves = np.zeros((1, self.centre.size)) if points is None else points - self.centre
        (first, second), names = self._plane(moves, parameters, seed)
        flat = _projected(moves, first, second)
        x, y = (_window(flat[:, i], reach if points is None else 0.0) for i in (0, 1))
        heights, losses, now = self._computed(first, second, x, y, moves)
        packed, low = packed_land(heights)
        here = np.array([first @ self.centre, second @ self.centre]) * (parameters is not None)
        data: dict[str, Any] = {
            "title": f"The loss along {names[0]} and {names[1]}",
            "names": list(names),
            "x": rounded(np.array(x) + here[0]),
            "y": rounded(np.array(y) + here[1]),
            "land": {"w": GRID[0], "h": GRID[1], "z": packed, "low": low},
            "heights": rounded(heights, 4),
            "path": rounded(flat + here),
            "losses": rounded(losses),
            "share": None if points is None else _share(moves, first, second),
        }
        said = (
            f"loss_surface along {names[0]} and {names[1]}: loss {now:.4g} here, {low:.4g} to "
            f"{np.nanmax(heights):.4g} in the slice"
        )
        if points is not None:
            said += f"; a path of {len(points)} points, loss {losses[0]:.4g} to {losses[-1]:.4g}"
        lines = [[(a, b) for a, b in (flat + here).tolist()]]
        window = (x[0] + here[0], x[1] + here[0]), (y[0] + here[1], y[1] + here[1])
        image = still(said, lines, *window, land=data["land"])
        return Explorer("slices", data, {"place": len(losses) - 1}, said, image)

    def _computed(
        self, first: np.ndarray, second: np.ndarray, x: Point, y: Point, moves: np.ndarray
    ) -> tuple[np.ndarray, list[float], float]:
        """The loss on the grid, from the highest y down; on the path; and here."""
        try:
            with silence(), np.errstate(all="ignore"):
                columns = np.linspace(x[0], x[1], GRID[0])
                rows = [
                    [self.at(self.centre + a * first + b * second) for a in columns]
                    for b in np.linspace(y[1], y[0], GRID[1])
                ]
                losses = [self.at(self.centre + move) for move in moves]
                return np.array(rows), losses, self.at(self.centre)
        finally:
            self.model.set_weights(self.arrays)

    def _plane(self, moves: np.ndarray, parameters: Any, seed: int) -> tuple[tuple, tuple]:
        """Two directions, and what they are called."""
        if parameters is not None:
            return self._axes(parameters)
        principal = len(moves) > 2
        directions = _principal(moves) if principal else self._random(seed)
        return directions, ("direction 1", "direction 2")

    def _axes(self, parameters: Any) -> tuple[tuple[np.ndarray, np.ndarray], tuple[str, str]]:
        """Directions along two single parameters, and what these are called."""
        made: list[np.ndarray] = []
        names = []
        for number, *index in parameters:
            arrays = [np.zeros(a.shape) for a in self.arrays]
            try:
                arrays[number][tuple(index)] = 1.0
            except (IndexError, TypeError):
                made = []
                break
            if sum(a.sum() for a in arrays) != 1.0:
                break
            made.append(self._flat(arrays))
            weight = str(self.model.weights[number].name).partition(":")[0]
            names.append(f"{weight}[{', '.join(map(str, index))}]")
        if len(made) != 2 or len(parameters) != 2:
            shapes = ", ".join(f"{i}: {a.shape}" for i, a in enumerate(self.arrays))
            raise ValueError(
                "loss_surface: parameters are two, each (number of the weight array, index, ...) "
                f"of one number, as in [(0, 0, 0), (1, 0)]. The weight arrays are {shapes}"
            )
        return (made[0], made[1]), (names[0], names[1])

    def _random(self, seed: int) -> tuple[np.ndarray, np.ndarray]:
        random = np.random.default_rng(seed)
        first, second = (self._scaled(random) for _ in range(2))
        return first, second

    def _scaled(self, random: np.random.Generator) -> np.ndarray:
        parts = []
        for array in self.arrays:
            drawn = random.normal(size=array.shape)
            length = np.linalg.norm(drawn) or 1.0
            parts.append(drawn * (np.linalg.norm(array) or 1.0) / length)
        return self._flat(parts)


def _principal(moves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The two directions that hold most of a path, of length 1; signs so that they are stable."""
    _, _, rows = np.linalg.svd(moves, full_matrices=False)
    first, second = (row * (1 if row[np.abs(row).argmax()] > 0 else -1) for row in rows[:2])
    return first, second


def _projected(moves: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Where in the plane the nearest point is: the directions may be oblique, or of any length."""
    plane = np.stack([first, second], axis=1)
    return np.linalg.lstsq(plane, moves.T, rcond=None)[0].T


def _share(moves: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    """How much of the squared way from here lies in the plane."""
    inside = _projected(moves, first, second) @ np.stack([first, second])
    whole = float((moves**2).sum())
    return round(float((inside**2).sum()) / whole, 4) if whole else 1.0


def _window(values: np.ndarray, least: float) -> tuple[float, float]:
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    room = max((high - low) * 0.3, least) or 1.0
    return low - room, high + room
