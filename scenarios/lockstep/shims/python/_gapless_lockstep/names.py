"""Names and addresses, answered within the process.

A name is resolved to an address of the range for benchmarks (198.18.0.0/15), always the same one and never a real one.
The harness is told the name.
"""

from __future__ import annotations

import _socket
import zlib
from typing import Any

from .patching import put
from .scheduler import scheduler

CLIENT_NAME = "client.test"

_names: dict[str, str] = {}  # by address
_addresses: dict[str, str] = {}  # by name


def name_of(address: str) -> str:
    """The name that was resolved to an address; the address itself where there is none."""
    return _names.get(address, address)


def _text(host: Any) -> str:
    if isinstance(host, (bytes, bytearray)):
        return host.decode("ascii")
    return str(host)


def _is_address(host: str, family: int) -> bool:
    try:
        _socket.inet_pton(family, host.partition("%")[0])
    except (OSError, ValueError):
        return False
    return True


def resolve(host: Any) -> str:
    """The address of a name: always the same one, and never a real one."""
    name = "" if host is None else _text(host)
    if name in ("", "localhost"):
        return "127.0.0.1"
    if _is_address(name, _socket.AF_INET) or _is_address(name, _socket.AF_INET6):
        return name
    name = name.rstrip(".").lower()
    if name not in _addresses:
        number = zlib.crc32(name.encode()) % 0xFF00 + 0x100
        while True:
            address = "198.18.%d.%d" % (number >> 8 & 0xFF, number & 0xFF)
            if address not in _names:
                break
            number = (number + 1) % 0x10000
        _names[address], _addresses[name] = name, address
    return _addresses[name]


def _port(service: Any) -> int:
    if service is None:
        return 0
    if isinstance(service, (bytes, bytearray)):
        service = service.decode("ascii")
    if isinstance(service, str) and not service.isdigit():
        ports = {"http": 80, "https": 443, "ws": 80, "wss": 443, "": 0}
        if service not in ports:
            raise _socket.gaierror(_socket.EAI_SERVICE, "Servname not supported for ai_socktype")
        return ports[service]
    return int(service)


def _getaddrinfo(host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0) -> list[Any]:
    scheduler.point()
    address = resolve(host)
    if flags & _socket.AI_NUMERICHOST and address in _names:
        raise _socket.gaierror(_socket.EAI_NONAME, "Name or service not known")
    is_v6 = _is_address(address, _socket.AF_INET6)
    found_family = _socket.AF_INET6 if is_v6 else _socket.AF_INET
    if family not in (0, found_family):
        raise _socket.gaierror(_socket.EAI_NONAME, "Name or service not known")
    place = (address, _port(port), 0, 0) if is_v6 else (address, _port(port))
    name = _text(host) if host and flags & _socket.AI_CANONNAME else ""
    kinds = [(_socket.SOCK_STREAM, _socket.IPPROTO_TCP), (_socket.SOCK_DGRAM, _socket.IPPROTO_UDP)]
    kinds = [one for one in kinds if type in (0, one[0]) and proto in (0, one[1])]
    return [(found_family, kind, number, name, place) for kind, number in kinds]


def _gethostbyname(host: Any) -> str:
    return resolve(host)


def _gethostbyname_ex(host: Any) -> tuple[str, list[str], list[str]]:
    return _text(host), [], [resolve(host)]


def _gethostbyaddr(host: Any) -> tuple[str, list[str], list[str]]:
    address = resolve(host)
    return _names.get(address, "localhost" if address == "127.0.0.1" else address), [], [address]


def _getnameinfo(address: Any, flags: int) -> tuple[str, str]:
    host = address[0] if flags & _socket.NI_NUMERICHOST else name_of(address[0])
    return host, str(address[1])


def _gethostname() -> str:
    return CLIENT_NAME


def install() -> None:
    """Replace what `_socket` offers for names."""
    put(
        _socket,
        getaddrinfo=_getaddrinfo,
        gethostbyname=_gethostbyname,
        gethostbyname_ex=_gethostbyname_ex,
        gethostbyaddr=_gethostbyaddr,
        getnameinfo=_getnameinfo,
        gethostname=_gethostname,
    )
