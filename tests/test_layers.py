"""Who may import whom: three leaves, one root, and nobody but the tests imports the root."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("syncclient", "simserver", "reports", "scenarios", "tests")
MAY_IMPORT = {
    "syncclient": {"syncclient"},
    "simserver": {"simserver"},
    "reports": {"reports"},
    "scenarios": {"scenarios", "syncclient", "simserver", "reports"},
}


def imports(path: Path) -> Iterator[str]:
    """The first part of every absolute import in a file, wherever in the file it stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_a_package_imports_only_what_it_may(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    trespasses = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files
        for name in imports(path)
        if name in PACKAGES and name not in MAY_IMPORT[package]
    ]
    assert trespasses == []


def test_only_oracles_baselines_and_clients_stay_apart_from_one_another() -> None:
    """A baseline must not lean on our client, nor an oracle on a client's word."""
    for folder in ("baselines", "oracles"):
        for path in sorted((ROOT / "scenarios" / folder).rglob("*.py")):
            assert "syncclient" not in set(imports(path)), path


@pytest.mark.parametrize("name", ["uuid4", "time.time(", "random.random(", "datetime.now("])
def test_nothing_in_a_simulated_path_reads_the_wall_clock_or_global_chance(name: str) -> None:
    simulated = [
        *(ROOT / "simserver").rglob("*.py"),
        *(ROOT / "scenarios" / "baselines").rglob("*.py"),
        *(ROOT / "scenarios" / "oracles").rglob("*.py"),
        *(ROOT / "scenarios" / "clients").rglob("*.py"),
        *((ROOT / "scenarios" / one) for one in ("stage.py", "runner.py", "evidence.py", "optimum.py", "spinning.py")),
    ]
    guilty = [str(path) for path in sorted(simulated) if name in path.read_text(encoding="utf-8")]
    assert guilty == []
