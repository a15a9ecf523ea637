"""The files of a report on disk: checks that they can be written, writes them, and reads records and journals back."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from gapless.reports.errors import UnreadableRecords
from gapless.reports.file_names import INDEX, JOURNALS, RECORDS, RUNS
from gapless.reports.folder import SCHEMA, files
from gapless.reports.records.documents import parse_json
from gapless.reports.records.journals import unzip_journals
from gapless.reports.records.reading import read_results
from gapless.reports.records.results import Results
from gapless.scenarios.errors import UsageError
from gapless.scenarios.given_files import given_bytes, given_text
from gapless.scenarios.written_files import write_within

_PROBE = ".gapless-can-write"
_RECORDS_CURE = "give a file that `gapless run` or `check` wrote with --json, or a directory with --out"
_REPORT_CURE = "give the directory that `gapless run` or `check` wrote with --out"


def check_directory(option: str, directory: Path) -> None:
    """Create the directory of a report. Raises UsageError when it is not writable."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        write_within(directory, Path(_PROBE), b"").unlink()
    except OSError as error:
        raise UsageError(
            f"{option} {directory}: cannot be written ({error.strerror}); give another directory"
        ) from error


def write_report(directory: Path, results: Results) -> tuple[Path, ...]:
    """Write every file; return the paths. Drawings of an earlier report that this one does not have are removed.

    Raises UsageError when a file cannot be written.
    """
    before = _drawn_before(directory)
    written: list[Path] = []
    try:
        written.extend(write_within(directory, Path(file.path), file.content) for file in files(results))
        for path in before:
            if path not in written:
                path.unlink(missing_ok=True)
    except OSError as error:
        place = error.filename or directory
        raise UsageError(f"{place}: cannot be written ({error.strerror}); give another directory") from error
    return tuple(written)


def _drawn_before(directory: Path) -> tuple[Path, ...]:
    """The drawings of single runs that an earlier report's index lists; none when there is no valid index."""
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        index = parse_json((directory / INDEX).read_text(encoding="utf-8"))
        if index["schema"] == SCHEMA:
            paths = [Path(str(file["path"])) for file in index["files"]]
            is_linked = (directory / RUNS).is_symlink()
            return () if is_linked else tuple(directory / path for path in paths if path.parent == Path(RUNS))
    return ()


def read_report(directory: Path) -> Results:
    """The records and journals of a report. Raises UsageError when either cannot be read.

    It is no error when the file of the journals is missing.
    """
    if directory.is_file():
        raise UsageError(f"{directory}: is a file; {_REPORT_CURE}")
    results = read_records(directory, cure=_REPORT_CURE)
    path = directory / JOURNALS
    if not path.exists():
        return results
    try:
        journals = unzip_journals(given_bytes(path))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); {_REPORT_CURE}") from error
    except UnreadableRecords as error:
        raise UsageError(f"{path}: {error}") from error
    return Results(
        results.records, results.versions, results.complete, results.never, results.sweep, journals, results.made
    )


def read_records(path: Path, *, cure: str = _RECORDS_CURE) -> Results:
    """The records in a file, or in the directory of a report. Raises UsageError when they cannot be read.

    ``cure``: the advice in the error when the file cannot be opened.
    """
    file = path / RECORDS if path.is_dir() else path
    try:
        return read_results(given_text(file))
    except UnreadableRecords as error:
        raise UsageError(f"{file}: {error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{file}: is no text in UTF-8; give the records that `gapless run` or `check` wrote"
        ) from error
    except OSError as error:
        raise UsageError(f"{file}: cannot be read ({error.strerror}); {cure}") from error
