// Standard input comes as messages; standard output and standard error are written at once.
'use strict';

function install(runtime) {
  const { channel, network } = runtime;
  const fs = require('fs');
  const stream = network.handle(() => {});
  let socket = null;

  function standardInput() {
    if (socket) return socket;
    const { Socket } = require('net');
    // What Node makes of a pipe on descriptor 0: a socket that does not read before somebody listens.
    socket = new Socket({ handle: stream, readable: true, writable: false, manualStart: true });
    socket._writableState.ended = true; // end() is no business of standard input
    socket.fd = 0;
    // A program that pauses its input is not held by it.
    socket.on('pause', () => process.nextTick(stopReading));
    return socket;
  }

  function stopReading() {
    if (!socket._handle?.reading || socket.readableFlowing) return;
    socket._handle.reading = false;
    socket._handle.readStop();
  }

  function deliver([kind, text]) {
    stream.feed(kind === 'line' ? Buffer.from(`${text}\n`) : null);
  }

  Object.defineProperty(process, 'stdin', { configurable: true, enumerable: true, get: standardInput });
  readAtOnce({ channel, fs, stream, deliver });
  refuseToOpen(runtime);
  for (const name of ['stdout', 'stderr']) writeAtOnce(name);
  return { deliver };
}

// fs.readSync(0, …) and fs.readFileSync(0): the process blocks until a line comes, and no callback runs meanwhile.
function readAtOnce({ channel, fs, stream, deliver }) {
  const { readSync, readFileSync, read } = fs;

  // The next bytes, or null at the end of input.
  function next() {
    while (stream.inbox.length === 0) {
      channel.block(null);
      const lines = channel.inputs.filter(isLine);
      const others = channel.inputs.filter((input) => !isLine(input));
      channel.inputs.splice(0, Infinity, ...others);
      lines.forEach(deliver);
    }
    if (stream.inbox[0] === null) return null; // stays: a second reading ends as well
    return stream.inbox.shift();
  }

  fs.readSync = function (descriptor, buffer, ...rest) {
    if (descriptor !== 0) return readSync.call(fs, descriptor, buffer, ...rest);
    const options = typeof rest[0] === 'object' && rest[0] !== null ? rest[0] : { offset: rest[0], length: rest[1] };
    const offset = options.offset ?? 0;
    const length = options.length ?? buffer.byteLength - offset;
    const bytes = next();
    if (bytes === null) return 0;
    const taken = bytes.subarray(0, length);
    if (taken.length < bytes.length) stream.inbox.unshift(bytes.subarray(taken.length));
    new Uint8Array(buffer.buffer, buffer.byteOffset + offset, taken.length).set(taken);
    return taken.length;
  };

  fs.readFileSync = function (file, options) {
    if (file !== 0 && file !== '/dev/stdin') return readFileSync.call(fs, file, options);
    const parts = [];
    for (let bytes; (bytes = next()) !== null; ) parts.push(bytes);
    const encoding = typeof options === 'string' ? options : options?.encoding;
    return encoding ? Buffer.concat(parts).toString(encoding) : Buffer.concat(parts);
  };

  fs.read = function (descriptor, ...rest) {
    if (descriptor === 0) channel.refuse('fs.read of descriptor 0 cannot be virtual. Read process.stdin, or fs.readSync(0, …).');
    return read.call(fs, descriptor, ...rest);
  };
  for (const name of ['readSync', 'readFileSync', 'read']) Object.defineProperty(fs[name], 'name', { value: name });
  Object.defineProperty(fs.read, require('util').promisify.custom, { value: read[require('util').promisify.custom] });
}

// Descriptor 0 is /dev/null, so that to open it by its name would look like the end of input.
function refuseToOpen({ channel, internalBinding }) {
  const binding = internalBinding('fs');
  for (const name of ['open', 'openFileHandle']) {
    const real = binding[name];
    binding[name] = function (file, ...rest) {
      if (file === '/dev/stdin' || file === '/dev/fd/0')
        channel.refuse(`Opening ${file} cannot be virtual. Read process.stdin, or fs.readFileSync(0).`);
      return real.call(this, file, ...rest);
    };
  }
}

const isLine = ([kind]) => kind === 'line' || kind === 'end-of-input';

// A pipe takes 64 KiB at a time. What does not fit would be written later, in real time. A blocking write leaves nothing behind,
// and the harness reads all the time.
function writeAtOnce(name) {
  const { get } = Object.getOwnPropertyDescriptor(process, name);
  let isBlocking = false;
  Object.defineProperty(process, name, {
    configurable: true,
    enumerable: true,
    get() {
      const output = get.call(process);
      if (!isBlocking) {
        isBlocking = true;
        output._handle?.setBlocking?.(true);
      }
      return output;
    },
  });
}

module.exports = { install };
