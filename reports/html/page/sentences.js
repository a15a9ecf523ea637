// Describes journal entries, and what became of an event, in sentences.

const KINDS = { ConversationStateUpdateEvent: "state", ActionEvent: "action", ObservationEvent: "observation", MessageEvent: "message" };
const MANY = {
  "log append": "events appended to the log",
  "publisher publish": "events published",
  "socket sent": "frames sent",
  "socket delivered": "frames read by the client",
  "socket refused": "sockets refused",
  "rest request": "REST calls",
  "client delivered": "events handed to the application",
  "client stderr": "lines that the client wrote to its standard error",
  "client stdout": "lines that the client printed",
  "fault fired": "times that a fault acts",
  "agent status": "changes of the agent's status",
};
const LATE_S = 0.0005;
const WAS_THERE = { yes: "in the log before the client came", no: "in no log", unknown: "in the log before the client came, or in none" };

export const short = (id) => (typeof id === "string" && id.length > 20 ? `…${id.slice(-8)}` : String(id));

// The fields of a journal entry besides its time, its place and what happened.
export function describe(entry, { whole = false } = {}) {
  const skipped = new Set(["index", "position", "t_s", "place", "what", ...(whole ? [] : ["path", "durable", "counted", "branch", "bytes"])]);
  return Object.entries(entry)
    .filter(([key, value]) => !skipped.has(key) && value !== null && value !== "" && !(Array.isArray(value) && !value.length))
    .map(([key, value]) => `${key}=${said(value, whole)}`)
    .join("  ");
}

// A span of time, with about three digits.
export function span(length_s) {
  if (length_s >= 10) return `${length_s.toFixed(1)} s`;
  if (length_s >= 1) return `${length_s.toFixed(2)} s`;
  return `${Number((length_s * 1000).toPrecision(3))} ms`;
}

export function moment(t_s) {
  return `${t_s.toFixed(3)} s`;
}

export function nameOf(story, id) {
  const way = story.ways.get(id);
  if (way?.key) return `state ${way.key}${way.value === null || way.key === "full_state" ? "" : `=${short(way.value)}`} ${short(id)}`;
  return `${way?.kind || "event"} ${short(id)}`;
}

// One entry as a sentence. A request is described with its answer, unless `apart` is set.
export function tell(story, entry, { apart = false } = {}) {
  const name = entry.id ? nameOf(story, entry.id) : "";
  const number = entry.connection;
  const way = story.ways.get(entry.id);
  switch (`${entry.place} ${entry.what}`) {
    case "log history":
      return `The log holds ${count(entry.events, "event")} before the client comes.`;
    case "log append":
      return `The log keeps ${name} at place ${entry.position}${entry.readable === false ? ", where REST cannot read it" : ""}.`;
    case "log truncate":
      return `The log loses its last ${count(entry.ids.length, "event")}.`;
    case "agent run-started":
      return `Run ${entry.run + 1} starts, asked for by ${entry.by === "client" ? "the client" : entry.by}.`;
    case "agent run-ended":
      return `Run ${entry.run + 1} ends ${entry.status}; the log holds ${count(entry.log_length, "event")}.`;
    case "agent status":
      return `The agent's status becomes ${entry.status}.`;
    case "publisher publish":
      return `The server publishes ${name}${entry.durable === false ? ", which no log keeps" : ""}.`;
    case "socket opened":
      return `Socket ${number} opens.`;
    case "socket refused":
      return `Socket ${number} is refused${entry.status ? ` with status ${entry.status}` : ""}.`;
    case "socket closed":
      return `Socket ${number} is ${entry.by === "link" ? "cut by the network" : `closed by the ${entry.by}`}${entry.code ? ` with code ${entry.code}` : ""}.`;
    case "socket sent":
      return `Socket ${number} sends ${name || "a frame"}${after(entry, way?.published.findLast((one) => one.i < entry.index), "it was published")}${entry.torn ? ", torn in the middle" : ""}.`;
    case "socket delivered":
      return `The client reads ${name || "a frame"} from socket ${number}${after(entry, way?.frames.findLast((one) => one.arrived?.i === entry.index), "it was sent")}.`;
    case "rest request":
      if (apart) return `${asking(entry)}.`;
      return `${asking(entry)}, ${answering(entry, story.entries.find((one) => one.call === entry.call && one.what === "response"))}.`;
    case "rest response":
      return `Call ${entry.call} is ${answering(story.entries.find((one) => one.call === entry.call && one.what === "request"), entry)}.`;
    case "fault fired":
      return `Fault ${entry.name} (${entry.kind}) acts, for the ${ordinal(entry.n)} time, on ${story.ways.has(entry.target) ? nameOf(story, entry.target) : entry.target}.`;
    case "client delivered":
      return `The application gets ${name}${entry.repaired ? ", repaired" : ""}.`;
    case "client error":
      return `${entry.step}() ${entry.outcome}: ${entry.error}: ${entry.message}`;
    case "client stderr":
      return `The client writes to its standard error: ${entry.text}`;
    case "client stdout":
      return `The client prints: ${entry.text}`;
    case "client says-no-deliveries":
      return "The client has never said what reaches its application, so that is not judged.";
    case "client closed":
      return `The client is closed; it holds ${count(entry.held?.length ?? 0, "event")}.`;
    case "world healed":
      return "The world heals: no fault acts any more.";
    case "world restarting":
      return `The server goes down for ${span(entry.down_s)}.`;
    case "world restarted":
      return "The server is up again.";
  }
  if (entry.place === "client" && entry.what.endsWith("-called")) return `${entry.what.slice(0, -7)}() is called.`;
  if (entry.place === "client" && entry.what.endsWith("-returned")) return tellReturn(story, entry);
  return `${entry.place} ${entry.what} ${describe(entry)}`.trim();
}

