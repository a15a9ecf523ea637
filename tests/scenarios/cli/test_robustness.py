"""Whatever breaks outside of a client ends in one sentence and an exit code that is no verdict's."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from gapless.reports.file_names import safe_name
from gapless.reports.records.characters import printable
from gapless.reports.records.documents import NotADocument, parse_json
from gapless.scenarios.capsules import capsule
from gapless.scenarios.cli import main as command_line
from gapless.scenarios.cli.commands import list as list_command
from gapless.scenarios.cli.main import CLOSED_EXIT_CODE, main
from gapless.scenarios.cli.output.plain_output import PlainText, plain_output
from gapless.scenarios.definition.loading import load_file
from gapless.scenarios.errors import UsageError
from gapless.scenarios.given_files import given_bytes
from gapless.scenarios.mutation.mutants import MUTANTS
from gapless.scenarios.written_files import write_within
from tests.forked import command as gapless_command

NASTY = "\x1b[2J\x1b]0;owned\x07\x9b31m\r\u202etxt.exe\ud800"
DEEP = "[" * 100_000
LONG = "9" * 5_000


def gapless(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def process(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    argv = [*gapless_command(), *words]
    return subprocess.run(argv, capture_output="stdout" not in options, text=True, check=False, timeout=60, **options)


# --- documents -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (DEEP, "nested too deeply"),
        (LONG, "thousands of digits"),
        (r'["\ud800"]', "half of a surrogate pair"),
        ("{", "Expecting"),
    ],
)
def test_json_that_cannot_be_used_is_one_kind_of_error(text: str, why: str) -> None:
    with pytest.raises(NotADocument, match=why):
        parse_json(text)


def test_json_with_a_whole_pair_is_a_document() -> None:
    assert parse_json(r'["\ud83d\ude00"]') == ["😀"]


@pytest.mark.parametrize("text", [f"a = {DEEP}", f"a = {LONG}", "a = 1979-99-99", "\x00"])
@pytest.mark.parametrize("words", [("run",), ("serve",), ("run", "clean-run", "--scenario-file")])
def test_toml_that_cannot_be_used_is_a_usage_error(tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    result = gapless(*words, str(path))
    assert (result.exit_code, result.output.count("\n")) == (2, 1), result.output
    assert result.output.startswith(f"Error: {path}:"), result.output


def test_a_file_without_an_end_is_read_to_a_bound(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="more than 0 MB"):
        given_bytes(Path("/dev/zero"), 1000)
    result = gapless("run", "--scenario-file", "/dev/zero")
    assert (result.exit_code, result.output.count("\n")) == (2, 1), result.output
    assert "/dev/zero: cannot be read (it has more than 8 MB)" in result.output


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('\ufeffname = "x"\ntitle = "x"\norigin = "x"\n', encoding="utf-8")
    assert load_file(path).name == "x"


@pytest.mark.parametrize("text", [DEEP, LONG, r'{"schema": "gapless/capsule/3", "client": "\ud800"}'])
@pytest.mark.parametrize("words", [("replay",), ("diff", "{path}")])
def test_a_capsule_or_record_that_cannot_be_used_is_a_usage_error(
    tmp_path: Path, text: str, words: tuple[str, ...]
) -> None:
    path = tmp_path / "mine.json"
    path.write_text(text)
    result = gapless(*(word.format(path=path) for word in words), str(path))
    assert (result.exit_code, result.output.count("\n")) == (2, 1), result.output


def test_a_budget_that_cannot_be_used_is_a_usage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("budget.toml").write_text(f"a = {DEEP}")
    result = gapless("run", "clean-run")
    assert (result.exit_code, "budget.toml: is not TOML (it is nested too deeply)" in result.output) == (2, True)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ("history_events = 100000\npayload_bytes = 100000", "would be sent, and 1,024 MB are the most"),
        ("runs = [" + ", ".join(["{ actions = 10000 }"] * 30) + "]", "600,000 events would be sent"),
    ],
)
def test_more_work_than_a_machine_has_memory_for_is_refused(tmp_path: Path, changed: str, told: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f'name = "x"\ntitle = "x"\norigin = "x"\ndocumentation = true\n\n[workload]\n{changed}\n')
    result = gapless("run", str(path))
    assert (result.exit_code, told in result.output, f"{path}:6: workload" in result.output) == (2, True, True)


# --- output ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", [("list",), ("run", "clean-run", "--generation", "tree"), ("mutants", MUTANTS[0].name), ("show", "R10")]
)
def test_a_closed_pipe_is_no_verdict(words: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        argv = [*gapless_command(), *words]
        ended = subprocess.run(argv, stdout=closed, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    assert ended.returncode == CLOSED_EXIT_CODE
    assert "Error" not in ended.stderr


@pytest.mark.parametrize(("words", "code"), [("list R10 >&-", 0), ("run nonesuch <&- >&- 2>&-", 2)])
def test_closed_streams_change_no_exit_code(words: str, code: int) -> None:
    ended = subprocess.run(["sh", "-c", f"{sys.executable} -m gapless {words}"], capture_output=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (code, b"", b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is full")
@pytest.mark.parametrize("words", [("list",), ("--help",), ("run", "clean-run", "--json", "/dev/full")])
def test_a_full_disk_is_no_verdict(words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        ended = process(*words, stdout=full if "--json" not in words else subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert ended.returncode == 2
    assert "No space left on device" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_letters_that_the_terminal_lacks_are_written_in_another_way() -> None:
    ended = process("show", "R10", env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.isascii()


def test_a_bug_of_ours_is_no_verdict_and_leaves_its_traceback_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise LookupError("no idea")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(list_command, "list_", click.command("list")(broken))
    result = gapless("list")
    assert result.exit_code == 70
    assert result.output.startswith("Error: gapless broke down (LookupError), which says nothing of the client")
    assert "LookupError: no idea" in Path(".gapless/crash.txt").read_text()


def test_an_unknown_command_is_answered_with_a_near_one() -> None:
    result = gapless("rnu")
    assert (result.exit_code, "There is no command 'rnu'; did you mean 'run'?" in result.output) == (2, True)
    assert "`gapless --help` lists the commands" in gapless("zzz").output


def test_the_lines_of_the_help_are_those_of_the_commands() -> None:
    """They are kept apart, so that the help imports no command."""
    context = click.Context(main)
    listed = dict(command_line._COMMANDS)
    assert list(listed) == sorted(listed)
    for name, (_, line) in listed.items():
        command = main.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert line.rstrip(".").split(",")[0].split(":")[0] in " ".join((command.help or "").split()), name


def test_the_help_imports_nothing_that_takes_long() -> None:
    code = "import sys; from gapless.scenarios.cli.main import main; main(['--help'], standalone_mode=False); "
    code += "print(sorted({'trio', 'httpx', 'pydantic', 'hypothesis', 'rich', 'starlette'} & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout.splitlines()[-1] == "[]"


def test_commands_import_only_what_they_need() -> None:
    commands = [f"gapless.scenarios.cli.commands.{name}" for name in ("replay", "list", "report", "compare", "explore")]
    parts = tuple(f"gapless.scenarios.{name}" for name in ("explore", "lockstep", "mutation", "prove", "realserver"))
    code = "import sys, gapless.scenarios.cli.commands.run; "
    code += f"print(sorted(name for name in sys.modules if name.startswith({parts}))); "
    code += f"import {', '.join(commands)}; "
    code += "print(sorted({'hypothesis', 'selenium', 'distributed', 'pytest'} & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout.splitlines()[-2:] == ["[]", "[]"]


# --- characters ------------------------------------------------------------------------------------------------------


def test_no_character_that_steers_a_terminal_is_printable() -> None:
    assert printable("a\tb\nc é 😀") == "a\tb\nc é 😀"
    told = printable(NASTY)
    assert len(told) == len(NASTY)
    assert all(one.isprintable() for one in told)


def test_whatever_is_written_is_made_printable(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    with plain_output():
        assert isinstance(sys.stdout, PlainText)
        click.echo(NASTY)
    assert not isinstance(sys.stdout, PlainText)
    assert "\x1b" not in stream.getvalue()
    assert "\ufffd31m" in stream.getvalue()


CLIENT = """
import json, sys
for line in sys.stdin:
    step = json.loads(line)["step"]
    print("printed \\x1b[2J\\x9b31m", file=sys.stderr)
    if step == "run":
        print(json.dumps({"id": "id-\\x1b[2J"}))
        print(json.dumps({"failed": "run", "error": "no \\x1b]0;owned\\x07 \\x9b31m"}), flush=True)
    else:
        print(json.dumps({"done": step}), flush=True)
