"""The downloads of this process: which files may be fetched, where they belong, and those that are on their way.

What fetches them is imported with the first: a WebUI's start does not pay for it.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import HyperSDError
from ..recipes.catalog import Catalog, Recipe, published
from ..wording import fill

if TYPE_CHECKING:
    from .source import Source
    from .transfer import Download

__all__ = ["Downloads"]


class Downloads:
    """All downloads of this process, at most one for each recipe; what to fetch is named by ids of the catalog alone.

    Args:
        source: where files come from now.
        folder: where a recipe's file belongs.
        finished: called, in the download's thread, once a file is there.
        catalog: only published recipes by default: no file of the user's can make an address.
        options: ``attempts`` and ``pause_s`` of :class:`Download`.
    """

    def __init__(
        self,
        source: "Callable[[], Source]",
        folder: Callable[[Recipe], Path],
        finished: Callable[[Recipe], None] = lambda recipe: None,
        catalog: Callable[[], Catalog] = published,
        **options: Any,
    ):
        self.source, self.folder, self.finished, self.catalog, self.options = source, folder, finished, catalog, options
        self.lock = threading.Lock()
        self.by_id: dict[str, Download] = {}

    def find(self, recipe_id: str) -> Recipe | None:
        """The published recipe of that id, if its file can be fetched, checked and used."""
        return next((r for r in self.catalog().recipes if r.id == recipe_id and r.can_be_fetched), None)

    def place(self, recipe: Recipe) -> str:
        """The address or path that the recipe's file would come from, or why there is none."""
        try:
            return self.source().place(recipe)
        except HyperSDError as failure:
            return str(failure)

    def start(self, recipe_id: str) -> "Download":
        """Begin to fetch a recipe's file, or join the download that has begun.

        Raises:
            Failed: there is no such file.
        """
        from .source import Failed
        from .transfer import Download

        recipe = self.find(recipe_id)
        if recipe is None or recipe.file is None:
            raise Failed(fill("The catalog has no file of that id that can be fetched."))
        with self.lock:
            download = self.by_id.get(recipe_id)
            if download is None or not download.is_active:
                path = self.folder(recipe) / recipe.file
                download = self.by_id[recipe_id] = Download(recipe, path, self.source, self.finished, **self.options)
                download.thread.start()
        return download

    def get(self, recipe_id: str) -> "Download | None":
        """The latest download of a recipe's file."""
        return self.by_id.get(recipe_id)

    def all(self) -> "list[Download]":
        """The latest download of each file, in the order of their first."""
        with self.lock:
            return list(self.by_id.values())

    def active(self) -> "list[Download]":
        return [download for download in self.all() if download.is_active]
