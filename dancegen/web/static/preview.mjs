// The person, drawn by the renderer itself while the song plays: frames come as they are drawn and are kept.
import { later, safely } from "./dom.mjs";
import { ask, audio, history, now, on, store, stretch } from "./store.mjs";
import { values } from "./options.mjs";

const PAGE = Math.random().toString(36).slice(2);
const RATE = 30;         // frames a second at most
const AHEAD = 8;         // seconds that are drawn before the song, then the stream waits
const LATE = .4;         // seconds that a frame may be old and still be shown
const KEPT = 5400;       // frames: three minutes, some 50 MB
const view = { canvas: null, key: "", frames: new Map(), bitmaps: new Map(), stream: null, from: 0, drawn: -1, shown: null, rate: 0 };
export const preview = view;

export function build(canvas) {
  view.canvas = canvas;
  audio.addEventListener("play", () => start());
  for (const what of ["seek", "tab", "dance", "options", "state", "picture"]) on(what, later(() => start(), 150));
  requestAnimationFrame(frame);
}

const wanted = () => {
  const shown = history();
  return store.tab === "video" && shown && store.state.picture && store.heard ? JSON.stringify([values("video", "more"), shown.versions[shown.at],
    shown.take, store.state.picture, store.state.people[store.state.picture], store.mended || 0]) : "";
};

export function stop() {
  view.stream?.abort();
  view.stream = null;
}

/** Asks for frames from the playhead on, unless they are here or on their way. */
function start() {
  const key = wanted();
  if (key !== view.key) {
    stop();
    view.key = key;
    view.frames.clear();
    view.bitmaps.forEach((bitmap) => bitmap.close?.());
    view.bitmaps.clear();
    view.drawn = -1;
    view.failed = "";
  }
  if (!key || view.failed) { stop(); return; }
  const here = Math.max(now(), stretch()[0]);
  if (nearest(here + .1) >= 0 && (audio.paused || nearest(here + 2) >= 0 || view.stream)) return;
  if (view.stream && here >= view.from - .1 && here < view.reached + 3) return;
  stop();
  read(here, new AbortController());
}

async function read(from, control) {
  Object.assign(view, { stream: control, from, reached: from });
  try {
    const answer = await ask("POST", "/api/preview", { choices: values("video", "more"), from, page: PAGE }, control.signal);
    const reader = answer.body.getReader();
    let rest = new Uint8Array(0), spent = 0, count = 0;
    for (;;) {
      const asked = performance.now();
      const { done, value } = await reader.read();
      spent += performance.now() - asked;
      if (done) break;
      const all = new Uint8Array(rest.length + value.length);
      all.set(rest); all.set(value, rest.length);
      let at = 0;
      const look = new DataView(all.buffer);
      while (all.length - at >= 8 && all.length - at >= 8 + look.getUint32(at, true)) {
        const size = look.getUint32(at, true), moment = look.getFloat32(at + 4, true);
        view.frames.set(Math.round(moment * RATE), new Blob([all.subarray(at + 8, at + 8 + size)], { type: "image/jpeg" }));
        view.reached = moment;
        count += 1;
        at += 8 + size;
      }
      rest = all.slice(at);
      view.rate = count / Math.max(spent / 1000, .1);
      while (view.frames.size > KEPT) view.frames.delete(view.frames.keys().next().value);
      while (!control.signal.aborted && view.reached > now() + (audio.paused ? 1.5 : AHEAD)) await new Promise((go) => setTimeout(go, 120));
    }
  } catch (error) {
    if (error.name !== "AbortError") view.failed = error.message;
  } finally {
    if (view.stream === control) view.stream = null;
  }
}

/** The number of the frame for a moment: the last that is not too old; -1 where there is none. */
function nearest(moment) {
  const number = Math.round(moment * RATE);
  for (let at = number; at >= number - LATE * RATE; at--) if (view.frames.has(at)) return at;
  return -1;
}

async function bitmap(number) {
  if (view.bitmaps.has(number) || !view.frames.has(number)) return;
  view.bitmaps.set(number, null);
  const made = await createImageBitmap(view.frames.get(number));
  view.bitmaps.set(number, made);
  for (const old of view.bitmaps.keys()) {
    if (view.bitmaps.size <= 24) break;
    view.bitmaps.get(old)?.close();
    view.bitmaps.delete(old);
  }
}

function frame() {
  requestAnimationFrame(frame);
  if (store.tab !== "video" || !view.key) return;
  const here = now();
  let number = nearest(here);
  if (number < 0) return;
  for (let next = number; next < number + 10; next++) bitmap(next);
  while (number >= 0 && !view.bitmaps.get(number)) number = nearest(number / RATE - 1 / RATE) < number ? nearest(number / RATE - 1 / RATE) : -1;
  const image = view.bitmaps.get(number);
  if (!image || number === view.drawn) return;
  view.drawn = number;
  view.shown = { moment: number / RATE, at: performance.now() };
  if (view.canvas.width !== image.width) { view.canvas.width = image.width; view.canvas.height = image.height; }
  view.canvas.getContext("2d").drawImage(image, 0, 0);
}

export const forget = safely(async () => { store.mended = (store.mended || 0) + 1; start(); });
