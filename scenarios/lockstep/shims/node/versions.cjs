// Which versions of Node the shim is known to work with.
//
// The shim depends on internals of Node that may change in any minor release. A version in `tested` has passed the self-test
// when this list was written. Another release of a known major passes the self-test first, once on each machine.
// A release of an unknown major is refused.
'use strict';
const path = require('path');

const shimVersion = '1';
const known = {
  20: { minorMin: 18, tested: ['20.18.0', '20.20.2'] },
  22: { minorMin: 8, tested: ['22.8.0', '22.23.3'] },
  24: { minorMin: 0, tested: ['24.0.0', '24.21.0'] },
};
const knownText = '20.18 and later, 22.8 and later, 24';

function check(channel, directory) {
  const version = process.versions.node;
  const [major, minor] = version.split('.').map(Number);
  const row = known[major];
  if (process.versions.bun || process.versions.deno)
    channel.refuse(`Only Node is known to the shim. Run the program with Node ${knownText}.`);
  if (!row || minor < row.minorMin) channel.refuse(`Node ${version} is not known to the shim. Run the program with Node ${knownText}.`);
  if (row.tested.includes(version) || directory === 'self-test') return;
  const failure = selfTestOnce(version);
  if (failure)
    channel.refuse(
      `Node ${version} was never tested with the shim, and fails its self-test (${failure}). Use Node ${row.tested.join(' or ')}.`,
    );
}

// Null when this version has passed, else why not. A pass is remembered in a file whose name holds the version and the shim's text.
function selfTestOnce(version) {
  const fs = require('fs');
  const mark = passMark(fs, version);
  if (mark && fs.existsSync(mark)) return null;
  const { NODE_OPTIONS, GAPLESS_LOCKSTEP, ...env } = process.env;
  const { spawnSync } = require('child_process');
  const child = spawnSync(process.execPath, [path.join(__dirname, 'self_test.cjs')], { env, encoding: 'utf8', timeout: 30_000 });
  if (child.status !== 0) return (child.stderr || child.error?.message || `exit code ${child.status}`).trim().split('\n').at(-1);
  try {
    fs.mkdirSync(path.dirname(mark), { recursive: true });
    fs.writeFileSync(mark, '');
  } catch {
    // No place to remember it: the next start tests again.
  }
  return null;
}

function passMark(fs, version) {
  const home = process.env.XDG_CACHE_HOME || (process.env.HOME && path.join(process.env.HOME, '.cache'));
  if (!home) return null;
  let sum = 0;
  for (const name of fs.readdirSync(__dirname).sort())
    if (name.endsWith('.cjs')) for (const byte of fs.readFileSync(path.join(__dirname, name))) sum = (Math.imul(sum, 31) + byte) >>> 0;
  return path.join(home, 'gapless', `lockstep-node-${version}-${process.arch}-${sum.toString(16)}.passed`);
}

module.exports = { check, known, shimVersion };
