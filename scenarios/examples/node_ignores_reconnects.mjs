// A client on Node that is wrong: it reconnects when the socket breaks, and never reads the events that it missed.
//
//     gapless check R34 -- node node_ignores_reconnects.mjs
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
const held = new Set();
let status = null; // of the newest snapshot
let ran = false; // whether the status was "running" since run() was called
let ring = () => {};

function listen() {
  const query = key ? `?session_api_key=${key}` : "";
  const socket = new WebSocket(`${url.replace("http", "ws")}/sockets/events/${id}${query}`);
  socket.onmessage = ({ data }) => {
    const event = JSON.parse(data);
    if (event.key === "full_state") status = event.value.execution_status;
    else held.add(event.id);
    if (event.value === "running") status = "running";
    ran ||= status === "running";
    ring();
  };
  const again = () => {
    socket.onerror = socket.onclose = null; // which of them are called depends on the version
    setTimeout(listen, 200);
  };
  socket.onerror = socket.onclose = again;
}

const news = () => new Promise((resolve) => (ring = resolve));
const post = (path, body) => fetch(base + path, { method: "POST", headers, body: JSON.stringify(body ?? {}) });

const steps = {
  async attach() {
    listen();
    while (status === null) await news();
    for (let cursor = ""; cursor !== null; ) {
      const query = cursor ? `&page_id=${cursor}` : "";
      const page = await (await fetch(`${base}/events/search?limit=100${query}`, { headers })).json();
      for (const event of page.items) held.add(event.id);
      cursor = page.next_page_id;
    }
  },
  async send({ text }) {
    await post("/events", { role: "user", content: [{ type: "text", text }], run: false });
  },
  async run() {
    ran = false;
    await post("/run");
    while (!ran || status === "running") await news();
  },
  async close() {},
};

for await (const line of readline.createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  await steps[asked.step](asked);
  console.log(JSON.stringify({ done: asked.step, held: [...held] }));
}
process.exit();
