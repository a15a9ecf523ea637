// Draws the lanes: agent, log, socket, REST, client and application over time, with the faults across them. Only the
// visible part is drawn. Marks that would overlap are drawn as one, with their number.
import { count, moment, span } from "./sentences.js";

const SVG = "http://www.w3.org/2000/svg";
const RIGHT = 16;
const TOP = 40;
const GAP = 6;
const SOCKET_ROWS_MAX = 4;
const SOCKET_ROW = 16;
const TEXT_WIDTH = 6.8; // of a character, at most
const BUNDLE_WIDTH_MAX = 64;
const LOST_WAYS_MAX = 12;
const FAULT_LINES_MAX = 40;
const DELAYS_MAX = 150;
const ROW_NAMES_MIN = 640; // in pixels; a narrower picture has no room for the names
const GLYPH_EMS = 0.58; // the width of a letter, on the average of a bold sentence

const marksOf = new WeakMap();

// The marks that an element of the picture stands for: one mark, or several that were drawn as one.
export const marksAt = (element) => marksOf.get(element) ?? [];

// Draws the part of `story` from position `from` to position `to` of `axis`.
// `picked`: the index of the marked entry. `chosen`: the id of the event whose way is shown.
// `showLost`: show the ways of lost events too. `now`: the current moment, if the run is still under way.
export function drawLanes(svg, story, { axis, from, to, picked = null, chosen = null, now = null, invitation = null, showLost = false }) {
  const width = svg.clientWidth || 900;
  const picture = new Picture(svg, story, { axis, from, to, width, picked, chosen });
  svg.setAttribute("viewBox", `0 0 ${width} ${picture.height}`);
  svg.style.height = `${picture.height}px`;
  picture.frame(now);
  picture.agent();
  picture.log();
  picture.sockets();
  picture.rest();
  picture.client();
  picture.application();
  picture.faults();
  picture.returns();
  if (showLost) [...story.lost].slice(0, LOST_WAYS_MAX).forEach((id) => id !== chosen && picture.way(id, "lostway"));
  if (chosen !== null) picture.way(chosen, "way");
  if (invitation) picture.invite(invitation);
  else if (now !== null && !story.steps.length && !story.reached.length && now > 0) picture.silence();
  picture.show(chosen !== null);
  return picture;
}

class Picture {
  #out = [];
  #lanes = {};
  #rowOf = new Map();
  #late = [];
  #beside = []; // the places of step names that did not fit into their bars

  constructor(svg, story, { axis, from, to, width, picked, chosen }) {
    Object.assign(this, { svg, story, axis, from, to, width, picked, chosen });
    this.left = width < ROW_NAMES_MIN ? 104 : 156;
    this.scale = (width - this.left - RIGHT) / (to - from || 1);
    const rows = this.#assignRows();
    let y = TOP;
    for (const [name, height] of [["Agent", 32], ["Log", 42], ["Socket", 34 + rows * SOCKET_ROW], ["REST", 52], ["Client", 42], ["Application", 38]]) {
      this.#lanes[name] = { name, y, height };
      y += height + GAP;
    }
    this.bottom = y - GAP;
    this.height = this.bottom + 28;
    this.rows = {
      status: this.#lanes.Agent.y + 27,
      events: this.#lanes.Log.y + 13,
      state: this.#lanes.Log.y + 31,
      published: this.#lanes.Socket.y + 11,
      counted: this.#lanes.REST.y + 5,
      other: this.#lanes.REST.y + 29,
      live: this.#lanes.Application.y + 11,
      repaired: this.#lanes.Application.y + 27,
    };
  }

  // --- places -------------------------------------------------------------------------------------------------------

  x(mark) {
    return this.left + (this.axis.at(mark.t, mark.i) - this.from) * this.scale;
  }

  xEnd(one) {
    if (one.to === null) return this.width - RIGHT + 40;
    return this.left + (this.axis.at(one.to, one.end) - this.from) * this.scale;
  }

