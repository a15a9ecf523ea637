"""Records as one JSON object. Equal records give equal text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from gapless.reports.records.characters import json_text
from gapless.reports.records.never import Never
from gapless.reports.records.record import RunRecord
from gapless.reports.records.results import Results

SCHEMA = "gapless/records/1"


def record_json(record: RunRecord) -> dict[str, object]:
    """One record as plain JSON values, and the derived ratio of its calls to the optimum."""
    plain = asdict(record)
    plain["rest"]["ratio"] = record.rest.ratio
    if not plain["clients"]:
        del plain["clients"]
    for fault in plain["faults"]:
        if fault["nearest"] is None:
            del fault["nearest"]
    return plain


def render_results(results: Results) -> str:
    """Results as text, without their journals."""
    return render_json(
        results.records,
        results.versions,
        complete=results.complete,
        never=results.never,
        sweep=results.sweep,
        made=results.made,
    )


def render_json(
    records: Sequence[RunRecord],
    versions: Mapping[str, str],
    *,
    complete: bool = True,
    never: Sequence[Never] = (),
    sweep: Sequence[RunRecord] = (),
    made: Mapping[str, str] | None = None,
) -> str:
    """The object as text. The arguments are the fields of ``Results``.

    ``reading.py`` reads it back. ``records.schema.json`` describes it.
    """
    document = {
        "schema": SCHEMA,
        "versions": dict(versions),
        **({"made": dict(made)} if made else {}),
        "complete": complete,
        "never": [asdict(one) for one in never],
        "records": [record_json(record) for record in records],
        "sweep": [record_json(record) for record in sweep],
    }
    return json_text(json.dumps(document, indent=2, ensure_ascii=False)) + "\n"
