"""Where the bytes of a published file come from: a server laid out as huggingface.co is, or a folder of the user's.

The transfer is ``requests``, which every WebUI ships and which knows certificates and proxies. ``huggingface_hub``
cannot be stopped, does not check a file against a known SHA-256 and keeps its unfinished files elsewhere; what is taken
over from it are its addresses. No token is sent: all files are public, and a mirror must not see one.
"""

import os
import re
import ssl
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol
from urllib.parse import urlsplit

from ..errors import HyperSDError
from ..recipes.catalog import Recipe
from ..wording import fill, join
from .environment import OFFLINE, certificates, is_offline, proxy_for, without_user

if TYPE_CHECKING:
    from requests import Response

__all__ = ["HUB", "Body", "Failed", "Folder", "Interrupted", "Server", "Source"]

HUB = "https://huggingface.co"
CHUNK_BYTES = 1 << 16
SLOWEST = 1024  # bytes per second
MOST_REDIRECTS = 5
LONGEST_WAIT_S = 60
REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
FILE = re.compile(r"[A-Za-z0-9][\w.-]*\.(?i:safetensors)", re.ASCII)
CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
REFUSALS = {
    401: "{host} asks for an account ({status}).",
    403: "{host} refuses the file ({status}).",
    404: "{host} does not have the file ({status}).",
    407: "{host} is behind a proxy that asks for a user name and a password ({status}).",
    410: "{host} does not have the file any more ({status}).",
}
NOT_GIVEN, FAULTY = "{host} does not give the file ({status}).", "{host} has a fault of its own ({status})."
FAULTS = {
    408: "{host} did not get the request in time ({status}).",
    425: "{host} is not ready ({status}).",
    429: "{host} is asked too often ({status}).",
}
SOCKS = (
    "The proxy {proxy} is a SOCKS proxy, for which Python needs the package requests[socks]. Install it into the "
    "WebUI's environment, or name a proxy that begins with http://."
)
NO_PROXY = (
    "The proxy {proxy} is no address such as http://127.0.0.1:7890. Put it right, special characters of a password as "
    "%23 and the like, and start again."
)
UNTRUSTED = (
    "The certificate of {whose} is not trusted ({why}). If a proxy or a virus scanner of yours stands between, name "
    "the file of its certificate in REQUESTS_CA_BUNDLE and start again."
)
ANOTHER = (
    "{host} offers a file of {offered:,} bytes, and {file} has {published:,}: it is another one. Look for an update of "
    "this extension, or set another mirror in the settings."
)


class Failed(HyperSDError):
    """Why a file cannot be had and what to do, as sentences."""


class Interrupted(HyperSDError):
    """A fault, as a sentence, that another attempt may get past.

    ``wait_s``: how many seconds the server asks to wait. ``stale``: what is here already does not belong to its file.
    """

    def __init__(self, sentence: str, wait_s: float = 0, stale: bool = False):
        super().__init__(sentence)
        self.wait_s, self.stale = wait_s, stale


class Body(NamedTuple):
    """Bytes of the file from ``start`` on; ``version``, where known, tells them from those of another edition."""

    start: int
    version: str | None
    chunks: Iterator[bytes]


class Source(Protocol):
    def place(self, recipe: Recipe) -> str:
        """The address or path of the recipe's file, for people to read.

        Raises:
            Failed: there is none.
        """

    def open(self, recipe: Recipe, start: int, version: str | None) -> AbstractContextManager[Body]:
        """A context that yields a :class:`Body`, from byte ``start`` on if the file is still of that ``version``, else
        from 0; reading its chunks is part of the context.

        Raises:
            Failed: for good.
            Interrupted: this time.
        """


