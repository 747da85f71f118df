"""Finds count, colour, shape, place and background in a picture by plain image processing; no network.

A picture of this world has two colours and mixtures of them along its edges. The background is what its border shows;
the share of the other colour in every pixel is its *matte*; connected regions of the matte are the shapes.
"""

from dataclasses import astuple, fields

import numpy as np
from PIL import Image
from scipy import ndimage

from .pictures import BACKGROUNDS, COLOURS, PLACES, SHAPES, Scene

FIELDS = [field.name for field in fields(Scene)]
SPECK = 12  # pixels; smaller regions are no shapes (the smallest shape that is drawn has 110)
CONTRAST = 60  # the least that some pixel must differ by from the background, of 441
PLAIN = 25  # the most that pixels may be away from the two colours, root mean square, of 255
GRID = 24  # shapes are compared at this resolution
ALIKE = 0.72  # the least overlap (intersection over union) with a shape's ideal outline
NEAR = 10  # pixels between the middle of the shapes and their place, at most

_axis = (np.arange(GRID) + 0.5) / GRID * 2 - 1
IDEAL = {name: inside(_axis[None, :], _axis[:, None]) for name, inside in SHAPES.items()}


def read(picture: np.ndarray) -> Scene | None:
    """What a picture shows, or None for one that shows no shapes on a plain background.

    An attribute in which the shapes differ, or that is none of the known ones, is "" (the count is always a number).

    Args:
        picture: uint8 ``[64, 64, 3]``.
    """
    pixels = picture.astype(float)
    border = np.concatenate([pixels[:2].reshape(-1, 3), pixels[-2:].reshape(-1, 3),
                             pixels[:, :2].reshape(-1, 3), pixels[:, -2:].reshape(-1, 3)])  # fmt: skip
    background = np.median(border, 0)
    away = pixels - background
    if np.linalg.norm(away, axis=-1).max() < CONTRAST:
        return None
    matte, rest = matte_of(away)
    if rest > PLAIN:
        return None
    labels, count = ndimage.label(matte > 0.5)
    regions = [(labels == i + 1) for i in range(count)]
    regions = [region for region in regions if region.sum() >= SPECK]
    if not regions:
        return None
    return Scene(
        count=len(regions),
        colour=common([nearest(np.median(pixels[core(region)], 0), COLOURS) for region in regions]),
        shape=common([shape_of(region, matte) for region in regions]),
        place=place_of(regions),
        background=nearest(background, BACKGROUNDS),
    )


def matte_of(away: np.ndarray) -> tuple[np.ndarray, float]:
    """The share of the other colour in every pixel, ``[64, 64]``, and how far pixels are from any such mixture (rms).

    Args:
        away: what pixels differ by from the background, ``[64, 64, 3]``.
    """
    distance = np.linalg.norm(away, axis=-1)
    line = np.median(away[distance >= 0.75 * distance.max()], 0)
    matte = (away @ line) / max(line @ line, 1)
    rest = away - matte.clip(0, 1)[..., None] * line
    return matte, float(np.sqrt((rest**2).sum(-1).mean()))


def box_of(region: np.ndarray) -> tuple[slice, slice]:
    """The rows and columns that a region takes up."""
    return ndimage.find_objects(region.astype(np.uint8))[0]


def core(region: np.ndarray) -> np.ndarray:
    """The region without its outermost pixels, whose colours are mixed; the whole one where nothing would be left."""
    inner = ndimage.binary_erosion(region)
    return inner if inner.any() else region


def shape_of(region: np.ndarray, matte: np.ndarray) -> str:
    """The shape whose outline the region has, or ""."""
    rows, columns = box_of(region)
    values = matte[rows, columns].clip(0, 1)
    upscaled = Image.fromarray(values.astype(np.float32)).resize((GRID, GRID), Image.Resampling.BILINEAR)
    found = np.asarray(upscaled) > 0.5
    overlap = {name: (found & ideal).sum() / (found | ideal).sum() for name, ideal in IDEAL.items()}
    best = max(overlap, key=overlap.get)
    height, width = values.shape
    return best if overlap[best] >= ALIKE and 0.7 <= width / height <= 1 / 0.7 else ""


def place_of(regions: list[np.ndarray]) -> str:
    """The place that the middle of all regions is nearest to, or ""."""
    boxes = [box_of(region) for region in regions]
    middle = [np.mean([(box[axis].start + box[axis].stop) / 2 for box in boxes]) for axis in (1, 0)]
    return nearest(middle, PLACES, NEAR)


def nearest(value, named: dict[str, tuple], most: float = 80) -> str:
    """The name of the known value that is nearest, or "" where none is within ``most``."""
    distance = {name: float(np.linalg.norm(np.subtract(value, other))) for name, other in named.items()}
    best = min(distance, key=distance.get)
    return best if distance[best] <= most else ""


def common(names: list[str]) -> str:
    """The one name that all have, or ""."""
    return names[0] if len(set(names)) == 1 else ""


def score(pictures: np.ndarray, scenes: list[Scene]) -> dict[str, float]:
    """The share of pictures (uint8 ``[N, 64, 64, 3]``) in which each attribute is right, and in which "all" are."""
    right = judge(pictures, scenes)
    return dict(zip(FIELDS, right.mean(0).tolist(), strict=True)) | {"all": float(right.all(1).mean())}


def judge(pictures: np.ndarray, scenes: list[Scene]) -> np.ndarray:
    """Which attributes are right, ``[N, 5]`` in the order of ``FIELDS``, in pictures (uint8 ``[N, 64, 64, 3]``)."""
    found = [read(picture) or Scene(0, "", "", "", "") for picture in pictures]
    return np.array([np.equal(astuple(one), astuple(scene)) for one, scene in zip(found, scenes, strict=True)])
