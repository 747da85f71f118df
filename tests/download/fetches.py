"""A file that is fetched from the tests' server, and what is left in its folder."""

from lib_hypersd.download.downloads import Downloads
from lib_hypersd.download.source import Server
from lib_hypersd.download.transfer import Download
from lib_hypersd.recipes.catalog import Catalog, published
from tests.server import recipe

RECIPE = recipe()
NAME = RECIPE.file


def fetch(folder, hub, stall_s=10, **options):
    """Fetch the file from the hub into the folder, to the end."""
    server = Server(hub.address, connect_s=10, stall_s=stall_s)
    download = Download(RECIPE, folder / NAME, lambda: server, **{"pause_s": 0.001, **options})
    download.run()
    return download


def left(folder):
    return sorted(path.name for path in folder.iterdir())


def downloads(hub, folder, **options):
    """A registry whose catalog has small files under the published ids."""
    catalog = Catalog(tuple(recipe(r.id) if r.file else r for r in published().recipes))
    server = Server(hub.address, connect_s=2, stall_s=5)
    return Downloads(lambda: server, lambda r: folder, catalog=lambda: catalog, pause_s=0.001, **options)
