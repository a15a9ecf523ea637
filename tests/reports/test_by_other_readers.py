"""Our diagrams by Mermaid's own parser, our archives by the schema of HAR: what a grammar of ours cannot promise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gapless.reports.one_run.har import render_har
from gapless.reports.one_run.mermaid import render_mermaid
from gapless.scenarios.definition.catalogue import catalogue
from gapless.scenarios.running.runner import RunRequest, RunResult, perform
from tests.reports.npm import installed, run
from tests.reports.samples import LINES, LOST

pytestmark = pytest.mark.slow

CLIENTS = ("gapless", "poll-then-return", "socket-only")
HISTORY_EVENTS_MAX = 1_000
PARSE = """
import fs from 'node:fs';
import { JSDOM } from 'jsdom';
const page = new JSDOM('');
globalThis.window = page.window;
globalThis.document = page.window.document;
const { default: mermaid } = await import('mermaid');
const directory = process.argv[2];
let count = 0;
for (const name of fs.readdirSync(directory)) {
  const text = fs.readFileSync(`${directory}/${name}`, 'utf8');
  const parsed = await mermaid.parse(text).catch((error) => { throw new Error(`${name}: ${error.message}`); });
  if (parsed.diagramType !== 'sequence') throw new Error(`${name} is a ${parsed.diagramType}`);
  count += 1;
}
console.log(count);
process.exit(0);
"""
VALIDATE = """
import fs from 'node:fs';
import { createRequire } from 'node:module';
const require = createRequire(import.meta.url);
const Ajv = require('ajv');
const ajv = new Ajv({ allErrors: true });
ajv.addMetaSchema(require('ajv/lib/refs/json-schema-draft-06.json'));
ajv.addSchema(Object.values(require('har-schema')));
const validate = ajv.getSchema('har.json');
const directory = process.argv[2];
let count = 0;
for (const name of fs.readdirSync(directory)) {
  const archive = JSON.parse(fs.readFileSync(`${directory}/${name}`, 'utf8'));
  if (!validate(archive)) throw new Error(`${name}: ${JSON.stringify(validate.errors)}`);
  count += 1;
}
console.log(count);
"""


def results() -> Iterator[RunResult]:
    """One variant of every scenario that is not too long, the clients taking turns."""
    scenarios = [one for one in catalogue() if one.workload.history_events <= HISTORY_EVENTS_MAX]
    for index, scenario in enumerate(scenarios):
        variants = scenario.variants()
        yield perform(RunRequest(scenario, *variants[index % len(variants)], CLIENTS[index % len(CLIENTS)]))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every run as a diagram and as an archive, each kind in a directory."""
    directory = tmp_path_factory.mktemp("drawn")
    for kind in ("mmd", "har"):
        (directory / kind).mkdir()
    (directory / "mmd" / "sample").write_text(render_mermaid(LINES, LOST), encoding="utf-8")
    (directory / "har" / "sample").write_text(render_har(LINES, LOST), encoding="utf-8")
    for result in results():
        name = result.record.scenario
        (directory / "mmd" / name).write_text(render_mermaid(result.lines, result.record), encoding="utf-8")
        (directory / "har" / name).write_text(render_har(result.lines, result.record), encoding="utf-8")
    return directory


@pytest.mark.parametrize(("kind", "script"), [("mmd", PARSE), ("har", VALIDATE)])
def test_every_run_of_the_catalogue_is_read(kind: str, script: str, drawn: Path, pytestconfig: pytest.Config) -> None:
    packages = installed(pytestconfig)
    files = len(list((drawn / kind).iterdir()))
    assert files > 100
    assert int(run(packages, script, str(drawn / kind))) == files
