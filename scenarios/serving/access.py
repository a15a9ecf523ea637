"""Which requests the control accepts, decided from their headers alone. Pure.

A page of another site must not reach the control through the user's browser. There are two ways in, and each is closed:

- DNS rebinding: the page's own name resolves to this machine, so the page is of the same origin as the control. The
  header ``Host`` still has the page's name. Only loopback names are accepted, and on a port that other machines reach,
  IP addresses and the name that was given with ``--host``: an address cannot be rebound.
- A request across origins: a browser sends it, though the page cannot read the response. The header ``Origin`` has the
  page's origin. What changes something must also be JSON or come from the control's own page, because an old browser
  can send a form without ``Origin``, and no browser sends JSON to another site without asking first.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

_HOST: Final = re.compile(r"(\[(?P<address>[^\[\]]+)\]|(?P<name>[^:,@/\s\[\]]+))(:\d{1,5})?")
_READING: Final = ("GET", "HEAD", "OPTIONS")
_JSON: Final = ("application/json", "application/x-ndjson")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is refused: the status of HTTP, and one sentence with the cure."""

    status: int
    detail: str


def refusal(method: str, headers: Mapping[str, str], listening_on: str) -> Refusal | None:
    """Why a request to the control is refused; None when it is accepted.

    headers: names in lower case; listening_on: the host that the port was opened for.
    """
    host = headers.get("host", "")
    if not _is_accepted_host(host_name(host), listening_on):
        cure = "call it by 127.0.0.1 or localhost" if is_loopback(listening_on) else "call it by its IP address"
        return Refusal(403, f"the control is not reached through the host {_shown(host)}; {cure}")
    origin = headers.get("origin")
    is_own = origin is not None and origin.casefold() == f"http://{host}".casefold()
    if origin is not None and not is_own:
        return Refusal(403, f"a page of {_shown(origin)} may not use the control; open /sim/ itself")
    is_json = headers.get("content-type", "").partition(";")[0].strip().casefold() in _JSON
    if method not in (*_READING, "DELETE") and not (is_own or is_json):
        return Refusal(415, "what changes something must be JSON; send the header content-type: application/json")
    return None


def host_name(host: str) -> str:
    """The name or address in a ``Host`` header, without the port; empty when it is not just these two."""
    found = _HOST.fullmatch(host)
    return "" if found is None else found["address"] or found["name"]


def is_loopback(name: str) -> bool:
    """Whether a name or address can only be this machine."""
    with suppress(ValueError):
        return ipaddress.ip_address(name).is_loopback
    return name.casefold().rstrip(".") == "localhost"


def _is_accepted_host(name: str, listening_on: str) -> bool:
    if is_loopback(name):
        return True
    if is_loopback(listening_on):
        return False
    with suppress(ValueError):
        ipaddress.ip_address(name)
        return True
    return name != "" and name.casefold() == listening_on.casefold()


def _shown(text: str) -> str:
    """A header's value for a sentence: bounded, without control characters."""
    return ascii(text[:100])
