"""The routes for downloads in a real host."""

import pytest

from tests.live.process import Refused
from tests.server import Answer, Hub

MISSING = "hyper-flux-8steps"
FILE = "Hyper-FLUX.1-dev-8steps-lora.safetensors"


@pytest.fixture
def missing(host):
    """The file is not there for as long as a test lasts, also where the suite has made one."""
    place = host.data / "models" / "Lora" / FILE
    away = place.with_suffix(".away")
    if place.exists():
        place.rename(away)
    yield
    if away.exists():
        away.rename(place)


@pytest.mark.usefixtures("missing")
def test_a_file_is_asked_for_at_the_mirror_and_what_is_refused_is_said(host):
    with Hub(Answer(503), otherwise=Answer(404)) as hub:
        download = host.download(MISSING, hub.address)
    assert download["id"] == MISSING and "does not have the file (404)" in download["problem"]
    assert [r.path for r in hub.requests] == [f"/ByteDance/Hyper-SD/resolve/main/{FILE}"] * 2
    assert not list((host.data / "models" / "Lora").glob(f"{FILE}*"))
    with pytest.raises(Refused, match=r"404: .*The catalog has no file of that id"):
        host.post("/hypersd/v1/download", {"id": "../x"})


def test_the_routes_are_guarded_like_the_hosts_own(make_host):
    host = make_host()
    host.boot("--api-auth", "me:secret")
    try:
        with pytest.raises(Refused, match="401"):
            host.get("/hypersd/v1/downloads")
    finally:
        host.stop()
