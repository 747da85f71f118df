"""Distillation is tested in the playground's environment, on the embedded model (see noxfile.py)."""

import pytest

from tests.playground.conftest import is_installed

if not is_installed():
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    """A folder of 40 pictures of the embedded model's world, each with its caption."""
    from tests.distil import world

    return world.write_images(tmp_path_factory.mktemp("images"), 40)


@pytest.fixture(scope="session")
def base(tmp_path_factory, images):
    """The embedded model, opened for training; tests add their adapters and delete them."""
    from lib_hypersd.distil.base import make_accelerator, open_base
    from tests.distil import world

    options = world.options_for(tmp_path_factory.mktemp("base"), images)
    return open_base(options, make_accelerator(options))
