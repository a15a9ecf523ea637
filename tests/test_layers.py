"""Who may import whom: three leaves, one root, and nobody but the tests imports the root; one name for each module."""

from __future__ import annotations

import ast
import importlib
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
LEAVES = ("syncclient", "simserver", "reports")
FOLDERS = (*LEAVES, "scenarios")
MAY_IMPORT = {
    **{leaf: {leaf} for leaf in LEAVES},
    "scenarios": {*FOLDERS, "harness"},
}
MODULES_MAX = 16
"""In one folder, its ``__init__.py`` included. Where a stranger has to search longer, a folder is two."""


class Source(NamedTuple):
    """What a file imports, module by module with the names from it, and the classes at its top."""

    imports: tuple[tuple[str, tuple[str, ...]], ...]
    classes: tuple[str, ...]


@cache
def source(path: Path) -> Source:
    """A file, which is parsed once for all tests. Imports count wherever in the file they stand."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return Source(tuple(_imports(tree)), tuple(one.name for one in tree.body if isinstance(one, ast.ClassDef)))


def _imports(tree: ast.Module) -> Iterator[tuple[str, tuple[str, ...]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module, tuple(alias.name for alias in node.names)


def modules(path: Path) -> Iterator[str]:
    """The full name of every module that a file imports."""
    for module, names in source(path).imports:
        yield from (module, *(f"{module}.{name}" for name in names))


def parts_of_gapless(path: Path) -> set[str]:
    """The names directly below `gapless` that a file imports from."""
    return {name.split(".")[1] for name in modules(path) if name.startswith("gapless.")}


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_package_imports_only_what_it_may(folder: str) -> None:
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    trespasses = [
        f"{path.relative_to(ROOT)} imports gapless.{name}"
        for path in files
        for name in parts_of_gapless(path)
        if name not in MAY_IMPORT[folder]
    ]
    assert trespasses == []


def test_nothing_imports_a_folder_by_another_name_than_gapless() -> None:
    """``import simserver`` works in a checkout, and would load every module a second time."""
    files = [path for folder in (*FOLDERS, "tests", "gapless") for path in sorted((ROOT / folder).rglob("*.py"))]
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files
        for name in modules(path)
        if name.split(".")[0] in FOLDERS
    ]
    assert wrong == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_imported_by_its_bare_name_says_the_right_one(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.delitem(sys.modules, folder, raising=False)
    with pytest.raises(ImportError, match=f"import gapless.{folder}"):
        importlib.import_module(folder)


def test_oracles_and_baselines_stay_apart_from_our_client() -> None:
    """A baseline must not lean on our client, nor an oracle on a client's word."""
    for folder in (ROOT / "scenarios" / "clients" / "baselines", ROOT / "scenarios" / "judging" / "oracles"):
        files = sorted(folder.rglob("*.py"))
        assert files
        for path in files:
            assert "syncclient" not in parts_of_gapless(path), path


@pytest.mark.parametrize("name", ["uuid4", "time.time(", "random.random(", "datetime.now("])
def test_nothing_in_a_simulated_path_reads_the_wall_clock_or_global_chance(name: str) -> None:
    scenarios = ROOT / "scenarios"
    simulated = [
        *(ROOT / "simserver").rglob("*.py"),
        *(scenarios / "clients").rglob("*.py"),
        *(scenarios / "judging").rglob("*.py"),
        *(scenarios / "running" / one for one in ("script_player.py", "runner.py", "spin_watch.py")),
    ]
    guilty = [str(path) for path in sorted(simulated) if name in path.read_text(encoding="utf-8")]
    assert guilty == []


def classes(path: Path) -> Iterator[str]:
    """The public classes of a module."""
    return (name for name in source(path).classes if not name.startswith("_"))


def test_no_class_name_is_used_twice() -> None:
    """`scenarios` imports the other three packages, so each of their classes can be met there."""
    files = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    ours = [path for path in files if "examples" not in path.parts and "shims" not in path.parts]
    where: dict[str, list[str]] = {}
    for path in ours:
        for name in classes(path):
            where.setdefault(name, []).append(str(path.relative_to(ROOT)))
    assert {name: paths for name, paths in where.items() if len(paths) > 1} == {}


def test_no_modules_import_one_another_in_a_circle() -> None:
    """An import for type checkers alone counts too: who reads one module of a circle has to read them all."""
    files = {
        f"gapless.{'.'.join(path.relative_to(ROOT).with_suffix('').parts).removesuffix('.__init__')}": path
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "shims" not in path.parts
    }
    imported = {name: _imported_files(path, files) - {name} for name, path in files.items()}
    left = dict(imported)
    while free := [name for name, needs in left.items() if not needs & left.keys()]:
        for name in free:
            del left[name]
    assert sorted(left) == []


def _imported_files(path: Path, files: Mapping[str, Path]) -> set[str]:
    """The modules that a file imports, or imports names from; not the package above a module that it names."""
    found: set[str] = set()
    for module, names in source(path).imports:
        below = [f"{module}.{name}" for name in names]
        found |= {one if one in files else module for one in below} or {module}
    return found & files.keys()


def test_no_folder_has_more_modules_than_a_stranger_can_look_through() -> None:
    """Catalogs of one idea a file are apart: the faults, and the programs of a conformance suite."""
    folders = Counter(path.parent for folder in (*FOLDERS, "tests") for path in (ROOT / folder).rglob("*.py"))
    crowded = {str(folder.relative_to(ROOT)): count for folder, count in folders.items() if count > MODULES_MAX}
    assert set(crowded) <= {"simserver/faults", "tests/lockstep/programs/python"}
