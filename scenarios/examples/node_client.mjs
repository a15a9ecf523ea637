// A client on Node, for every generation of the server: it reads the log over REST when the socket brings a snapshot.
//
//     gapless run R34 -- node node_client.mjs
import { spawnSync } from "node:child_process";
import readline from "node:readline";

if (!globalThis.WebSocket) {
  // Node 20 and 21 have it behind a flag
  const flags = ["--experimental-websocket", "--no-warnings"];
  process.exit(spawnSync(process.execPath, [...flags, ...process.argv.slice(1)], { stdio: "inherit" }).status ?? 1);
}

const { GAPLESS_URL: url, GAPLESS_CONVERSATION_ID: id, GAPLESS_API_KEY: key } = process.env;
const base = `${url}/api/conversations/${id}`;
const headers = { "content-type": "application/json", ...(key && { "x-session-api-key": key }) };
const resting = ["idle", "paused", "finished", "error", "stuck", "waiting_for_confirmation"];
const log = []; // the events that REST has confirmed, in the log's order
const known = new Set();
let status = null; // of the newest snapshot
let ring = () => {};

function listen() {
  const query = key ? `?session_api_key=${key}` : "";
  const socket = new WebSocket(`${url.replace("http", "ws")}/sockets/events/${id}${query}`);
  socket.onmessage = ({ data }) => {
    const event = JSON.parse(data);
    if (event.key === "full_state") status = event.value.execution_status;
    ring();
  };
  const again = () => {
    socket.onerror = socket.onclose = null; // which of them are called depends on the version
    setTimeout(listen, 200);
  };
  socket.onerror = socket.onclose = again;
}

const news = () => new Promise((resolve) => (ring = resolve));

// Read the log from the last event on that REST has confirmed. The page has that event again, so it is still there.
async function readOn() {
  let cursor = log.at(-1)?.id;
  do {
    const page = await call(`/events/search?limit=100${cursor ? `&page_id=${cursor}` : ""}`);
    for (const event of page.items) {
      if (!known.has(event.id)) log.push(event);
      known.add(event.id);
    }
    cursor = page.next_page_id;
  } while (cursor);
}

async function call(path, options = {}) {
  for (let tries = 1; ; tries++) {
    try {
      const response = await fetch(base + path, { headers, ...options });
      if (response.ok) return await response.json();
      if (response.status < 500 && response.status !== 429) return null;
    } catch (error) {
      if (tries >= 10) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 100 * tries));
  }
}

const post = (path, body) => call(path, { method: "POST", body: JSON.stringify(body ?? {}) });

// The run is over when the log since then has the status "running", and its last status is another one.
function isOver(since) {
  const words = log.slice(since).filter((event) => event.key === "execution_status").map((event) => event.value);
  return words.includes("running") && resting.includes(words.at(-1));
}

const steps = {
  async attach() {
    listen();
    while (status === null) await news();
    await readOn();
  },
  async send({ text }) {
    await post("/events", { role: "user", content: [{ type: "text", text }], run: false });
  },
  async run() {
    const since = log.length;
    status = null;
    await post("/run");
    do {
      while (!resting.includes(status)) await news();
      status = null;
      await readOn();
    } while (!isOver(since));
  },
  async close() {},
};

for await (const line of readline.createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  await steps[asked.step](asked);
  console.log(JSON.stringify({ done: asked.step, held: log.map((event) => event.id) }));
}
process.exit();
