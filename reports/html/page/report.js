// The page: the list of runs, and one run with its lanes. Text from a record is always inserted as text, never as markup.
import { orderAxis, timeAxis } from "./axis.js";
import { drawLanes, marksAt } from "./lanes.js";
import { Story } from "./journal.js";
import { count, describe, fate, moment, nameOf, short, tell, tellMany } from "./sentences.js";

const byId = (id) => document.getElementById(id);
const ROWS_MAX = 250;
const FATES_ABOVE_MAX = 3; // the others stand below the diagram
const IDS_MAX = 4;
const SPAN_SHARE_MIN = 1e-5; // the closest zoom, as a share of the axis
const PLACES = { log: "▪", agent: "■", publisher: "»", socket: "→", rest: "⇄", fault: "✗", client: "◆", world: "·" };
const THEMES = { auto: "◐", light: "○", dark: "●" };

const runs = JSON.parse(byId("runs-data").textContent);
const cells = [...document.querySelectorAll(".cell")];
const words = runs.map((run) => JSON.stringify([run.scenario, run.title, run.origin, run.races, run.client, run.violations, run.faults, run.because, run.digest]).toLowerCase());

let shown = runs.map((_, index) => index); // the indices of the runs that match the filters
let current = null; // the index of the open run
let lastCell = cells[0] ?? null;
let view = null; // of the open run: story, axis, from, to, picked, chosen, listed

// --- the overview -----------------------------------------------------------------------------------------------------

function applyFilters() {
  const wanted = Object.fromEntries([...document.querySelectorAll("#filters select")].map((one) => [one.name, one.value]));
  const text = byId("search").value.trim().toLowerCase();
  const has = (value, of) => !value || (Array.isArray(of) ? of.includes(value) : of === value);
  shown = runs.flatMap((run, index) => {
    const isWanted =
      has(wanted.verdict, run.verdict) && has(wanted.generation, run.generation) && has(wanted.cursor, run.cursor) &&
      has(wanted.client, run.client) && has(wanted.clock, run.clock) && has(wanted.fault, run.kinds) && has(wanted.race, run.races) && words[index].includes(text);
    return isWanted ? [index] : [];
  });
  const isShown = new Set(shown);
  for (const cell of cells) cell.hidden = !isShown.has(Number(cell.dataset.run));
  for (const row of document.querySelectorAll("#grid tbody tr")) row.hidden = !row.querySelector(".cell:not([hidden])");
  byId("found").textContent = shown.length === runs.length ? count(runs.length, "run") : `${shown.length.toLocaleString("en")} of ${count(runs.length, "run")}`;
  byId("nothing").hidden = shown.length > 0;
  for (const one of document.querySelectorAll("[data-verdict]")) one.setAttribute("aria-pressed", one.dataset.verdict === wanted.verdict);
  if (lastCell === null || lastCell.hidden) roam(cells.find((one) => !one.hidden) ?? null);
}

// Only one cell of the grid is in the tab order. The arrow keys move it.
function roam(cell, { focus = false } = {}) {
  lastCell?.setAttribute("tabindex", "-1");
  lastCell = cell;
  cell?.setAttribute("tabindex", "0");
  if (focus) cell?.focus();
}

function walkGrid(event) {
  const cell = event.target.closest(".cell");
  if (!cell) return;
  const beside = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const across = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  const inSight = cells.filter((one) => !one.hidden);
  if (event.key === "Home") roam(inSight[0], { focus: true });
  else if (event.key === "End") roam(inSight.at(-1), { focus: true });
  else if (beside) roam(inSight[inSight.indexOf(cell) + beside] ?? cell, { focus: true });
  else if (across) {
    const rows = [...document.querySelectorAll("#grid tbody tr:not([hidden])")];
    const row = rows[rows.indexOf(cell.closest("tr")) + across];
    const column = cell.closest("td").cellIndex;
    const distance = (one) => Math.abs(one.closest("td").cellIndex - column);
    const nearest = row && [...row.querySelectorAll(".cell:not([hidden])")].sort((a, b) => distance(a) - distance(b))[0];
    if (nearest) roam(nearest, { focus: true });
  } else return;
  event.preventDefault();
}

// --- routing ------------------------------------------------------------------------------------------------------------

