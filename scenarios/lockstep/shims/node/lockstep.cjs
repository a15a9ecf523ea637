// The Node shim of lockstep: any Node program, unmodified, in virtual time.
//
//     GAPLESS_LOCKSTEP=<directory with two FIFOs> NODE_OPTIONS=--require=<this file> node client.mjs
//
// In reading order:
//   lockstep.cjs        what is installed, and in which order (this file)
//   versions.cjs        which versions of Node are known; the self-test of a version that was never tested
//   internals.cjs       the way to Node's internal modules and bindings
//   channel.cjs         the messages to and from the harness
//   clock.cjs           timers, Date, performance, process.hrtime
//   entropy.cjs         Math.random and crypto, drawn from the run's seed
//   thread_pool.cjs     file system, crypto and zlib: done before the loop polls again
//   network.cjs         sockets and names
//   standard_input.cjs  process.stdin, and standard output that is written at once
//   refusals.cjs        what cannot be virtual, each with its sentence
//   pump.cjs            the end of each turn of the event loop: go on, or ask the harness
//   self_test.cjs       a program with a small world of its own that checks a version of Node
//
// Nothing here is imported by the program, and no global is added.
'use strict';

function install() {
  const directory = process.env.GAPLESS_LOCKSTEP;
  if (!directory) return;
  const channel = require('./channel.cjs').create(directory);
  require('./versions.cjs').check(channel, directory);
  const internals = require('./internals.cjs').reach(channel);
  const runtime = { channel, ...internals };
  runtime.pool = require('./thread_pool.cjs').install(runtime);
  runtime.clock = require('./clock.cjs').install(runtime);
  runtime.entropy = require('./entropy.cjs').install(runtime);
  runtime.network = require('./network.cjs').install(runtime);
  runtime.input = require('./standard_input.cjs').install(runtime);
  require('./refusals.cjs').install(runtime);
  runtime.pump = require('./pump.cjs').install(runtime);
}

install();
