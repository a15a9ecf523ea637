// Sockets and names. A connection is a pair of messages to the harness; no real one is ever opened.
//
// Under the program's net.Socket lies a JSStream, Node's own handle for streams that are written in JavaScript. So everything above the
// handle is Node's: back-pressure, half-close, time-outs, http agents, undici, WebSocket.
'use strict';

function install(runtime) {
  const { channel, clock, internalBinding, internalRequire } = runtime;
  const { JSStream } = internalBinding('js_stream');
  const { owner_symbol: owner } = internalRequire('internal/async_hooks').symbols;
  const { UV_ECANCELED, UV_ECONNREFUSED, UV_ECONNRESET, UV_EPIPE } = internalBinding('uv');
  const { AsyncResource } = require('async_hooks');
  const { setImmediate } = require('timers');

  const connections = new Map(); // by id
  const open = new Set(); // handles, standard input's among them
  const readable = new Set(); // handles with something to read and somebody who wants it
  const names = namesOf(runtime);
  let lastId = 0;

  const network = {
    handle,
    isOurs: (object) => open.has(object) || object instanceof JSStream,
    holdsProcess: () => [...open].some((stream) => stream.isActive()),
    hasReadable: () => readable.size > 0,
    readAll: () => [...readable].forEach((stream) => stream.drain()),
    deliver,
    onChange: () => {},
  };

  // A handle in the sense of net.Socket. `write(bytes)` is where its bytes go.
  function handle(write) {
    const stream = new JSStream();
    let isClosed = false;
    let hasReference = true;
    Object.assign(stream, {
      id: 0,
      inbox: [], // buffers, null for the end, an Error for a reset
      wantsToRead: false,
      isConnecting: false,
      isBroken: false,
      isClosing: () => isClosed,
      isActive: () => hasReference && (stream.isConnecting || stream.wantsToRead),
      onreadstart() {
        stream.wantsToRead = true;
        if (stream.inbox.length > 0) readable.add(stream);
        network.onChange();
        return 0;
      },
      onreadstop() {
        stream.wantsToRead = false;
        readable.delete(stream);
        return 0;
      },
      onwrite(request, buffers) {
        const status = isClosed ? UV_ECANCELED : stream.isBroken ? UV_EPIPE : 0;
        if (status === 0) write(Buffer.concat(buffers));
        process.nextTick(() => stream.finishWrite(request, status));
        return 0;
      },
      onshutdown(request) {
        if (stream.id && !isClosed && !stream.isBroken) channel.outputs.push(['eof', stream.id]);
        process.nextTick(() => stream.finishShutdown(request, 0));
        return 0;
      },
      close(done) {
        finish('close', done);
      },
      reset(done) {
        finish('reset', done);
        return 0;
      },
      ref() {
        hasReference = true;
        network.onChange();
      },
      unref() {
        hasReference = false;
      },
      hasRef: () => hasReference,
      setNoDelay: () => 0,
      setKeepAlive: () => 0,
      setBlocking: () => 0,
      getsockname: (target) => describe(target, '127.0.0.1', 40_000 + stream.id),
      getpeername: (target) => describe(target, stream.peer?.address ?? '127.0.0.1', stream.peer?.port ?? 0),
      bind: () => 0,
      bind6: () => 0,
      feed(item) {
        stream.inbox.push(item);
        if (stream.wantsToRead) readable.add(stream);
      },
      drain() {
        readable.delete(stream);
        while (stream.wantsToRead && stream.inbox.length > 0 && !isClosed) {
          const item = stream.inbox.shift();
          if (stream.wantsToRead && stream.inbox.length > 0) readable.add(stream); // should a callback throw
          if (item === null) stream.wantsToRead = false; // as libuv does: an end that nobody reads holds no process
          if (item === null) stream.emitEOF();
          else if (item instanceof Error) stream[owner]?.destroy(item);
          else stream.readBuffer(item);
          clock.runNextTicks(); // as after each callback of libuv
        }
        readable.delete(stream);
      },
    });

    function finish(word, done) {
      if (isClosed) return;
      isClosed = true;
      open.delete(stream);
      readable.delete(stream);
      if (stream.id && connections.delete(stream.id)) channel.outputs.push([word, stream.id]);
      network.onChange();
      if (done) setImmediate(() => done.call(stream)); // in the loop's closing phase, which comes after this turn
    }

    open.add(stream);
    return stream;
  }

  function connection() {
    const stream = handle((bytes) => channel.outputs.push(['data', stream.id, bytes]));
    stream.connect = stream.connect6 = (request, address, port) => {
      stream.id = ++lastId;
      stream.isConnecting = true;
      stream.peer = { address, port };
      connections.set(stream.id, stream);
      const context = new AsyncResource('TCPCONNECTWRAP'); // the callback runs in the context of the call
      stream.settle = (status) => {
        stream.isConnecting = false;
        context.runInAsyncScope(request.oncomplete, request, status, stream, request, true, true);
        clock.runNextTicks();
      };
      channel.outputs.push(['connect', stream.id, names.hostOf(address), port]);
      network.onChange();
      return 0;
    };
    return stream;
  }

  function deliver([kind, id, bytes]) {
    const stream = connections.get(id);
    if (!stream) return; // it was closed meanwhile
    if (kind === 'connected') stream.settle(0);
    else if (kind === 'refused') stream.settle(UV_ECONNREFUSED);
    else if (kind === 'data') stream.feed(bytes);
    else if (kind === 'eof') stream.feed(null);
    else if (kind === 'reset' && stream.isConnecting) stream.settle(UV_ECONNRESET);
    else if (kind === 'reset') {
      stream.isBroken = true; // for a writer who does not read
      stream.feed(Object.assign(new Error('read ECONNRESET'), { errno: UV_ECONNRESET, code: 'ECONNRESET', syscall: 'read' }));
    }
  }

  replaceConnect(runtime, network, connection);
  return network;
}

