"""The database of a campaign: a directory from which the campaign is resumed.

- ``campaign.json``   the number of worlds tried, the counts, and the causes found
- ``examples/``       failing worlds that wait to be shrunk, as lists of numbers in a Hypothesis example database
- ``<cause>.toml``    the shrunk world of a cause as a scenario file
- ``<cause>.json``    the capsule of that world
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from hypothesis.database import DirectoryBasedExampleDatabase, choices_from_bytes, choices_to_bytes
from pydantic import TypeAdapter, ValidationError

from gapless import reports, scenarios, simserver, syncclient
from gapless.scenarios.capsules import capsule
from gapless.scenarios.errors import CapsuleError, UsageError
from gapless.scenarios.explore.campaign import Campaign, Group
from gapless.scenarios.running.runner import Level, RunRequest

DIRECTORY = Path(".gapless") / "explore"
SCHEMA = "gapless/explore/1"
KEY = b"gapless explore"


@dataclass(frozen=True, slots=True)
class _File:
    """The content of ``campaign.json``. ``tally`` is a list of pairs, because JSON keys cannot be tuples."""

    schema: str
    client: str
    code: str
    blocks: int
    worlds: int
    failed: int
    tally: list[tuple[tuple[str, ...], int]]
    groups: list[Group]


_FILE = TypeAdapter(_File)


class Database:
    """The directory of one client's campaign."""

    def __init__(
        self,
        directory: Path,
        client: str,
        level: Level = "wire",
        command: tuple[str, ...] = (),
        server: str = "",
    ) -> None:
        name = client if level == "wire" else f"{client}.{level}"
        name = f"{name}.{server}" if server else name
        self._server = server
        self.directory = directory / re.sub(r"[^A-Za-z0-9._-]+", "-", name)
        self._client, self._level, self._command = client, level, command
        self._file = self.directory / "campaign.json"
        # Taken now: edits to the files during the campaign do not change the code that is running.
        self._code = code_digest()
        self._examples = DirectoryBasedExampleDatabase(self.directory / "examples")

    def load(self) -> tuple[Campaign, bool]:
        """The stored campaign, or a new one; and whether the code has changed since it was stored.

        After a change of the code, worlds are tried again from the first block, and only the causes are kept.
        Raises UsageError for a file that is no campaign.
        """
        try:
            text = self._file.read_bytes()
        except FileNotFoundError:
            return Campaign(self._client, self._level, command=self._command, server=self._server), False
        except OSError as error:
            raise UsageError(
                f"{self._file}: cannot be read ({error.strerror}); give --database another directory"
            ) from error
        try:
            file = _FILE.validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            problem = f"{where}: {first['msg']}" if where else first["msg"]
            raise self._broken(f"is no campaign ({problem})") from None
        if file.schema != SCHEMA:
            raise self._broken(f"has the schema {file.schema!r}, and this is {SCHEMA!r}")
        if file.code != self._code:
            known = Campaign(self._client, self._level, groups=file.groups, command=self._command, server=self._server)
            return known, True
        return (
            Campaign(
                self._client,
                self._level,
                blocks=file.blocks,
                worlds=file.worlds,
                failed=file.failed,
                tally=Counter(dict(file.tally)),
                groups=file.groups,
                command=self._command,
                server=self._server,
            ),
            False,
        )

    def save(self, campaign: Campaign) -> None:
        """Store the campaign. The file is replaced atomically. Raises UsageError when it cannot be written."""
        file = _File(
            SCHEMA,
            campaign.client,
            self._code,
            campaign.blocks,
            campaign.worlds,
            campaign.failed,
            sorted(campaign.tally.items()),
            campaign.groups,
        )
        beside = self._file.with_suffix(".part")
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(_FILE.dump_json(file, indent=1) + b"\n")
            os.replace(beside, self._file)
        except OSError as error:
            raise UsageError(
                f"{self._file}: cannot be written ({error.strerror}); give --database another directory"
            ) from error
        self._keep_examples(failure.drawn for failure in campaign.waiting.values())

    def examples(self) -> Iterator[tuple[int, ...]]:
        """The stored worlds that wait to be shrunk, shortest first. Raises UsageError for an unreadable example."""
        for kept in sorted(self._examples.fetch(KEY), key=lambda one: (len(one), one)):
            choices = choices_from_bytes(kept)
            if choices is None or not all(type(one) is int for one in choices):
                raise self._broken("holds an example that cannot be read", self.directory / "examples")
            yield tuple(one for one in choices if isinstance(one, int))

    def request(self, group: Group) -> RunRequest:
        """The run of a group's shrunk world, without its tape: the choices are made anew from its seed.

        Raises UsageError when the capsule is missing or cannot be read.
        """
        path = self.path(group, ".json")
        try:
            return replace(capsule.load(path).request, tape=None)
        except CapsuleError as error:
            raise self._broken(error.problem, path) from error

    def path(self, group: Group, suffix: str) -> Path:
        """The path of a group's file with this suffix."""
        return self.directory / f"{group.name}{suffix}"

    def _keep_examples(self, drawn: Iterable[tuple[int, ...]]) -> None:
        wanted = {choices_to_bytes(one) for one in drawn}
        kept = set(self._examples.fetch(KEY))
        for one in sorted(kept - wanted):
            self._examples.delete(KEY, one)
        for one in sorted(wanted - kept):
            self._examples.save(KEY, one)

    def _broken(self, problem: str, path: Path | None = None) -> UsageError:
        return UsageError(f"{path or self._file}: {problem}; remove {self.directory} to begin anew")


def code_digest() -> str:
    """A digest of all code that the result of a world depends on."""
    digest = hashlib.sha256()
    for package in (syncclient, simserver, scenarios, reports):
        root = Path(package.__path__[0])
        for path in sorted(root.rglob("*.py")):
            digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]
