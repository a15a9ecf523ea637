// The story: journal entries, read once into what the lanes draw.

const KINDS = { ConversationStateUpdateEvent: "state", ActionEvent: "action", ObservationEvent: "observation", MessageEvent: "message" };
const short = (id) => (typeof id === "string" && id.length > 20 ? `…${id.slice(-8)}` : id);

export class Story {
  entries = [];
  runs = [];
  statuses = [];
  appends = [];
  sockets = [];
  refused = [];
  calls = [];
  faults = [];
  steps = [];
  reached = [];
  healed_s = null;
  unreached = new Set();
  last_s = 0;
  #taken_ms = 0;
  #sockets = new Map();
  #calls = new Map();

  get length() {
    return this.entries.length;
  }

  // What time it is there, going by when the last entry came.
  now_s() {
    return this.last_s + (this.#taken_ms ? Math.min(1, (performance.now() - this.#taken_ms) / 1000) : 0);
  }

  take(entry) {
    entry.index = this.entries.length;
    this.entries.push(entry);
    this.last_s = Math.max(this.last_s, entry.t_s);
    this.#taken_ms = performance.now();
    this[`_${entry.place}`]?.(entry, { i: entry.index, t: entry.t_s });
  }

  _agent(entry, mark) {
    if (entry.what === "run-started") this.runs.push({ ...mark, to: null, run: entry.run, by: entry.by, status: "" });
    else if (entry.what === "run-ended" && this.runs.length) Object.assign(this.runs.at(-1), { to: entry.t_s, status: entry.status });
    else if (entry.what === "status") this.statuses.push({ ...mark, status: entry.status });
  }

  _log(entry, mark) {
    if (entry.what === "append") this.appends.push({ ...mark, id: entry.id, branch: entry.branch });
  }

  _socket(entry, mark) {
    const number = entry.connection;
    if (entry.what === "opened") {
      const socket = { ...mark, number, to: null, code: null, by: "", frames: [] };
      this.#sockets.set(number, socket);
      this.sockets.push(socket);
    } else if (entry.what === "refused") this.refused.push({ ...mark, status: entry.status });
    else if (entry.what === "delivered") this.#sockets.get(number)?.frames.push({ ...mark, kind: entry.kind, key: entry.key });
    else if (entry.what === "closed" && this.#sockets.has(number)) {
      Object.assign(this.#sockets.get(number), { to: entry.t_s, code: entry.code, by: entry.by, end: entry.index });
    }
  }

  _rest(entry, mark) {
    if (entry.what === "request") {
      const name = entry.path.split("/").at(-1);
      const call = { ...mark, to: null, counted: entry.counted, status: null, name: name.length > 20 ? "conversation" : name };
      this.#calls.set(entry.call, call);
      this.calls.push(call);
    } else if (this.#calls.has(entry.call)) {
      Object.assign(this.#calls.get(entry.call), { to: entry.t_s, status: entry.status, lost: entry.lost });
    }
  }

  _fault(entry, mark) {
    this.faults.push({ ...mark, name: entry.name });
  }

  _client(entry, mark) {
    const [, step, what] = entry.what.match(/^(.*)-(called|returned)$/) ?? [];
    const open = this.steps.findLast((one) => one.to === null);
    if (what === "called") this.steps.push({ ...mark, step, to: null, well: true });
    else if (what === "returned" && open?.step === step) Object.assign(open, { to: entry.t_s, end: entry.index });
    else if (what === "returned") this.steps.push({ ...mark, step, to: entry.t_s, well: true });
    else if (entry.what === "error") this.steps.push({ ...mark, step: `${entry.step} ${entry.outcome}`, to: entry.t_s, well: false });
    else if (entry.what === "delivered") this.reached.push(mark);
  }

  _world(entry) {
    if (entry.what === "healed") this.healed_s = entry.t_s;
  }
}

// What a journal entry says beside its time, place and verb.
export function describe(entry, { whole = false } = {}) {
  const skipped = new Set(["index", "t_s", "place", "what", ...(whole ? [] : ["path", "durable", "counted", "branch", "bytes"])]);
  return Object.entries(entry)
    .filter(([key, value]) => !skipped.has(key) && value !== null && value !== "" && !(Array.isArray(value) && !value.length))
    .map(([key, value]) => `${key}=${said(value, whole)}`)
    .join("  ");
}

function said(value, whole) {
  if (Array.isArray(value)) return `${value.length}×[${value.slice(-2).map(short).join(" ")}]`;
  return whole ? value : KINDS[value] ?? short(value);
}