class Server:
    """Files at ``{base}/{repository}/resolve/main/{file}``.

    Args:
        base: http(s) address of the hub or of a mirror of it.
        connect_s: seconds to wait for a connection.
        stall_s: seconds to wait for a byte, and over which less than 1 kB/s counts as standing still.

    Raises:
        Failed: ``base`` is no such address.
    """

    def __init__(self, base: str = HUB, connect_s: float = 10, stall_s: float = 30):
        self.base, self.connect_s, self.stall_s = base.strip().rstrip("/"), connect_s, stall_s
        try:
            parts = urlsplit(self.base)
            parts.port  # noqa: B018 (raises where it is no number)
        except ValueError:
            parts = urlsplit("")
        plain = re.fullmatch(r"[!-~]+", self.base) and not (parts.query or parts.fragment or parts.username)
        if parts.scheme not in ("http", "https") or not parts.hostname or not plain:
            given = without_user(base) if "@" in base else base[:200]
            no_address = "The mirror “{given}” is no address such as {hub}. Put it right in the settings."
            raise Failed(fill(no_address, given=given, hub=HUB))
        self.host = parts.hostname

    def place(self, recipe: Recipe) -> str:
        """The address of the recipe's file, of nothing but the base and the catalog."""
        if not REPOSITORY.fullmatch(recipe.repository or "") or not FILE.fullmatch(recipe.file or ""):
            raise Failed(fill("The recipe {id} does not say where its file is published.", id=recipe.id))
        return f"{self.base}/{recipe.repository}/resolve/main/{recipe.file}"

    @contextmanager
    def open(self, recipe: Recipe, start: int, version: str | None) -> Iterator[Body]:
        import requests  # not before it is needed: it would lengthen every start
        from urllib3.exceptions import HTTPError

        self.check_environment()
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
            if version:
                headers["If-Range"] = version
        answers: list[Response] = []
        try:
            with requests.Session() as session:
                session.max_redirects = MOST_REDIRECTS
                session.hooks["response"].append(lambda response, **_: answers.append(response))
                timeout = (self.connect_s, self.stall_s)
                with session.get(self.place(recipe), headers=headers, stream=True, timeout=timeout) as response:
                    self.refuse(response)
                    yield Body(self.first_byte(response, recipe, start), tag(response), self.chunks(response))
        except (requests.RequestException, HTTPError, ValueError) as error:  # its parser lets plain ValueErrors through
            raise self.fault(recipe, error, has_answered=bool(answers)) from None

    def check_environment(self) -> None:
        """Raise Failed where nothing may be fetched, or nothing could be."""
        if is_offline():
            offline = (
                "{variable} is set, so nothing is fetched. Take it out of the environment and start again, "
                "or set an offline folder in the settings."
            )
            raise Failed(fill(offline, variable=OFFLINE))
        variable, path = certificates() or ("", "")
        if variable and self.base.startswith("https:") and not os.path.exists(path):
            not_there = "{variable} names certificates that are not there ({path}). Put it right and start again."
            raise Failed(fill(not_there, variable=variable, path=path))

    def fault(self, recipe: Recipe, error: Exception, has_answered: bool) -> Failed | Interrupted:
        """What the transfer's error comes to; ``has_answered``: the server did before, if only by sending on."""
        from requests import exceptions

        proxy, why = proxy_for(self.place(recipe)), reason(error)
        if isinstance(error, exceptions.TooManyRedirects):
            circles = fill("{host} sends the request around in circles.", host=self.host)
            return Failed(join([circles, self.by_hand(recipe)]))
        if isinstance(error, ValueError):  # a bad scheme or address: our own was looked at before
            if proxy is None or has_answered:
                no_address = fill("{host} sends on to what is no web address.", host=self.host)
                return Failed(join([no_address, self.by_hand(recipe)]))
            if proxy.is_socks and isinstance(error, exceptions.InvalidSchema):
                return Failed(fill(SOCKS, proxy=str(proxy)))
            return Failed(fill(NO_PROXY, proxy=str(proxy)))
        if isinstance(innermost(error), ssl.SSLCertVerificationError):
            whose = str(proxy) if proxy and isinstance(error, exceptions.ProxyError) else self.host
            return Failed(fill(UNTRUSTED, whose=whose, why=why))
        if proxy and isinstance(error, exceptions.ProxyError):
            unreachable = "The proxy {proxy} cannot be reached, or lets nothing through ({why})."
            return Interrupted(fill(unreachable, proxy=str(proxy), why=why))
        way: str = self.host
        if proxy:
            way = fill("{host} through the proxy {proxy}", host=self.host, proxy=str(proxy))
        return Interrupted(fill("The connection to {way} broke ({why}).", way=way, why=why))

    def by_hand(self, recipe: Recipe) -> str:
        by_hand = "Fetch {place} by hand, or set a mirror or an offline folder in the settings."
        return fill(by_hand, place=self.place(recipe))

    def refuse(self, response: "Response") -> None:
        """Raise unless the server answers with the file, or a part of it."""
        status = response.status_code
        if status in (200, 206):
            return
        if status == 416:
            raise Interrupted(fill("{host} does not have the rest of what is here.", host=self.host), stale=True)
        if status >= 500 or status in FAULTS:
            fault = fill(FAULTS.get(status, FAULTY), host=self.host, status=status)
            raise Interrupted(fault, wait_s=retry_after(response))
        refusal = fill(REFUSALS.get(status, NOT_GIVEN), host=self.host, status=status)
        instead = "Look for {address} in a browser, or set a mirror or an offline folder in the settings."
        raise Failed(join([refusal, fill(instead, address=response.request.url.split("?")[0])]))

    def first_byte(self, response: "Response", recipe: Recipe, start: int) -> int:
        """The offset of the answer's first byte: ``start``, or 0 where the server sends all of it."""
        if response.status_code == 200:
            total, first = response.headers.get("Content-Length", ""), 0
        else:
            found = CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
            if not found or int(found[1]) != start:
                raise Interrupted(fill("{host} sent another part than was asked for.", host=self.host), stale=True)
            total, first = found[2], start
        if total.isdecimal() and int(total) != recipe.bytes:
            raise Failed(fill(ANOTHER, host=self.host, offered=int(total), file=recipe.file, published=recipe.bytes))
        return first

    def chunks(self, response: "Response") -> Iterator[bytes]:
        """What comes in, as it comes in; a server that only drips is given up like one that is silent."""
        read = getattr(response.raw, "read1", response.raw.read)
        since, got = time.monotonic(), 0
        while data := read(CHUNK_BYTES):
            yield data
            got += len(data)
            passed = time.monotonic() - since
            if passed > self.stall_s:
                if got < SLOWEST * passed:
                    raise Interrupted(fill("{host} sends almost nothing any more.", host=self.host))
                since, got = time.monotonic(), 0


