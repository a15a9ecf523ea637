"""The database of a campaign: a directory from which the campaign is resumed.

- ``campaign.json``   the seed, the number of worlds tried, the counts, the tables of the steering, the causes found
- ``examples/``       failing worlds that wait to be shrunk, as lists of numbers in a Hypothesis example database
- ``<cause>.toml``    the shrunk world of a cause as a scenario file
- ``<cause>.json``    the capsule of that world
- ``lock``            held by the campaign at work
- ``shared-<seed>/``  the database of a campaign that was begun while another one was at work here, until it is merged
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from gapless.reports.records.documents import parse_json
from gapless.scenarios.capsules import capsule
from gapless.scenarios.errors import CapsuleError, UsageError
from gapless.scenarios.explore.campaign import Campaign, Group, Share
from gapless.scenarios.explore.file_lock import FileLock
from gapless.scenarios.explore.steering import Drawn, Table
from gapless.scenarios.given_files import given_bytes, given_text
from gapless.scenarios.running.code_digest import code_digest
from gapless.scenarios.running.runner import RunRequest
from gapless.scenarios.wrong_values import WrongValue, validated_by

if TYPE_CHECKING:
    from hypothesis.database import ExampleDatabase

DIRECTORY = Path(".gapless") / "explore"
SCHEMA = "gapless/explore/2"
KEY = b"gapless explore"
SEED_MAX = 2**32 - 1
_GUEST = "shared-"
# The seed in a file of the first version, which had none.
_NO_SEED = -1

Origins = Mapping[Drawn, tuple[int | None, int | None]]


@dataclass(frozen=True, slots=True)
class _Share:
    """The counts of one seed. ``tally`` is a list of pairs, because JSON keys cannot be tuples."""

    seed: int
    worlds: int
    failed: int
    tally: list[tuple[tuple[str, ...], int]]


@dataclass(frozen=True, slots=True)
class _File:
    """The content of ``campaign.json``. ``origins``: for each example, the seed and the number of its world."""

    schema: str
    client: str
    code: str
    own: _Share
    others: list[_Share]
    tables: dict[int, Table]
    kept: dict[str, list[Drawn]]
    groups: list[Group]
    origins: list[tuple[Drawn, int | None, int | None]]


_FILE = TypeAdapter(_File)


class Database:
    """The directory of one client's campaign. ``guest``: the seed of a campaign that shares another's database."""

    def __init__(
        self,
        directory: Path,
        client: str,
        command: tuple[str, ...] = (),
        server: str = "",
        *,
        guest: int | None = None,
    ) -> None:
        name = f"{client}.{server}" if server else client
        self._parent = directory
        self._server = server
        self.directory = directory / re.sub(r"[^A-Za-z0-9._-]+", "-", name)
        if guest is not None:
            self.directory /= f"{_GUEST}{guest}"
        self._client, self._command = client, command
        self._file = self.directory / "campaign.json"
        # Taken now: edits to the files during the campaign do not change the code that is running.
        self._code = code_digest()

    def exists(self) -> bool:
        """Whether a campaign is kept here."""
        return self._file.exists()

    def lock(self) -> FileLock:
        """The lock of the directory. Raises UsageError when the directory cannot be made."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unwritable(error) from error
        return FileLock(self.directory / "lock")

    def guest(self, seed: int) -> Database:
        """The database, within this one, of a campaign that is at work at the same time."""
        return Database(self._parent, self._client, self._command, self._server, guest=seed)

    def guests(self) -> tuple[Database, ...]:
        """The databases of campaigns that shared this one, and were not merged yet."""
        seeds = sorted(path.name.removeprefix(_GUEST) for path in self.directory.glob(f"{_GUEST}*"))
        return tuple(self.guest(int(seed)) for seed in seeds if seed.isdecimal())

    def remove(self) -> None:
        """Remove the directory."""
        shutil.rmtree(self.directory, ignore_errors=True)

    def load(self, seed: int | None = None) -> tuple[Campaign, bool]:
        """The stored campaign, or a new one; and whether the code has changed since it was stored.

        ``seed``: of a new campaign; None takes a fresh one from the system. A stored campaign goes on with its own.
        After a change of the code, worlds are tried again from the first, and only the causes are kept.
        Raises UsageError for a file that is no campaign, and for a seed that is not the stored one.
        """
        file = self._read()
        if file is None:
            return self._campaign(fresh_seed() if seed is None else seed, []), False
        own = file.own
        if own.seed == _NO_SEED:
            own = replace(own, seed=fresh_seed() if seed is None else seed)
        if seed is not None and seed != own.seed:
            raise UsageError(
                f"--seed {seed}: {self.directory} has worlds of seed {own.seed}; leave --seed out to go on with that, "
                "or give --database another directory"
            )
        if file.code != self._code:
            return self._campaign(own.seed, file.groups), True
        return (
            Campaign(
                self._client,
                own.seed,
                own.worlds,
                Counter(dict(own.tally)),
                own.failed,
                file.tables,
                file.kept,
                {one.seed: Share(one.seed, one.worlds, one.failed, Counter(dict(one.tally))) for one in file.others},
                groups=file.groups,
                command=self._command,
                server=self._server,
            ),
            False,
        )

    def _campaign(self, seed: int, groups: list[Group]) -> Campaign:
        return Campaign(self._client, seed, groups=groups, command=self._command, server=self._server)

    def _read(self) -> _File | None:
        try:
            text = given_bytes(self._file)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UsageError(
                f"{self._file}: cannot be read ({error.strerror}); give --database another directory"
            ) from error
        try:
            file = validated_by(_FILE, _upgraded(parse_json(text.decode())))
        except WrongValue as error:
            raise self._broken(f"is no campaign ({error.key}: {error.problem})") from None
        except ValueError as error:
            raise self._broken(f"is no campaign ({error})") from None
        if file.schema != SCHEMA:
            raise self._broken(f"has the schema {file.schema!r}, and this is {SCHEMA!r}")
        return file

    def save(self, campaign: Campaign, examples: Iterable[Drawn] = (), origins: Origins | None = None) -> None:
        """Store the campaign. The file is replaced atomically.

        ``examples``: worlds that wait beside those of the campaign; ``origins``: of which seed they are.
        Raises UsageError when it cannot be written.
        """
        waiting = {failure.drawn: (failure.seed, failure.number) for failure in campaign.waiting.values()}
        wanted = {drawn: (origins or {}).get(drawn, (None, None)) for drawn in examples} | waiting
        file = _File(
            SCHEMA,
            campaign.client,
            self._code,
            _share(campaign),
            [_share(one) for _, one in sorted(campaign.others.items())],
            campaign.tables,
            campaign.kept,
            campaign.groups,
            [(drawn, *origin) for drawn, origin in sorted(wanted.items(), key=lambda one: one[0])],
        )
        beside = self._file.with_suffix(".part")
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(_FILE.dump_json(file) + b"\n")
            os.replace(beside, self._file)
        except OSError as error:
            raise self._unwritable(error) from error
        self._keep_examples(wanted)

    def merge(self, campaign: Campaign, other: Database) -> bool:
        """Take in another database: causes with their files, counts, and the worlds that wait to be shrunk.

        The campaign is changed and saved. Returns whether the other database is of the same code; otherwise its worlds
        are not counted. Raises UsageError when there is none, or it cannot be read.
        """
        file = other._read()
        if file is None:
            raise UsageError(
                f"{other.directory}: there is no campaign of client {self._client} to merge; give the directory that "
                "was given to --database"
            )
        is_same_code = file.code == self._code
        theirs, _ = other.load()
        if not is_same_code:
            theirs.groups = file.groups
        for here, there in campaign.merge(theirs, is_same_code=is_same_code):
            self._take_files(here, other, there)
        origins = {**other.origins(), **self.origins()}
        self.save(campaign, {*self.examples(), *other.examples()}, origins)
        return is_same_code

    def _take_files(self, here: Group, other: Database, there: Group) -> None:
        for suffix in (".toml", ".json"):
            path = other.path(there, suffix)
            try:
                text = given_text(path)
                # The scenario is called after the file, so that both can be told apart after a merge.
                text = re.sub(rf'("?name"?\s*[:=]\s*"){re.escape(there.name)}"', rf'\g<1>{here.name}"', text, count=1)
                self.directory.mkdir(parents=True, exist_ok=True)
                self.path(here, suffix).write_text(text, encoding="utf-8")
            except OSError as error:
                raise UsageError(f"{path}: cannot be copied ({error.strerror}); see that both can be read") from error
            except UnicodeDecodeError as error:
                raise UsageError(f"{path}: is not UTF-8 text; remove it, and what belongs to it") from error

    def origins(self) -> Origins:
        """The seed and the number of each stored world that waits to be shrunk."""
        file = self._read()
        return {} if file is None else {drawn: (seed, number) for drawn, seed, number in file.origins}

    def examples(self) -> Iterator[tuple[int, ...]]:
        """The stored worlds that wait to be shrunk, shortest first. Raises UsageError for an unreadable example."""
        if not self._has_examples():
            return
        from hypothesis.database import choices_from_bytes

        for kept in sorted(self._examples().fetch(KEY), key=lambda one: (len(one), one)):
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
        worlds = list(drawn)
        if not worlds and not self._has_examples():
            return
        from hypothesis.database import choices_to_bytes

        examples, wanted = self._examples(), {choices_to_bytes(one) for one in worlds}
        kept = set(examples.fetch(KEY))
        for one in sorted(kept - wanted):
            examples.delete(KEY, one)
        for one in sorted(wanted - kept):
            examples.save(KEY, one)

    # Hypothesis is imported where there are examples: a campaign in which nothing fails does without it.

    def _has_examples(self) -> bool:
        return (self.directory / "examples").exists()

    def _examples(self) -> ExampleDatabase:
        from hypothesis.database import DirectoryBasedExampleDatabase

        return DirectoryBasedExampleDatabase(self.directory / "examples")

    def _unwritable(self, error: OSError) -> UsageError:
        return UsageError(f"{self._file}: cannot be written ({error.strerror}); give --database another directory")

    def _broken(self, problem: str, path: Path | None = None) -> UsageError:
        return UsageError(f"{path or self._file}: {problem}; remove {self.directory} to begin anew")


def fresh_seed() -> int:
    """A seed from the system."""
    return secrets.randbelow(SEED_MAX + 1)


def _share(one: Campaign | Share) -> _Share:
    return _Share(one.seed, one.worlds, one.failed, sorted(one.tally.items()))


def _upgraded(document: Any) -> Any:
    """A document of the first version in the form of this one. Its worlds had no seed: only its causes are kept."""
    if not isinstance(document, dict) or document.get("schema") != "gapless/explore/1":
        return document
    groups = [
        {**{key: value for key, value in group.items() if key != "worlds"}, "by_seed": {"0": group.get("worlds", 0)}}
        for group in document.get("groups", ())
    ]
    own = {"seed": _NO_SEED, "worlds": 0, "failed": 0, "tally": []}
    rest: dict[str, Any] = {"others": [], "tables": {}, "kept": {}, "origins": []}
    client = {"client": document.get("client", "")}
    return {"schema": SCHEMA, **client, "code": "", "own": own, "groups": groups, **rest}
