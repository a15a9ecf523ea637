// The lanes: agent, log, sockets, REST, client over time, and the faults across them. Only what is in sight is drawn.

const SVG = "http://www.w3.org/2000/svg";
const LEFT = 66;
const RIGHT = 16;
const TOP = 40;
const MARKS_MAX = 900; // of a kind; of more, every nth
const SOCKET_ROWS = 4;
const LANES = [
  { name: "Agent", y: TOP, height: 38 },
  { name: "Log", y: TOP + 44, height: 34 },
  { name: "Sockets", y: TOP + 84, height: 68 },
  { name: "REST", y: TOP + 158, height: 62 },
  { name: "Client", y: TOP + 226, height: 36 },
];
const [AGENT, LOG, SOCKETS, REST, CLIENT] = LANES;
const BOTTOM = CLIENT.y + CLIENT.height;

export function drawLanes(svg, story, { now_s, zoom_s, picked, invitation }) {
  const width = svg.clientWidth || 900;
  svg.setAttribute("viewBox", `0 0 ${width} 332`);
  const to_s = Math.max(now_s, zoom_s || 5);
  const from_s = zoom_s ? Math.max(0, to_s - zoom_s) : 0;
  const scale = (width - LEFT - RIGHT) / (to_s - from_s);
  const x = (t) => LEFT + (Math.max(from_s, t) - from_s) * scale;
  const inSight = (from, to = from) => (to ?? to_s) >= from_s && from <= to_s;
  const out = [];
  const add = (name, attributes, text) => out.push([name, attributes, text]);

  frame(add, x, from_s, to_s, width, now_s);
  for (const run of story.runs) if (inSight(run.t, run.to)) drawRun(add, x, run, to_s);
  for (const one of story.statuses) if (inSight(one.t)) add("circle", { cx: x(one.t), cy: AGENT.y + 33, r: 2.5, class: "agent", "data-i": one.i });
  for (const one of thinned(story.appends.filter((one) => inSight(one.t)))) drawAppend(add, x, one, story);
  story.sockets.forEach((one, number) => inSight(one.t, one.to) && drawSocket(add, x, one, number, to_s, inSight));
  for (const one of story.refused) if (inSight(one.t)) cross(add, x(one.t), SOCKETS.y + SOCKETS.height - 8, one.i, 4);
  for (const one of thinned(story.calls.filter((one) => inSight(one.t, one.to)))) drawCall(add, x, one, to_s);
  for (const one of story.steps) if (inSight(one.t, one.to)) drawStep(add, x, one, to_s);
  for (const one of thinned(story.reached.filter((one) => inSight(one.t)))) add("circle", { cx: x(one.t), cy: CLIENT.y + 28, r: 2.5, class: "client", "data-i": one.i });
  drawFaults(add, x, story.faults.filter((one) => inSight(one.t)), width);
  if (story.healed_s !== null && inSight(story.healed_s)) {
    add("line", { x1: x(story.healed_s), x2: x(story.healed_s), y1: TOP - 6, y2: BOTTOM, class: "healed" });
    add("text", { x: x(story.healed_s) + 4, y: BOTTOM - 2, class: "healedtext" }, "healed");
  }
  if (invitation) {
    const [first, second] = invitation;
    add("text", { x: (LEFT + width) / 2, y: SOCKETS.y + 28, "text-anchor": "middle", class: "invitation" }, first);
    add("text", { x: (LEFT + width) / 2, y: SOCKETS.y + 50, "text-anchor": "middle" }, second);
  } else if (!story.steps.length && !story.reached.length && now_s > 0) {
    add("text", { x: LEFT + 4, y: CLIENT.y + 22 }, "says nothing of what it holds");
  }
  svg.replaceChildren(...out.map(([name, attributes, text]) => shape(name, attributes, text, picked)));
}

function shape(name, attributes, text, picked) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (picked !== null && attributes["data-i"] === picked) made.classList.add("picked");
  if (text !== undefined) made.textContent = text;
  return made;
}

function thinned(marks) {
  const every = Math.ceil(marks.length / MARKS_MAX);
  return every > 1 ? marks.filter((_, number) => number % every === 0) : marks;
}

