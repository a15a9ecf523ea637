// Timers, and every clock that a program can read.
//
// Node's timers (setTimeout, timers/promises, AbortSignal.timeout, socket time-outs) all end in one binding: "what time is it" and
// "wake me in n ms". The binding is replaced and the JavaScript above it is kept, so order and edge cases are Node's own.
'use strict';

const readingsMax = 10_000; // of a clock without a wait between them: then the harness is told that somebody polls

function install({ channel, internalBinding, internalRequire }) {
  const timers = internalBinding('timers');
  const runNextTicks = process._tickCallback;
  const { processTimers, processImmediate } = internalRequire('internal/timers').getTimerCallbacks(runNextTicks);
  let nowS = 0;
  let epochMs = null; // of virtual second 0
  let deadlineMs = Infinity; // of the earliest timer: Node asks libuv for one at a time
  let readings = 0;

  const loopMs = () => Math.floor(nowS * 1000 + 1e-6); // libuv's clock counts whole milliseconds
  const clock = {
    processTimers,
    processImmediate,
    runNextTicks,
    onSchedule: () => {},
    wakeAtS: () => (deadlineMs === Infinity ? null : deadlineMs / 1000),
    isDue: () => deadlineMs <= loopMs(),
    hasReferenced: () => timers.timeoutInfo[0] > 0,
    nowS: () => nowS,
    runDue,
    sleep,
  };

  channel.onStart.push((start) => {
    epochMs = start.epoch_s * 1000;
  });
  channel.onResumed.push((now) => {
    readings = 0;
    nowS = Math.max(nowS, now);
  });

  timers.getLibuvNow = loopMs;
  timers.scheduleTimer = (delayMs) => {
    deadlineMs = loopMs() + Math.max(delayMs, 1);
    clock.onSchedule();
  };
  timers.toggleTimerRef = () => clock.onSchedule();

  function runDue() {
    deadlineMs = loopMs(); // a callback that throws leaves the rest due
    const next = processTimers(loopMs());
    deadlineMs = next === 0 ? Infinity : Math.max(Math.abs(next), loopMs() + 1); // negative: only timers without a reference
  }

  // Block the whole process, as Atomics.wait does: no callback runs meanwhile.
  function sleep(delayMs) {
    const untilS = nowS + delayMs / 1000;
    do channel.block(untilS === Infinity ? null : untilS);
    while (nowS < untilS);
  }

  function elapsedMs() {
    if (++readings >= readingsMax) channel.blockBusy(nowS, clock.wakeAtS());
    return nowS * 1000;
  }

  function wallMs() {
    channel.start();
    return Math.floor(epochMs + elapsedMs() + 1e-6);
  }

  replaceDate(wallMs);
  replacePerformance(internalRequire, elapsedMs, () => (channel.start(), epochMs));
  replaceProcessClocks(elapsedMs);
  replaceAtomicsWait(sleep);
  return clock;
}

function replaceDate(wallMs) {
  const RealDate = Date;
  const VirtualDate = function Date(...parts) {
    if (!new.target) return new RealDate(wallMs()).toString();
    return Reflect.construct(RealDate, parts.length ? parts : [wallMs()], new.target);
  };
  Object.defineProperties(VirtualDate, Object.getOwnPropertyDescriptors(RealDate)); // the prototype, too: instanceof holds
  const now = { now: () => wallMs() }.now;
  Object.defineProperty(VirtualDate, 'now', { configurable: true, enumerable: false, writable: true, value: now });
  Object.defineProperty(RealDate.prototype, 'constructor', { configurable: true, enumerable: false, writable: true, value: VirtualDate });
  Object.defineProperty(globalThis, 'Date', { configurable: true, enumerable: false, writable: true, value: VirtualDate });

  // A format without a date means now, which V8 reads by itself.
  const { prototype } = Intl.DateTimeFormat;
  const { get } = Object.getOwnPropertyDescriptor(prototype, 'format');
  Object.defineProperty(prototype, 'format', {
    configurable: true,
    get() {
      const format = get.call(this);
      return (date) => format(date === undefined ? wallMs() : date);
    },
  });
  const { formatToParts } = prototype;
  prototype.formatToParts = {
    formatToParts(date) {
      return formatToParts.call(this, date === undefined ? wallMs() : date);
    },
  }.formatToParts;
}

function replacePerformance(internalRequire, elapsedMs, epochMs) {
  // The modules of performance (marks, measures, observers) take the clock from here when they are loaded, which is below.
  internalRequire('internal/perf/utils').now = elapsedMs;
  const { performance } = require('perf_hooks');
  const prototype = Object.getPrototypeOf(performance);
  const define = (name, value) => Object.defineProperty(prototype, name, { configurable: true, enumerable: true, writable: true, value });
  define('now', () => elapsedMs());
  Object.defineProperty(prototype, 'timeOrigin', { configurable: true, enumerable: true, get: epochMs });
  define('eventLoopUtilization', () => ({ idle: 0, active: 0, utilization: 0 }));

  // An event's time is taken by Node's internals. It is read late here: no time passes in between, but for events that are kept.
  const stamps = new WeakMap();
  Object.defineProperty(Event.prototype, 'timeStamp', {
    configurable: true,
    enumerable: true,
    get() {
      if (!stamps.has(this)) stamps.set(this, elapsedMs());
      return stamps.get(this);
    },
  });
}

function replaceProcessClocks(elapsedMs) {
  const offsetMs = 1e6; // hrtime counts from an arbitrary moment that is never 0
  const nanoseconds = () => BigInt(Math.round((elapsedMs() + offsetMs) * 1e6));
  const hrtime = function hrtime(before) {
    const now = nanoseconds();
    if (before === undefined) return [Number(now / 1_000_000_000n), Number(now % 1_000_000_000n)];
    const passed = now - (BigInt(before[0]) * 1_000_000_000n + BigInt(before[1]));
    const part = ((passed % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
    return [Number((passed - part) / 1_000_000_000n), Number(part)];
  };
  hrtime.bigint = nanoseconds;
  process.hrtime = hrtime;
  process.uptime = () => elapsedMs() / 1000;
  require('os').uptime = () => Math.floor((offsetMs + elapsedMs()) / 1000);
}

function replaceAtomicsWait(sleep) {
  const { wait } = Atomics;
  Atomics.wait = (array, index, value, timeoutMs) => {
    const answer = wait(array, index, value, 0);
    if (answer !== 'timed-out') return answer;
    // No other thread can wake this one, for there are none.
    sleep(timeoutMs === undefined || Number.isNaN(Number(timeoutMs)) ? Infinity : Math.max(0, Number(timeoutMs)));
    return answer;
  };
}

module.exports = { install };
