"""What is installed: one import name, only what is needed, beside a project with packages that have our folders' names.

The wheel is built and installed as a user installs it, into environments that do not see this checkout.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from gapless.harness import INSTALL, MODULES
from tests.pythons import REQUIREMENTS, ROOT

pytestmark = pytest.mark.slow

TAKEN = ("scenarios", "reports", "simserver", "syncclient")
"""Names that a user's own project may have, and that other distributions have."""

CLIENT_MODULES = {"anyio", "httpx", "websockets"}

USERS_TESTS = """
import reports
import scenarios
import simserver
import syncclient
import pytest


def test_the_projects_own_packages_are_imported():
    assert [one.OWNER for one in (reports, scenarios, simserver, syncclient)] == ["the project"] * 4


@pytest.mark.gapless(scenarios=["clean-run"], generations=["tree"], cursors=["inclusive"], budget=False)
def test_our_client(gapless_run):
    gapless_run("gapless")
"""

TYPED = """import gapless
from gapless import testing

reveal_type(gapless.Settings(certainty='log').certainty)
reveal_type(testing.find_one('clean-run').name)
gapless.Settings(certainty=3)
"""

CLIENT_PROGRAM = """
import gapless
import sys

assert gapless.Settings(certainty="log").certainty == "log"
assert callable(gapless.open_conversation)
assert "gapless.simserver" not in sys.modules
print(gapless.__file__)
"""

CLIENT_PROGRAMS = """
import asyncio
import gapless

nowhere = dict(base_url="http://127.0.0.1:9", conversation_id="none", settings=gapless.Settings(attach_deadline_s=0.3))

async def main():
    async with gapless.open_conversation(**nowhere): ...

for run in (lambda: asyncio.run(main()), lambda: gapless.open_conversation_blocking(**nowhere)):
    try:
        run()
    except gapless.ServerUnreachable:
        print("unreachable")
"""


def run(python: Path, *arguments: str | Path, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """A command in an environment, with nothing of this checkout's in its path."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST", "COV"))}
    bin_ = f"{python.parent}{os.pathsep}{kept['PATH']}"
    return subprocess.run(
        [str(python), *map(str, arguments)],
        cwd=cwd,
        env={**kept, "PATH": bin_, **variables},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def environment(path: Path, *requirements: str | Path) -> Path:
    """A fresh environment with these requirements, pinned as ours are; its interpreter."""
    venv.create(path, with_pip=True)
    python = path / "bin" / "python"
    pins = path / "pins.txt"  # a constraint may have no extras, and pip keeps to the version that it is given
    pins.write_text(REQUIREMENTS.read_text(encoding="utf-8"), encoding="utf-8")
    installed = run(
        python, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "-c", pins, *requirements, cwd=path
    )
    assert installed.returncode == 0, installed.stderr
    return python


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheel, built from the sdist, and the sdist; from a copy of the checkout, without what tools left in it."""
    directory, checkout = tmp_path_factory.mktemp("dist"), tmp_path_factory.mktemp("checkout")
    for name in subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines():
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, checkout / name, follow_symlinks=False)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(directory), str(checkout)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (wheel,), (sdist,) = directory.glob("*.whl"), directory.glob("*.tar.gz")
    return wheel, sdist


