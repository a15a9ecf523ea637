// The OpenHands TypeScript client, as it is published: its `Conversation`, unmodified, in the steps that `gapless check` asks for.
//
//     npm install @openhands/typescript-client@1.39.0 ws@8
//     gapless check r10-late-tail -- node openhands_typescript.mjs
//
// The first argument names the folder of the `node_modules` (default: where it is started). The second names how it waits for a run's
// end, for the package's own `run()` only starts one:
//   idle       as the package's integration tests do: ask for the status every 500 ms until it is one of rest (default)
//   snapshot   listen, until a full state that follows "running" says that the run is over
// The package expects a browser's `window`, and takes the class for its sockets from there: here that of `ws`.
import { createRequire } from "node:module";
import path from "node:path";
import readline from "node:readline";
import { pathToFileURL } from "node:url";

const [folder = ".", wait = "idle"] = process.argv.slice(2);
const require = createRequire(path.resolve(folder, "any.js"));
globalThis.window = { WebSocket: require("ws") };
const entry = pathToFileURL(require.resolve("@openhands/typescript-client"));
const { Agent, Conversation, Workspace } = await import(entry);

const RUN_MS_MAX = 110_000;
const STATUS_EVERY_MS = 500;
const { GAPLESS_URL: host, GAPLESS_CONVERSATION_ID: conversationId, GAPLESS_API_KEY: apiKey } = process.env;
const atRest = ["idle", "finished", "error", "stuck"]; // as the package's tests have it
const ended = [...atRest, "paused", "waiting_for_confirmation"];
let conversation;
let history = []; // what REST told at the attach
let onEvent = () => {};

const say = (fields) => process.stdout.write(`${JSON.stringify(fields)}\n`);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const isSnapshot = (event) => event.key === "full_state"; // it is in no log

function heard(event) {
  if (!isSnapshot(event)) say({ id: event.id });
  onEvent(event);
}

// The ids in the client's own list: the history, then what came on the socket.
async function held() {
  const { events } = conversation.state;
  const all = [...history];
  for (let at = 0, length = await events.length(); at < length; at++) all.push(await events.getEvent(at));
  return [...new Set(all.filter((event) => !isSnapshot(event)).map((event) => event.id))];
}

const waits = {
  async idle() {
    await conversation.run();
    for (const begun = Date.now(); !atRest.includes(await conversation.state.getExecutionStatus()); await sleep(STATUS_EVERY_MS))
      if (Date.now() - begun > RUN_MS_MAX) throw new Error("the agent has not come to rest");
  },
  async snapshot() {
    let isRunning = false;
    const over = new Promise((resolve, reject) => {
      setTimeout(() => reject(new Error("no snapshot told of the run's end")), RUN_MS_MAX).unref();
      onEvent = (event) => {
        const status = isSnapshot(event) ? event.value.execution_status : event.key === "execution_status" ? event.value : null;
        isRunning ||= status === "running";
        if (isRunning && isSnapshot(event) && ended.includes(status)) resolve();
      };
    });
    await conversation.run();
    await over;
  },
};

const steps = {
  async attach() {
    const workspace = new Workspace({ host, workingDir: "/workspace", apiKey });
    const agent = new Agent({ llm: { model: "openai/scripted", api_key: "none" } });
    const onError = (error) => console.error("onError:", error.message);
    conversation = new Conversation(agent, workspace, { conversationId, callback: heard, onError });
    await conversation.start();
    await conversation.startWebSocketClient();
    history = await conversation.state.events.getEvents();
    for (const event of history) if (!isSnapshot(event)) say({ id: event.id });
  },
  async send({ text }) {
    await conversation.sendMessage(text);
  },
  async run() {
    await waits[wait]();
  },
  async close() {
    await conversation.close();
  },
};

for await (const line of readline.createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  try {
    await steps[asked.step](asked);
    say({ done: asked.step, held: await held() });
  } catch (error) {
    say({ failed: asked.step, error: `${error.name}: ${error.message}` });
  }
}
process.stdout.write("", () => process.exit()); // once the last answer has left: a pipe takes 64 KiB at a time
