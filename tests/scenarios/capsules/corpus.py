"""The corpus: capsules of known failures, replayed by ``test_corpus.py``.

    python -m tests.scenarios.capsules.corpus add .gapless/capsules/NAME.json    keep a capsule
    python -m tests.scenarios.capsules.corpus renew                              write anew after an intended change

A capsule stays the same run as long as nothing changes what happens in it: simulator, client, or a library below. When
such a change is meant, ``renew`` writes the capsules again, with the same verdicts; it refuses where a verdict changes,
for then the race that was kept is not there any more. Its diff belongs in the commit of the change.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import click

from gapless.scenarios.capsules import capsule
from gapless.scenarios.capsules.capsule import Capsule
from gapless.scenarios.errors import UsageError
from gapless.scenarios.running.journal_difference import difference, fingerprints
from gapless.scenarios.running.runner import RunRequest, RunResult, perform
from gapless.simserver.errors import TapeError

DIRECTORY = Path(__file__).parent / "stored"
RENEW = "if that is meant, run `python -m tests.scenarios.capsules.corpus renew`"


def files() -> tuple[Path, ...]:
    """The capsules, in the order of their names."""
    return tuple(sorted(DIRECTORY.glob("*.json")))


def problems(kept: Capsule) -> Iterator[str]:
    """What a replay does not do as it did when it was kept. One of an older version is held to its verdict."""
    try:
        result = perform(kept.request)
    except TapeError as error:
        yield f"its choices no longer fit: {error}; {RENEW}"
        return
    record = result.record
    if record.verdict is not kept.verdict:
        yield f"its verdict was {kept.verdict}, and is {record.verdict}"
    if record.digest != kept.digest and kept.fingerprints and same_libraries(kept):
        yield f"its journal is another: {difference(kept.fingerprints, result.lines)}; {RENEW}"


def same_libraries(kept: Capsule) -> bool:
    """Whether the libraries are those that it was kept with. Python may be another: the journal is the same."""
    now = capsule.versions()
    return all(now.get(name) == version for name, version in kept.versions.items() if name not in ("python", "gapless"))


def renewed(kept: Capsule) -> tuple[RunRequest, RunResult]:
    """The run again: with its own choices as long as they fit, else drawn anew from its seed."""
    try:
        return kept.request, perform(kept.request)
    except TapeError:
        request = dataclasses.replace(kept.request, tape=None, ranges=None)
        return request, perform(request)


@click.group()
def main() -> None:
    """Keep the corpus of capsules."""


@main.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
def add(paths: tuple[Path, ...]) -> None:
    """Keep capsules, once a replay has shown each to be the same run."""
    for path in paths:
        kept = _loaded(path)
        for problem in problems(kept):
            raise click.ClickException(f"{path}: {problem}")
        (DIRECTORY / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
        click.echo(f"kept {DIRECTORY / path.name}")


@main.command()
def renew() -> None:
    """Write every capsule that is not the same run any more anew. One of version 1 is left as it is."""
    for path in files():
        kept = _loaded(path)
        if not kept.fingerprints:  # of version 1, which is held to its verdict alone
            continue
        request, result = renewed(kept)
        if result.record.verdict is not kept.verdict:
            verdicts = f"its verdict was {kept.verdict}, and is {result.record.verdict}"
            raise click.ClickException(f"{path}: {verdicts}; mend that, or delete the capsule")
        if result.record.digest != kept.digest or not same_libraries(kept):
            text = capsule.render(request, result.record, result.tape, result.ranges, fingerprints(result.lines))
            path.write_text(text, encoding="utf-8")
            click.echo(f"renewed {path}")


def _loaded(path: Path) -> Capsule:
    try:
        return capsule.load(path)
    except UsageError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