function route() {
  const key = location.hash.startsWith("#run/") ? decodeURIComponent(location.hash.slice(5)) : null;
  const index = key === null ? (location.hash === "" && runs.length === 1 ? 0 : -1) : runs.findIndex((run) => run.key === key);
  byId("overview").hidden = index >= 0;
  byId("run").hidden = index < 0;
  byId("tip").hidden = true;
  if (index < 0) {
    const back = current === null ? null : cells.find((one) => Number(one.dataset.run) === current);
    current = view = null;
    if (back && !back.hidden) roam(back, { focus: true });
  } else if (index !== current) openRun(index);
}

const go = (index) => (location.hash = `#run/${encodeURIComponent(runs[index].key)}`);

function beside(step) {
  const at = shown.indexOf(current);
  const index = at < 0 ? shown[0] : shown[at + step];
  if (index !== undefined) go(index);
}

// --- one run --------------------------------------------------------------------------------------------------------------

async function openRun(index) {
  current = index;
  view = null;
  const run = runs[index];
  byId("runname").textContent = run.scenario;
  byId("runtitle").textContent = [run.title, run.races.join(" ")].filter(Boolean).join(" · ");
  byId("runverdict").replaceChildren(made("span", { class: `pill v-${run.verdict}` }, run.verdict), made("span", {}, `${run.generation} / ${run.cursor} · ${run.client} · seed ${run.seed}`));
  const at = shown.indexOf(index);
  if (runs.length > 1) {
    byId("which").textContent = at < 0 ? "" : `${at + 1} of ${shown.length}`;
    byId("before").disabled = at <= 0;
    byId("next").disabled = at < 0 || at === shown.length - 1;
  }
  showViolations(run);
  showFacts(run);
  byId("journal").replaceChildren();
  byId("told").textContent = "";
  byId("entry").hidden = true;
  byId("runname").focus({ preventScroll: true });
  scrollTo(0, 0);
  const lines = await journalOf(run);
  if (current !== index) return; // meanwhile another run was opened
  for (const id of ["lanes", "whole", "keys"]) byId(id).toggleAttribute("hidden", lines === null);
  byId("absent").hidden = lines !== null;
  byId("absent").textContent = `The journal of this run is not in this file. ${run.replay ?? ""}`;
  if (lines === null) return;
  const story = new Story();
  for (const line of lines) {
    const one = JSON.parse(line);
    if ("message" in one) story.messages.set(one.message, one);
    else story.take(one);
  }
  const named = [...new Set(run.violations.flatMap((one) => one.event_ids))].filter((id) => story.ways.has(id));
  story.lost = lostOf(story, named);
  view = { story, axis: timeAxis(story), from: 0, to: 0, picked: null, chosen: null, listed: null };
  setOrder(byId("order").getAttribute("aria-pressed") === "true");
  showViolations(run, story, named);
  document.querySelector("[data-view=loss]").hidden = lossSpan() === null;
}

// The lost ones of the events that violations name: run() returned without them, or they never reached the application.
// The other events were out of order, delivered twice, or in no log.
function lostOf(story, named) {
  story.lost = new Set(named);
  const missed = new Set(story.returns().flatMap((one) => one.without));
  return new Set(named.filter((id) => missed.has(id) || (story.ways.get(id).append && !story.ways.get(id).reached.length)));
}

async function journalOf(run) {
  const holder = [...document.querySelectorAll("script[data-digest]")].find((one) => one.dataset.digest === run.digest);
  if (!holder) return null;
  const bytes = Uint8Array.from(atob(holder.textContent), (one) => one.charCodeAt(0));
  const inflated = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return (await new Response(inflated).text()).split("\n").filter(Boolean);
}

function showViolations(run, story, named = []) {
  const rows = run.violations.map((one) => {
    const row = made("li", { class: `b-${one.breaks}` });
    row.append(made("b", {}, one.oracle), made("span", {}, ` ${shortened(one.message)}`));
    row.lastChild.title = one.message;
    return row;
  });
  const fates = story ? alike(named).map(([words, ids]) => fateRow(story, words, ids)) : [];
  byId("violations").replaceChildren(...rows.slice(0, 1), ...fates.slice(0, FATES_ABOVE_MAX));
  byId("more").replaceChildren(...rows.slice(1), ...fates.slice(FATES_ABOVE_MAX));
  byId("more").parentElement.hidden = !byId("more").childElementCount;

  // Events with the same fate, at whatever times, share a row.
  function alike(ids) {
    const found = new Map();
    for (const id of ids) {
      const words = fate(story, id).replace(/^[^:]*: /, "");
      const pattern = words.replace(/[\d.]+ m?s/g, "");
      if (!found.has(pattern)) found.set(pattern, [words, []]);
      found.get(pattern)[1].push(id);
    }
    return [...found.values()];
  }
}

