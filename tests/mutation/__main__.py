"""Mutation testing of the client's core, with cosmic-ray: ``python -m tests.mutation``, or ``make mutation``.

Small changes are made in ``syncclient/core`` and ``syncclient/log``, one at a time, in a copy of the last commit. Each
is judged by `tests.mutation.judge`, which runs what takes the changed statement. A change that no scenario notices has
survived. One that is not judged within a bound of processor time is undecided, and is counted apart. All changes take
many hours; ``--sample`` judges some of them. What was judged is kept, and the same command goes on where it ended.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import venv
from collections import Counter
from pathlib import Path
from typing import Any

import click

from tests.mutation.judge import UNDECIDED

ROOT = Path(__file__).parents[2]
ENVIRONMENT = ROOT / ".venv-mutation"
REQUIREMENTS = Path(__file__).parent / "requirements.txt"
DIRECTORY = ROOT / ".gapless" / "mutation"
CLIENT = "syncclient"
MODULES = (f"{CLIENT}/core", f"{CLIENT}/log")
TIMEOUT_S = 24 * 3600  # of the wall clock, which decides nothing: the bounds of `judge` are in processor time
PATHS = "paths.json"
BEFORE = "before"


@click.command()
@click.option("--sample", type=click.IntRange(min=1), default=None, help="Judge so many changes.  [default: all]")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Seed of the sample.")
def main(sample: int | None, seed: int) -> None:
    """Judge changes of the client's core by the catalog, and list those that survive."""
    _make_environment()
    commit = _output("git", "rev-parse", "--short=12", "HEAD").strip()
    work = DIRECTORY / commit / ("all" if sample is None else f"{sample}-of-seed-{seed}")
    session, config, copy = work / "session.sqlite", work / "config.toml", work / "checkout"
    if not session.exists():
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(copy)], check=True)
        shutil.copytree(copy / CLIENT, work / BEFORE / CLIENT)
        config.write_text(_config(work / PATHS), encoding="utf-8")
        _run(copy, "cosmic-ray", "init", config, session)
        if sample is not None:
            _run(copy, "python", Path(__file__).parent / "sample.py", session, sample, seed)
    if not (work / PATHS).exists():
        click.echo("tracing which lines each run of the catalog takes")
        subprocess.run([sys.executable, "-m", "tests.mutation.paths", str(work / PATHS)], cwd=copy, check=True)
    click.echo(f"commit {commit}: judging in {copy}; Ctrl-C keeps what was judged")
    try:
        _run(copy, "cosmic-ray", "exec", config, session)
    except KeyboardInterrupt:
        click.echo("interrupted")
    _report(session, work / "survivors.txt")


def _config(paths: Path) -> str:
    modules = ", ".join(f'"{module}"' for module in MODULES)
    return (
        "[cosmic-ray]\n"
        f"module-path = [{modules}]\n"
        f"timeout = {TIMEOUT_S}.0\n"
        "excluded-modules = []\n"
        f"test-command = {json.dumps(f'{sys.executable} -m tests.mutation.judge {paths}')}\n"
        "\n[cosmic-ray.distributor]\n"
        'name = "local"\n'
    )


def _make_environment() -> None:
    ready = ENVIRONMENT / ".ready"
    if not ready.exists() or ready.read_text(encoding="utf-8") != REQUIREMENTS.read_text(encoding="utf-8"):
        click.echo(f"making {ENVIRONMENT.name}")
        venv.create(ENVIRONMENT, clear=True, with_pip=True)
        _run(ROOT, "pip", "install", "--quiet", "--disable-pip-version-check", "-r", REQUIREMENTS)
        ready.write_text(REQUIREMENTS.read_text(encoding="utf-8"), encoding="utf-8")


def _run(directory: Path, program: str, *arguments: object) -> None:
    subprocess.run([ENVIRONMENT / "bin" / program, *map(str, arguments)], cwd=directory, check=True)


def _output(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def _report(session: Path, file: Path) -> None:
    """Print the score, and write the changes that survived."""
    told: Counter[str] = Counter()
    survivors: list[str] = []
    for line in _output(str(ENVIRONMENT / "bin" / "cosmic-ray"), "dump", str(session)).splitlines():
        work, result = json.loads(line)
        if result is None or result["worker_outcome"] == "skipped":
            continue
        outcome = _outcome(result)
        told[outcome] += 1
        if outcome == "survived":
            (place,) = work["mutations"]
            where = f"{place['module_path']}:{place['start_pos'][0]}"
            survivors.append(f"{where} {place['operator_name']}\n{result['diff']}")
    file.write_text("\n".join(sorted(survivors)), encoding="utf-8")
    decided, survived = told.total() - told[UNDECIDED], told["survived"]
    score = f"{100 * (decided - survived) / decided:.1f} %" if decided else "unknown"
    apart = f", {told[UNDECIDED]} undecided" if told[UNDECIDED] else ""
    click.echo(f"{decided} changes judged, {survived} survived, score {score}{apart}; the survivors are in {file}")


def _outcome(result: dict[str, Any]) -> str:
    """Killed, survived or undecided; a change with which the judge itself does not come to an end is undecided too."""
    if result["test_outcome"] == "survived":
        return "survived"
    is_open = result["worker_outcome"] != "normal" or any(
        line.startswith(UNDECIDED) for line in str(result["output"]).splitlines()
    )
    return UNDECIDED if is_open else "killed"


if __name__ == "__main__":
    main()
