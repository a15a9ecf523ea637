"""`gapless run --watch`: another pass for each change, and an end by Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from gapless.scenarios.cli.watching import folders_of, times
from tests.forked import command

CLIENT = """
from gapless.scenarios.clients.baselines.{module} import factory
"""


def test_a_change_of_the_client_runs_it_again(tmp_path: Path) -> None:
    client = tmp_path / "watched.py"
    client.write_text(CLIENT.format(module="poll_then_return"))
    words = ("run", "clean-run", "--client", "watched:factory", "--generation", "tree", "--cursor", "inclusive")
    argv = [*command(), *words, "--watch", "--jobs", "1", "--judge", "safety"]
    with subprocess.Popen(
        argv,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as running:
        assert running.stdout is not None
        told: list[str] = []
        for line in running.stdout:
            told.append(line)
            if "watching 1 files, Ctrl-C ends" in line and len([one for one in told if "watching" in one]) == 1:
                client.write_text(CLIENT.format(module="full_rescan") + "# changed\n")
            elif "watching" in line:
                break
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=30)
    assert "Traceback" not in errors
    assert [line for line in told if "changed" in line] == ["watched.py changed\n"]
    assert len([line for line in told if line.startswith("clean-run ")]) == 2
    assert running.returncode == 0


def test_only_sources_of_the_client_are_watched(tmp_path: Path) -> None:
    for name in ("client.mjs", "lib/part.py", "lib/readme.md", "node_modules/x/index.js", ".venv/a.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert [str(path.relative_to(tmp_path)) for path in times([tmp_path])] == ["client.mjs", "lib/part.py"]
    assert folders_of(("node", str(tmp_path / "client.mjs")), ()) == (tmp_path,)
    assert folders_of((), (Path("a/b.toml"),)) == (Path("a"), Path())
    assert os.fspath(folders_of((), ())[0]) == "."
