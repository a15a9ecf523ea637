// The thread pool: file system, crypto and zlib.
//
// The pool works in real time, so when its answers come would depend on the machine. It is given a single thread, which keeps the order
// of submission, and at the end of each turn in which something was submitted the process waits for all of it (settle). The
// callbacks then run together in the next poll of the loop, whatever the machine was doing. Message ports are delivered by that poll, too.
'use strict';

const stallMs = Number(process.env.GAPLESS_LOCKSTEP_STALL_MS ?? 5_000); // of real time, until `stalled` is said
const napMs = 0.05;

// Requests that are no work for the pool: they are listed until they are collected, or belong to a real handle.
const notForThePool = new Set([
  'TCPConnectWrap',
  'PipeConnectWrap',
  'WriteWrap',
  'ShutdownWrap',
  'SendWrap',
  'GetAddrInfoReqWrap',
  'GetNameInfoReqWrap',
  'QueryReqWrap',
]);
const virtualRequests = new Set(['TCPConnectWrap', 'GetAddrInfoReqWrap']);

function install({ channel, internalBinding }) {
  // libuv reads these when the pool starts, which the first request below brings about.
  const before = { UV_THREADPOOL_SIZE: process.env.UV_THREADPOOL_SIZE, UV_USE_IO_URING: process.env.UV_USE_IO_URING };
  Object.assign(process.env, { UV_THREADPOOL_SIZE: '1', UV_USE_IO_URING: '0' });

  const { wait } = Atomics;
  const { now: realNow } = internalBinding('performance');
  const binding = internalBinding('fs');
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  const mark = Buffer.from(new SharedArrayBuffer(1));
  const markFile = require('fs').openSync(__filename, 'r');
  let marker = null; // our own request, in which the pool's thread writes to memory
  let submitted = false; // by zlib and crypto, whose requests are not listed
  let posted = false; // a message from a port to another, which the next poll delivers
  let settled = new WeakSet(); // requests that were there when the pool was last empty, and are left over
  let waitedSince = 0;
  let told = false;

  const pool = { settle, pending, handles, nap, patient: () => (waitedSince = 0), watch };
  const listed = () => process._getActiveRequests().filter((request) => request !== marker && !settled.has(request));
  const forThePool = () => listed().filter((request) => !notForThePool.has(request.constructor.name));

  // Wait until everything that was submitted is done. True: there was something, and the next poll delivers it.
  function settle() {
    const requests = forThePool();
    const hadMessages = posted;
    posted = false;
    if (requests.length === 0 && !submitted) return hadMessages;
    submitted = false;
    barrier(requests);
    for (const request of requests) settled.add(request);
    return true;
  }

  function submitMarker() {
    marker = new binding.FSReqCallback();
    marker.oncomplete = () => {};
    binding.read(markFile, mark, 0, 1, 0, marker);
  }

  function barrier(requests) {
    mark[0] = 0;
    submitMarker();
    const seen = new Uint8Array(mark.buffer);
    for (let spins = 0; Atomics.load(seen, 0) === 0; spins++) {
      if (spins < 50) continue; // mostly it is there already
      wait(sleeper, 0, 0, napMs);
      watch(() => requests.map((request) => request.constructor.name).join(', ') || 'a job of crypto or zlib', 'the thread pool');
    }
    waitedSince = 0;
  }

  // Real requests that are none of the pool's, such as a write to a pipe.
  function pending() {
    return listed().filter((request) => {
      const { name } = request.constructor;
      return notForThePool.has(name) && !virtualRequests.has(name);
    });
  }

  // Real handles that hold the process: a watcher of files, say.
  function handles() {
    return process._getActiveHandles().filter((handle) => !handle._isStdio);
  }

  function nap() {
    wait(sleeper, 0, 0, 0.2);
  }

  function watch(names, kind) {
    const at = realNow();
    waitedSince ||= at;
    if (at - waitedSince < stallMs || told) return;
    told = true;
    channel.stalled(`${kind} (${names()})`, process.getActiveResourcesInfo().join('\n'));
  }

  submitMarker();
  for (const [name, value] of Object.entries(before)) value === undefined ? delete process.env[name] : (process.env[name] = value);

  const submits = () => (submitted = true);
  const zlib = internalBinding('zlib');
  for (const name of Object.keys(zlib)) watchCalls(zlib[name]?.prototype, 'write', submits);
  const crypto = internalBinding('crypto');
  for (const name of Object.keys(crypto)) if (/Job$/.test(name)) watchCalls(crypto[name]?.prototype, 'run', submits);
  const { MessagePort } = internalBinding('messaging');
  for (const method of ['postMessage', 'close']) watchCalls(MessagePort.prototype, method, () => (posted = true));
  compileAtOnce();
  return pool;
}

function watchCalls(prototype, method, called) {
  const real = prototype && Object.hasOwn(prototype, method) && prototype[method];
  if (typeof real !== 'function') return;
  prototype[method] = function (...parts) {
    called();
    return real.apply(this, parts);
  };
}

// V8 compiles WebAssembly on threads of its own. Here it is compiled before the call returns.
function compileAtOnce() {
  const { Module, Instance } = WebAssembly;
  WebAssembly.compile = async (bytes) => new Module(bytes);
  WebAssembly.instantiate = async (source, imports) => {
    if (source instanceof Module) return new Instance(source, imports);
    const module = new Module(source);
    return { module, instance: new Instance(module, imports) };
  };
  const bytesOf = async (response) => new Uint8Array(await (await response).arrayBuffer());
  WebAssembly.compileStreaming = async (response) => WebAssembly.compile(await bytesOf(response));
  WebAssembly.instantiateStreaming = async (response, imports) => WebAssembly.instantiate(await bytesOf(response), imports);
}

module.exports = { install };
