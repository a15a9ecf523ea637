"""How names are replaced: in their module, in every module that took a copy before, and in modules yet to come."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

_replaced: dict[int, tuple[Any, Any]] = {}  # by identity: the original, which is kept alive, and what is in its place
_after: dict[str, list[Callable[[Any], None]]] = {}

# Modules of Python on top of what is replaced, in the order in which they build upon each other.
_REBUILT = ("threading", "socket", "selectors", "queue")


def put(module: Any, **replacements: Any) -> None:
    """Replace names of a module, and remember it for the modules that took a copy."""
    for name, new in replacements.items():
        old = getattr(module, name, None)
        setattr(module, name, new)
        if old is not None and new is not None and old is not new and callable(old):
            _replaced[id(old)] = (old, new)


def refresh() -> None:
    """Build anew what was imported before it could be built upon the replacements, and replace all copies.

    A `.pth` file of an environment may import whatever it likes before this package is loaded.
    """
    for name in _REBUILT:
        module = sys.modules.get(name)
        if module is None:
            importlib.import_module(name)
            continue
        before = dict(vars(module))
        importlib.reload(module)
        for key, old in before.items():
            new = vars(module).get(key)
            if new is not None and new is not old and callable(old):
                _replaced[id(old)] = (old, new)
    _replace_copies()
    import _queue
    import queue

    put(_queue, SimpleQueue=queue.SimpleQueue)


def _replace_copies() -> None:
    ours = __name__.rpartition(".")[0]
    for name, module in list(sys.modules.items()):
        if name.startswith(ours) or not hasattr(module, "__dict__"):
            continue
        for key, value in list(vars(module).items()):
            found = _replaced.get(id(value))
            if found is not None and found[0] is value:
                setattr(module, key, found[1])


# --- modules yet to come --------------------------------------------------------------------------------------------


def after_import(name: str, patch: Callable[[Any], None]) -> None:
    """Call ``patch(module)`` once a module is imported, or now when it is."""
    if name in sys.modules:
        patch(sys.modules[name])
        return
    if not _after:
        sys.meta_path.insert(0, _Finder())
    _after.setdefault(name, []).append(patch)


class _Finder:
    """Wraps the loader of a module that is to be patched."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """The spec that another finder has, with our loader around its own."""
        if name not in _after:
            return None
        for finder in sys.meta_path:
            if finder is not self and hasattr(finder, "find_spec"):
                spec = finder.find_spec(name, path, target)
                if spec is not None and spec.loader is not None:
                    wrapped: Any = _Loader(spec.loader)
                    spec.loader = wrapped
                    return spec
        return None


class _Loader:
    """A loader that patches what it has loaded."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: Any) -> Any:
        """As the loader does."""
        return self._loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        """As the loader does; then patch."""
        self._loader.exec_module(module)
        for patch in _after.pop(module.__name__, ()):
            patch(module)


# What popular libraries import when they are first used. Importing it has no effect that the program could see.
_COMPANIONS = {"httpx": "httpcore", "websockets": "websockets.asyncio.client"}


def import_companions() -> None:
    """Import what the program's libraries would import in each run, so that a process that forks pays for it once.

    For the published OpenHands SDK these are 80 modules, and a quarter of what a run costs.
    """
    for name, companion in _COMPANIONS.items():
        if name in sys.modules:
            with suppress(Exception):
                importlib.import_module(companion)


# --- the environment ------------------------------------------------------------------------------------------------

_PREFIX = "GAPLESS_"
_OWN = "GAPLESS_LOCKSTEP"
_read: dict[str, None] = {}
_is_watching = False


def watch_environment() -> None:
    """Note which GAPLESS_ variables the program reads while it is imported: another run may set them otherwise."""
    global _is_watching
    environ: Any = os.environ
    base = type(environ)

    class Environ(base):  # type: ignore[misc,valid-type]
        """os.environ, which notes what is read."""

        def __getitem__(self, key: Any) -> Any:
            if _is_watching and isinstance(key, str) and key.startswith(_PREFIX) and key != _OWN:
                _read[key] = None
            return super().__getitem__(key)

        def __iter__(self) -> Any:
            names = [name for name in self._names() if name != _OWN] if _is_watching else []
            if names and _reads_for_a_package():
                return iter([name for name in super().__iter__() if name not in names])
            _read.update(dict.fromkeys(names))
            return super().__iter__()

        def _names(self) -> list[str]:
            return [os.fsdecode(key) for key in list(self._data) if os.fsdecode(key).startswith(_PREFIX)]

    Environ.__name__ = Environ.__qualname__ = base.__name__
    Environ.__module__ = base.__module__
    environ.__class__ = Environ
    _is_watching = True


def _reads_for_a_package() -> bool:
    """Is the environment read as a whole by an installed package that is being imported?

    It looks for variables of its own, and does not see ours. Otherwise the program would have to be imported anew for
    each of their values.
    """
    library, here = os.path.dirname(os.__file__), os.path.dirname(os.path.abspath(__file__))
    frame: Any = sys._getframe(2)
    while frame is not None:
        path = frame.f_code.co_filename
        if path == "<frozen importlib._bootstrap>":
            return True
        is_installed = any(one in path.split(os.sep) for one in _INSTALLED)
        if not is_installed and not path.startswith((library, here, "<frozen ")):
            return False
        frame = frame.f_back
    return False


def variables_read() -> list[str]:
    """The GAPLESS_ variables that the program has read; nothing is noted from now on."""
    global _is_watching
    _is_watching = False
    return sorted(_read)


def set_variables(variables: dict[str, str]) -> None:
    """The environment of a run: its GAPLESS_ variables are these."""
    for name in [name for name in os.environ if name.startswith(_PREFIX) and name != _OWN]:
        if name not in variables:
            del os.environ[name]
    os.environ.update(variables)


_INSTALLED = ("site-packages", "dist-packages")


def source_files() -> list[str]:
    """The files that the program was imported from, without the standard library, installed packages and the shim."""
    library, here = os.path.dirname(os.__file__), os.path.dirname(os.path.abspath(__file__))
    found = set()
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if not isinstance(path, str) or not os.path.isfile(path):
            continue
        path = os.path.abspath(path)
        folders = path.split(os.sep)
        if not path.startswith((library, here)) and not any(one in folders for one in _INSTALLED):
            found.add(path)
    return sorted(found)


def packages() -> dict[str, str]:
    """The packages that are installed, by the names of their folders: reading their metadata takes its time."""
    found: dict[str, str] = {}
    for path in sys.path:
        try:
            names = sorted(os.listdir(path or "."))
        except OSError:
            continue
        for name in names:
            if name.endswith(".dist-info"):
                package, _, version = name[: -len(".dist-info")].rpartition("-")
                found.setdefault(package, version)
    return found