function fateRow(story, words, ids) {
  const row = made("li", { class: "fate" });
  for (const id of ids.slice(0, IDS_MAX)) {
    const look = story.lost.has(id) ? "islost" : "";
    const button = made("button", { type: "button", "data-way": id, class: look, title: "Show its way" }, nameOf(story, id));
    button.onclick = () => choose(id);
    row.append(button, " ");
  }
  if (ids.length > IDS_MAX) row.append(`and ${ids.length - IDS_MAX} more `);
  row.append(made("span", {}, ids.length > 1 ? `fared alike; the first: ${words}` : words));
  return row;
}

const isReal = (run) => run.clock === "real";

// Cuts ids to their ends, as everywhere on the page.
const shortened = (text) => text.replace(/\b[0-9a-f]{8}-[0-9a-f-]{27}\b/g, short);

function showFacts(run) {
  const { rest } = run;
  const facts = [
    ["REST calls", `${rest.calls}; ${rest.optimum_calls} is the least possible, ${rest.allowed_calls} allowed`],
    ...rest.because.map((reason) => ["allowed, because", reason]),
    ...(run.clients ?? []).map((line) => ["Of these", line]),
    ["Body bytes", rest.bytes.toLocaleString("en")],
    ["Events read by the server", rest.events_read.toLocaleString("en")],
    [isReal(run) ? "Real time" : "Virtual time", `${run.virtual_s} s`],
    ["run() returned", run.return_s === null ? null : `${Number(run.return_s.toFixed(3))} s after the server's end`],
    ["Never returned", run.never_returned || null],
    [run.verdict === "unsafe" ? "Events lost" : "Events not held, and said so", run.lost_events || null],
    ["History", run.history_events ? count(run.history_events, "event") : null],
    ...run.faults.map((one) => ["Fault", `${one.name}${one.name === one.kind ? "" : ` (${one.kind})`} acted ${one.fired}×`]),
    ...run.kills.map((one) => ["Broken client", `${one.client} ${one.killed ? "fails here, as it should" : "was to fail here and did not"}, by ${one.by}`]),
    ["Origin", run.origin],
    ["Paths taken", run.taken.join(", ") || null],
    // A run in real time cannot be replayed. Its journal can only be judged again.
    [isReal(run) ? "Told and judged again by" : "Replay", run.replay, "code"],
    ["Capsule", run.capsule, "code"],
    ["As a test of yours", pytestLine(run), "code"],
    ["Digest", run.digest, "code"],
  ];
  byId("facts").replaceChildren(
    ...facts.filter(([, value]) => value !== null && value !== undefined && value !== "").flatMap(([name, value, look]) => {
      const told = made("dd", {});
      told.append(made(look ?? "span", {}, value));
      if ((value === run.replay || value === pytestLine(run)) && navigator.clipboard) told.append(copier(value));
      return [made("dt", {}, name), told];
    }),
  );
}

// The marker that puts a client through this run in pytest.
const pytestLine = (run) => `@pytest.mark.gapless(scenarios=["${run.scenario}"], generations=["${run.generation}"], cursors=["${run.cursor}"])`;

