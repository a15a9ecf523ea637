// The page follows the journal and draws it. All state comes from the server, so a reload shows the same.
import { plainAxis } from "./axis.js";
import { drawLanes } from "./lanes.js";
import { Story } from "./journal.js";
import { describe, tell } from "./sentences.js";

const $ = (id) => document.getElementById(id);
const ROWS_MAX = 400;
const MARKS = { log: "▪", agent: "■", publisher: "»", socket: "→", rest: "⇄", fault: "✗", client: "◆", world: "·" };
const PRESETS = [
  { kind: "event-drop", match: { kind: "ActionEvent", nth: 1 } },
  { kind: "event-delay", delay_s: 3, match: { kind: "ObservationEvent" } },
  { kind: "event-duplicate", copies: 2, gap_s: 0.1 },
  { kind: "event-reorder", after: 3, hold_s: 2 },
  { kind: "link-latency", latency_s: 0.5, jitter_s: 0.5 },
  { kind: "link-stall", stall_s: 3, at_s: 0 },
  { kind: "link-half-open", at_s: 0 },
  { kind: "link-reset", at_s: 0 },
  { kind: "link-close", code: 1012, at_s: 0 },
  { kind: "link-refuse", status: 503 },
  { kind: "link-handshake-hang", hang_s: 10 },
  { kind: "link-bandwidth", bytes_per_s: 4000 },
  { kind: "subscription-lost", at_s: 0 },
  { kind: "rest-status", status: 503, retry_after_s: 1, match: { probability: 0.5 } },
  { kind: "rest-timeout", hang_s: 30 },
  { kind: "rest-reset" },
  { kind: "rest-malformed", body: "truncated" },
  { kind: "rest-stale", lag_s: 5 },
  { kind: "rest-page-cap", items_max: 5 },
  { kind: "stop-hook-veto", after_s: 2, actions: 2 },
  { kind: "server-restart", at_s: 0, down_s: 2 },
];

let story = new Story();
let session = null;
let verdict = null;
let generation = null; // number of the server's session; when it changes, the story starts over
let zoom_s = 0;
let picked = null;
let chosen = null; // id of the event whose path is shown
const removed = new Map(); // faults that were switched off on this page, and can be switched on again

// --- requests -------------------------------------------------------------------------------------------------------

async function ask(path, body) {
  const options = body === undefined ? {} : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  return answered(await fetch(path, options));
}

async function answered(response) {
  const told = await response.json();
  if (!response.ok) throw new Error(told.detail);
  return told;
}

async function attempt(doing) {
  try {
    await doing();
  } catch (error) {
    toast(error.message);
  }
  refresh();
}

function toast(text) {
  $("toast").textContent = text;
  $("toast").classList.add("shown");
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => $("toast").classList.remove("shown"), 5000);
}

// --- following ------------------------------------------------------------------------------------------------------

async function follow() {
  for (;;) {
    try {
      const response = await fetch(`journal?after=${story.length}&wait_s=10`);
      const lines = (await response.text()).split("\n").filter(Boolean);
      if (generation !== response.headers.get("x-session")) {
        const isFirst = generation === null;
        generation = response.headers.get("x-session");
        startOver();
        if (!isFirst) continue;
      }
      lines.forEach((line) => story.take(JSON.parse(line)));
      if (lines.length) showJournal();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 1000)); // the server has ended, or does not listen yet
    }
  }
}

function startOver() {
  story = new Story();
  picked = chosen = null;
  removed.clear();
  $("journal").replaceChildren();
  refresh();
}

async function refresh() {
  try {
    [session, verdict] = [await ask("session"), await ask("verdict")];
    document.body.dataset.connected = "yes";
    showSession();
    showVerdict();
    showFaults();
  } catch {
    document.body.dataset.connected = "no";
    $("state").textContent = "not reachable";
    $("state").dataset.state = "over";
  }
}

// --- showing --------------------------------------------------------------------------------------------------------

function showSession() {
  $("title").textContent = session.scenario.title;
  $("variant").textContent = `${session.scenario.name} · generation ${session.generation} · cursor ${session.cursor} · seed ${session.seed}`;
  document.title = `${session.scenario.name} · gapless`;
  $("state").textContent = session.healed && session.state === "running" ? "healed" : { waiting: "waiting for a client" }[session.state] ?? session.state;
  $("state").dataset.state = session.state;
  $("state").title = session.why ?? "";
  $("clock").textContent = `${session.t_s.toFixed(1)} s`;
  $("stepwise").checked = session.agent.stepwise;
  document.querySelector('[data-do="agent/step"]').disabled = !session.agent.stepwise;
  $("entries").textContent = session.entries ? `${session.entries.toLocaleString("en")} entries` : "";
  describeList($("address"), [
    ["URL", session.url],
    ["Conversation", session.conversation_id],
    ["Key", session.api_key ?? "none"],
  ]);
}

