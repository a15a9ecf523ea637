"""What cannot be virtual is refused in a sentence that names the cure, and the process exits with 98.

A module that may be imported on the chance that it is there (uvloop) is not there. Before a run begins, child processes
are let be, for libraries ask the system about itself while they are imported; later only those that can be missing are
answered, with "no such file". A program that is a server gets that answer for each of them.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any, NoReturn

from . import connections, real
from .patching import after_import, put

_OWN_NETWORK = "%s has sockets and clocks of its own, which cannot be virtual; let the client use %s"
CURES = {
    "uvloop": _OWN_NETWORK % ("uvloop", "asyncio's own loop"),
    "gevent": _OWN_NETWORK % ("gevent", "threads or asyncio"),
    "eventlet": _OWN_NETWORK % ("eventlet", "threads or asyncio"),
}
CAN_BE_MISSING = frozenset(
    [
        "arp",
        "cc",
        "gcc",
        "getconf",
        "ifconfig",
        "ip",
        "ld",
        "ldconfig",
        "lsb_release",
        "lscpu",
        "netstat",
        "objdump",
        "sw_vers",
        "sysctl",
        "uname",
        "vm_stat",
    ]
)

_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"
_DEFERRED = "_gapless_deferred"  # the attribute of a context: what is to be read once it is asked for


class NotVirtual(ImportError):
    """A module that cannot be virtual; as an ImportError, so that who can do without it does."""


def refuse(why: str) -> NoReturn:
    """Tell the harness and standard error, and exit."""
    from . import server

    assert server.server is not None
    server.server.refuse(why)
    raise SystemExit(98)


class _Finder:
    """Finds the modules that are refused, and says so."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Raises NotVirtual for a module that is refused."""
        if name in CURES:
            raise NotVirtual(CURES[name], name=name)


def _excepthook(kind: Any, error: Any, trace: Any) -> None:
    if isinstance(error, NotVirtual):
        refuse(str(error))
    _excepthook_before(kind, error, trace)


_excepthook_before: Any = sys.excepthook


def _refuse_child(what: str) -> NoReturn:
    refuse(
        "the client starts a child process (%s), which cannot be virtual; let it do without, or run it in real time "
        "(--clock real)" % what
    )


def _fork(*args: Any, **options: Any) -> NoReturn:
    _refuse_child("os.fork")


def _is_running() -> bool:
    from . import server

    return server.server is not None and server.server.is_running


def _patch_posixsubprocess(module: Any) -> None:
    fork_exec = module.fork_exec

    def checked(
        args: Any, executable_list: Any, close_fds: Any, pass_fds: Any, cwd: Any, env_list: Any, *rest: Any
    ) -> Any:
        """Let a child be started while the program is imported, without the shim."""
        words = [os.fsdecode(word) for word in args] or [""]
        if connections.is_server():
            raise FileNotFoundError(2, os.strerror(2), words[0])
        if _is_running():
            if os.path.basename(words[0]) in CAN_BE_MISSING:
                raise FileNotFoundError(2, os.strerror(2), words[0])
            _refuse_child(" ".join(words)[:200])
        if env_list is None:
            env_list = [os.fsencode(name) + b"=" + os.fsencode(value) for name, value in os.environ.items()]
        env_list = [one for one in env_list if not one.startswith(b"GAPLESS_LOCKSTEP=")]
        return fork_exec(args, executable_list, close_fds, pass_fds, cwd, env_list, *rest)

    put(module, fork_exec=checked)


def _patch_subprocess(module: Any) -> None:
    module._USE_POSIX_SPAWN = module._USE_VFORK = False


def _posix_spawn(path: Any, *args: Any, **options: Any) -> NoReturn:
    if connections.is_server():
        raise FileNotFoundError(2, os.strerror(2), path)
    _refuse_child(os.fsdecode(path))


def _system(command: Any) -> NoReturn:
    _refuse_child(os.fsdecode(command))


def _patch_ssl(module: Any) -> None:
    def wrap(self: Any, *args: Any, **options: Any) -> NoReturn:
        refuse("the client speaks TLS, which is not possible in virtual time; let it use http:// and ws://")

    module.SSLContext.wrap_socket = module.SSLContext.wrap_bio = wrap
    _defer_trust_anchors(module.SSLContext)


def _defer_trust_anchors(context: Any) -> None:
    """Read the trust anchors only for who asks what is in them.

    TLS is refused, so nobody else needs them. Reading them takes 30 ms or more, which each run would pay anew.
    """
    load, load_default = context.load_verify_locations, context.set_default_verify_paths

    def load_verify_locations(self: Any, cafile: Any = None, capath: Any = None, cadata: Any = None) -> None:
        if cadata is None and _are_anchors(cafile, capath):
            _deferred(self).append(lambda: load(self, cafile, capath))
        else:
            load(self, cafile, capath, cadata)

    def set_default_verify_paths(self: Any) -> None:
        _deferred(self).append(lambda: load_default(self))

    def loading(method: Any) -> Any:
        def loaded(self: Any, *args: Any, **options: Any) -> Any:
            for read in self.__dict__.pop(_DEFERRED, ()):
                read()
            return method(self, *args, **options)

        return loaded

    context.load_verify_locations = load_verify_locations
    context.set_default_verify_paths = set_default_verify_paths
    for name in ("get_ca_certs", "cert_store_stats"):
        setattr(context, name, loading(getattr(context, name)))


def _deferred(context: Any) -> list[Any]:
    reads: list[Any] = context.__dict__.setdefault(_DEFERRED, [])
    return reads


def _are_anchors(cafile: Any, capath: Any) -> bool:
    """Whether OpenSSL would find certificates there, as far as a look at the files can tell."""
    if cafile is None:
        return isinstance(capath, str) and os.path.isdir(capath)
    if not isinstance(cafile, str) or not (capath is None or os.path.isdir(capath)):
        return False
    try:
        with open(cafile, "rb") as file:
            return _CERTIFICATE in file.read()
    except OSError:
        return False


def _timer(name: str, function: Any) -> Any:
    def checked(*args: Any) -> Any:
        if any(args[1:] if name == "setitimer" else args):
            refuse("the client calls signal.%s, which waits for real time; let it use a thread or asyncio" % name)
        return function(*args)

    return checked


def install() -> None:
    """Close the doors."""
    sys.meta_path.insert(0, _Finder())
    sys.excepthook = _excepthook
    put(os, fork=_fork, system=_system)
    for name in ("forkpty", "posix_spawn", "posix_spawnp"):
        if hasattr(os, name):
            put(os, **{name: _fork if name == "forkpty" else _posix_spawn})
    for name in ("alarm", "setitimer"):
        put(signal, **{name: _timer(name, getattr(signal, name))})
    after_import("_posixsubprocess", _patch_posixsubprocess)
    after_import("subprocess", _patch_subprocess)
    after_import("ssl", _patch_ssl)


__all__ = ["NotVirtual", "install", "real", "refuse"]
