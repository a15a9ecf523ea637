// The time axis: converts a moment of a run into a position. Positions are in the axis's own units, from 0 to its end.

const BREAKS_MAX = 12;
const IDLE_BESIDE_MEDIAN = 6; // a gap is idle if it is this many times as long as the median gap
const IDLE_SHARE_MIN = 0.04; // and if it is at least this share of the run
const BREAK_SHARE = 0.07; // the length of a shortened gap, as a share of the time that is not idle
const BREAKS_SHARE_MAX = 0.35; // the same share, for all shortened gaps together
const ALIKE_ROOM = 8; // the room, in entries, of any number of entries alike at one moment
const STEPS = [1, 2, 5];

// Seconds, unchanged: for a run that is still under way.
export function plainAxis(end_s) {
  return pieces([{ from_s: 0, to_s: end_s, from: 0, to: end_s }]);
}

// Seconds, with long idle gaps shortened.
export function timeAxis(story) {
  const moments = [...new Set([0, ...story.entries.map((one) => one.t_s)])].sort((a, b) => a - b);
  const gaps = moments.slice(1).map((to_s, at) => ({ from_s: moments[at], to_s, length_s: to_s - moments[at] }));
  const usual = gaps.map((one) => one.length_s).filter((one) => one >= 0.001).sort((a, b) => a - b);
  const all_s = moments.at(-1);
  const idle_s = Math.max(IDLE_BESIDE_MEDIAN * (usual[usual.length >> 1] ?? 0), IDLE_SHARE_MIN * all_s);
  const idle = gaps.filter((one) => one.length_s > idle_s).sort((a, b) => b.length_s - a.length_s).slice(0, BREAKS_MAX);
  const busy_s = all_s - idle.reduce((sum, one) => sum + one.length_s, 0) || 1;
  const width = busy_s * Math.min(BREAK_SHARE, BREAKS_SHARE_MAX / (idle.length || 1));
  const found = [];
  let [at_s, at] = [0, 0];
  const run = (to_s, length, isBreak = false) => {
    found.push({ from_s: at_s, to_s, from: at, to: at + length, isBreak });
    [at_s, at] = [to_s, at + length];
  };
  for (const one of idle.sort((a, b) => a.from_s - b.from_s)) {
    if (one.from_s > at_s) run(one.from_s, one.from_s - at_s);
    run(one.to_s, Math.min(width, one.length_s), true);
  }
  if (all_s > at_s || !found.length) run(Math.max(all_s, 0.001), Math.max(all_s - at_s, 0.001));
  const axis = pieces(found);
  const places = Float64Array.from(story.entries, (one) => axis.at(one.t_s)); // computed once, because every drawing needs them
  return { ...axis, at: (t, i) => places[i] ?? axis.at(t) };
}

// Entries at equal distances: for many entries at the same moment. Many alike at one moment share a little room, so
// that the events of a history do not take the room of the run.
export function orderAxis(story) {
  const places = new Float64Array(Math.max(1, story.length));
  let place = 0;
  for (let first = 0; first < story.length; ) {
    const alike = lengthAlike(story.entries, first);
    const step = Math.min(1, ALIKE_ROOM / alike);
    for (let i = first; i < first + alike; i += 1, place += step) places[i] = place;
    first += alike;
  }
  const last = story.length - 1;
  return {
    end: Math.max(1, places[Math.max(0, last)]),
    breaks: [],
    at: (t, i) => places[i ?? last],
    ticks(from, to, count_max) {
      const least = (to - from) / count_max;
      const found = [];
      for (let i = 0; i <= last; i += 1) {
        const isFree = places[i] >= from && places[i] <= to && places[i] - (found.at(-1)?.at ?? -Infinity) >= least;
        if (isFree) found.push({ at: places[i], text: `${story.entries[i].t_s.toFixed(3)} s` });
      }
      return found;
    },
  };
}

// How many entries from one on are of the same moment, place and kind.
function lengthAlike(entries, first) {
  const { t_s, place, what } = entries[first];
  let next = first + 1;
  while (next < entries.length && entries[next].t_s === t_s && entries[next].place === place && entries[next].what === what) next += 1;
  return next - first;
}

function pieces(found) {
  const last = found.at(-1);
  const pieceAt = (t) => {
    let [low, high] = [0, found.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (t <= found[middle].to_s) high = middle;
      else low = middle + 1;
    }
    return found[low];
  };
  const at = (t) => {
    if (t > last.to_s) return last.to + (t - last.to_s);
    const { from_s, to_s, from, to } = pieceAt(t);
    return to_s > from_s ? from + ((t - from_s) / (to_s - from_s)) * (to - from) : from;
  };
  const ticks = (from, to, count_max) => {
    const least = (to - from) / count_max;
    const step_s = niceStep(least);
    const digits = Math.max(0, Math.ceil(-Math.log10(step_s) - 1e-9));
    const marks = [];
    const mark = (place, text, room = 0.85) => {
      const isFree = place >= from && place <= to && marks.every((one) => Math.abs(one.at - place) > room * least);
      if (isFree) marks.push({ at: place, text });
    };
    for (const one of found.filter((piece) => !piece.isBreak && piece.to >= from && piece.from <= to)) {
      const until_s = one === last ? Math.max(one.to_s, one.from_s + (to - one.from)) : one.to_s;
      const first = Math.ceil((one.from_s + Math.max(0, from - one.from)) / step_s - 1e-9);
      for (let n = first; n * step_s <= until_s + 1e-9 && at(n * step_s) <= to; n += 1) mark(at(n * step_s), `${(n * step_s).toFixed(digits)} s`);
    }
    // Without these, the times around a break could not be read.
    for (const one of found.filter((piece) => piece.isBreak)) {
      mark(one.from, `${Number(one.from_s.toFixed(digits + 1))} s`, 0.6);
      mark(one.to, `${Number(one.to_s.toFixed(digits + 1))} s`, 0.6);
    }
    return marks;
  };
  return { end: last.to, breaks: found.filter((one) => one.isBreak), at, ticks };
}

function niceStep(least) {
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1e-6)));
  return (STEPS.find((one) => one * power >= least) ?? 10) * power;
}