function showVerdict() {
  const { violations, pending, rest, unreached, log_length } = verdict;
  const begun = session.entries > 0;
  const word = verdict.verdict === "vacuous" ? "nothing shown yet" : verdict.verdict;
  const unsent = unreached.length && session.agent.log_length ? `; ${unreached.length} events were never sent to the client` : "";
  $("verdict").dataset.verdict = begun ? verdict.verdict : "";
  $("word").textContent = begun ? word : "no client yet";
  $("first").textContent = (violations[0] && brief(violations[0].message)) ?? (begun ? `${session.t_s.toFixed(0)} s in${unsent}` : "the clock starts with the first one");
  $("first").title = $("first").textContent;
  list($("violations"), violations.map((one) => `${one.oracle}: ${brief(one.message)}`));
  if (begun && !violations.length) list($("violations"), ["no property is violated so far"], "fine");
  const silent = begun && !verdict.reports ? ["the client reports nothing of what it holds (POST /sim/report)"] : [];
  list($("pending"), [...silent, ...pending]);
  $("calls").textContent = rest.calls;
  $("calls").classList.toggle("over", rest.calls > rest.allowed_calls);
  $("optimum").textContent = rest.optimum_calls;
  const sockets = session.sockets;
  describeList($("counts"), [
    ["Requests, all told", session.rest.requests],
    ["Body bytes", rest.bytes.toLocaleString("en")],
    ["Events read by the server", rest.events_read.toLocaleString("en")],
    ["Sockets open, ever opened", `${sockets.open}, ${sockets.opened}`],
    ["Frames delivered", sockets.frames.toLocaleString("en")],
    ["Agent", session.agent.waiting ? `${session.agent.status}, waits for a step` : session.agent.status],
    ["Events in the log", log_length.toLocaleString("en")],
    ["Never sent to the client", unreached.length.toLocaleString("en"), unreached.length && begun ? "lost" : ""],
  ]);
  story.lost = new Set(unreached);
}

function showFaults() {
  const rows = session.faults.map((one) => [one, true]).concat([...removed.values()].map((one) => [one, false]));
  const told = JSON.stringify(rows);
  if ($("faults").dataset.told === told) return; // a switch that is replaced loses its focus and a click in progress
  $("faults").dataset.told = told;
  $("faults").replaceChildren(
    ...rows.map(([one, isOn]) => {
      const row = element("li", { class: isOn ? "" : "off" });
      const box = element("input", { type: "checkbox", "aria-label": `fault ${one.name}` });
      box.checked = isOn;
      box.onchange = () => attempt(() => (box.checked ? switchOn(one) : switchOff(one)));
      const name = element("span", {}, one.name);
      name.append(element("small", {}, `${one.kind} ${rule(one.fault)}`));
      row.append(box, name, element("output", { class: one.fired ? "fired" : "" }, `${one.fired}×`));
      return row;
    }),
  );
  if (!rows.length) $("faults").append(element("li", { class: "none" }, "None: the world is as it should be."));
}

const brief = (text) => text.replace(/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{4}([0-9a-f]{8})\b/g, "…$1");

const rule = ({ kind, name, match, ...rest }) =>
  Object.entries({ ...rest, ...match })
    .map(([key, value]) => `${key}=${value}`)
    .join(" ");

async function switchOff(one) {
  await answered(await fetch(`faults/${encodeURIComponent(one.name)}`, { method: "DELETE" }));
  removed.set(one.name, one);
}

async function switchOn(one) {
  await ask("faults", { ...one.fault, name: one.name });
  removed.delete(one.name);
}

function showJournal() {
  const box = $("journal");
  const isAtEnd = box.scrollTop + box.clientHeight >= box.scrollHeight - 30;
  const shown = Number(box.lastElementChild?.dataset.i ?? -1);
  const from = Math.max(shown + 1, story.length - ROWS_MAX);
  box.append(...story.entries.slice(from).map(journalRow));
  while (box.childElementCount > ROWS_MAX) box.firstElementChild.remove();
  if (isAtEnd && picked === null) box.scrollTop = box.scrollHeight;
}

function journalRow(entry) {
  const row = element("li", { "data-i": entry.index });
  const colour = `p-${entry.place}`;
  row.append(
    element("time", {}, entry.t_s.toFixed(3)),
    element("span", { class: colour }, MARKS[entry.place] ?? "·"),
    element("span", { class: colour }, entry.place),
    element("span", {}, entry.what),
    element("span", { class: "more" }, describe(entry)),
  );
  return row;
}

