// The self-test of a version of Node:   node self_test.cjs
//
// It starts itself again under the shim, with GAPLESS_LOCKSTEP=self-test. The harness is then a small world in the same process
// (transport): time jumps to the next event, each connection echoes after 10 ms, and two lines come on standard input.
// The program below writes down what happens when, and compares it with what has to happen. Exit code 0: all is as expected.
'use strict';

const { encode } = require('./channel.cjs');

const epochS = 1_767_225_600;
const expected = [
  '1 tick micro immediate timer',
  '1 random 16 36 true',
  '101 timers/promises',
  '3600101 an hour',
  '3600251 AbortSignal.timeout',
  '3600261 connected in context',
  '3600271 data hello in context',
  '3600281 end',
  '3600581 socket timeout',
  '3600591 refused ECONNREFUSED',
  '3600991 fetch TimeoutError',
  '3601011 GET / HTTP/1.1',
  '3601011 fs zlib pbkdf2 message',
  '3601012 1 ms after',
  '3601512 slept 500',
  '3601522 lookup 1',
  '3700000 line one',
  '3701000 line two',
  '3702000 end of input',
];

async function program() {
  const { setTimeout: sleep } = require('timers/promises');
  const { AsyncLocalStorage } = require('async_hooks');
  const { promisify } = require('util');
  const net = require('net');
  const crypto = require('crypto');
  const written = [];
  const note = (...parts) => written.push([Date.now() - epochS * 1000, ...parts].join(' '));
  const once = (emitter, name) => new Promise((resolve) => emitter.once(name, resolve));

  const order = [];
  await Promise.all([
    new Promise((resolve) => process.nextTick(() => resolve(order.push('tick')))),
    Promise.resolve().then(() => order.push('micro')),
    new Promise((resolve) => setImmediate(() => resolve(order.push('immediate')))),
    new Promise((resolve) => setTimeout(() => resolve(order.push('timer')), 0)),
  ]);
  note(...order);
  note('random', (await promisify(crypto.randomBytes)(16)).length, crypto.randomUUID().length, Math.random() < 1);
  await sleep(100);
  note('timers/promises');
  await new Promise((resolve) => setTimeout(resolve, 3_600_000));
  note('an hour');
  const signal = AbortSignal.timeout(150); // its timer has no reference
  const reference = setInterval(() => {}, 1e9);
  await new Promise((resolve) => signal.addEventListener('abort', resolve));
  note('AbortSignal.timeout');

  const storage = new AsyncLocalStorage();
  await storage.run('in context', async () => {
    const socket = net.connect(80, 'echo.test', () => {
      note('connected', storage.getStore());
      socket.write('hello');
    });
    socket.on('data', (bytes) => {
      note('data', bytes, storage.getStore());
      socket.end();
    });
    await once(socket, 'end');
    note('end');
  });
  const silent = net.connect(80, 'silent.test').setTimeout(300);
  await once(silent, 'timeout');
  note('socket timeout');
  silent.destroy();
  const refusal = await once(net.connect(80, 'refused.test'), 'error');
  note('refused', refusal.code);
  await fetch('http://silent.test/', { signal: AbortSignal.timeout(400) }).catch((error) => note('fetch', error.name));
  // An echo is no answer; http's parser says so, and holds what came.
  const request = require('http').get('http://echo.test/');
  const { rawPacket } = await once(request, 'error');
  note(rawPacket.toString().split('\r')[0]);

  const done = [];
  const finished = (name) => () => done.push(name);
  const { port1, port2 } = new MessageChannel();
  port2.postMessage('hello');
  await Promise.all([
    promisify(require('fs').stat)('/').then(finished('fs')),
    promisify(require('zlib').deflate)('abc').then(finished('zlib')),
    promisify(crypto.pbkdf2)('a', 'b', 1_000, 8, 'sha1').then(finished('pbkdf2')),
    new Promise((resolve) => (port1.onmessage = resolve)).then(finished('message')),
  ]);
  port1.close();
  note(...['fs', 'zlib', 'pbkdf2', 'message'].filter((name) => done.includes(name)));
  await sleep(1);
  note('1 ms after');
  const before = performance.now();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
  note('slept', performance.now() - before);
  await sleep(10);
  note('lookup', (await require('dns').promises.lookup('name.test', { all: true })).length);
  clearInterval(reference);
  for await (const line of require('readline').createInterface({ input: process.stdin })) note('line', line);
  note('end of input');

  const wrong = expected.findIndex((line, at) => line !== written[at]);
  if (wrong === -1 && written.length === expected.length) return;
  process.stderr.write(`expected "${expected[wrong]}", found "${written[wrong]}"\n`);
  process.exitCode = 1;
}

// The harness of the self-test. Messages that it would send are kept until the shim reads them.
const transport = (() => {
  const events = ['one', 'two'].map((text, at) => ({ atS: 3_700 + at, input: ['line', text] }));
  events.push({ atS: 3_702, input: ['end-of-input'] });
  let answer = Buffer.alloc(0);
  let nowS = 0;

  function read(size) {
    const part = answer.subarray(0, size);
    answer = answer.subarray(size);
    return part;
  }

  function write(bytes) {
    let at = 0;
    const { message, tail } = decodeOutputs((size) => bytes.subarray(at, (at += size)));
    if (message.type === 'hello') answer = encode({ type: 'start', seed: 1, epoch_s: epochS, variables: {}, switches: [] }, []);
    if (message.type !== 'blocked') return;
    happen(message.outputs, tail);
    events.sort((one, other) => one.atS - other.atS); // stable
    const wakeS = Math.min(message.wake_at_s ?? Infinity, events[0]?.atS ?? Infinity);
    if (wakeS === Infinity) throw new Error('the self-test waits for nothing');
    nowS = Math.max(nowS, wakeS);
    const due = events.splice(0, events.filter(({ atS }) => atS <= nowS).length);
    answer = encode(
      { type: 'resumed', now_s: nowS, inputs: due.map(({ input }) => input) },
      due.flatMap(({ bytes: data }) => data ?? []),
    );
  }

  function happen(outputs, tail) {
    let at = 0;
    for (const [kind, id, what] of outputs) {
      const after = (input, bytes) => events.push({ atS: Math.round((nowS + 0.01) * 1000) / 1000, input, bytes });
      if (kind === 'connect' && what !== 'silent.test') after([what === 'refused.test' ? 'refused' : 'connected', id]);
      if (kind === 'data') after(['data', id, what], tail.subarray(at, (at += what)));
      if (kind === 'eof') after(['eof', id]);
    }
  }

  return { read, write };
})();

function decodeOutputs(read) {
  const head = read(8);
  const message = JSON.parse(read(head.readUInt32BE(0)).toString());
  return { message, tail: read(head.readUInt32BE(4)) };
}

if (require.main === module) {
  if (process.env.GAPLESS_LOCKSTEP === 'self-test') program();
  else {
    const shim = require('path').join(__dirname, 'lockstep.cjs');
    const env = { ...process.env, GAPLESS_LOCKSTEP: 'self-test' };
    delete env.NODE_OPTIONS;
    const { status } = require('child_process').spawnSync(process.execPath, ['--require', shim, __filename], {
      env,
      stdio: 'inherit',
      timeout: 30_000,
    });
    process.exitCode = status ?? 1;
  }
}

module.exports = { transport };