@pytest.fixture(scope="module")
def whole(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the harness, pytest and xdist; its interpreter."""
    return environment(tmp_path_factory.mktemp("whole"), f"{built[0]}[harness]", "pytest", "pytest-xdist", "mypy")


@pytest.fixture(scope="module")
def client_only(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the sync client alone, and a pytest that knows nothing of it; its interpreter."""
    return environment(tmp_path_factory.mktemp("client"), built[0], "pytest")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A user's project, with packages that have the names of our folders."""
    for name in TAKEN:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text('OWNER = "the project"\n', encoding="utf-8")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_theirs.py").write_text(USERS_TESTS, encoding="utf-8")
    return tmp_path


def test_a_wheel_has_one_top_level_name(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[0]) as wheel:
        names = {name.split("/")[0] for name in wheel.namelist()}
    assert {name for name in names if not name.endswith(".dist-info")} == {"gapless"}


def test_a_wheel_has_every_file_that_the_packages_read(built: tuple[Path, Path]) -> None:
    listed = subprocess.check_output(["git", "ls-files", *TAKEN], cwd=ROOT, text=True).split()
    with zipfile.ZipFile(built[0]) as wheel:
        names = set(wheel.namelist())
    assert [name for name in listed if f"gapless/{name}" not in names] == []


def test_an_sdist_has_the_documentation_and_nothing_stray(built: tuple[Path, Path]) -> None:
    with tarfile.open(built[1]) as sdist:
        members = sdist.getmembers()
    names = {member.name.partition("/")[2] for member in members}
    assert not [member.name for member in members if member.issym() or member.islnk()]
    assert {"CHANGELOG.md", "README.md", "LICENSE", "docs/README.md", "gapless/testing.py"} <= names
    tops = {name.split("/")[0] for name in names if name}
    assert tops == {
        "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "MANIFEST.in", "PKG-INFO", "README.md", "docs", "gapless",
        "gapless.egg-info", "pyproject.toml", "setup.cfg",
    }  # fmt: skip
    listed = set(subprocess.check_output(["git", "ls-files", "docs"], cwd=ROOT, text=True).split())
    assert {name for name in names if name.startswith("docs/") and "." in name} == listed


def test_links_of_the_readme_work_outside_of_the_repository() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    relative = [part.partition(")")[0] for part in text.split("](")[1:] if not part.startswith(("https://", "#"))]
    assert relative == []


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (("-m", "pytest"), {}),
        (("-c", "import sys, pytest; sys.exit(pytest.main(['-p', 'no:cacheprovider']))"), {"PYTHONPATH": "."}),
        (("-m", "pytest", "-n", "2"), {}),
    ],
    ids=["python -m pytest", "PYTHONPATH=.", "xdist"],
)
def test_a_project_with_packages_of_our_folders_names_runs_its_tests(
    whole: Path, project: Path, arguments: tuple[str, ...], variables: dict[str, str]
) -> None:
    done = run(whole, *arguments, cwd=project, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_the_command_runs_in_such_a_project(whole: Path, project: Path) -> None:
    for command in ((whole.parent / "gapless",), ("-m", "gapless")):
        done = run(whole, *command, "run", "R10", "--no-kills", "--json", "records.json", cwd=project, PYTHONPATH=".")
        assert done.returncode == 0, done.stdout + done.stderr
        records = json.loads((project / "records.json").read_text(encoding="utf-8"))["records"]
        assert {record["verdict"] for record in records} == {"holds"}


def test_mypy_finds_the_public_names_in_an_install(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "typed.py").write_text(TYPED, encoding="utf-8")
    done = run(whole, "-m", "mypy", "--strict", "typed.py", cwd=tmp_path)
    assert [line.partition("note: ")[2] for line in done.stdout.splitlines() if "note:" in line] == [
        "Revealed type is \"Literal['branch'] | Literal['log']\"",
        'Revealed type is "str"',
    ]
    assert 'typed.py:6: error: Argument "certainty"' in done.stdout
    assert "Found 1 error" in done.stdout


@pytest.mark.parametrize("where", ["an install", "a checkout"])
def test_pyright_finds_the_public_names(whole: Path, tmp_path: Path, where: str) -> None:
    """Pyright follows no import hooks, so it sees what an editor sees."""
    (tmp_path / "typed.py").write_text(TYPED, encoding="utf-8")
    settings: dict[str, object] = {"include": ["typed.py"], "typeCheckingMode": "strict"}
    if where == "a checkout":
        settings["extraPaths"] = [str(ROOT)]
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    python = Path(sys.executable) if where == "a checkout" else whole
    done = run(Path(sys.executable), "-m", "pyright", "--outputjson", "--pythonpath", python, cwd=tmp_path)
    told = [(one["severity"], one["message"].splitlines()[0]) for one in json.loads(done.stdout)["generalDiagnostics"]]
    assert told[:2] == [
        ("information", "Type of \"gapless.Settings(certainty='log').certainty\" is \"Literal['branch', 'log']\""),
        ("information", 'Type of "testing.find_one(\'clean-run\').name" is "str"'),
    ]
    assert [message for severity, message in told if severity == "error"] == [told[2][1]]
    assert 'parameter "certainty"' in told[2][1]


def test_the_client_alone_brings_nothing_of_the_harness(client_only: Path, tmp_path: Path) -> None:
    listed = run(client_only, "-m", "pip", "list", "--format", "json", "--disable-pip-version-check", cwd=tmp_path)
    installed = {row["name"].lower() for row in json.loads(listed.stdout)}
    assert installed >= CLIENT_MODULES
    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extra = {one.partition(">")[0] for one in told["optional-dependencies"]["harness"]}
    shared = {"h11", "httpcore"}  # httpx needs them
    assert installed & extra == shared
    done = run(client_only, "-c", CLIENT_PROGRAM, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_client_alone_runs_on_asyncio_and_without_a_loop(client_only: Path, tmp_path: Path) -> None:
    done = run(client_only, "-W", "error", "-c", CLIENT_PROGRAMS, cwd=tmp_path)
    assert (done.returncode, done.stdout.split()) == (0, ["unreachable"] * 2), done.stderr


def test_what_lacks_the_harness_says_the_line_that_brings_it(client_only: Path, tmp_path: Path) -> None:
    command = run(client_only, "-m", "gapless", "run", "R10", cwd=tmp_path)
    assert command.returncode == 2
    assert command.stderr.startswith("error: the harness needs ")
    assert command.stderr.rstrip().endswith(INSTALL)
    assert len(command.stderr.splitlines()) == 1
    import_factory = run(client_only, "-c", "import gapless.testing", cwd=tmp_path)
    assert INSTALL in import_factory.stderr
    (tmp_path / "test_mine.py").write_text("def test_mine(gapless_run): ...\n", encoding="utf-8")
    tested = run(client_only, "-m", "pytest", "-q", cwd=tmp_path)
    assert tested.returncode == 2
    assert INSTALL in tested.stdout
    assert "Traceback" not in tested.stdout + tested.stderr


def test_the_plugin_leaves_a_project_that_does_not_use_it_alone(client_only: Path, tmp_path: Path) -> None:
    (tmp_path / "test_theirs.py").write_text("def test_theirs(): ...\n", encoding="utf-8")
    done = run(client_only, "-m", "pytest", "-q", "-W", "error", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_names_of_the_extra_stand_in_the_code_too() -> None:
    """The command must name what is missing without importing it, so it has a list of its own."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extra = {one.partition(">")[0] for one in told["optional-dependencies"]["harness"]}
    assert {name.replace("-", "_") for name in extra} == set(MODULES)
