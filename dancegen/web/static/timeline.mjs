// The song as a line: loudness, bars, beats, what is marked; and the button that plays it.
import { $, clock, colour, h, later, safely, sharp } from "./dom.mjs";
import { ask, audio, on, now, path, store, stretch, tell } from "./store.mjs";

const PLAY = "M7 4l14 8-14 8z", PAUSE = "M6 4h4v16H6zM14 4h4v16h-4z";
const BARS = 22;   // pixels of the row of bars, below the waveform
const REACH = 9;   // pixels from which a handle is taken
let canvas, mark, drag = null;

const length = () => store.heard?.seconds || 1;
const x = (seconds) => (seconds / length()) * canvas.clientWidth;
const seconds = (event) => {
  const box = canvas.getBoundingClientRect();
  return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * length();
};

/** Bars with their ends, seconds of the song: of the dance that is shown, else of what was heard. */
export function bars() {
  if (store.dance && store.tab !== "song") return store.dance.bars;
  if (!store.heard) return [];
  const { beats, downbeats } = store.heard;
  const [begin, end] = stretch();
  return downbeats.map((beat, number) => ({ number: number + 1, begin: beats[beat], end: beats[downbeats[number + 1]] ?? length() }))
    .filter((bar) => store.tab === "song" || (bar.end > begin && bar.begin < end));
}

export const barAt = (moment) => bars().find((bar) => moment >= bar.begin && moment < bar.end) || null;

export function build() {
  canvas = h("canvas", { id: "line", tabindex: "0", role: "slider", "aria-label": "Place in the song", "aria-valuemin": "0" });
  mark = h("div", { class: "now" });
  const button = h("button", { id: "play", "aria-label": "Play", onclick: safely(toggle) });
  $("#deck").append(h("div", {}, button, h("div", { class: "time", id: "time" })), h("div", { class: "line" }, canvas, mark));
  face();
  for (const event of ["play", "pause", "ended"]) audio.addEventListener(event, face);
  canvas.addEventListener("pointerdown", grab);
  canvas.addEventListener("pointermove", pull);
  canvas.addEventListener("pointerup", safely(drop));
  canvas.addEventListener("pointercancel", () => { drag = null; draw(); });
  canvas.addEventListener("keydown", keys);
  new ResizeObserver(draw).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setTimeout(draw));
  for (const what of ["song", "dance", "state", "bars", "tab"]) on(what, later(draw, 20));
  requestAnimationFrame(follow);
}

function face() {
  const button = $("#play");
  button.setAttribute("aria-label", audio.paused ? "Play" : "Pause");
  button.innerHTML = `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${audio.paused ? PLAY : PAUSE}"/></svg>`;
}

/** Plays from here, from the beginning of the stretch where it is over, or stops. */
export async function toggle() {
  if (!store.heard) return;
  if (!audio.paused) { audio.pause(); return; }
  const [begin, end] = stretch();
  if (audio.currentTime < begin - .05 || audio.currentTime > end - .1) audio.currentTime = begin;
  await audio.play();
}

export function seek(moment) {
  audio.currentTime = Math.max(0, Math.min(moment, length()));
  tell("seek");
}

function follow() {
  requestAnimationFrame(follow);
  if (!store.heard) return;
  const here = now(), [, end] = stretch();
  if (!audio.paused && store.tab !== "song" && here > end + .02) { audio.pause(); seek(end - .001); }
  mark.style.transform = `translateX(${x(here)}px)`;
  const says = `${clock(here)} / ${clock(length())}`;
  if ($("#time").textContent !== says) {
    $("#time").textContent = says;
    canvas.setAttribute("aria-valuenow", Math.round(here));
    canvas.setAttribute("aria-valuemax", Math.round(length()));
    const bar = barAt(here);
    canvas.setAttribute("aria-valuetext", `${clock(here)}${bar ? `, bar ${bar.number}` : ""}`);
  }
}