  // The position on the axis at a distance from the left, in pixels.
  placeAt(pixels) {
    return this.from + (pixels - this.left) / this.scale;
  }

  inSight(one) {
    const begin = this.axis.at(one.t, one.i);
    const end = one.to === undefined ? begin : one.to === null ? Infinity : this.axis.at(one.to, one.end);
    return end >= this.from && begin <= this.to;
  }

  socketRow(number) {
    return this.#lanes.Socket.y + 22 + (this.#rowOf.get(number) ?? 0) * SOCKET_ROW;
  }

  // Sockets that are open at the same time get different rows. Sockets that follow each other share a row.
  #assignRows() {
    const free = [];
    const both = [...this.story.sockets, ...this.story.refused.map((one) => ({ ...one, to: one.t, end: one.i }))].sort((a, b) => a.i - b.i);
    for (const one of both) {
      let row = free.findIndex((end) => end <= one.i);
      if (row < 0) row = free.length < SOCKET_ROWS_MAX ? free.length : one.number % SOCKET_ROWS_MAX;
      free[row] = Math.max(free[row] ?? 0, one.end ?? Infinity);
      this.#rowOf.set(one.number, row);
    }
    return Math.max(1, free.length);
  }

  // --- the lanes ------------------------------------------------------------------------------------------------------

  frame(now) {
    Object.values(this.#lanes).forEach(({ name, y, height }, number) => {
      this.#add("rect", { x: 0, y, width: this.width, height, rx: 6, class: number % 2 ? "band odd" : "band" });
      this.#add("text", { x: 10, y: y + (height > 40 ? 17 : height / 2 + 4), class: "name" }, name);
    });
    if (this.width >= ROW_NAMES_MIN) this.#rowNames();
    const room = this.width - this.left - RIGHT;
    for (const one of this.axis.breaks.filter((piece) => piece.to > this.from && piece.from < this.to)) this.#drawBreak(one);
    for (const { at, text } of this.axis.ticks(this.from, this.to, Math.max(2, Math.floor(room / 78)))) {
      const x = this.left + (at - this.from) * this.scale;
      this.#add("line", { x1: x, x2: x, y1: TOP, y2: this.bottom, class: "tick" });
      this.#add("text", { x, y: this.bottom + 18, "text-anchor": "middle", class: "time" }, text);
    }
    for (const one of this.story.downs.filter((span) => this.inSight(span))) this.#drawDown(one);
    if (now > 0) this.#upright(this.x({ t: now }), "now", TOP - 4, this.bottom + 4);
  }

  #rowNames() {
    const names = [["events", 13, "Log"], ["state", 31, "Log"], ["published", 11, "Socket"], ["sent, read", 27, "Socket"], ["counted", 14, "REST"], ["other", 38, "REST"], ["live", 11, "Application"], ["repaired", 27, "Application"]];
    for (const [text, dy, lane] of names) {
      const { y } = this.#lanes[lane];
      this.#add("text", { x: this.left - 10, y: y + dy + 3.5, "text-anchor": "end", class: "rowname" }, text);
    }
  }

  #drawBreak({ from, to, from_s, to_s }) {
    const left = Math.max(this.left, this.left + (from - this.from) * this.scale);
    const right = Math.min(this.width - RIGHT, this.left + (to - this.from) * this.scale);
    if (right <= left) return;
    this.#add("rect", { x: left, y: TOP, width: right - left, height: this.bottom - TOP, class: "idle" });
    const words = `${span(to_s - from_s)} idle`;
    const text = right - left > words.length * 6 + 6 ? words : right - left > 38 ? span(to_s - from_s) : "⋯";
    this.#add("text", { x: (left + right) / 2, y: TOP + 11, "text-anchor": "middle", class: "idletext" }, text);
  }

  #drawDown(one) {
    const left = Math.max(this.left, this.x(one));
    const width = Math.min(this.xEnd(one), this.width - RIGHT) - left;
    const { y, height } = this.#lanes.REST;
    this.#add("rect", { x: left, y: TOP, width: Math.max(2, width), height: y + height - TOP, class: "down" }, null, [one]);
    if (width > 74) this.#add("text", { x: left + width / 2, y: y + height - 4, "text-anchor": "middle", class: "faulttext" }, "server down");
  }

  agent() {
    const { y } = this.#lanes.Agent;
    for (const run of this.story.runs.filter((one) => this.inSight(one))) {
      const [left, width] = this.#bar(run, y + 4, 18, "agent", 4);
      const words = `run ${run.run + 1}${run.status ? ` · ${run.status}` : ""}${run.by === "client" ? "" : ` · by ${run.by}`}`;
      this.#inBar(left, width, y + 17, words);
    }
    this.#marks(this.story.statuses, this.rows.status, "agent", 2.5);
  }

  log() {
    const isLost = (one) => this.story.lost.has(one.id);
    const kept = this.story.appends.filter((one) => !isLost(one));
    this.#marks(kept.filter((one) => one.branch), this.rows.events, "log", 4);
    this.#marks(kept.filter((one) => !one.branch), this.rows.state, "update", 3.2);
    for (const one of this.story.truncated.filter((mark) => this.inSight(mark))) {
      this.#cross(this.x(one), this.rows.events, [one], 5);
      this.#sideText(this.x(one), this.rows.events + 4, `${count(one.events, "event")} gone`, "faulttext", 80);
    }
    const lost = this.story.appends.filter(isLost);
    this.#marks(lost.filter((one) => one.branch), this.rows.events, "lost", 5);
    this.#marks(lost.filter((one) => !one.branch), this.rows.state, "lost", 4.2);
  }

  sockets() {
    this.#delays();
    this.#marks(this.story.publishes, this.rows.published, "published", 2.4);
    for (const socket of this.story.sockets.filter((one) => this.inSight(one))) {
      const y = this.socketRow(socket.number);
      const [left, width] = this.#bar(socket, y, 11, "wire");
      const late = socket.sent.filter((one) => !one.arrived || this.x(one.arrived) - this.x(one) > 2);
      this.#marks(late, y + 1.5, "sent", 2);
      this.#marks(socket.frames.filter((one) => one.key !== "full_state"), y + 5.5, "frame", 3);
      this.#marks(socket.frames.filter((one) => one.key === "full_state"), y + 5.5, "snapshot", 4.5);
      if (socket.to === null || left + width > this.width) continue;
      const end = { i: socket.end, t: socket.to };
      if (socket.by === "client") this.#add("line", { x1: left + width, x2: left + width, y1: y - 1, y2: y + 12, class: "rule" }, null, [end]);
      else this.#cross(left + width, y + 5.5, [end], 4);
      const isFree = !this.story.refused.some((one) => Math.abs(this.x(one) - left - width - 20) < 24);
      if (socket.code && isFree) this.#add("text", { x: left + width + 8, y: y + 10, class: "faulttext" }, socket.code);
    }
    for (const one of this.#bundled(this.story.refused, 5)) {
      this.#cross(one.middle, this.socketRow(one.marks[0].number) + 5.5, one.marks, 4);
    }
  }

  // Lines from publishing to sending, and from sending to reading, if there was a delay between them.
  #delays() {
    const lines = [];
    const between = (before, one, y1, y2) => {
      if (one.t > before.t && this.x(one) - this.x(before) >= 6 && this.inSight({ ...before, to: one.t, end: one.i })) {
        lines.push(this.#between({ mark: before, y: y1 }, { mark: one, y: y2 }));
      }
    };
    for (const { published, frames } of this.story.ways.values()) {
      for (const frame of frames) {
        const y = this.socketRow(frame.number);
        const before = published.findLast((one) => one.i < frame.i);
        if (before) between(before, frame, this.rows.published, y + 1.5);
        if (frame.arrived) between(frame, frame.arrived, y + 1.5, y + 5.5);
      }
      if (lines.length > DELAYS_MAX) break;
    }
    for (const d of lines) this.#add("path", { d, class: "delay" });
  }

  rest() {
    for (const [row, counted] of [[this.rows.counted, true], [this.rows.other, false]]) {
      const calls = this.story.calls.filter((one) => Boolean(one.counted) === counted && this.inSight(one));
      const isBad = (one) => one.status !== null && (one.status >= 400 || one.lost);
      const look = (one) => (isBad(one) || one.to === null ? "failed" : counted ? "call" : "free");
      const isWide = (one) => this.xEnd(one) - this.x(one) > 14;
      for (const call of calls.filter(isWide)) {
        const [left, width] = this.#bar(call, row, 17, look(call), 4);
        this.#inBar(left, width, row + 12.5, isBad(call) ? `${call.name} ${call.status}` : call.name);
      }
      for (const which of ["failed", "call", "free"]) {
        const narrow = this.#bundled(calls.filter((one) => !isWide(one) && look(one) === which), 4);
        narrow.forEach((one, number) => {
          if (one.marks.length > 1) return this.#pill(one, row + 8.5, which, 17);
          const [call] = one.marks;
          this.#bar(call, row, 17, which, 6);
          const words = which === "failed" && call.status ? `${call.name} ${call.status}` : call.name;
          const room = (narrow[number + 1]?.left ?? this.width) - this.x(call) - 12;
          if (room > words.length * 6 && !this.#isCrowded(calls, call, words.length * 6)) {
            this.#add("text", { x: this.x(call) + 9, y: row + 12.5, class: "beside" }, words);
          }
        });
      }
    }
  }

  #isCrowded(calls, call, room) {
    const x = this.x(call);
    return calls.some((one) => one !== call && this.x(one) > x - 1 && this.x(one) < x + room + 12);
  }

  client() {
    const y = this.#lanes.Client.y + 4;
    this.#marks(this.story.printed, y + 20, "printed", 2.4);
    let free_x = -Infinity;
    for (const one of this.story.steps.filter((step) => this.inSight(step))) {
      const [left, width] = this.#bar(one, y, 16, one.well ? "work" : "failed", 4);
      const room = one.step.length * 6.2 + 8;
      if (width > room) this.#add("text", { x: Math.max(left, this.left) + 6, y: y + 12, class: "instep" }, one.step);
      else if (left >= free_x) {
        this.#add("text", { x: left, y: y + 29, class: one.well ? "beside" : "faulttext" }, one.step);
        free_x = left + room;
        this.#beside.push([left, free_x]);
      }
    }
  }

  application() {
    this.#marks(this.story.reached.filter((one) => !one.repaired), this.rows.live, "client", 3.2);
    this.#marks(this.story.reached.filter((one) => one.repaired), this.rows.repaired, "repaired", 3.2);
  }

  faults() {
    let free_x = -Infinity; // labels do not overlap; one without room is shown when the pointer is at its cross
    const seen = this.#bundled(this.story.faults, 5);
    for (const one of seen) {
      const at = one.middle;
      if (seen.length <= FAULT_LINES_MAX) this.#upright(at, "faultline", 32, this.bottom);
      this.#cross(at, 26, one.marks, 4.5);
      const names = [...new Set(one.marks.map((mark) => mark.name))];
      const words = `${names[0]}${names.length > 1 ? " …" : ""}${one.marks.length > 1 ? ` ×${one.marks.length}` : ""}`;
      const room = words.length * 6.4 + 10;
      if (at < free_x) continue;
      this.#add("text", { x: Math.max(4, Math.min(at - 4, this.width - room)), y: 13, class: "faulttext" }, words);
      free_x = at + room;
    }
    const { healed } = this.story;
    if (healed === null || !this.inSight(healed)) return;
    this.#upright(this.x(healed), "healed", TOP - 6, this.bottom);
    this.#sideText(this.x(healed), this.bottom - 4, "healed", "healedtext", 40);
  }

  // The returns of run(). An event that arrives later is lost to it.
  returns() {
    for (const one of this.story.returns().filter((mark) => this.inSight(mark))) {
      const isLoss = one.without.length > 0;
      const x = this.x(one);
      this.#upright(x, isLoss ? "returned loss" : "returned", TOP - 6, this.bottom);
      const without = `without ${count(one.without.length, "event")}`;
      const y = this.#lanes.Client.y + 35;
      const texts = isLoss ? [`run() returns ${without}`, without] : ["run() returns", "returns"];
      this.#fittingText(x, y, texts, isLoss ? "returnedtext loss" : "returnedtext", this.#beside);
      this.#add("path", { d: `M${x} ${y - 9}l-4 5l4 5l4 -5z`, class: isLoss ? "returnedmark loss" : "returnedmark" }, null, [one]);
    }
  }

  // The longest of `texts` that has room beside `x` without touching `taken`: on the right, on the left, or behind what is
  // on the right. If none has, no text is written: the mark tells it when the pointer is on it.
  #fittingText(x, y, texts, look, taken = [], distance = 6) {
    const isFree = (from, room) => from > this.left - 8 && from + room < this.width && !taken.some(([left, right]) => left < from + room && right > from);
    for (const words of texts) {
      const room = words.length * TEXT_WIDTH;
      if (isFree(x + distance, room)) return this.#add("text", { x: x + distance, y, class: look }, words);
      if (isFree(x - 6 - room, room)) return this.#add("text", { x: x - 6, y, "text-anchor": "end", class: look }, words);
      const behind = Math.max(x, ...taken.filter(([left]) => left <= x + distance).map(([, right]) => right)) + distance;
      if (isFree(behind, room)) return this.#add("text", { x: behind, y, class: look }, words);
    }
  }

  // --- the way of one event -------------------------------------------------------------------------------------------

  way(id, look) {
    const way = this.story.ways.get(id);
    if (!way) return;
    const isState = way.append ? !way.append.branch : Boolean(way.key);
    const start = way.append && { mark: way.append, y: isState ? this.rows.state : this.rows.events };
    const published = way.published.map((mark) => ({ mark, y: this.rows.published }));
    const frames = way.frames.map((frame) => ({ frame, y: this.socketRow(frame.number) }));
    const reached = way.reached.map((mark) => ({ mark, y: mark.repaired ? this.rows.repaired : this.rows.live }));
    const pages = this.story.pagesOf(way).map((call) => ({ call, mark: { i: call.end, t: call.to }, y: call.counted ? this.rows.counted : this.rows.other }));
    const stations = [];
    const line = (a, b, kind = "") => this.#add("path", { d: this.#between(a, b), class: `${look} ${kind}` });
    if (start) stations.push(start);
    for (const one of published) {
      if (start) line(start, one);
      stations.push(one);
    }
    const arrived = [];
    for (const { frame, y } of frames) {
      const sent = { mark: frame, y: y + 1.5 };
      const source = published.findLast((one) => one.mark.i < frame.i) ?? start;
      if (source) line(source, sent);
      stations.push(sent);
      if (!frame.arrived) {
        this.#deadEnd(sent, look, "never read");
        continue;
      }
      const read = { mark: frame.arrived, y: y + 5.5 };
      line(sent, read);
      stations.push(read);
      arrived.push(read);
    }
    if (published.length && !frames.length) this.#deadEnd(published.at(-1), look, way.faults.length ? "stopped here" : "not sent");
    for (const page of pages) {
      if (start) line(start, { mark: { i: page.call.i, t: page.call.t }, y: page.y + 8 }, "bypage");
      if (look === "way") this.#add("rect", { x: this.x(page.call) - 2, y: page.y - 2, width: Math.max(8, this.xEnd(page.call) - this.x(page.call) + 4), height: 21, rx: 5, class: "waybar" });
    }
    for (const one of reached) {
      const before = (other) => other.mark.i < one.mark.i;
      const source = one.mark.repaired ? pages.findLast(before) ?? arrived.findLast(before) : arrived.findLast(before) ?? pages.findLast(before);
      if (source) line({ mark: source.mark, y: source.call ? source.y + 17 : source.y }, one, source.call ? "bypage" : "");
      stations.push(one);
    }
    for (const { mark, y } of stations) this.#add("circle", { cx: this.x(mark), cy: y, r: look === "way" ? 5 : 3.4, class: `${look} station` }, null, [mark]);
    if (look === "way") this.#times([...stations, ...pages]);
    else this.#lateness(way, frames);
  }

  // The path from one station to the next: along the row while the event waits there, then across to the next lane.
  #between(a, b) {
    const [x1, x2] = [this.x(a.mark), this.x(b.mark)];
    const turn = Math.max(x1, x2 - Math.min(10, Math.abs(x2 - x1)));
    return `M${x1} ${a.y}L${turn} ${a.y}L${x2} ${b.y}`;
  }

  #deadEnd({ mark, y }, look, words) {
    const length = look === "way" ? 16 : 9;
    const x = this.x(mark) + length;
    this.#add("path", { d: `M${x - length} ${y}H${x}`, class: look });
    this.#add("path", { d: `M${x - 3.5} ${y - 3.5}l7 7m0 -7l-7 7`, class: "cross" });
    if (look === "way" && x < this.width - 80) this.#add("text", { x: x + 8, y: y + 4, class: "faulttext halo" }, words);
  }

  // How late a lost event was sent, after the return. Equal texts that would stand side by side are written once.
  #lateness(way, frames) {
    const back = this.story.returns().find((one) => one.without.includes(way.id) && way.append.i < one.i);
    const late = frames.find(({ frame }) => back && frame.t > back.t);
    if (!late) return;
    const x = this.x(late.frame);
    const [fault] = way.faults;
    const sent = `sent ${span(late.frame.t - back.t)} too late`;
    const words = `${fault ? `held back by ${fault.name}, ` : ""}${sent}`;
    if (this.#late.some((one) => one.words === words && Math.abs(one.x - x) < 120)) return;
    this.#late.push({ x, words });
    this.#fittingText(x, late.y + 22, [words, sent, "too late"], "faulttext strong halo", [], 24);
  }

  #times(stations) {
    const told = [];
    for (const { mark, y } of stations) {
      const [x, text] = [this.x(mark), moment(mark.t)];
      if (told.some((one) => Math.abs(one.x - x) < 60 && (one.text === text || Math.abs(one.y - y) < 12))) continue;
      told.push({ x, y, text });
      this.#sideText(x + (x > this.width - 80 ? -6 : 6), y - 5, text, "waytime halo", 56);
    }
  }

  // --- shapes -----------------------------------------------------------------------------------------------------------

  invite([first, second]) {
    const x = (this.left + this.width) / 2;
    const { y } = this.#lanes.Socket;
    const size = (text, most) => Math.min(most, (this.width - this.left) / (text.length * GLYPH_EMS));
    this.#add("text", { x, y: y + 20, "text-anchor": "middle", class: "invitation", size: size(first, 15) }, first);
    this.#add("text", { x, y: y + 42, "text-anchor": "middle", class: "invitation second", size: size(second, 11) }, second);
  }

  silence() {
    this.#add("text", { x: this.left + 4, y: this.#lanes.Client.y + 24 }, "says nothing of what it holds");
  }

  show(isDimmed) {
    this.svg.classList.toggle("dimmed", isDimmed);
    this.svg.replaceChildren(this.#clip(), ...this.#out.map((one) => this.#shape(one)));
  }

  // Clips what lies left of the view, so that it does not cover the names of the lanes.
  #clip() {
    const made = element("clipPath", { id: "insight" });
    made.append(element("rect", { x: this.left - 8, y: 0, width: this.width, height: this.height }));
    return made;
  }

  #shape([name, attributes, text, marks]) {
    const { size, ...plain } = attributes;
    const made = element(name, plain);
    if (size) made.style.fontSize = `${size}px`;
    if (text !== null && text !== undefined) made.textContent = text;
    if (!/\b(band|name|rowname|invitation)\b/.test(attributes.class ?? "")) made.setAttribute("clip-path", "url(#insight)");
    if (marks) {
      marksOf.set(made, marks);
      made.setAttribute("data-i", marks[0].i);
      if (this.picked !== null && marks.some((one) => one.i === this.picked || one.end === this.picked)) made.classList.add("picked");
    }
    return made;
  }

  #add(name, attributes, text = null, marks = null) {
    this.#out.push([name, attributes, text, marks]);
  }

  #upright(x, look, y1, y2) {
    this.#add("line", { x1: x, x2: x, y1, y2, class: look });
  }

  #bar(one, y, height, look, width_min = 2) {
    const left = Math.max(this.left - 20, this.x(one));
    const width = Math.max(width_min, Math.min(this.xEnd(one), this.width + 20) - left);
    this.#add("rect", { x: left, y, width, height, rx: Math.min(4, height / 2), class: look }, null, [one]);
    return [left, width];
  }

  #inBar(left, width, y, words) {
    const from = Math.max(left, this.left);
    if (left + width - from > words.length * 6.2 + 8) this.#add("text", { x: from + 6, y, class: "inbar" }, words);
  }

  // Text beside a line, on the right if there is room, else on the left.
  #sideText(x, y, words, look, room) {
    const isRight = x + room + 8 < this.width;
    this.#add("text", { x: x + (isRight ? 6 : -6), y, "text-anchor": isRight ? "start" : "end", class: look }, words);
  }

  #cross(x, y, marks, size) {
    this.#add("path", { d: `M${x - size} ${y - size}l${2 * size} ${2 * size}m0 ${-2 * size}l${-2 * size} ${2 * size}`, class: "cross" });
    this.#add("circle", { cx: x, cy: y, r: size + 4, class: "hit" }, null, marks);
  }

  #marks(marks, y, look, radius) {
    for (const one of this.#bundled(marks, radius)) {
      if (one.marks.length > 1) this.#pill(one, y, look, 13);
      else if (look === "snapshot") this.#add("path", { d: `M${one.middle} ${y - radius}l${radius} ${radius}l${-radius} ${radius}l${-radius} ${-radius}z`, class: look }, null, one.marks);
      else this.#add("circle", { cx: one.middle, cy: y, r: radius, class: look }, null, one.marks);
    }
  }

  #pill({ middle, width, marks }, y, look, height) {
    this.#add("rect", { x: middle - width / 2, y: y - height / 2, width, height, rx: Math.min(6, height / 2), class: `${look} pill` }, null, marks);
    this.#add("text", { x: middle, y: y + 3.2, "text-anchor": "middle", class: `number on-${look}` }, marks.length.toLocaleString("en"));
  }

  // The visible marks from left to right. Marks that would touch are put together.
  #bundled(marks, radius) {
    const found = [];
    for (const mark of marks) {
      if (!this.inSight(mark)) continue;
      const x = this.x(mark);
      const last = found.at(-1);
      if (last && x - radius < last.right + 1 && x - last.from <= BUNDLE_WIDTH_MAX) {
        last.marks.push(mark);
        last.to = x;
        last.width = Math.max(x - last.from + radius + 2, 7 + 5.6 * digitsOf(last.marks.length));
      } else found.push({ marks: [mark], from: x, to: x, width: 2 * radius });
      const one = found.at(-1);
      one.middle = (one.from + one.to) / 2;
      [one.left, one.right] = [one.middle - one.width / 2, one.middle + one.width / 2];
    }
    return found;
  }
}

const digitsOf = (number) => String(number).length + (number > 999); // plus the comma after the thousands

function element(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
