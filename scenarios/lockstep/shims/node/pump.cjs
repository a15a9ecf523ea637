// The end of each turn of the event loop: go on, or ask the harness.
//
// Node calls back after the check phase (the immediates) of each turn. By then everything that was ready has run, but what it started
// may be ready at the next poll. So the loop turns until a whole turn was quiet; then everything waits, and the harness is asked.
// A turn of Node is: timers, poll (sockets, pool), check (immediates), closing callbacks. What the harness answers is handled between
// the check phase and the next poll, in the same order: timers that are due, then inputs as they came.
'use strict';

const pollsMax = 1_000; // turns that only immediates keep busy, until the harness is told that somebody polls
const [count, referenced, outstanding] = [0, 1, 2]; // places in immediateInfo

function install({ channel, clock, pool, network, input, internalBinding }) {
  const timers = internalBinding('timers');
  const { immediateInfo } = timers;
  let isHeld = false;
  let polls = 0;

  channel.onResumed.push(() => {
    polls = 0;
  });

  // While the process is held, Node believes in one more immediate than there is: it does not sleep in the poll, calls back
  // each turn, and does not end. There is no object, so nothing shows in async_hooks.
  function hold() {
    if (isHeld) return;
    isHeld = true;
    immediateInfo[count]++;
    if (immediateInfo[referenced]++ === 0) timers.toggleImmediateRef(true);
  }

  function release() {
    isHeld = false;
    immediateInfo[count]--;
    if (--immediateInfo[referenced] === 0) timers.toggleImmediateRef(false);
  }

  timers.setupTimers(() => {
    const ranImmediates = immediateInfo[count] > (isHeld ? 1 : 0);
    hold(); // an immediate that throws leaves by here, and the next turn goes on
    clock.processImmediate();
    clock.runNextTicks();
    if (immediateInfo[outstanding] === 0) pump(ranImmediates);
  }, clock.processTimers);

  function pump(ranImmediates) {
    const fromPool = pool.settle(); // what it had to do is delivered by the next poll
    if (advance() || fromPool) return;
    if (immediateInfo[count] > 1) {
      if (++polls >= pollsMax) channel.blockBusy(clock.nowS(), clock.wakeAtS());
      return;
    }
    if (ranImmediates) return;
    if (waitsForReal(pool.pending())) return;
    if (!clock.hasReferenced() && !network.holdsProcess()) {
      if (waitsForReal(pool.handles())) return;
      return release(); // nothing holds the process
    }
    pool.patient();
    channel.block(clock.wakeAtS());
    advance();
  }

  // Let a moment of real time pass for what is not simulated. When it lasts, the harness is told.
  function waitsForReal(objects) {
    if (objects.length === 0) return false;
    pool.nap();
    pool.watch(() => names(objects), 'something that is not simulated');
    return true;
  }

  // What is due now: timers, then inputs. True if there was something.
  function advance() {
    const isDue = clock.isDue();
    if (isDue) {
      clock.runDue();
      clock.runNextTicks();
    }
    const hasInputs = channel.inputs.length > 0 || network.hasReadable();
    while (channel.inputs.length > 0) {
      const message = channel.inputs.shift(); // first: a callback that throws must not bring it again
      if (message[0] === 'line' || message[0] === 'end-of-input') input.deliver(message);
      else network.deliver(message);
    }
    network.readAll();
    return isDue || hasInputs;
  }

  // The harness asks by this signal where a process hangs. Without a listener Node would open a port for a debugger.
  process.on('SIGUSR1', () => channel.say(`waits for ${names([...pool.pending(), ...pool.handles()]) || 'what is virtual'}`));

  clock.onSchedule = hold;
  network.onChange = hold;
  hold();
}

const names = (objects) => [...new Set(objects.map((one) => one.constructor.name))].join(', ');

module.exports = { install };
