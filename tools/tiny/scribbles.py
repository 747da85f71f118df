"""What somebody would scribble for a picture: the outlines of its shapes, white on black, by an unsteady hand."""

import numpy as np
from PIL import Image, ImageDraw

from .pictures import FINE, SIZE, Placed

POINTS = 48  # along an outline
WIDTHS = (1.0, 4.5)  # of a line, in pixels
FILLED = 0.12  # the share of scribbles whose shapes are filled
OPEN, LEAST = 0.3, 0.65  # the share of outlines that are not closed, and how much of such a one is there at least
OVERSHOOT = 4  # points by which a closed outline goes on beyond its start, at most
# How far a hand is off, as standard deviations: radians, and shares of the shape's radius.
TURN, STRETCH, SHIFT, WOBBLE = 0.06, 0.05, 0.06, 0.03
WAVES = 3  # that the wobble of an outline is made of

THIRD = 1 / 3
CORNERS = {
    "circle": [(np.cos(angle), np.sin(angle)) for angle in np.linspace(0, 2 * np.pi, POINTS, endpoint=False)],
    "square": [(-1, -1), (1, -1), (1, 1), (-1, 1)],
    "triangle": [(0, -1), (1, 1), (-1, 1)],
    "diamond": [(0, -1), (1, 0), (0, 1), (-1, 0)],
    "cross": [(-THIRD, -1), (THIRD, -1), (THIRD, -THIRD), (1, -THIRD), (1, THIRD), (THIRD, THIRD),
              (THIRD, 1), (-THIRD, 1), (-THIRD, THIRD), (-1, THIRD), (-1, -THIRD), (-THIRD, -THIRD)],
}  # fmt: skip


def outline(corners: list[tuple[float, float]]) -> np.ndarray:
    """Points at equal distances along the polygon, ``[POINTS, 2]``."""
    closed = np.array([*corners, corners[0]])
    along = np.concatenate([[0], np.linalg.norm(np.diff(closed, axis=0), axis=1).cumsum()])
    places = np.linspace(0, along[-1], POINTS, endpoint=False)
    return np.stack([np.interp(places, along, closed[:, axis]) for axis in (0, 1)], 1)


OUTLINES = {name: outline(corners) for name, corners in CORNERS.items()}


def by_hand(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The outline as a hand draws it: a little turned, stretched, shifted and wavy."""
    sine, cosine = np.sin(angle := rng.normal(0, TURN)), np.cos(angle)
    drawn = points @ np.array([[cosine, sine], [-sine, cosine]]) * rng.normal(1, STRETCH, 2) + rng.normal(0, SHIFT, 2)
    around = np.linspace(0, 2 * np.pi, POINTS, endpoint=False)[:, None] * np.arange(1, WAVES + 1)
    waves = np.concatenate([np.sin(around), np.cos(around)], 1)
    return drawn + waves @ rng.normal(0, WOBBLE, (2 * WAVES, 2))


def part_of(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The outline as one stroke: from somewhere on it all around and a little further, or not quite around."""
    start = rng.integers(POINTS)
    if rng.random() < OPEN:
        count = round(POINTS * rng.uniform(LEAST, 1))
    else:
        count = POINTS + 1 + rng.integers(OVERSHOOT)
    return points[(start + np.arange(count)) % POINTS]


def scribble(shapes: list[Placed], rng: np.random.Generator) -> np.ndarray:
    """A control image of the shapes, uint8 ``[64, 64]``; every call scribbles differently."""
    canvas = Image.new("L", (SIZE * FINE, SIZE * FINE))
    brush = ImageDraw.Draw(canvas)
    width, filled = round(FINE * rng.uniform(*WIDTHS)), rng.random() < FILLED
    for shape, _, x, y, radius in shapes:
        points = (by_hand(OUTLINES[shape], rng) * radius + (x, y)) * FINE
        if filled:
            brush.polygon([tuple(point) for point in points], fill=255)
        else:
            brush.line([tuple(point) for point in part_of(points, rng)], fill=255, width=width, joint="curve")
    return np.asarray(canvas.resize((SIZE, SIZE), Image.Resampling.BOX))
