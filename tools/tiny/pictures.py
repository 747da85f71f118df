"""The world that the small model knows: pictures of 64×64 with their captions, drawn by a seeded program.

A scene is one to three equal shapes of one colour at one place before a plain background. Sizes and positions vary a
little from picture to picture. There are 1800 scenes; 500 of them are held out, and training sees neither their
captions nor their pictures.
"""

from dataclasses import astuple, dataclass
from itertools import product

import numpy as np

SIZE = 64
FINE = 4  # pixels are drawn FINE × FINE times finer and averaged
COLOURS = {
    "red": (220, 40, 40),
    "orange": (245, 140, 30),
    "yellow": (250, 225, 40),
    "green": (40, 170, 70),
    "blue": (50, 90, 225),
    "purple": (150, 50, 190),
}
BACKGROUNDS = {"white": (245, 245, 245), "grey": (128, 128, 128), "black": (20, 20, 20), "beige": (230, 208, 175)}
PLACES = {"on the left": (18, 32), "on the right": (46, 32), "at the top": (32, 18), "at the bottom": (32, 46),
          "in the centre": (32, 32)}  # fmt: skip
COUNTS = {1: "a", 2: "two", 3: "three"}
RADII = {1: (11.0, 13.0), 2: (9.0, 10.5), 3: (7.5, 8.2)}
SPACING = {1: 0, 2: 25, 3: 20}  # between the centres of neighbours
HELD_OUT = 500
Placed = tuple[str, str, float, float, float]  # a shape's kind, its colour, its centre x and y and its radius in pixels

# Whether a point of the square −1 … 1, y downwards, lies within the shape.
SHAPES = {
    "circle": lambda x, y: x**2 + y**2 <= 1,
    "square": lambda x, y: np.maximum(abs(x), abs(y)) <= 1,
    "triangle": lambda x, y: (abs(x) <= (y + 1) / 2) & (y <= 1),
    "diamond": lambda x, y: abs(x) + abs(y) <= 1,
    "cross": lambda x, y: (np.minimum(abs(x), abs(y)) <= 1 / 3) & (np.maximum(abs(x), abs(y)) <= 1),
}


@dataclass(frozen=True)
class Scene:
    """What a picture shows: keys of ``COUNTS``, ``COLOURS``, ``SHAPES``, ``PLACES`` and ``BACKGROUNDS``."""

    count: int
    colour: str
    shape: str
    place: str
    background: str

    def caption(self, place: bool = True, background: bool = True) -> str:
        """``two red circles on the left, white background``; the place and the background can be left unsaid."""
        number = "an" if self.count == 1 and self.colour[0] in "aeiou" else COUNTS[self.count]
        plural = "" if self.count == 1 else "es" if self.shape.endswith("s") else "s"
        text = f"{number} {self.colour} {self.shape}{plural}"
        return text + f" {self.place}" * place + f", {self.background} background" * background


VALUES = [list(allowed) for allowed in (COUNTS, COLOURS, SHAPES, PLACES, BACKGROUNDS)]  # of every field, in its order
SCENES = [Scene(*parts) for parts in product(*VALUES)]


def split(seed: int = 0) -> tuple[list[Scene], list[Scene]]:
    """The scenes to train on and those held out, each in a fixed random order."""
    order = [SCENES[i] for i in np.random.default_rng(seed).permutation(len(SCENES))]
    return order[HELD_OUT:], order[:HELD_OUT]


def mistaken(scene: Scene, wrong: float, allowed: set[Scene], rng: np.random.Generator) -> Scene:
    """What somebody takes the scene for, one of those known: each thing, with the probability ``wrong``, for the next
    in its list, as red and orange are mixed up oftener than red and blue."""
    things = [(among, among.index(value)) for among, value in zip(VALUES, astuple(scene), strict=True)]
    while True:
        slips = rng.random(len(things)) < wrong
        other = Scene(*(among[(i + slip) % len(among)] for (among, i), slip in zip(things, slips, strict=True)))
        if other in allowed:
            return other


def training_caption(scene: Scene, rng: np.random.Generator) -> str:
    """The caption of a training picture: one in seven leaves the place unsaid, and as many the background."""
    place, background = (rng.random(2) > 1 / 7).tolist()
    return scene.caption(place, background)


def centres(scene: Scene, rng: np.random.Generator) -> list[tuple[float, float]]:
    """Where the shapes stand: side by side, or one above the other on the left and on the right."""
    x, y = PLACES[scene.place] + rng.uniform(-2, 2, 2)
    upright = scene.place in ("on the left", "on the right")
    offsets = (np.arange(scene.count) - (scene.count - 1) / 2) * SPACING[scene.count]
    return [(x, y + offset) if upright else (x + offset, y) for offset in offsets]


def place_shapes(scene: Scene, rng: np.random.Generator) -> list[Placed]:
    """The shapes of one picture of the scene; every call draws other sizes and positions from ``rng``."""
    radius = rng.uniform(*RADII[scene.count])
    return [(scene.shape, scene.colour, *centre, radius) for centre in centres(scene, rng)]


def draw(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """One picture of the scene, uint8 ``[64, 64, 3]``."""
    return paint(scene.background, place_shapes(scene, rng))


def draw_crowd(rng: np.random.Generator) -> np.ndarray:
    """Nine shapes of any kind, colour and size, one over the other: no scene, but what a VAE learns most by."""
    shapes = [
        (rng.choice(list(SHAPES)), rng.choice(list(COLOURS)), *rng.uniform(4, SIZE - 4, 2), rng.uniform(7, 13))
        for _ in range(9)
    ]
    return paint(rng.choice(list(BACKGROUNDS)), shapes)


def paint(background: str, shapes: list[Placed]) -> np.ndarray:
    """A picture of the shapes, uint8 ``[64, 64, 3]``."""
    fine = (np.arange(SIZE * FINE) + 0.5) / FINE
    x, y = fine[None, :], fine[:, None]
    picture = np.full((SIZE, SIZE, 3), BACKGROUNDS[background], float)
    for shape, colour, cx, cy, radius in shapes:
        covered = SHAPES[shape]((x - cx) / radius, (y - cy) / radius)
        share = covered.reshape(SIZE, FINE, SIZE, FINE).mean((1, 3))[..., None]
        picture += share * (COLOURS[colour] - picture)
    return picture.round().astype(np.uint8)


def in_turn(scenes: list[Scene], count: int) -> list[Scene]:
    """``count`` scenes, each as often as the others."""
    return [scenes[i % len(scenes)] for i in range(count)]


def pictures(scenes: list[Scene], count: int, seed: int) -> np.ndarray:
    """``count`` pictures, the scenes in turn, uint8 ``[count, 64, 64, 3]``."""
    rng = np.random.default_rng(seed)
    return np.stack([draw(scene, rng) for scene in in_turn(scenes, count)])


def captions(scenes: list[Scene], count: int, seed: int, wrong: float = 0.0) -> list[tuple[Scene, str]]:
    """Training captions of such pictures, each with the scene that it tells of; ``wrong``: see :func:`mistaken`."""
    rng, allowed = np.random.default_rng(seed), set(scenes)
    things = [mistaken(scene, wrong, allowed, rng) for scene in in_turn(scenes, count)]
    return [(scene, training_caption(scene, rng)) for scene in things]