// Several marks that are drawn as one, in a sentence.
export function tellMany(story, marks) {
  const [first, last] = [story.entries[marks[0].i], story.entries[marks.at(-1).i]];
  const when = last.t_s - first.t_s < LATE_S ? `at ${moment(first.t_s)}` : `from ${moment(first.t_s)} to ${moment(last.t_s)}`;
  return `${marks.length.toLocaleString("en")} ${MANY[`${first.place} ${first.what}`] ?? "things"} ${when}.`;
}

// What became of one event, from the log to the application.
export function fate(story, id) {
  const way = story.ways.get(id);
  if (!way) return `${short(id)} appears nowhere in the journal.`;
  const back = story.returns().find((one) => one.without.includes(id));
  const since = (t) => (back && t > back.t + LATE_S ? `, ${span(t - back.t)} after run() had returned` : "");
  const pages = story.pagesOf(way);
  const parts = [way.append ? `kept in the log at ${moment(way.append.t)}` : WAS_THERE[story.wasThere(way)]];
  if (way.gone) parts.push(`gone from the log at ${moment(way.gone.t)}`);
  const [published] = way.published;
  const reader = way.frames.find((one) => one.arrived);
  const [sent] = way.frames;
  const by = way.faults.length ? ` by ${[...new Set(way.faults.map((one) => one.name))].join(", ")}` : "";
  if (reader) parts.push(`${published && reader.t - published.t > LATE_S ? `held back${by}, ` : ""}read from socket ${reader.number} at ${moment(reader.arrived.t)}${since(reader.arrived.t)}`);
  else if (sent) parts.push(`${published && sent.t - published.t > LATE_S ? `held back${by}, ` : ""}sent at ${moment(sent.t)}${since(sent.t)}, never read`);
  else if (published && !openAt(story, published)) parts.push("published while no socket was open");
  else if (published) parts.push(by ? `stopped on its way${by}` : "published, and sent on no socket");
  else if (way.append) parts.push("never published");
  if (pages.length) parts.push(`on a page at ${moment(pages[0].to)}${since(pages[0].to)}`);
  else if (way.append || way.position !== null) parts.push("on no page");
  const [reached] = way.reached;
  parts.push(reached ? `handed to the application at ${moment(reached.t)}${since(reached.t)}${way.reached.length > 1 ? `, ${way.reached.length} times` : ""}` : "never handed to the application");
  return `${nameOf(story, id)}: ${parts.join("; ")}.`;
}

function openAt(story, mark) {
  return story.sockets.some((one) => one.i < mark.i && (one.end === null || one.end > mark.i));
}

function asking(request) {
  const query = request.query ? `?${request.query.split("&").map((part) => part.split("=").map(short).join("=")).join("&")}` : "";
  const path = request.path.split("/").slice(4).join("/") || "the conversation";
  return `Call ${request.call}: ${request.method} ${path}${query}${request.counted ? "" : " (not counted)"}`;
}

function answering(request, response) {
  if (!response) return "never answered";
  const items = response.items === undefined ? "" : `, ${count(response.items, "event")}`;
  const lost = response.lost ? ", when the client had gone" : "";
  return `answered ${response.status}${after(response, request && { t: request.t_s }, "it was asked")}${items}, ${(response.bytes ?? 0).toLocaleString("en")} bytes${lost}`;
}

function tellReturn(story, entry) {
  const step = entry.what.slice(0, -9);
  const claims = [];
  if (entry.held) claims.push(`holding ${count(entry.held.length, "event")}`);
  if (entry.complete !== undefined && entry.complete !== null) claims.push(entry.complete ? `claiming to be complete${entry.proof ? ` by ${entry.proof}` : ""}` : "saying that it is incomplete");
  const without = story.returns().find((one) => one.i === entry.index)?.without.length;
  if (without) claims.push(`without ${count(without, "event")} of this run`);
  return `${step}() returns${claims.length ? ` ${claims.join(", ")}` : ""}.`;
}

function after(entry, before, what) {
  return before && entry.t_s - before.t > LATE_S ? `, ${span(entry.t_s - before.t)} after ${what}` : "";
}

export function count(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

function ordinal(n) {
  const ending = n % 100 > 10 && n % 100 < 14 ? "th" : { 1: "st", 2: "nd", 3: "rd" }[n % 10] ?? "th";
  return `${n}${ending}`;
}

function said(value, whole) {
  if (Array.isArray(value)) return `${value.length}×[${value.slice(-2).map(short).join(" ")}]`;
  return whole ? value : KINDS[value] ?? short(value);
}