export function draw() {
  $("#deck").hidden = !store.heard;
  if (!store.heard || !canvas.clientWidth) return;
  const { pen, width, height } = sharp(canvas);
  const wave = height - BARS, middle = wave / 2;
  pen.clearRect(0, 0, width, height);
  pen.fillStyle = colour("sunken");
  pen.fillRect(0, 0, width, height);
  sections(pen, wave);
  const [begin, end] = drag?.stretch || stretch();
  const { peaks } = store.heard;
  for (let at = 0; at < width; at += 2) {
    const first = Math.floor((at / width) * peaks.length), last = Math.max(first + 1, Math.floor(((at + 2) / width) * peaks.length));
    let loud = 0;
    for (let one = first; one < last; one++) loud = Math.max(loud, peaks[one] || 0);
    const tall = Math.max(1, (loud / 255) * (middle - 4));
    const inside = at >= x(begin) - 1 && at <= x(end);
    pen.fillStyle = colour(inside ? "accent" : "soft");
    pen.globalAlpha = inside ? .75 : .3;
    pen.fillRect(at, middle - tall, 1.4, 2 * tall);
  }
  pen.globalAlpha = 1;
  beats(pen, wave);
  rowOfBars(pen, wave, width);
  if (store.tab === "song") handles(pen, wave, begin, end);
}

function sections(pen, wave) {
  const parts = store.heard.sections || [];
  const names = [...new Set(parts.map((part) => part.name))];
  for (const part of parts) {
    pen.globalAlpha = names.indexOf(part.name) % 2 ? .10 : .03;
    pen.fillStyle = colour("accent");
    pen.fillRect(x(part.begin), 0, x(part.end) - x(part.begin), wave);
    pen.globalAlpha = 1;
    pen.fillStyle = colour("soft");
    pen.font = "600 11px system-ui, sans-serif";
    pen.textAlign = "left";
    pen.fillText(part.name, x(part.begin) + 4, 12);
  }
}

function beats(pen, wave) {
  const times = store.dance && store.tab !== "song" ? store.dance.beats : store.heard.beats;
  if (!times.length || x(times[times.length - 1]) - x(times[0]) < times.length * 4) return;  // too close to be told apart
  pen.fillStyle = colour("soft");
  for (const [number, time] of times.entries()) {
    const here = drag?.beat === number ? drag.to : time;
    pen.fillRect(x(here) - .5, wave - 7, 1, 7);
  }
}

function rowOfBars(pen, wave, width) {
  pen.font = "11px system-ui, sans-serif";
  pen.textAlign = "left";
  let free = -1;
  for (const bar of bars()) {
    const left = x(bar.begin), right = Math.min(x(bar.end), width);
    const marked = store.bars && bar.number >= store.bars[0] && bar.number <= store.bars[1];
    if (marked) {
      pen.fillStyle = colour("warm");
      pen.globalAlpha = .22; pen.fillRect(left, 0, right - left, wave);
      pen.globalAlpha = .9; pen.fillRect(left, wave, right - left - 1, BARS);
      pen.globalAlpha = 1;
    }
    pen.fillStyle = colour("line");
    pen.fillRect(left, 0, 1, wave + BARS);
  }
  for (const bar of bars()) {  // over all that is filled
    const left = x(bar.begin), marked = store.bars && bar.number >= store.bars[0] && bar.number <= store.bars[1];
    if (left > free && bar.number > 0) {
      pen.fillStyle = marked ? colour("paper") : colour("soft");
      pen.fillText(bar.number, left + 4, wave + 15);
      free = left + 10 + 8 * String(bar.number).length;
    }
  }
}

function handles(pen, wave, begin, end) {
  pen.fillStyle = colour("accent");
  for (const [at, side] of [[begin, 1], [end, -1]]) {
    const left = Math.min(Math.max(x(at), 1), canvas.clientWidth - 1);
    pen.fillRect(left - 1, 0, 2, wave);
    pen.beginPath(); pen.moveTo(left, 0); pen.lineTo(left + 11 * side, 0); pen.lineTo(left, 13); pen.fill();
  }
  const first = store.heard.beats[store.heard.downbeats[0]];
  if (first === undefined) return;
  pen.fillStyle = colour("warm");
  const at = x(drag?.downbeat !== undefined ? store.heard.beats[drag.downbeat] : first);
  pen.fillRect(at - 1, wave - 8, 2, BARS + 8);
  pen.beginPath(); pen.arc(at, wave + BARS / 2, 6, 0, 7); pen.fill();
}