function pick(index, { scroll = true } = {}) {
  picked = index;
  const entry = story.entries[index];
  if (scroll) chosen = entry ? story.idOf(entry) : null;
  if (!entry) return;
  $("detail").textContent = `${entry.t_s.toFixed(4)} s  ${tell(story, entry)}`;
  $("detail").title = describe(entry, { whole: true });
  document.querySelector("#journal [aria-current]")?.removeAttribute("aria-current");
  const row = document.querySelector(`#journal [data-i="${index}"]`);
  row?.setAttribute("aria-current", "true");
  if (scroll) row?.scrollIntoView({ block: "nearest" });
}

function draw() {
  const now_s = session?.state === "running" ? Math.max(story.now_s(), session.t_s) : Math.max(story.last_s, session?.t_s ?? 0);
  if (session) $("clock").textContent = `${now_s.toFixed(1)} s`;
  const invitation = session?.state === "waiting" && [`Waiting for a client at ${session.url}`, `conversation ${session.conversation_id}`];
  const to = Math.max(now_s, zoom_s || 5);
  const from = zoom_s ? Math.max(0, to - zoom_s) : 0;
  drawLanes($("lanes"), story, { axis: plainAxis(to), from, to, picked, chosen, now: now_s, invitation });
}

// --- small things ---------------------------------------------------------------------------------------------------

function element(name, attributes, text) {
  const made = document.createElement(name);
  Object.entries(attributes).forEach(([key, value]) => value !== "" && made.setAttribute(key, value));
  if (text !== undefined) made.textContent = text;
  return made;
}

const list = (into, texts, look = "") => into.replaceChildren(...texts.map((text) => element("li", { class: look }, text)));

function describeList(into, rows) {
  into.replaceChildren(...rows.flatMap(([name, value, look = ""]) => [element("dt", {}, name), element("dd", { class: look }, value)]));
}

// --- being steered --------------------------------------------------------------------------------------------------

document.querySelectorAll("[data-do]").forEach((button) => {
  button.onclick = () => attempt(() => ask(button.dataset.do, JSON.parse(button.dataset.body ?? "{}")));
});
document.querySelectorAll("[data-zoom]").forEach((button) => {
  button.onclick = () => {
    zoom_s = Number(button.dataset.zoom);
    document.querySelectorAll("[data-zoom]").forEach((one) => one.setAttribute("aria-pressed", one === button));
    draw();
  };
});
document.querySelector('[data-zoom="0"]').setAttribute("aria-pressed", true);
$("stepwise").onchange = () => attempt(() => ask("agent/mode", { stepwise: $("stepwise").checked }));
$("preset").replaceChildren(...PRESETS.map((one) => element("option", {}, one.kind)));
const usePreset = () => ($("fault").value = JSON.stringify(PRESETS[$("preset").selectedIndex]));
$("preset").onchange = usePreset;
usePreset();
$("adding").onsubmit = (event) => {
  event.preventDefault();
  attempt(async () => ask("faults", JSON.parse($("fault").value)));
};
$("starting").onsubmit = (event) => {
  event.preventDefault();
  const [generation, cursor] = $("variants").value.split(" / ");
  attempt(() => ask("session", { scenario: $("scenario").value, generation, cursor }));
};

async function listScenarios() {
  const { scenarios } = await ask("scenarios");
  $("scenario").replaceChildren(...scenarios.map((one) => element("option", { value: one.name, title: one.title }, one.name)));
  const choose = async () => {
    const whole = await ask(`scenarios/${$("scenario").value}`);
    $("variants").replaceChildren(...whole.variants.map(({ generation, cursor }) => element("option", {}, `${generation} / ${cursor}`)));
    $("story").textContent = whole.story || whole.title;
  };
  $("scenario").onchange = () => attempt(choose);
  const now = session ?? (await ask("session"));
  $("scenario").value = now.scenario.name;
  await choose();
  $("variants").value = `${now.generation} / ${now.cursor}`;
}

$("lanes").addEventListener("pointerover", (event) => {
  const index = event.target.dataset?.i;
  if (index !== undefined) pick(Number(index), { scroll: false });
});
$("lanes").addEventListener("click", (event) => {
  const index = event.target.dataset?.i;
  if (index !== undefined) pick(Number(index));
  else picked = chosen = null;
});
$("journal").addEventListener("click", (event) => pick(Number(event.target.closest("li")?.dataset.i)));

document.addEventListener("keydown", (event) => {
  if (event.target.matches("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
  const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
  if (step) {
    const from = picked ?? story.length;
    pick(Math.min(story.length - 1, Math.max(0, from + step)));
    event.preventDefault();
  } else if (event.key === "Escape") {
    picked = chosen = null;
    document.querySelector("#journal [aria-current]")?.removeAttribute("aria-current");
  } else {
    document.querySelector(`[data-key="${event.key.toLowerCase()}"]`)?.click();
  }
});

follow();
refresh().then(listScenarios);
setInterval(() => document.hidden || refresh(), 500);
setInterval(() => document.hidden || draw(), 125);
