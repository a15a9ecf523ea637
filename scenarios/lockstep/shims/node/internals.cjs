// The way to Node's internal modules and bindings.
//
// `--expose-internals` cannot be given through the environment. But `timers.setTimeout` is a closure of an internal module whose
// scope holds the internal `require`, and V8 tells its inspector what a closure's scope holds. The session is in-process: no port
// is opened, and it ends before the program begins.
'use strict';

function reach(channel) {
  const { emitWarning } = process;
  process.emitWarning = () => {}; // 'internal/test/binding' warns that it is for tests only
  try {
    const internalRequire = requireOfTimers();
    const { internalBinding } = internalRequire('internal/test/binding');
    // While programs are preloaded, that module also makes these two global.
    delete globalThis.internalBinding;
    delete globalThis.primordials;
    return { internalRequire, internalBinding };
  } catch (error) {
    return channel.refuse(
      `The internals of Node ${process.versions.node} cannot be reached (${error.message}). Use a build of Node with the inspector.`,
    );
  } finally {
    process.emitWarning = emitWarning;
  }
}

function requireOfTimers() {
  const { Session } = require('inspector');
  const session = new Session();
  session.connect();
  const name = '__gapless_lockstep_handover';
  try {
    const post = (method, parameters) => {
      let answer;
      session.post(method, parameters, (error, value) => {
        if (error) throw new Error(`${method}: ${error.message}`);
        answer = value;
      });
      return answer; // an in-process session answers before post() returns
    };
    globalThis[name] = require('timers').setTimeout;
    const closure = post('Runtime.evaluate', { expression: name }).result.objectId;
    const { internalProperties } = post('Runtime.getProperties', { objectId: closure });
    const scopes = internalProperties.find((property) => property.name === '[[Scopes]]').value.objectId;
    for (const scope of post('Runtime.getProperties', { objectId: scopes }).result) {
      if (!scope.value?.objectId) continue;
      const { result } = post('Runtime.getProperties', { objectId: scope.value.objectId, ownProperties: true });
      const found = result.find((property) => property.name === 'require');
      if (!found) continue;
      const functionDeclaration = `function (value) { globalThis.${name} = value; }`;
      post('Runtime.callFunctionOn', { objectId: closure, functionDeclaration, arguments: [{ objectId: found.value.objectId }] });
      return globalThis[name];
    }
    throw new Error('no require in the scope of timers.setTimeout');
  } finally {
    delete globalThis[name];
    session.disconnect();
  }
}

module.exports = { reach };
