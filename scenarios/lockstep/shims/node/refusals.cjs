// What cannot be virtual. Each is refused where the program asks for it, in a sentence that names the cure.
//
// The bindings are closed rather than the modules above them, so no way around leads to the real world.
'use strict';

function install({ channel, internalBinding, network }) {
  const { refuse } = channel;
  const close = (prototype, names, sentence) => {
    for (const name of names)
      if (prototype[name])
        prototype[name] = function (...parts) {
          return refuse(sentence(this, ...parts));
        };
  };

  // Connections that did not come through net.Socket, and servers.
  const tcp = internalBinding('tcp_wrap').TCP.prototype;
  close(
    tcp,
    ['connect', 'connect6'],
    (handle, request, address, port) => `A TCP connection to ${address}:${port} on a real handle cannot be virtual.`,
  );
  close(
    tcp,
    ['bind', 'bind6', 'listen'],
    (handle, address, port) =>
      `Listening${typeof port === 'number' ? ` on ${address}:${port}` : ''} cannot be virtual yet. Start the server as another process, outside of lockstep.`,
  );
  const pipe = internalBinding('pipe_wrap').Pipe.prototype;
  close(
    pipe,
    ['connect', 'bind', 'listen'],
    (handle, first, second) =>
      `The Unix socket ${[first, second].find((part) => typeof part === 'string') ?? ''} cannot be virtual. Give the program a TCP address.`,
  );
  const udp = internalBinding('udp_wrap').UDP.prototype;
  close(
    udp,
    ['bind', 'bind6', 'connect', 'connect6', 'send', 'send6'],
    () => 'UDP cannot be virtual. Lockstep carries TCP connections only.',
  );

  // TLS over a virtual connection. TLS on a handle of its own is refused where it connects, for the host is known there.
  const tls = internalBinding('tls_wrap');
  const { wrap } = tls;
  tls.wrap = (handle, ...rest) => {
    if (network.isOurs(handle))
      refuse('TLS cannot be virtual: OpenSSL draws its keys itself. Give the program an http:// or ws:// address.');
    return wrap(handle, ...rest);
  };

  close(
    internalBinding('worker').Worker.prototype,
    ['startThread'],
    () => 'Threads (worker_threads, or module.register) cannot be virtual yet. Run the program without them.',
  );
  close(
    internalBinding('process_wrap').Process.prototype,
    ['spawn'],
    (handle, first, args) => (typeof first === 'object' ? childSentence(first.file, first.args) : childSentence(first, args)), // as versions go, an object or one by one
  );

  const spawnSync = internalBinding('spawn_sync');
  const { spawn } = spawnSync;
  spawnSync.spawn = (options) => {
    const variables = replacesItself(options) ? channel.handOver() : null;
    if (!variables) return refuse(childSentence(options.file, options.args));
    return spawn({ ...options, envPairs: [...options.envPairs, ...variables] });
  };

  virtualPid();
  sayEnd(channel);
}

const childSentence = (file, parts) =>
  `The child process ${[file, ...(parts ?? []).slice(1)].join(' ').slice(0, 200)} cannot be virtual. Name the program itself as the command, or run it without children.`;

// A program that starts itself again with other flags, and only waits for that: its child goes on in its place.
function replacesItself({ file, stdio }) {
  return (
    file === process.execPath &&
    stdio?.length >= 3 &&
    stdio.every((way, fd) => way.type === 'inherit' || (way.type === 'fd' && way.fd === fd))
  );
}

// Some programs draw from the process id, or print it.
function virtualPid() {
  const real = { pid: process.pid, ppid: process.ppid };
  const shown = { pid: 1000, ppid: 999 };
  const { kill } = process;
  for (const name of ['pid', 'ppid'])
    Object.defineProperty(process, name, { configurable: true, enumerable: true, writable: name === 'pid', value: shown[name] });
  process.kill = function (pid, signal) {
    return kill.call(process, pid === shown.pid ? real.pid : pid === shown.ppid ? real.ppid : pid, signal);
  };
}

// `ended` goes out after the program's last listener for 'exit'. A loop that runs empty and an uncaught error emit that event as
// well, but never call process.exit; so the emitter is watched. Node prints an uncaught error after that event, and `ended` would
// overtake its text: the end of the process tells it instead.
function sayEnd(channel) {
  const { emit } = process;
  let hadError = false;
  process.emit = function (name, ...parts) {
    if (name === 'uncaughtExceptionMonitor') hadError = true;
    if (name !== 'exit') return emit.call(this, name, ...parts);
    try {
      return emit.call(this, name, ...parts);
    } finally {
      if (hadError) channel.leave();
      else channel.end(process.exitCode ?? parts[0] ?? 0);
    }
  };
}

module.exports = { install };
