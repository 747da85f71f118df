"""The LoRA files that a picture may use, as a plan wants to know them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..files.library import Library, file_of
from ..files.scan import below
from ..plan import File, Model
from ..recipes.catalog import Catalog

__all__ = ["Loras"]


@dataclass
class Loras:
    """The LoRAs at some paths: files, or folders with all below them."""

    paths: Sequence[Path] = ()
    library: Library = field(default_factory=Library)

    def files(self, catalog: Catalog, model: Model | None) -> list[File]:
        """All few-step LoRAs, and those that look like one and must not be used.

        Where the checkpoint is one file, each says how many of its layers have a place there.
        """
        paths = list(self.by_name().values())
        found = self.library.examine(paths, catalog)
        if self.library.background.queue:  # what is new is opened, and hashed where only that can tell
            self.library.background.finish(pause=0)
            found = self.library.examine(paths, catalog)
        checkpoint = model.path if model else None
        return [file_of(lora, (), checkpoint) for lora in found if lora.is_few_step]

    def by_name(self) -> dict[str, str]:
        """The path of every LoRA, by the name that prompts call it."""
        return {Path(file).stem: file for path in self.paths for file in below(path)}