// Everything that is known of an entry: what the journal has, the whole message, and the command that makes a call again.
function showEntry(entry) {
  const { index, t_s, place, what, ...fields } = entry;
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`);
  byId("entryfields").textContent = [`${place} ${what}, ${t_s} s`, ...lines].join("\n");
  const curl = place === "rest" && what === "request" ? curlLine(fields, view.story.messages.get(`rest ${fields.call} request`)) : "";
  byId("curl").replaceChildren(...(curl ? [made("code", {}, curl), ...(navigator.clipboard ? [copier(curl)] : [])] : []));
  byId("messages").replaceChildren(...view.story.messagesOf(entry).flatMap(([title, name]) => messageShown(title, name)));
  byId("entry").hidden = false;
}

// A message as it was on the wire. JSON is laid out; what is copied is as it was.
function messageShown(title, name) {
  const message = view.story.messages.get(name);
  if (!message) return [made("p", {}, `${title} is not in this file.`)]; // the room is bounded
  const { headers, body, cut } = message;
  const size = body ? count(body.length + (cut ?? 0), "character") : "without a body";
  const head = made("h3", {}, `${title}, ${size}${cut ? `, the first ${body.length.toLocaleString("en")} of them here` : ""}`);
  if (body && navigator.clipboard) head.append(copier(body));
  const text = [...headers.map(([key, value]) => `${key}: ${value}`), ...(headers.length && body ? [""] : []), ...(body ? [laidOut(body)] : [])];
  return [head, ...(text.length ? [made("pre", { class: "message", tabindex: "0", "aria-label": title }, text.join("\n"))] : [])];
}

function laidOut(text) {
  try {
    const read = JSON.parse(text);
    return typeof read === "object" ? JSON.stringify(read, null, 2) : text;
  } catch {
    return text; // cut, or no JSON at all
  }
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function curlLine({ method, path, query }, message) {
  const given = Object.fromEntries(message?.headers ?? []);
  const key = given["x-session-api-key"] ? [`-H "x-session-api-key: $GAPLESS_API_KEY"`] : [];
  const body = message?.body ? [`-H ${quoted(`content-type: ${given["content-type"] ?? "application/json"}`)}`, `-d ${quoted(message.body)}`] : [];
  const words = ["curl", ...(method === "GET" ? [] : [`-X ${method}`]), ...key, ...body, `"$GAPLESS_URL"${quoted(path + (query ? `?${query}` : ""))}`];
  return words.join(" ");
}

function copier(text) {
  const button = made("button", { type: "button", class: "copy" }, "copy");
  button.onclick = () => navigator.clipboard.writeText(text).then(() => (button.textContent = "copied"));
  return button;
}

// --- the lanes ------------------------------------------------------------------------------------------------------------

function draw() {
  if (!view) return;
  const { story, axis, from, to, picked, chosen } = view;
  view.picture = drawLanes(byId("lanes"), story, { axis, from, to, picked, chosen, showLost: true });
  drawWhole();
  showJournal();
}

// The whole run in a strip, with the visible part marked.
function drawWhole() {
  const { story, axis, from, to } = view;
  const strip = byId("whole");
  const [all, width] = [axis.end * 1.02, strip.clientWidth || 900];
  const path = density(story, axis, all, width);
  const shape = (name, attributes) => {
    const one = document.createElementNS("http://www.w3.org/2000/svg", name);
    Object.entries(attributes).forEach(([key, value]) => one.setAttribute(key, value));
    return one;
  };
  strip.setAttribute("viewBox", `0 0 ${width} 26`);
  strip.replaceChildren(
    shape("path", { d: path, class: "density" }),
    ...[...story.lost].flatMap((id) => story.ways.get(id)?.append ?? []).slice(0, 200).map((one) => shape("circle", { cx: (axis.at(one.t, one.i) / all) * width, cy: 4, r: 2.5, class: "lostdot" })),
    shape("rect", { x: (from / all) * width, y: 0.5, width: Math.max(4, ((to - from) / all) * width), height: 25, rx: 4, class: "window" }),
  );
}

function density(story, axis, all, width) {
  const { strip } = view;
  if (strip?.axis === axis && strip.width === width) return strip.path;
  const bins = new Array(Math.ceil(width / 3)).fill(0);
  for (const one of story.entries) bins[Math.min(bins.length - 1, Math.floor((axis.at(one.t_s, one.index) / all) * bins.length))] += 1;
  const most = Math.log1p(Math.max(...bins));
  const path = bins.map((number, at) => (number ? `M${at * 3 + 1.5} 24v${-2 - (20 * Math.log1p(number)) / most}` : "")).join("");
  view.strip = { axis, width, path };
  return path;
}

function look(from, to) {
  const { axis } = view;
  const most = axis.end * 1.04;
  const length = Math.min(most, Math.max(axis.end * SPAN_SHARE_MIN, to - from));
  const begin = Math.min(Math.max(from, -axis.end * 0.02), axis.end * 1.02 - length);
  Object.assign(view, { from: Math.max(-axis.end * 0.02, begin), to: Math.max(-axis.end * 0.02, begin) + length });
  if (view.listed?.kind === "sight") view.listed = null;
  draw();
}

const lookAtAll = () => look(-view.axis.end * 0.02, view.axis.end * 1.02);

function zoom(factor, around = (view.from + view.to) / 2) {
  look(around - (around - view.from) * factor, around + (view.to - around) * factor);
}

function pan(share) {
  const by = (view.to - view.from) * share;
  look(view.from + by, view.to + by);
}

// The part from the first lost event's append to the return of run() without it, with some room on both sides.
function lossSpan() {
  const { story, axis } = view;
  const back = story.returns().find((one) => one.without.length);
  const kept = [...story.lost].flatMap((id) => story.ways.get(id)?.append ?? []);
  if (!kept.length) return null;
  const begin = axis.at(kept[0].t, kept[0].i);
  const until = back ?? kept.at(-1);
  const end = axis.at(until.t, until.i);
  const room = Math.max((end - begin) * 0.35, axis.end * 0.01);
  return [begin - room, end + room];
}

function setOrder(isOrder) {
  byId("order").setAttribute("aria-pressed", isOrder);
  view.axis = isOrder ? orderAxis(view.story) : timeAxis(view.story);
  lookAtAll();
}

function pick(index, { follow = true } = {}) {
  const entry = view.story.entries[index];
  if (!entry) return;
  view.picked = index;
  byId("told").textContent = `${moment(entry.t_s)}  ${tell(view.story, entry)}`;
  showEntry(entry);
  const at = view.axis.at(entry.t_s, entry.index);
  if (follow && (at < view.from || at > view.to)) {
    const half = (view.to - view.from) / 2;
    look(at - half, at + half);
  } else draw();
}

// Shows the whole way of one event; null shows none.
function choose(id) {
  view.chosen = id !== null && view.story.ways.has(id) ? id : null;
  view.listed = view.chosen === null ? null : { title: `The way of ${nameShown(id)}`, entries: wayEntries(id) };
  if (view.chosen !== null) byId("told").textContent = fate(view.story, id);
  draw();
}

const nameShown = (id) => [view.story.ways.get(id)?.kind || "event", short(id)].join(" ");

function wayEntries(id) {
  const { story } = view;
  const way = story.ways.get(id);
  const calls = new Set(story.pagesOf(way).flatMap((one) => [one.i, one.end]));
  return story.entries.filter((one) => one.id === id || (one.place === "fault" && one.target === id) || calls.has(one.index));
}

function showJournal() {
  const { story, axis, from, to, listed, picked } = view;
  const inSight = () => story.entries.filter(({ t_s, index }) => axis.at(t_s, index) >= from && axis.at(t_s, index) <= to);
  const { title, entries } = listed ?? { title: "Journal: what is in sight", entries: inSight() };
  const at = Math.max(0, entries.findIndex((one) => one.index === picked));
  const first = entries.length > ROWS_MAX ? Math.min(Math.max(0, at - ROWS_MAX / 2), entries.length - ROWS_MAX) : 0;
  const rows = entries.slice(first, first + ROWS_MAX);
  byId("journaltitle").textContent = `${title} (${entries.length.toLocaleString("en")}${rows.length < entries.length ? `, ${rows.length} of them here` : ""})`;
  byId("journal").replaceChildren(...rows.map(journalRow));
  const row = byId("journal").querySelector("[aria-current]");
  if (row) byId("journal").scrollTop = row.offsetTop - byId("journal").offsetTop - 80;
}

function journalRow(entry) {
  const row = made("li", { "data-i": entry.index, title: describe(entry) });
  if (entry.index === view.picked) row.setAttribute("aria-current", "true");
  const id = view.story.idOf(entry);
  if (id !== null && view.story.lost.has(id)) row.classList.add("islost");
  const place = `p-${entry.place}`;
  row.append(made("time", {}, entry.t_s.toFixed(3)), made("span", { class: place }, PLACES[entry.place] ?? "·"), made("span", { class: place }, entry.place), made("span", { class: "sentence" }, tell(view.story, entry, { apart: true })));
  return row;
}

// --- the pointer -----------------------------------------------------------------------------------------------------------

function told(marks) {
  const { story } = view;
  if (marks.length > 1) return tellMany(story, marks);
  const sentence = tell(story, story.entries[marks[0].i]);
  if (marks[0].to !== undefined && marks[0].end && story.entries[marks[0].end]?.place !== "rest") return `${sentence} ${tell(story, story.entries[marks[0].end])}`;
  const id = story.idOf(story.entries[marks[0].i]);
  return id !== null && story.lost.has(id) && !marks[0].end ? `${sentence} Lost.` : sentence;
}

function hover(event) {
  const marks = view ? marksAt(event.target) : [];
  const tip = byId("tip");
  tip.hidden = !marks.length;
  if (!marks.length) return;
  tip.replaceChildren(made("time", {}, moment(marks[0].t)), made("span", {}, told(marks)));
  const { clientX, clientY } = event;
  tip.style.left = `${Math.max(8, Math.min(clientX + 14, innerWidth - tip.offsetWidth - 12))}px`;
  tip.style.top = `${clientY + 18 + tip.offsetHeight > innerHeight ? clientY - tip.offsetHeight - 12 : clientY + 18}px`;
}

function click(event) {
  const marks = marksAt(event.target);
  if (!marks.length) return choose(null);
  view.picked = marks[0].i;
  showEntry(view.story.entries[view.picked]);
  if (marks.length === 1) {
    byId("told").textContent = `${moment(marks[0].t)}  ${told(marks)}`;
    return choose(view.story.idOf(view.story.entries[marks[0].i]));
  }
  view.chosen = null;
  view.listed = { title: tellMany(view.story, marks).replace(/\.$/, ""), entries: marks.map((one) => view.story.entries[one.i]) };
  byId("told").textContent = `${tellMany(view.story, marks)} They are listed below.`;
  const [begin, end] = [marks[0], marks.at(-1)].map((one) => view.axis.at(one.t, one.i));
  if (end - begin > (view.to - view.from) * 0.01) look(begin - (end - begin) * 0.3, end + (end - begin) * 0.3);
  else draw();
}

function drag(down) {
  const lanes = byId("lanes");
  const [from, to, begin] = [view.from, view.to, down.clientX];
  let hasMoved = false;
  const move = (event) => {
    hasMoved ||= Math.abs(event.clientX - begin) > 4;
    if (!hasMoved) return;
    lanes.setPointerCapture(down.pointerId);
    byId("tip").hidden = true;
    const by = ((begin - event.clientX) * (to - from)) / (lanes.clientWidth - view.picture.left - 16);
    look(from + by, to + by);
  };
  const up = () => {
    lanes.removeEventListener("pointermove", move);
    if (!hasMoved) return;
    const swallow = (event) => event.stopImmediatePropagation(); // the click that ends a drag picks nothing
    lanes.addEventListener("click", swallow, { capture: true, once: true });
    setTimeout(() => lanes.removeEventListener("click", swallow, { capture: true }), 50);
  };
  lanes.addEventListener("pointermove", move);
  lanes.addEventListener("pointerup", up, { once: true });
  lanes.addEventListener("pointercancel", up, { once: true });
}

function wheel(event) {
  if (!view || !(event.ctrlKey || event.metaKey || event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY))) return;
  event.preventDefault();
  if (event.ctrlKey || event.metaKey) zoom(event.deltaY > 0 ? 1.25 : 0.8, view.picture.placeAt(event.offsetX));
  else pan((event.deltaX || event.deltaY) / 800);
}

function laneKeys(event) {
  if (!view || event.ctrlKey || event.metaKey || event.altKey) return;
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const { listed, picked, story } = view;
  if (step && event.shiftKey) pan(step * 0.2);
  else if (step && listed) {
    const at = listed.entries.findIndex((one) => one.index === picked);
    pick((listed.entries[at < 0 ? 0 : at + step] ?? listed.entries.at(step > 0 ? -1 : 0)).index);
  } else if (step) pick(Math.min(story.length - 1, Math.max(0, picked === null ? firstInSight() : picked + step)));
  else if (event.key === "Enter" && picked !== null) choose(story.idOf(story.entries[picked]));
  else if (event.key === "+" || event.key === "=") zoom(0.6);
  else if (event.key === "-") zoom(1 / 0.6);
  else if (event.key === "0") lookAtAll();
  else return;
  event.preventDefault();
}

const firstInSight = () => view.story.entries.find((one) => view.axis.at(one.t_s, one.index) >= view.from)?.index ?? 0;

function journalKeys(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!view || (!step && event.key !== "Enter")) return;
  event.preventDefault();
  if (!step) return view.picked !== null && choose(view.story.idOf(view.story.entries[view.picked]));
  const rows = [...byId("journal").children];
  const at = rows.findIndex((row) => row.hasAttribute("aria-current"));
  const row = rows[Math.min(rows.length - 1, Math.max(0, at + step))];
  if (row) pick(Number(row.dataset.i));
}

function pageKeys(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const isTyping = event.target.matches("input, select, textarea");
  if (event.key === "Escape" && isTyping) event.target.blur();
  else if (event.key === "Escape" && view && (view.chosen !== null || view.listed)) choose(null);
  else if (event.key === "Escape" && current !== null) location.hash = "#runs";
  else if (isTyping) return;
  else if (event.key === "/" && current === null) {
    byId("search").focus();
    event.preventDefault();
  } else if (current !== null && !event.target.closest("#lanes, #journal") && !event.shiftKey) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) beside(step);
  }
}

// --- colors and listeners -------------------------------------------------------------------------------------------------

function setTheme(name) {
  document.documentElement.dataset.theme = name;
  byId("theme").textContent = `${THEMES[name]} ${name}`;
  byId("theme").setAttribute("aria-label", `Colours: ${name === "auto" ? "as the system has them" : name}`);
  try {
    localStorage.setItem("gapless-theme", name);
  } catch {
    // A page opened from a disk may have no storage for the choice.
  }
}

function keptTheme() {
  try {
    return localStorage.getItem("gapless-theme") ?? "auto";
  } catch {
    return "auto";
  }
}

function made(name, attributes, text) {
  const one = document.createElement(name);
  Object.entries(attributes).forEach(([key, value]) => one.setAttribute(key, value));
  if (text !== undefined) one.textContent = text;
  return one;
}

byId("theme").onclick = () => {
  const names = Object.keys(THEMES);
  setTheme(names[(names.indexOf(document.documentElement.dataset.theme) + 1) % names.length]);
};
for (const kind of ["input", "change"]) byId("filters").addEventListener(kind, applyFilters);
byId("filters").addEventListener("reset", () => setTimeout(applyFilters));
byId("filters").addEventListener("submit", (event) => event.preventDefault());
for (const one of document.querySelectorAll("[data-verdict]")) {
  one.onclick = () => {
    const select = document.querySelector("#filters [name=verdict]");
    if (!select) return;
    select.value = select.value === one.dataset.verdict ? "" : one.dataset.verdict;
    applyFilters();
  };
}
byId("grid").addEventListener("keydown", walkGrid);
if (runs.length > 1) {
  byId("before").onclick = () => beside(-1);
  byId("next").onclick = () => beside(1);
}
byId("order").onclick = () => view && setOrder(byId("order").getAttribute("aria-pressed") !== "true");
for (const one of document.querySelectorAll("[data-view]")) {
  one.onclick = () => view && { in: () => zoom(0.6), out: () => zoom(1 / 0.6), all: lookAtAll, loss: () => look(...lossSpan()) }[one.dataset.view]();
}
byId("lanes").addEventListener("pointermove", hover);
byId("lanes").addEventListener("pointerleave", () => (byId("tip").hidden = true));
byId("lanes").addEventListener("pointerdown", (event) => view && event.button === 0 && drag(event));
byId("lanes").addEventListener("click", (event) => view && click(event));
byId("lanes").addEventListener("dblclick", (event) => view && zoom(0.5, view.picture.placeAt(event.offsetX)));
byId("lanes").addEventListener("wheel", wheel, { passive: false });
byId("lanes").addEventListener("keydown", laneKeys);
byId("whole").addEventListener("pointerdown", (event) => {
  const move = ({ offsetX }) => {
    const [at, half] = [(offsetX / byId("whole").clientWidth) * view.axis.end * 1.02, (view.to - view.from) / 2];
    look(at - half, at + half);
  };
  if (!view) return;
  move(event);
  byId("whole").setPointerCapture(event.pointerId);
  byId("whole").addEventListener("pointermove", move);
  byId("whole").addEventListener("pointerup", () => byId("whole").removeEventListener("pointermove", move), { once: true });
});
byId("journal").addEventListener("click", (event) => {
  const row = event.target.closest("li");
  if (!view || !row) return;
  pick(Number(row.dataset.i));
  const id = view.story.idOf(view.story.entries[Number(row.dataset.i)]);
  if (id !== null) choose(id);
});
byId("journal").addEventListener("keydown", journalKeys);
document.addEventListener("keydown", pageKeys);
addEventListener("hashchange", route);
new ResizeObserver(() => view && view.picture?.width !== byId("lanes").clientWidth && draw()).observe(byId("run"));

setTheme(keptTheme());
cells.forEach((one) => one.setAttribute("tabindex", "-1"));
roam(lastCell);
applyFilters();
route();