function describe(target, address, port) {
  Object.assign(target, { address, port, family: address.includes(':') ? 'IPv6' : 'IPv4' });
  return 0;
}

// The program asks for a name and connects to an address. The harness is told the name again.
function namesOf({ channel, internalBinding }) {
  const addresses = new Map();
  const hosts = new Map();
  const { setImmediate } = require('timers');
  const cares = internalBinding('cares_wrap');

  function addressOf(host, family) {
    const key = `${family} ${host}`;
    if (!addresses.has(key)) {
      const number = addresses.size + 1;
      const address = family === 6 ? `fd77::${number.toString(16)}` : `127.77.${number >> 8}.${number & 255}`;
      addresses.set(key, address);
      hosts.set(address, host);
    }
    return addresses.get(key);
  }

  // dns.lookup and dns.promises.lookup end here.
  cares.getaddrinfo = (request, host, family) => {
    setImmediate(() => request.oncomplete(null, [addressOf(host, family === 6 ? 6 : 4)]));
    return 0;
  };
  const refuse = (what) => () => channel.refuse(`${what} asks a real name server. Use dns.lookup, which is answered here.`);
  cares.getnameinfo = refuse('dns.lookupService');
  const { prototype } = cares.ChannelWrap;
  for (const name of Object.getOwnPropertyNames(prototype))
    if (/^query|^getHostByAddr$/.test(name))
      prototype[name] = refuse(name === 'getHostByAddr' ? 'dns.reverse' : `dns.${name.replace('query', 'resolve')}`);

  return { hostOf: (address) => hosts.get(address) ?? address };
}

function replaceConnect({ channel, internalRequire }, network, connection) {
  const { kReinitializeHandle } = internalRequire('internal/net');
  const net = require('net');
  const { connect } = net.Socket.prototype;
  net.Socket.prototype.connect = function (...parts) {
    const [options, callback] = Array.isArray(parts[0]) ? parts[0] : net._normalizeArgs(parts);
    const place = options.path ?? `${options.host ?? 'localhost'}:${options.port}`;
    if (options.path != null) channel.refuse(`A connection to the Unix socket ${place} cannot be virtual. Give the program a TCP address.`);
    if (this.encrypted)
      channel.refuse(`TLS to ${place} cannot be virtual: OpenSSL draws its keys itself. Give the program an http:// or ws:// address.`);
    if (this._handle && !network.isOurs(this._handle)) channel.refuse(`A connection to ${place} on a real handle cannot be virtual.`);
    if (!this._handle) this[kReinitializeHandle](connection());
    // A name with several addresses would make Node try one after the other, each on a real handle of its own.
    return connect.call(this, { ...options, autoSelectFamily: false }, callback ?? undefined);
  };
  const { resetAndDestroy } = net.Socket.prototype;
  net.Socket.prototype.resetAndDestroy = function () {
    if (!this._handle || !network.isOurs(this._handle)) return resetAndDestroy.call(this);
    // Node's own wants a handle of the class TCP, and does the same for it.
    if (this.connecting) this.once('connect', () => this._reset());
    else this._reset();
    return this;
  };
}

module.exports = { install };
