// The messages to and from the harness (docs/lockstep-protocol.md).
//
// Who takes the channel: the process that first needs what only the harness can give. That is its first wait in the event loop, or
// the first reading of the wall clock or of entropy before it. A process that starts itself again with other flags before its first
// wait therefore leaves the channel to its child. When it has read the clock already, it hands the `start` message to the child.
'use strict';
// The program may replace functions of fs: the shim keeps its own.
const { openSync, closeSync, writeSync, readSync, readFileSync, existsSync } = require('fs');
const path = require('path');

const exitTaken = 97;
const exitRefused = 98;
const handedOver = 'GAPLESS_LOCKSTEP_STARTED'; // the start message, from a process to the one by which it replaces itself
const packagesMax = 1_000;
const busyS = 0.001; // what a busy loop costs, so that it can come to an end

function create(directory) {
  const outputs = []; // since the last message
  const inputs = []; // that came, and were not delivered yet
  const channel = {
    directory,
    outputs,
    inputs,
    state: 'closed', // then 'started' (hello was said), 'running' (blocked was said), 'over'
    onStart: [], // called with the start message
    onResumed: [], // called with now_s
    say: (text) => process._rawDebug(`lockstep: ${text}`),
    start,
    block,
    blockBusy: (nowS, wakeAtS) => block(Math.min(nowS + busyS, Math.max(nowS, wakeAtS ?? Infinity)), true),
    stalled: (what, stacks) => start() || send({ type: 'stalled', what, stacks }),
    refuse,
    end,
    leave,
    handOver,
  };
  let transport = null;
  let received = null;
  const ownPid = process.pid; // before it is replaced

  function start() {
    if (channel.state !== 'closed') return;
    channel.state = 'started';
    const inherited = process.env[handedOver];
    delete process.env[handedOver];
    connect(inherited !== undefined);
    if (inherited === undefined) send(hello());
    received = inherited === undefined ? receive() : JSON.parse(inherited);
    for (const name of Object.keys(process.env)) if (name.startsWith('GAPLESS_') && name !== 'GAPLESS_LOCKSTEP') delete process.env[name];
    Object.assign(process.env, received.variables);
    for (const told of channel.onStart) told(received);
  }

  function connect(isHeir) {
    transport = directory === 'self-test' ? require('./self_test.cjs').transport : openFifos(isHeir);
  }

  // The harness sees by this file that a shim is there at all.
  function leaveFile(name, text) {
    const file = openSync(path.join(directory, name), name === 'taken' ? 'wx' : 'w');
    writeSync(file, text);
    closeSync(file);
  }

  function openFifos(isHeir) {
    try {
      if (!isHeir) leaveFile('taken', String(ownPid));
    } catch (error) {
      channel.say(
        error.code === 'EEXIST'
          ? 'another process of this command has the channel already. Child processes are not virtual: name the program itself.'
          : `the channel cannot be taken (${error.message}).`,
      );
      process.reallyExit(exitTaken);
    }
    return fifoTransport(openFifo('to-harness', 'w'), openFifo('to-client', 'r'));
  }

  // Also when nobody has its other end, for the harness may have gone meanwhile: to open it for one direction alone waits for the other
  // end. With both open there is one.
  function openFifo(name, direction) {
    const both = openSync(path.join(directory, name), 'r+');
    try {
      return openSync(path.join(directory, name), direction);
    } finally {
      closeSync(both);
    }
  }

  function hello() {
    return {
      type: 'hello',
      protocol: 1,
      shim: 'node',
      shim_version: require('./versions.cjs').shimVersion,
      runtime: `Node ${process.versions.node}`,
      packages: installedPackages(process.argv[1]),
      forks: false,
      variables_read: [], // for shims that fork
    };
  }

  function send(message) {
    const tail = [];
    if (message.outputs)
      message.outputs = message.outputs.map((output) => {
        if (output[0] !== 'data') return output;
        tail.push(output[2]);
        return ['data', output[1], output[2].length];
      });
    try {
      transport.write(encode(message, tail));
    } catch {
      process.reallyExit(1); // the harness has gone
    }
  }

  function receive() {
    const message = decode((size) => transport.read(size));
    if (message === null) process.reallyExit(1); // end of file: the harness has gone, and nobody is left to tell
    if (message.type === 'end') process.reallyExit(0); // the run is over for the harness
    return message;
  }

  // Everything waits. Tell what was done, sleep until the harness resumes, and keep the inputs for the pump.
  function block(wakeAtS, busy = false) {
    start();
    channel.state = 'running';
    send({ type: 'blocked', wake_at_s: wakeAtS, outputs: outputs.splice(0), points: 0, switched: 0, ...(busy && { busy }) });
    const message = receive();
    inputs.push(...message.inputs);
    for (const told of channel.onResumed) told(message.now_s);
  }

  function refuse(why) {
    channel.say(why);
    try {
      // Before `hello` the channel is taken for this alone. When another process has it, standard error must do.
      if (channel.state === 'closed' && (directory === 'self-test' || !existsSync(path.join(directory, 'taken')))) connect(false);
      if (transport) send({ type: 'refused', why });
    } catch {
      // The harness has gone.
    }
    channel.state = 'over';
    process.reallyExit(exitRefused);
  }

  // A program that ends before it needed the harness says nothing: the end of its process tells it. It may have been replaced.
  function end(code) {
    if (channel.state !== 'started' && channel.state !== 'running') return;
    channel.state = 'over';
    send({ type: 'ended', code, outputs: outputs.splice(0) });
  }

  // The same, but the process has something to print yet.
  function leave() {
    if (channel.state === 'running' && outputs.length > 0) send({ type: 'outputs', outputs: outputs.splice(0) });
    channel.state = 'over';
  }

  // The variables by which a process that replaces this one goes on with its channel; null when it is too late.
  function handOver() {
    if (channel.state === 'closed') return [];
    if (channel.state !== 'started') return null;
    channel.state = 'over';
    return [`${handedOver}=${JSON.stringify(received)}`];
  }

  if (directory !== 'self-test') {
    try {
      leaveFile('loaded', '');
    } catch (error) {
      channel.say(
        `nothing can be written to ${directory} (${error.message}). GAPLESS_LOCKSTEP is to name the directory that the harness made.`,
      );
      process.reallyExit(exitTaken);
    }
  }
  return channel;
}

