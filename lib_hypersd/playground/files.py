"""Pictures as files: written whole or not at all, with their infotext inside, as the WebUI does."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from ..wording import shown
from .errors import UnreadableImage, UnwritableFolder

__all__ = ["infotexts", "next_number", "open_image", "save", "umask"]


def save(image: Image.Image, infotext: str, folder: Path, name: str, number: int | None = None) -> Path:
    """Write an image as ``00001-NAME.png`` into a folder, which is made if need be.

    Args:
        number: the next one that is free unless given.

    Raises:
        UnwritableFolder: the folder cannot be written to.
    """
    text = PngInfo()
    text.add_text("parameters", infotext)
    part = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".part", delete=False) as file:
            part = Path(file.name)
            image.save(file, "PNG", pnginfo=text)
        part.chmod(0o666 & ~umask())
        path = folder / f"{number or next_number(folder):05}-{name}.png"
        part.replace(path)
        return path
    except OSError as error:
        raise UnwritableFolder(f"{shown(str(folder))} cannot be written to ({error.strerror or error}).") from error
    finally:
        if part:
            part.unlink(missing_ok=True)


def next_number(folder: Path) -> int:
    """The number behind the highest of the pictures in a folder."""
    numbers = (path.name.partition("-")[0] for path in folder.glob("*-*.png"))
    return max((int(number) for number in numbers if number.isdecimal()), default=0) + 1


def infotexts(folder: Path) -> Iterator[str]:
    """The infotext of each picture in a folder that has one."""
    for path in folder.glob("*.png"):
        with contextlib.suppress(OSError, ValueError, SyntaxError), Image.open(path) as image:
            if "parameters" in image.info:
                yield image.info["parameters"]


def umask() -> int:
    """The process' mask for new files, which a temporary file does not follow."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def open_image(source: Path | BinaryIO | Image.Image) -> Image.Image:
    """An image, or the one in a file, upright and in three colours; on white where it is transparent.

    Raises:
        UnreadableImage: the file has none.
    """
    try:
        image = source if isinstance(source, Image.Image) else Image.open(source)
        image = ImageOps.exif_transpose(image).convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        name = shown(str(source)) if isinstance(source, Path) else "What was given"
        why = "does not exist" if isinstance(error, FileNotFoundError) else "is no image that can be read"
        raise UnreadableImage(f"{name} {why}.") from error
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
