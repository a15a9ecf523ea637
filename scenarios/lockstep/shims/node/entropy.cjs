// Entropy: Math.random and crypto, drawn from the run's seed.
//
// All of crypto's random functions end in one class of the binding, RandomBytesJob. It is replaced before crypto is loaded, so the
// functions above it, their checks and their caches are Node's own. What OpenSSL draws by itself cannot be seeded: to generate keys is
// refused. What this does not see: signatures with a random nonce (ECDSA, RSA-PSS) and the padding of RSA encryption.
'use strict';

// Objects of these classes draw from OpenSSL when `run` is called.
const drawsByItself = /(KeyPairGenJob|KeyGenJob|SecretKeyGenerateJob|RandomPrimeJob)$/;

function install({ channel, internalBinding }) {
  let forMath = null;
  let forBytes = null;
  channel.onStart.push(({ seed }) => {
    forMath = generator(`math ${seed}`);
    forBytes = generator(`bytes ${seed}`);
  });

  const random = function random() {
    channel.start();
    return ((forMath() >>> 5) * 0x4000000 + (forMath() >>> 6)) / 0x20000000000000; // 53 bits
  };
  Object.defineProperty(Math, 'random', { configurable: true, enumerable: false, writable: true, value: random });

  function fill(view, offset, size) {
    channel.start();
    const isBuffer = ArrayBuffer.isView(view);
    const bytes = new Uint8Array(isBuffer ? view.buffer : view, (isBuffer ? view.byteOffset : 0) + offset, size);
    for (let at = 0; at < bytes.length; at += 4) {
      let word = forBytes();
      for (let to = at; to < at + 4 && to < bytes.length; to++, word >>>= 8) bytes[to] = word & 255;
    }
  }

  const binding = internalBinding('crypto');
  const setImmediate = require('timers').setImmediate;
  binding.RandomBytesJob = class RandomBytesJob {
    constructor(mode, view, offset, size) {
      Object.assign(this, { mode, view, offset, size });
    }
    run() {
      fill(this.view, this.offset, this.size);
      if (this.mode !== binding.kCryptoJobAsync) return [undefined, undefined];
      setImmediate(() => this.ondone(undefined, undefined));
      return undefined;
    }
  };

  for (const name of Object.keys(binding)) {
    const prototype = binding[name]?.prototype;
    if (drawsByItself.test(name) && prototype?.run)
      prototype.run = () =>
        channel.refuse(
          `${name.replace(/Job$/, '')} of crypto cannot be virtual: OpenSSL draws from entropy of its own. Give the program a key.`,
        );
    if (/^(DiffieHellman|DiffieHellmanGroup|ECDH)$/.test(name) && prototype?.generateKeys)
      prototype.generateKeys = () => channel.refuse(`generateKeys of ${name} cannot be virtual: OpenSSL draws from entropy of its own.`);
  }
  makeGarbageCollectionInvisible();
  return { fill };
}

// When an object is collected depends on real time and memory. undici, for one, closes connections of collected responses.
function makeGarbageCollectionInvisible() {
  globalThis.FinalizationRegistry = class FinalizationRegistry {
    constructor(cleanup) {
      if (typeof cleanup !== 'function') throw new TypeError('FinalizationRegistry: cleanup must be callable');
    }
    register() {}
    unregister() {
      return false;
    }
    get [Symbol.toStringTag]() {
      return 'FinalizationRegistry';
    }
  };
  globalThis.WeakRef = class WeakRef {
    #target;
    constructor(target) {
      if (target === null || !['object', 'function', 'symbol'].includes(typeof target)) throw new TypeError('WeakRef: invalid target');
      this.#target = target;
    }
    deref() {
      return this.#target;
    }
    get [Symbol.toStringTag]() {
      return 'WeakRef';
    }
  };
}

// A stream of 32-bit words: the small fast counter of PractRand (sfc32), whose state is a hash of the text.
function generator(text) {
  const state = [0x9e3779b9, 0x243f6a88, 0xb7e15162, 1];
  for (const byte of Buffer.from(text))
    for (let at = 0; at < 3; at++) {
      state[at] = Math.imul(state[at] ^ byte, 0x01000193 + 2 * at);
      state[at] ^= state[at] >>> 15;
    }
  let [a, b, c, counter] = state;
  const next = () => {
    const word = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + word;
    c |= 0;
    return word >>> 0;
  };
  for (let warm = 0; warm < 12; warm++) next();
  return next;
}

module.exports = { install };
