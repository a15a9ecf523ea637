"""What a program on Node can do in virtual time, and what is refused, on every major version that is found."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gapless.scenarios.lockstep.protocol import Blocked
from tests.lockstep.echo_world import Story, live
from tests.lockstep.nodes import EACH_MAJOR, SHIM, nodes

PROGRAMS = Path(__file__).parent / "programs" / "node"
STALL_MS = "300"
RUNS = 3


@pytest.fixture(params=EACH_MAJOR)
def node(request: pytest.FixtureRequest) -> str:
    """The newest of each major version."""
    found = nodes().get(request.param)
    if found is None:
        pytest.skip(f"no Node {request.param} was found")
    return found[-1]


def run(node: str, tmp_path: Path, text: str, *, name: str = "program.cjs", lines: tuple[str, ...] = ()) -> Story:
    (tmp_path / name).write_text(text)
    return live([node, str(tmp_path / name)], lines=lines)


REFUSED = {
    "TLS to agent.test:443": "require('https').get('https://agent.test/')",
    "TLS to fetch.test:443": "fetch('https://fetch.test/')",
    "TLS cannot be virtual": "let s = require('net').connect(443, 'a', () => require('tls').connect({ socket: s }))",
    "the Unix socket /tmp/a.sock": "require('net').connect('/tmp/a.sock')",
    "UDP": "require('dgram').createSocket('udp4').send('x', 53, '127.0.0.1')",
    "Listening on": "require('http').createServer().listen(8080)",
    "Threads": "new (require('worker_threads').Worker)('1', { eval: true })",
    "The child process ls -l": "require('child_process').spawn('ls', ['-l'])",
    "The child process /bin/sh -c ls": "require('child_process').execSync('ls')",
    "dns.resolveA": "require('dns').resolve4('agent.test', console.log)",
    "dns.reverse": "require('dns').promises.reverse('127.0.0.1')",
    "KeyPairGen of crypto": "require('crypto').generateKeyPairSync('ed25519')",
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_cannot_be_virtual_is_refused_in_a_sentence(node: str, tmp_path: Path, why: str) -> None:
    story = run(node, tmp_path, REFUSED[why])
    assert story.code == 98
    assert story.refused is not None
    assert why in story.refused
    assert story.refused in story.errors.decode()


def test_an_unknown_version_is_refused(node: str, tmp_path: Path) -> None:
    pretend = tmp_path / "pretend.cjs"
    pretend.write_text("Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '19.9.0' } })")
    (tmp_path / "program.cjs").write_text("")
    options = f"--require={pretend} --require={SHIM / 'lockstep.cjs'}"
    story = live([node, str(tmp_path / "program.cjs")], variables={"NODE_OPTIONS": options})
    assert story.code == 98
    assert story.refused is not None
    assert "Node 19.9.0 is not known" in story.refused
    assert "20.18 and later" in story.refused


def test_what_is_real_and_does_not_come_is_told(node: str, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "program.cjs").write_text(f"require('fs').readFile('{pipe}', () => {{}})")
    story = live([node, str(tmp_path / "program.cjs")], variables={"GAPLESS_LOCKSTEP_STALL_MS": STALL_MS})
    assert story.stalled is not None
    assert "the thread pool" in story.stalled.what


AGAIN = """
const { spawnSync } = require('child_process');
FIRST;
if (!process.execArgv.includes('--no-warnings'))
  process.exit(spawnSync(process.execPath, ['--no-warnings', ...process.argv.slice(1)], { stdio: 'inherit' }).status);
console.log('again', Math.random());
setTimeout(() => (process.exitCode = 5), 10);
"""


@pytest.mark.parametrize("first", ["", "Date.now()", "Math.random()"])
def test_a_program_may_start_itself_again_before_it_waits(node: str, tmp_path: Path, first: str) -> None:
    story = run(node, tmp_path, AGAIN.replace("FIRST", first))
    assert story.code == 5
    assert [line.split()[0] for line in story.lines] == ["again"]
    assert story.lines == run(node, tmp_path, AGAIN.replace("FIRST", first)).lines


def test_a_program_that_has_waited_cannot_start_itself_again(node: str, tmp_path: Path) -> None:
    again = AGAIN.replace("FIRST", "")
    story = run(node, tmp_path, f"setTimeout(() => {{ {again} }}, 5)")
    assert story.code == 98
    assert "child process" in (story.refused or "")


def test_an_error_that_is_caught_loses_no_timer_and_no_input(node: str, tmp_path: Path) -> None:
    story = run(
        node,
        tmp_path,
        """
        process.on('uncaughtException', (error) => console.log('caught', error.message));
        setImmediate(() => { throw new Error('immediate') });
        setTimeout(() => { throw new Error('timer') }, 5);
        setTimeout(() => console.log('second timer', performance.now()), 5);
        for (const word of ['one', 'two'])
          require('net').connect(80, 'a.test').on('data', (data) => { throw new Error(data) }).end(word);
        """,
    )
    assert story.code == 0
    assert story.lines == ["caught immediate", "caught timer", "second timer 5", "caught one", "caught two"]


def test_a_loop_of_immediates_lets_time_pass(node: str, tmp_path: Path) -> None:
    story = run(
        node,
        tmp_path,
        "let done = false; setTimeout(() => (done = true), 20); (function f() { if (!done) setImmediate(f) })()",
    )
    assert story.code == 0
    assert story.ended_s == pytest.approx(0.02)
    assert sum(message.is_busy for message in story.messages if isinstance(message, Blocked)) == 20


def test_standard_input_can_be_read_at_once(node: str, tmp_path: Path) -> None:
    text = "console.log(JSON.stringify(require('fs').readFileSync(0, 'utf8')), performance.now())"
    assert run(node, tmp_path, text, lines=("one", "two")).lines == ['"one\\ntwo\\n" 12000']


def test_what_closes_is_told_before_time_passes(node: str, tmp_path: Path) -> None:
    story = run(
        node,
        tmp_path,
        """
        const watcher = require('fs').watch('.').on('close', () => console.log('closed', performance.now()));
        setTimeout(() => watcher.close(), 5);
        setTimeout(() => console.log('later', performance.now()), 50);
        """,
    )
    assert story.lines == ["closed 5", "later 50"]


def test_the_surface_of_node_runs_alike_every_time(node: str) -> None:
    """Timers, clocks, entropy, sockets, http, fetch, zlib, crypto, files, ports, WebAssembly, standard input."""
    stories = [live([node, str(PROGRAMS / "surface.mjs")], lines=("one", "two")) for _ in range(RUNS)]
    expected = (PROGRAMS / "surface.txt").read_text().splitlines()
    assert stories[0].lines == expected
    assert stories[0].code == 0
    assert all(story == stories[0] for story in stories)
