"""The images and captions to learn from, as people have them: a folder, shards, or prompts alone."""

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from tarfile import TarError
from typing import Any, NamedTuple

from PIL import Image
from tqdm import tqdm

from ..playground.errors import UnreadableImage
from ..playground.files import open_image
from ..wording import shown
from .errors import RefusedRun

__all__ = ["FEWEST", "Item", "count_items", "read_items"]

IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
FEWEST = 10  # items, of which one is held out


class Item(NamedTuple):
    """A caption, and its image unless the checkpoint is to draw it; ``place`` is where it was found."""

    place: str
    caption: str
    image: Image.Image | None = None


def count_items(kind: str, path: Path) -> int:
    """How many items there are, without reading an image; for shards how many there are of these.

    Raises:
        RefusedRun: there are too few, or captions are missing.
    """
    names = NAMES[kind](path)
    if len(names) < (1 if kind == "shards" else FEWEST):
        what = {"images": f"{FEWEST} images", "shards": "a shard (.tar)", "prompts": f"{FEWEST} lines"}[kind]
        raise RefusedRun(f"{shown(str(path))} has {len(names) or 'none'}; at least {what} are needed.")
    return len(names)


def read_items(kind: str, path: Path) -> Iterator[Item]:
    """Every item in a fixed order; one that cannot be read is left out, and named."""
    return READERS[kind](path)


def images_in(folder: Path) -> list[Path]:
    """The images of a folder and those below it, each with its caption.

    Raises:
        RefusedRun: there is no such folder, or captions are missing.
    """
    if not folder.is_dir():
        raise RefusedRun(f"{shown(str(folder))} is no folder.")
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGES)
    bare = [path.name for path in found if not path.with_suffix(".txt").is_file()]
    if bare:
        names = ", ".join(map(shown, bare[:3])) + (" …" if len(bare) > 3 else "")
        raise RefusedRun(
            f"{len(bare)} of {len(found)} images have no caption ({names}): "
            "put a .txt file of the same name beside each."
        )
    return found


def read_images(folder: Path) -> Iterator[Item]:
    for path in images_in(folder):
        yield from readable(str(path.relative_to(folder)), text_of(path.with_suffix(".txt")), path)


def shards_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise RefusedRun(f"{shown(str(folder))} is no folder; give the one that the shards are in.")
    return sorted(folder.glob("*.tar"))


def read_shards(folder: Path) -> Iterator[Item]:
    """Samples of webdataset: an image and a .txt of one name. Nothing in them is decoded but these two."""
    from webdataset.tariterators import group_by_keys, tar_file_expander  # an optional requirement

    for shard in shards_in(folder):
        try:
            with shard.open("rb") as file:
                for sample in group_by_keys(tar_file_expander([{"url": shard.name, "stream": file}])):
                    yield from of_sample(shard, sample)
        except (TarError, OSError, ValueError) as error:
            raise RefusedRun(f"{shown(shard.name)} is no shard that can be read, or it is cut short.") from error


def of_sample(shard: Path, sample: dict[str, Any]) -> Iterator[Item]:
    place, caption = f"{shard.name}/{sample['__key__']}", sample.get("txt")
    image = next((sample[suffix[1:]] for suffix in IMAGES if suffix[1:] in sample), None)
    if caption is None or image is None:
        tqdm.write(f"{shown(place)} has no {'caption (.txt)' if caption is None else 'image'}. It is left out.")
    else:
        yield from readable(place, caption.decode("utf-8", "replace").strip(), BytesIO(image))


def lines_of(path: Path) -> list[str]:
    return [line.strip() for line in text_of(path).splitlines() if line.strip()]


def read_prompts(path: Path) -> Iterator[Item]:
    for number, line in enumerate(lines_of(path), 1):
        yield Item(f"line {number}", line)


def readable(place: str, caption: str, source: Path | BytesIO) -> Iterator[Item]:
    try:
        yield Item(place, caption, open_image(source))
    except UnreadableImage as error:
        tqdm.write(f"{error} It is left out.")


def text_of(path: Path) -> str:
    """Raises RefusedRun where the file cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text in UTF-8"
        raise RefusedRun(f"{shown(str(path))} cannot be read ({why}).") from error


NAMES: dict[str, Callable[[Path], list]] = {"images": images_in, "shards": shards_in, "prompts": lines_of}
READERS: dict[str, Callable[[Path], Iterator[Item]]] = {
    "images": read_images,
    "shards": read_shards,
    "prompts": read_prompts,
}
