"""Proxies, certificates and HF_HUB_OFFLINE: each is named for what it is, and no password stands in a sentence."""

import os

import pytest

from lib_hypersd.download.environment import Proxy, is_offline, proxy_for
from lib_hypersd.download.source import Failed, Folder, Interrupted, Server
from lib_hypersd.download.transfer import Cancelled, DiskFull, Download
from tests.server import CONTENT, SELF_SIGNED, Answer, Hub, recipe

RECIPE = recipe()
NAME = RECIPE.file
HUGGING_FACE = "https://huggingface.co"


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """No variable of this machine counts; ``environment(NAME=value)`` sets some."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name in ("HF_HUB_OFFLINE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            monkeypatch.delenv(name)

    def put(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, str(value))

    return put


def fault(base):
    """What the sentence says that a request for the file ends with, and whether it is worth another attempt."""
    with pytest.raises((Failed, Interrupted)) as caught, Server(base, connect_s=5).open(RECIPE, 0, None):
        pass
    return str(caught.value), isinstance(caught.value, Interrupted)


def fetch(folder, base, **options):
    download = Download(RECIPE, folder / NAME, lambda: Server(base), pause_s=0.001, **options)
    download.run()
    return download


@pytest.mark.parametrize("variable", ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy"])
@pytest.mark.parametrize("scheme", ["socks5h", "socks5", "socks4a", "SOCKS5"])
def test_a_socks_proxy_without_its_package_is_named_with_what_is_missing(environment, monkeypatch, variable, scheme):
    monkeypatch.setattr("requests.adapters.SOCKSProxyManager", missing_socks)  # as where PySocks is not installed
    environment(**{variable: f"{scheme}://127.0.0.1:1080"})
    assert fault(HUGGING_FACE) == (
        f"The proxy {scheme}://127.0.0.1:1080 ({variable}) is a SOCKS proxy, for which Python needs the package "
        "requests[socks]. Install it into the WebUI's environment, or name a proxy that begins with http://.",
        False,
    )


def missing_socks(*args, **kwargs):
    from requests.exceptions import InvalidSchema

    raise InvalidSchema("Missing dependencies for SOCKS support.")


@pytest.mark.parametrize(
    ("address", "named"),
    [
        ("http://:7890", "http://:7890"),
        (":7890", ":7890"),
        ("http://", "http://"),
        ("foo://127.0.0.1:1", "foo://127.0.0.1:1"),
        ("http://127.0.0.1:99999", "http://127.0.0.1:99999"),
        ("http://a b:1", "http://…"),
        ("http://127.0.0.1:abc", "http://…"),
    ],
)
@pytest.mark.parametrize("base", [HUGGING_FACE, "http://mirror.invalid"])
def test_a_proxy_whose_address_is_none_is_named_with_its_variable(environment, base, address, named):
    environment(**{f"{base.partition(':')[0]}_proxy": address})
    sentence, again = fault(base)
    assert sentence.startswith(
        f"The proxy {named} ({base.partition(':')[0]}_proxy) is no address such as http://127.0.0.1"
    )
    assert not again


def test_a_proxy_that_is_not_there_is_named_and_tried_again(environment, tmp_path):
    environment(HTTPS_PROXY="127.0.0.1:1")
    sentence = "The proxy 127.0.0.1:1 (HTTPS_PROXY) cannot be reached, or lets nothing through (Connection refused)."
    assert fault(HUGGING_FACE) == (sentence, True)
    failed = fetch(tmp_path, HUGGING_FACE, attempts=2)
    assert failed.problem == f"{sentence} Try again later; it goes on where it stopped."


def test_a_proxy_that_opens_no_tunnel_is_named(environment):
    with Hub() as proxy:
        environment(https_proxy=proxy.address)
        sentence, again = fault(HUGGING_FACE)
    assert again and sentence.startswith(
        f"The proxy {proxy.address} (https_proxy) cannot be reached, or lets nothing through"
    )
    assert "Tunnel connection failed: 501" in sentence and proxy.requests == []


def test_a_proxy_that_works_is_used_and_one_that_asks_for_a_password_is_named(environment, tmp_path):
    with Hub(Answer(407)) as proxy:
        environment(HTTP_PROXY=proxy.address)
        assert (
            "mirror.invalid is behind a proxy that asks for a user name and a password (407)."
            in fault("http://mirror.invalid")[0]
        )
        assert fetch(tmp_path, "http://mirror.invalid").state == "done"
    assert proxy.requests[-1].path.startswith("http://mirror.invalid/ByteDance/")


def test_a_connection_that_breaks_behind_a_proxy_names_it(environment):
    with Hub(Answer(stall=60)) as proxy:
        environment(HTTP_PROXY=proxy.address)
        with pytest.raises(Interrupted) as caught, Server("http://mirror.invalid", 5, 0.2).open(RECIPE, 0, None):
            pass
    assert str(caught.value).startswith(
        f"The connection to mirror.invalid through the proxy {proxy.address} (HTTP_PROXY) broke ("
    )


def test_what_a_server_behind_a_proxy_sends_on_to_is_not_the_proxys_fault(environment):
    with Hub(otherwise=Answer(302, headers={"Location": "ftp://x/"})) as proxy:
        environment(HTTP_PROXY=proxy.address)
        assert fault("http://mirror.invalid")[0].startswith("mirror.invalid sends on to what is no web address.")


ALICE = ["http://alice:s3cret@:7890", "http://alice:s3cret@127.0.0.1:1", "socks5h://alice:s3cret@127.0.0.1:1080",
         "http://alice:s3#cret@127.0.0.1:1", "http://alice:s3/cret@127.0.0.1:1", "http://alice:s3@cret@127.0.0.1:1",
         "alice:s3cret@127.0.0.1:1", "alice:s3cret:127.0.0.1:1", "http://alice:s3cret@127.0.0.1:abc",
         "http://alice:s3%23cret@127.0.0.1:1/path?alice", "foo://alice:s3cret@x", "http://alice:s3cret@[::1", "http://alice:s3 cret@h"]  # fmt: skip


@pytest.mark.parametrize("address", ALICE)
@pytest.mark.parametrize("base", [HUGGING_FACE, "http://mirror.invalid"])
def test_no_user_name_and_no_password_of_a_proxy_is_said(environment, tmp_path, capfd, base, address):
    environment(ALL_PROXY=address)
    failed = fetch(tmp_path, base, attempts=1)
    console = "".join(capfd.readouterr())
    assert failed.state == "failed" and "(ALL_PROXY)" in failed.problem and "unexpected" not in failed.problem
    for secret in ("alice", "s3", "cret"):
        assert secret not in failed.problem + console


def test_nor_those_of_a_mirror():
    with pytest.raises(Failed, match=r"^The mirror “http://x” is no address") as caught:
        Server("http://alice:s3cret@x")
    assert "alice" not in str(caught.value)


def test_the_variable_is_the_one_that_requests_goes_by(environment):
    environment(HTTP_PROXY="http://a:1", HTTPS_PROXY="http://b:1", ALL_PROXY="http://a:1", NO_PROXY="near.local")
    assert str(proxy_for("http://x/")) == "http://a:1 (HTTP_PROXY)"
    assert str(proxy_for("https://x/")) == "http://b:1 (HTTPS_PROXY)"
    assert proxy_for("https://near.local/") is None
    environment(https_proxy="http://c:1")
    assert proxy_for("https://x/") == Proxy("https_proxy", "http://c:1")


def test_a_proxy_of_the_systems_settings_is_named_so(environment, monkeypatch):
    monkeypatch.setattr("requests.utils.getproxies", lambda: {"https": "http://b:1"})
    assert str(proxy_for("https://x/")) == "http://b:1 (the system's settings)"


def test_a_certificate_that_nobody_vouches_for_is_named_and_then_trusted(environment, tmp_path):
    with Hub(secure=True) as hub:
        failed = fetch(tmp_path, hub.address)
        assert failed.problem.startswith("The certificate of 127.0.0.1 is not trusted (self")
        assert failed.problem.endswith("name the file of its certificate in REQUESTS_CA_BUNDLE and start again.")
        assert hub.requests == []
        environment(REQUESTS_CA_BUNDLE=SELF_SIGNED)
        assert fetch(tmp_path, hub.address).state == "done" and (tmp_path / NAME).read_bytes() == CONTENT


def test_a_certificate_for_another_name_is_named(environment):
    with Hub(secure=True) as hub:
        environment(REQUESTS_CA_BUNDLE=SELF_SIGNED)
        sentence, again = fault(hub.address.replace("127.0.0.1", "localhost"))
    assert sentence.startswith("The certificate of localhost is not trusted (Hostname mismatch") and not again


def test_a_proxys_own_certificate_is_named_as_the_proxys(environment):
    with Hub(secure=True) as proxy:
        environment(HTTPS_PROXY=proxy.address)
        sentence, again = fault(HUGGING_FACE)
    assert sentence.startswith(f"The certificate of {proxy.address} (HTTPS_PROXY) is not trusted (self") and not again


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_certificates_that_are_not_there_are_named(environment, tmp_path, variable):
    environment(**{variable: tmp_path / "company.pem"})
    assert fault(HUGGING_FACE) == (
        f"{variable} names certificates that are not there ({tmp_path}/company.pem). Put it right and start again.",
        False,
    )
    with Hub() as hub:
        assert fetch(tmp_path, hub.address).state == "done", "without TLS they are not needed"


@pytest.mark.parametrize("value", ["1", "true", "True", "YES", "on"])
def test_offline_nothing_is_fetched_and_the_variable_is_named(environment, tmp_path, value):
    environment(HF_HUB_OFFLINE=value)
    with Hub() as hub:
        failed = fetch(tmp_path, hub.address)
    assert failed.problem == (
        "HF_HUB_OFFLINE is set, so nothing is fetched. Take it out of the environment and start again, "
        "or set an offline folder in the settings."
    )
    assert hub.requests == [] and list(tmp_path.iterdir()) == []
    (tmp_path / "stick").mkdir()
    (tmp_path / "stick" / NAME).write_bytes(CONTENT)
    copied = Download(RECIPE, tmp_path / NAME, lambda: Folder(tmp_path / "stick"))
    copied.run()
    assert copied.state == "done", "a folder is not the net"


@pytest.mark.parametrize("value", ["", "0", "false", "no", "off"])
def test_other_values_are_not_offline(environment, tmp_path, value):
    environment(HF_HUB_OFFLINE=value)
    assert not is_offline()
    with Hub() as hub:
        assert fetch(tmp_path, hub.address).state == "done"


def test_a_full_disk_is_an_error_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr("lib_hypersd.download.transfer.SPARE_BYTES", 1 << 62)
    with Hub() as hub:
        download = Download(RECIPE, tmp_path / NAME, lambda: Server(hub.address))
        with pytest.raises(DiskFull, match="Make room and try again"):
            download.fetch()
        assert issubclass(DiskFull, Failed) and not issubclass(Cancelled, Failed) and hub.requests == []