function frame(add, x, from_s, to_s, width, now_s) {
  LANES.forEach(({ name, y, height }, number) => {
    if (number % 2 === 0) add("rect", { x: 0, y, width, height, rx: 6, class: "band" });
    add("text", { x: 10, y: y + height / 2 + 4, class: "name" }, name);
  });
  const step_s = [0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600].find((one) => (to_s - from_s) / one <= 12) ?? 7200;
  for (let t = Math.ceil(from_s / step_s) * step_s; t <= to_s; t += step_s) {
    add("line", { x1: x(t), x2: x(t), y1: TOP, y2: BOTTOM, class: "tick" });
    add("text", { x: x(t), y: BOTTOM + 18, "text-anchor": "middle" }, `${Number(t.toFixed(1))} s`);
  }
  if (now_s > 0) add("line", { x1: x(now_s), x2: x(now_s), y1: TOP - 4, y2: BOTTOM + 4, class: "now" });
}

function bar(add, x, one, to_s, y, height, look, width_min = 2) {
  const left = x(one.t);
  const width = Math.max(width_min, x(Math.min(one.to ?? to_s, to_s)) - left);
  add("rect", { x: left, y, width, height, rx: Math.min(4, height / 2), class: look, "data-i": one.i });
  return [left, width];
}

function drawRun(add, x, run, to_s) {
  const [left, width] = bar(add, x, run, to_s, AGENT.y + 6, 20, "agent", 4);
  const words = `run ${run.run + 1}${run.status ? ` · ${run.status}` : ""}${run.by === "client" ? "" : ` · by ${run.by}`}`;
  if (width > words.length * 6.2) add("text", { x: left + 8, y: AGENT.y + 20, class: "inbar", "pointer-events": "none" }, words);
}

function drawAppend(add, x, one, story) {
  const look = story.unreached.has(one.id) ? "lost" : one.branch ? "log" : "update";
  const y = LOG.y + (one.branch ? 13 : 24);
  add("circle", { cx: x(one.t), cy: y, r: one.branch ? 4.5 : 3.5, class: look, "data-i": one.i });
}

function drawSocket(add, x, socket, number, to_s, inSight) {
  const y = SOCKETS.y + 6 + (number % SOCKET_ROWS) * 15;
  const [left, width] = bar(add, x, socket, to_s, y, 10, "wire");
  for (const one of thinned(socket.frames.filter((one) => inSight(one.t)))) {
    const isSnapshot = one.key === "full_state";
    add("circle", { cx: x(one.t), cy: y + 5, r: isSnapshot ? 4 : 2.6, class: "frame", "data-i": one.i });
  }
  if (socket.to === null) return;
  if (socket.by === "client") add("line", { x1: left + width, x2: left + width, y1: y - 1, y2: y + 11, class: "rule" });
  else cross(add, left + width, y + 5, socket.end, 4);
  if (socket.code) add("text", { x: left + width + 8, y: y + 9, class: "faulttext" }, socket.code);
}

function drawCall(add, x, call, to_s) {
  const y = REST.y + 8 + (call.counted ? 0 : 28);
  const isBad = call.status !== null && (call.status >= 400 || call.lost);
  const [left, width] = bar(add, x, call, to_s, y, 20, isBad ? "failed" : call.counted ? "call" : "free", 4);
  const words = isBad ? `${call.name} ${call.status}` : call.name;
  if (width > words.length * 6.5) add("text", { x: left + 6, y: y + 14, class: "inbar", "pointer-events": "none" }, words);
}

function drawStep(add, x, one, to_s) {
  const [left, width] = bar(add, x, one, to_s, CLIENT.y + 5, 17, one.well ? "work" : "failed", 3);
  if (one.to === one.t) add("text", { x: left + 7, y: CLIENT.y + 17, "pointer-events": "none" }, one.step);
  else if (width > one.step.length * 6) add("text", { x: left + 5, y: CLIENT.y + 17, "pointer-events": "none" }, one.step);
}

function drawFaults(add, x, faults, width) {
  let free_x = -Infinity; // labels do not overlap: one that finds no room is told by pointing at its cross
  let last = null;
  for (const one of thinned(faults)) {
    const at = x(one.t);
    add("line", { x1: at, x2: at, y1: 30, y2: BOTTOM, class: "faultline" });
    cross(add, at, 26, one.i, 4.5);
    const room = one.name.length * 6.6 + 10;
    if (one.name === last || at < free_x) continue;
    add("text", { x: Math.min(at - 4, width - room), y: 13, class: "faulttext" }, one.name);
    [free_x, last] = [at + room, one.name];
  }
}

function cross(add, x, y, i, size) {
  add("path", { d: `M${x - size} ${y - size}l${2 * size} ${2 * size}m0 ${-2 * size}l${-2 * size} ${2 * size}`, class: "cross" });
  add("circle", { cx: x, cy: y, r: size + 4, fill: "transparent", "data-i": i });
}