class Folder:
    """A folder of the user's that holds the published files under their own names; the net is not asked."""

    def __init__(self, path: Path):
        self.path = path

    def place(self, recipe: Recipe) -> str:
        name = recipe.file or ""
        if not FILE.fullmatch(name):
            raise Failed(fill("The recipe {id} does not name its file.", id=recipe.id))
        return str(self.path / name)

    @contextmanager
    def open(self, recipe: Recipe, start: int, version: str | None) -> Iterator[Body]:
        path = Path(self.place(recipe))
        if not path.is_file():
            has_none = "The offline folder {folder} has no {file}. Put it there, or clear that setting to fetch it."
            raise Failed(fill(has_none, folder=self.path, file=recipe.file))
        if path.stat().st_size != recipe.bytes:
            another = "{path} has {found:,} bytes, and {file} has {published:,}: it is another one."
            found = path.stat().st_size
            raise Failed(fill(another, path=path, found=found, file=recipe.file, published=recipe.bytes))
        with open(path, "rb") as file:
            file.seek(start)
            yield Body(start, None, iter(lambda: file.read(CHUNK_BYTES), b""))


def tag(response: "Response") -> str | None:
    """What names this edition of the file in an If-Range header (RFC 9110, 13.1.5: no weak tag), if anything."""
    etag: str | None = response.headers.get("ETag")
    last_modified: str | None = response.headers.get("Last-Modified")
    return etag if etag and not etag.startswith("W/") else last_modified


def retry_after(response: "Response") -> float:
    """Seconds that the server asks to wait, within bounds; its dates are not read."""
    seconds = response.headers.get("Retry-After", "")
    return min(int(seconds), LONGEST_WAIT_S) if seconds.isdecimal() and len(seconds) < 9 else 0


def reason(error: BaseException) -> str:
    """The innermost cause in few words."""
    cause = innermost(error)
    words = (getattr(cause, name, None) for name in ("verify_message", "strerror"))
    return (next(filter(None, words), None) or str(cause) or type(cause).__name__)[:120]


def innermost(error: BaseException) -> BaseException:
    while error.__context__ is not None:
        error = error.__context__
    return error