"""


def test_no_control_character_of_a_client_reaches_terminal_trace_or_file_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("nasty.py").write_text(CLIENT)
    label = "na\x1b[2Jsty/../../x"
    one = ("--generation", "tree", "--cursor", "inclusive", "--label", label)
    result = gapless("run", "clean-run", *one, "--out", "out", "--no-sweep", "--", sys.executable, "nasty.py")
    assert result.exit_code == 1, result.output
    replayed = gapless("replay", str(next(Path("out/capsules").iterdir())), "--trust", "--trace")
    texts = [
        path for path in Path("out").rglob("*") if path.suffix in {".txt", ".md", ".mmd", ".json", ".xml", ".html"}
    ]
    for text in (result.output, replayed.output, *(path.read_text(encoding="utf-8") for path in texts)):
        assert not {one for one in text if one < " " or "\x7f" <= one <= "\x9f"} - {"\n", "\t"}
    assert all(path.name.isprintable() for path in Path("out").rglob("*"))
    assert not Path("x").exists()


def test_names_that_differ_make_file_names_that_differ() -> None:
    assert safe_name("my.module:factory") == "my.module-factory"
    names = ["a/b", "a:b", "a-b", "a b", "a\x1bb", "x" * 300, "x" * 301]
    assert len({safe_name(name) for name in names}) == len(names) - 1  # a module and its factory keep their look
    assert all(len(safe_name(name)) <= 140 for name in names)


# --- links -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    path = tmp_path / "precious.txt"
    path.write_text("mine")
    return path


def test_a_link_in_the_place_of_a_file_is_replaced_and_not_followed(tmp_path: Path, precious: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "report.html").symlink_to(precious)
    write_within(folder, Path("report.html"), b"page")
    assert (precious.read_text(), (folder / "report.html").read_text()) == ("mine", "page")
    assert [path.name for path in folder.iterdir()] == ["report.html"]


@pytest.mark.parametrize("path", ["runs/a.txt", "../a.txt"])
def test_a_folder_that_is_a_link_is_refused(tmp_path: Path, path: str) -> None:
    folder, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    (folder / "runs").symlink_to(elsewhere)
    with pytest.raises(UsageError, match="leads out of"):
        write_within(folder, Path(path), b"")
    assert list(elsewhere.iterdir()) == []


def test_a_report_follows_no_link_out_of_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precious: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("out").mkdir()
    for name in ("records.json", "report.html", "junit.xml", "index.json"):
        (Path("out") / name).symlink_to(precious)
    one = ("--generation", "tree", "--cursor", "inclusive", "--no-sweep", "--no-kills")
    result = gapless("run", "clean-run", *one, "--out", "out")
    assert (result.exit_code, precious.read_text()) == (0, "mine"), result.output
    Path("out/capsules").symlink_to(tmp_path)
    result = gapless("run", "R10", *one, "--client", "poll-then-return", "--out", "out")
    assert (result.exit_code, "out/capsules: leads out of out" in result.output) == (2, True), result.output


# --- trust -----------------------------------------------------------------------------------------------------------


def made(client: str, command: list[str], tmp_path: Path) -> str:
    stored = next(iter(sorted((Path(__file__).parents[1] / "capsules" / "stored").glob("*.json"))))
    document = json.loads(stored.read_text(encoding="utf-8")) | {"client": client, "command": command}
    path = tmp_path / "sent.json"
    path.write_text(json.dumps(document))
    return str(path)


def test_a_capsule_imports_nothing_and_runs_nothing_unless_it_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    evil = "open('owned', 'w').close()\ndef factory(context): ...\n"
    Path("evil.py").write_text(evil)
    Path("rich.py").write_text(evil)  # shadows what is installed
    for client, command in (("evil:factory", []), ("rich:factory", []), ("x", [sys.executable, "evil.py"])):
        result = gapless("replay", made(client, command, tmp_path))
        assert (result.exit_code, "look at it, then add --trust" in result.output) == (2, True), result.output
    assert not Path("owned").exists()
    gapless("replay", made("evil:factory", [], tmp_path), "--trust")
    assert Path("owned").exists()


def test_a_capsule_of_a_client_that_is_installed_needs_no_trust() -> None:
    stored = sorted((Path(__file__).parents[1] / "capsules" / "stored").glob("*.json"))
    assert capsule.load(stored[0]).request.client
    assert "--trust" not in gapless("replay", str(stored[0])).output
