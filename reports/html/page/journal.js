// Reads journal entries into what the lanes draw, and into the way of each event.

const IS_ID = /^[0-9a-f]{8}-[0-9a-f-]{27}$/;

export class Story {
  entries = [];
  runs = [];
  statuses = [];
  appends = [];
  publishes = [];
  sockets = [];
  refused = [];
  calls = [];
  faults = [];
  steps = [];
  reached = [];
  messages = new Map(); // what was on the wire, by name, if the journal comes with it
  printed = []; // what a client that is a program wrote beside its answers
  downs = []; // the times while the server was down
  truncated = [];
  ways = new Map(); // what happened to each event, by its id
  lost = new Set(); // ids of events that were judged to be lost; the page sets them
  history = null;
  healed = null;
  last_s = 0;
  #taken_ms = 0;
  #sockets = new Map();
  #frames = new Map();
  #calls = new Map();

  get length() {
    return this.entries.length;
  }

  // The current time of the run, estimated from when the last entry came.
  now_s() {
    return this.last_s + (this.#taken_ms ? Math.min(1, (performance.now() - this.#taken_ms) / 1000) : 0);
  }

  take(entry) {
    if (entry.place === "log" && entry.what === "append") entry.position = entry.index; // the position in the log
    entry.index = this.entries.length;
    this.entries.push(entry);
    this.last_s = Math.max(this.last_s, entry.t_s);
    this.#taken_ms = performance.now();
    this[`_${entry.place}`]?.(entry, { i: entry.index, t: entry.t_s });
  }

  wayOf(id) {
    if (!this.ways.has(id)) {
      this.ways.set(id, { id, kind: "", key: null, value: null, position: null, append: null, gone: null, published: [], frames: [], reached: [], faults: [] });
    }
    return this.ways.get(id);
  }

  // The id of the event that an entry is about, if there is one.
  idOf(entry) {
    return entry.id ?? (entry.place === "fault" && this.ways.has(entry.target) ? entry.target : null);
  }

  // The messages that an entry is about: a title and a name for each. A call has two, if it was answered.
  // An event without a message of its own has that of its first frame, or the page that returned it.
  messagesOf({ place, what, id, call, connection, frame }) {
    if (place === "rest") {
      const parts = this.#calls.get(call)?.end == null ? ["request"] : ["request", "response"];
      return parts.map((one) => [`The ${one}`, `rest ${call} ${one}`]);
    }
    if (place === "socket" && frame !== undefined) return [["The frame, a text message", `socket ${connection} ${frame}`]];
    if (place === "socket" && (what === "opened" || what === "refused")) return [["The handshake", `socket ${connection} handshake`]];
    const way = this.ways.get(id);
    const [first] = way?.frames ?? [];
    const [page] = first || !way ? [] : this.pagesOf(way);
    if (first) return [[`Its first frame, on socket ${first.number}`, `socket ${first.number} ${first.frame}`]];
    return page ? [["A page that returned it", `rest ${page.number} response`]] : [];
  }

  // The calls that returned a page with the event. A journal names only the first and the last event of a page.
  pagesOf(way) {
    const { append, position } = way;
    if (position === null) return [];
    const place = (id) => this.ways.get(id)?.position ?? 0; // events without a position were in the log before the client attached
    return this.calls.filter((one) => {
      if (!one.items || one.lost || one.status >= 400 || (append && one.end < append.i)) return false;
      const [first, last] = [place(one.first), place(one.last)].sort((a, b) => a - b);
      return first <= position && position <= last;
    });
  }

  // The returns of run(), each with the lost events that it did not have. If run() returned before the agent's run ended,
  // the events of the rest of that run count too.
  returns() {
    return this.steps
      .filter((one) => one.step === "run" && one.to !== null && one.well)
      .map((one) => {
        const held = new Set(this.entries[one.end].held ?? []);
        const left = this.runs.find((run) => run.i < one.end && (run.end ?? Infinity) > one.end);
        const last = left ? (left.end ?? Infinity) : one.end;
        const without = [...this.lost].filter((id) => !held.has(id) && (this.ways.get(id)?.append?.i ?? Infinity) < last);
        return { i: one.end, t: one.to, without };
      });
  }

  // Whether an event was in the log when the client attached. A journal names only the first and last of the history.
  wasThere(way) {
    if (way.position !== null) return "yes";
    const told = [...way.published, ...way.frames];
    if (told.some((one) => one.durable === false) || !this.history?.events) return "no";
    return told.some((one) => one.durable) ? "yes" : "unknown";
  }

  _agent(entry, mark) {
    if (entry.what === "run-started") this.runs.push({ ...mark, to: null, end: null, run: entry.run, by: entry.by, status: "" });
    else if (entry.what === "run-ended" && this.runs.length) Object.assign(this.runs.at(-1), { to: entry.t_s, end: entry.index, status: entry.status });
    else if (entry.what === "status") this.statuses.push({ ...mark, status: entry.status });
  }

  _log(entry, mark) {
    if (entry.what === "append") {
      const one = { ...mark, id: entry.id, branch: entry.branch };
      this.appends.push(one);
      Object.assign(this.#known(entry), { position: entry.position, append: one });
    } else if (entry.what === "truncate") {
      this.truncated.push({ ...mark, events: entry.ids.length });
      for (const id of entry.ids) this.wayOf(id).gone = mark;
    } else if (entry.what === "history") {
      this.history = { ...mark, events: entry.events };
      this.wayOf(entry.first).position = 0;
      this.wayOf(entry.last).position = entry.events - 1;
    }
  }

  _publisher(entry, mark) {
    const one = { ...mark, id: entry.id, durable: entry.durable };
    this.publishes.push(one);
    this.#known(entry).published.push(one);
  }

  _socket(entry, mark) {
    const number = entry.connection;
    if (entry.what === "opened") {
      const socket = { ...mark, number, to: null, end: null, code: null, by: "", sent: [], frames: [] };
      this.#sockets.set(number, socket);
      this.sockets.push(socket);
    } else if (entry.what === "refused") this.refused.push({ ...mark, number, status: entry.status });
    else if (entry.what === "sent") {
      const frame = { ...mark, id: entry.id, key: entry.key, number, frame: entry.frame, durable: entry.durable, arrived: null };
      this.#frames.set(`${number} ${entry.frame}`, frame);
      this.#sockets.get(number)?.sent.push(frame);
      if (entry.id) this.#known(entry).frames.push(frame);
    } else if (entry.what === "delivered") {
      const frame = { ...mark, id: entry.id, kind: entry.kind, key: entry.key };
      this.#sockets.get(number)?.frames.push(frame);
      const sent = this.#frames.get(`${number} ${entry.frame}`);
      if (sent) sent.arrived = frame;
    } else if (entry.what === "closed" && this.#sockets.has(number)) {
      Object.assign(this.#sockets.get(number), { to: entry.t_s, code: entry.code, by: entry.by, end: entry.index });
    }
  }

  _rest(entry, mark) {
    if (entry.what === "request") {
      const name = entry.path.split("/").filter(Boolean).at(-1) ?? "";
      const call = { ...mark, number: entry.call, to: null, end: null, counted: entry.counted, status: null, name: name.length > 20 ? "conversation" : name };
      this.#calls.set(entry.call, call);
      this.calls.push(call);
    } else if (this.#calls.has(entry.call)) {
      const { status, lost, items, first, last } = entry;
      Object.assign(this.#calls.get(entry.call), { to: entry.t_s, end: entry.index, status, lost, items, first, last });
    }
  }

  _fault(entry, mark) {
    const one = { ...mark, name: entry.name, kind: entry.kind };
    this.faults.push(one);
    if (IS_ID.test(entry.target)) this.wayOf(entry.target).faults.push(one);
  }

  _client(entry, mark) {
    const [, step, what] = entry.what.match(/^(.*)-(called|returned)$/) ?? [];
    const open = this.steps.findLast((one) => one.to === null);
    if (what === "called") this.steps.push({ ...mark, step, to: null, end: null, well: true });
    else if (what === "returned" && open?.step === step) Object.assign(open, { to: entry.t_s, end: entry.index });
    else if (what === "returned") this.steps.push({ ...mark, step, to: entry.t_s, end: entry.index, well: true });
    else if (entry.what === "error" && open?.step === entry.step) {
      Object.assign(open, { step: `${entry.step} ${entry.outcome}`, to: entry.t_s, end: entry.index, well: false });
    } else if (entry.what === "error") {
      this.steps.push({ ...mark, step: `${entry.step} ${entry.outcome}`, to: entry.t_s, end: entry.index, well: false });
    } else if (entry.what === "delivered") {
      const one = { ...mark, id: entry.id, repaired: entry.repaired };
      this.reached.push(one);
      this.wayOf(entry.id).reached.push(one);
    } else if (entry.what === "stderr" || entry.what === "stdout") this.printed.push(mark);
  }

  _world(entry, mark) {
    if (entry.what === "healed") this.healed = mark;
    else if (entry.what === "restarting") this.downs.push({ ...mark, to: null, end: null });
    else if (entry.what === "restarted" && this.downs.length) Object.assign(this.downs.at(-1), { to: entry.t_s, end: entry.index });
  }

  #known(entry) {
    const way = this.wayOf(entry.id);
    way.kind = entry.kind ?? way.kind;
    way.key = entry.key ?? way.key;
    way.value = entry.value ?? way.value;
    return way;
  }
}