const nearest = (moment) => store.heard.beats.reduce((best, time, number, all) =>
  (Math.abs(time - moment) < Math.abs(all[best] - moment) ? number : best), 0);

function grab(event) {
  if (!store.heard) return;
  canvas.setPointerCapture(event.pointerId);
  const box = canvas.getBoundingClientRect();
  const low = event.clientY - box.top > box.height - BARS, here = event.clientX - box.left, moment = seconds(event);
  const close = (time) => Math.abs(x(time) - here) < REACH;
  const [begin, end] = stretch(), { beats: times, downbeats } = store.heard;
  if (store.tab === "song") {
    const first = times[downbeats[0]];
    if (low && first !== undefined && close(first)) drag = { downbeat: downbeats[0] };
    else if (close(begin) && !low) drag = { stretch: [begin, end], side: 0 };
    else if (close(end) && !low) drag = { stretch: [begin, end], side: 1 };
    else if (low && times.length && close(times[nearest(moment)]) && x(times[1]) - x(times[0]) > 6) {
      drag = { beat: nearest(moment), to: moment };
    } else drag = { seek: true };
  } else if (low && store.tab === "dance" && store.dance) {
    const bar = barAt(moment);
    drag = bar ? { from: bar.number } : { seek: true };
    if (bar) mark_bars(bar.number, bar.number);
  } else drag = { seek: true };
  if (drag.seek) seek(moment);
}

function mark_bars(one, other) {
  store.bars = [Math.min(one, other), Math.max(one, other)];
  tell("bars");
}

function pull(event) {
  if (!drag) return;
  const moment = seconds(event);
  if (drag.seek) seek(moment);
  else if (drag.from !== undefined) mark_bars(drag.from, (barAt(moment) || { number: drag.from }).number);
  else if (drag.downbeat !== undefined) drag.downbeat = nearest(moment);
  else if (drag.beat !== undefined) drag.to = moment;
  else drag.stretch[drag.side] = drag.side ? Math.max(moment, drag.stretch[0] + 1) : Math.min(moment, drag.stretch[1] - 1);
  draw();
}

async function drop() {
  const done = drag;
  drag = null;
  if (!done) return;
  if (done.downbeat !== undefined) await mend({ do: "bar", beat: done.downbeat });
  else if (done.beat !== undefined) await mend({ do: "move", beat: done.beat, to: done.to });
  else if (done.stretch) await keepStretch(...done.stretch);
  draw();
}

/** Corrected beats: the song as it is heard then. */
export async function mend(how) {
  const name = store.state.song;
  const answer = await ask("POST", `/api/songs/${path(name)}/beats`, how);
  store.heard = await answer.json();
  tell("song");
}

export async function keepStretch(begin, end) {
  const all = end > length() - .05;
  const start = begin < .05 ? 0 : Math.round(begin * 100) / 100;
  const duration = all ? null : Math.round((end - start) * 100) / 100;
  await ask("PUT", `/api/songs/${path(store.state.song)}/stretch`, { start, duration });
}

function keys(event) {
  const steps = { ArrowLeft: -1, ArrowRight: 1, PageDown: -10, PageUp: 10 };
  if (event.key in steps) {
    const bar = barAt(now());
    if (event.shiftKey && store.tab === "dance" && store.dance) {
      const [first, last] = store.bars || [bar?.number || 1, bar?.number || 1];
      mark_bars(first, Math.max(first, Math.min(last + steps[event.key], bars().at(-1).number)));
    } else seek(now() + steps[event.key]);
  } else if (event.key === "Home") seek(stretch()[0]);
  else if (event.key === "End") seek(stretch()[1] - .01);
  else if (event.key === "Enter" && store.tab === "dance" && barAt(now())) mark_bars(barAt(now()).number, barAt(now()).number);
  else return;
  event.preventDefault();
}
