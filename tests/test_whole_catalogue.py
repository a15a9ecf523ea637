"""The whole catalogue: the same runs, entry for entry, in fresh processes under other hash seeds and on every Python
found; and one page that shows them all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gapless.reports.file_names import PAGE
from gapless.reports.html import SIZE_BYTES_MAX
from tests.pythons import ROOT, equipped, found
from tests.reports.html.embedded import embedded


def records(python: Path, hash_seed: str, file: Path, *arguments: str | Path) -> dict[tuple[str, ...], dict[str, Any]]:
    """The record of every run, digest included, as that Python sees it."""
    answer = subprocess.run(
        [python, "-m", "gapless", "run", *arguments, "--no-kills", "--json", file],
        cwd=file.parent,
        env=os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert file.exists(), answer.stdout + answer.stderr
    document = json.loads(file.read_text(encoding="utf-8"))
    assert document["complete"]
    return {(one["scenario"], one["generation"], one["cursor"]): one for one in document["records"]}


@pytest.mark.slow
def test_all_runs_fit_on_one_page_and_are_the_same_on_every_python_found(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    first = records(Path(sys.executable), "0", tmp_path / "first.json", "--no-sweep", "--out", tmp_path)
    page = (tmp_path / PAGE).read_text(encoding="utf-8")
    assert len(page.encode()) <= SIZE_BYTES_MAX
    assert set(embedded(page)) == {record["digest"] for record in first.values()}, "nothing is left out"
    for hash_seed, python in enumerate(found(), start=1):
        again = records(equipped(python), str(hash_seed), tmp_path / f"{python.version}.json")
        differing = [key for key, record in first.items() if again.get(key) != record]
        assert differing == [], f"on Python {python.version} {len(differing)} of {len(first)} runs are others"
        assert len(again) == len(first)
        record_property(f"runs the same on Python {python.version}", len(again))


# Of each kind one: nothing drawn, frames lost and overtaken, times drawn, and a replay by the client.
SOME = ("clean-run", "r30-lost-frame", "r31-overtaken-then-cut", "recorded-link-latency", "r01-event-before-subscribe")


def test_some_runs_are_the_same_in_fresh_processes_and_another_run_is_seen_to_be_another(tmp_path: Path) -> None:
    """The comparison bites: what differs in the digest alone differs."""
    first = records(Path(sys.executable), "0", tmp_path / "first.json", *SOME, "--cursor", "exclusive")
    again = records(Path(sys.executable), "4711", tmp_path / "again.json", *SOME, "--cursor", "exclusive")
    assert again == first
    assert len(first) == 3 * len(SOME)
    clean, lost = ({one["digest"] for key, one in first.items() if key[0] == name} for name in SOME[:2])
    assert clean
    assert lost
    assert clean.isdisjoint(lost)


def test_a_python_that_does_not_run_is_not_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shim = tmp_path / "python3.13"
    shim.write_text("#!/bin/sh\necho 'version 3.13 is not installed' >&2\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert [python.version for python in found()] == [f"{sys.version_info.major}.{sys.version_info.minor}"]
    assert equipped(found()[0]) == Path(sys.executable)
