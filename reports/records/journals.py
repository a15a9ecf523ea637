"""Compressed journals, by the digest that their records have: in memory, and many in one zip file.

Compression makes the journals of a suite ten times smaller. A journal is decompressed when its lines are read.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence

from gapless.reports.errors import UnreadableRecords

_SUFFIX = ".jsonl"
# A fixed date, the earliest that a zip file can hold: equal journals give equal bytes, whenever they are written.
_DATE = (1980, 1, 1, 0, 0, 0)
_CURE = "write it anew with `gapless run` or `check`, and --out DIR"


class Journals(Mapping[str, Sequence[str]]):
    """Journals by digest, each held in the compressed form that ``deflated`` returns."""

    def __init__(self, kept: Mapping[str, bytes]) -> None:
        self._kept = kept

    def __repr__(self) -> str:
        return f"Journals({len(self)} kept)"

    def __getitem__(self, digest: str) -> Sequence[str]:
        return _lines(zlib.decompress(self._kept[digest]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)


def deflated(lines: Sequence[str]) -> bytes:
    """A journal's lines, compressed."""
    return zlib.compress("\n".join(lines).encode())


def zip_journals(journals: Mapping[str, Sequence[str]]) -> bytes:
    """A zip file with one file of JSON lines for each journal, named after its digest. Equal journals, equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for digest in sorted(journals):
            file = zipfile.ZipInfo(_name(digest), _DATE)
            file.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(file, "".join(f"{line}\n" for line in journals[digest]))
    return buffer.getvalue()


def unzip_journals(data: bytes) -> Journals:
    """The journals in a zip file.

    Raises UnreadableRecords if the data is no zip file, or if a journal does not have the digest in its name.
    """
    kept: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                lines = _lines(archive.read(name).rstrip(b"\n"))
                if _name(_digest(lines)) != name:
                    problem = "is not the journal that was written, for its digest is another"
                    raise UnreadableRecords(name, problem, _CURE)
                kept[_digest(lines)] = deflated(lines)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, UnicodeDecodeError) as error:
        raise UnreadableRecords("", f"is no zip file of journals ({error})", _CURE) from error
    return Journals(kept)


def _lines(text: bytes) -> list[str]:
    return text.decode().split("\n") if text else []


def is_printed(line: str) -> bool:
    """Whether a line tells what the client printed. It is no entry of the journal, for it has no index."""
    return line.startswith('{"place":')  # keys are sorted, and those of an entry include "index"


def is_message(line: str) -> bool:
    """Whether a line is a message as it was on the wire. It is no entry of the journal either."""
    return line.startswith('{"message":')  # as above


def _digest(lines: Sequence[str]) -> str:
    """The digest of the entries, computed as the simulator does. What stands beside them is no part of it."""
    lines = [line for line in lines if not is_printed(line) and not is_message(line)]
    return "sha256:" + hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _name(digest: str) -> str:
    return digest.replace(":", "-") + _SUFFIX
