"""What the environment's variables say of the net: whether it may be used, by which proxy, with which certificates.

They are read as ``requests`` and ``huggingface_hub`` read them.
"""

import os
import re
from typing import NamedTuple
from urllib.parse import urlsplit

from ..wording import fill, shown

__all__ = ["OFFLINE", "Proxy", "certificates", "is_offline", "proxy_for", "without_user"]

OFFLINE = "HF_HUB_OFFLINE"
YES = ("1", "TRUE", "YES", "ON")  # huggingface_hub, constants.py
CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
PLACE = re.compile(r"([\w.-]*|\[[\da-fA-F:.]+\])(:\d*)?(/.*)?")  # what follows the user: host, port, path


class Proxy(NamedTuple):
    """A proxy's address as it was set, and the name of the variable that sets it."""

    variable: str
    address: str

    @property
    def is_socks(self) -> bool:
        return self.address.lower().startswith("socks")

    def __str__(self) -> str:
        """``http://127.0.0.1:7890 (HTTPS_PROXY)``."""
        return fill("{address} ({variable})", address=without_user(self.address), variable=self.variable)


def is_offline() -> bool:
    """Whether the user wants nothing to be fetched from the hub."""
    return os.environ.get(OFFLINE, "").upper() in YES


def proxy_for(address: str) -> Proxy | None:
    """The proxy that ``requests`` takes for this address."""
    from requests.utils import get_environ_proxies, select_proxy  # not before it is needed

    chosen = select_proxy(address, get_environ_proxies(address))
    if not chosen:
        return None
    names = (f"{urlsplit(address).scheme}_proxy", "all_proxy")
    set_by = [name for name in os.environ if name.lower() in names and os.environ[name] == chosen]
    return Proxy(min(set_by, key=lambda name: names.index(name.lower()), default=fill("the system's settings")), chosen)


def certificates() -> tuple[str, str] | None:
    """The variable that names the certificates to trust, and the file or folder that it names."""
    return next(((name, os.environ[name]) for name in CERTIFICATES if os.environ.get(name)), None)


def without_user(address: str) -> str:
    """The scheme, host and port of an address; … for what could be a user name or a password."""
    scheme, separator, rest = address.partition("://")
    if not separator:
        scheme, rest = "", address
    place = PLACE.fullmatch(rest.rpartition("@")[2])
    return shown(f"{scheme}{separator}{place[1]}{place[2] or ''}" if place else f"{scheme}{separator}…")