function fifoTransport(out, into) {
  return {
    write(bytes) {
      for (let at = 0; at < bytes.length; ) at += writeSync(out, bytes, at);
    },
    read(size) {
      const bytes = Buffer.allocUnsafeSlow(size);
      for (let at = 0; at < size; ) {
        const got = readSync(into, bytes, at, size - at, null);
        if (got === 0) return null;
        at += got;
      }
      return bytes;
    },
  };
}

function encode(message, tail) {
  const json = Buffer.from(JSON.stringify(message));
  const head = Buffer.alloc(8);
  head.writeUInt32BE(json.length, 0);
  head.writeUInt32BE(
    tail.reduce((sum, bytes) => sum + bytes.length, 0),
    4,
  );
  return Buffer.concat([head, json, ...tail]);
}

// Null at the end of file.
function decode(read) {
  const head = read(8);
  const json = head && read(head.readUInt32BE(0));
  const tail = json && read(head.readUInt32BE(4));
  if (!tail) return null;
  const message = JSON.parse(json.toString());
  let at = 0;
  for (const input of message.inputs ?? []) if (input[0] === 'data') input[2] = tail.subarray(at, (at += input[2]));
  return message;
}

// Names and versions of the packages in the nearest node_modules above the program. npm keeps them in one file; without it, the
// direct dependencies are looked up.
function installedPackages(program) {
  const found = {};
  if (!program) return found;
  const readJson = (...names) => {
    try {
      return JSON.parse(readFileSync(path.join(...names), 'utf8'));
    } catch {
      return null;
    }
  };
  for (let folder = path.dirname(program), above = null; folder !== above; above = folder, folder = path.dirname(folder)) {
    const modules = path.join(folder, 'node_modules');
    const lock = readJson(modules, '.package-lock.json');
    const direct = lock ? null : readJson(folder, 'package.json');
    if (!lock && !direct) continue;
    for (const [place, { version }] of Object.entries(lock?.packages ?? {}).slice(0, packagesMax))
      if (place.startsWith('node_modules/') && version) found[place.slice('node_modules/'.length)] = version;
    for (const name of Object.keys({ ...direct?.dependencies, ...direct?.devDependencies }).slice(0, packagesMax)) {
      const version = readJson(modules, name, 'package.json')?.version;
      if (version) found[name] = version;
    }
    break;
  }
  return found;
}

module.exports = { create, encode, decode };
