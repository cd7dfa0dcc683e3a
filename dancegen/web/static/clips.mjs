// Clips: videos whose movement is captured, and what is done with it.
import { fold, h, mark, renew, safely, sharp } from "./dom.mjs";
import { drawTake } from "./figure.mjs";
import { fileButton } from "./files.mjs";
import { ask, askJson, movement, on, path, store, tell } from "./store.mjs";
import { progress } from "./progress.mjs";

const found = new Map();  // name -> {captured, fps, seconds, start, poses}, as far as it was fetched
const canvases = new Map();
let panel, film;

export function build() {
  panel = h("div", { id: "clips" });
  film = h("div", { class: "film-inset", hidden: true });
  for (const what of ["state", "bars", "clip", "song", "tab"]) on(what, show);
  return [panel, film];
}

/** The names of the clips whose movement is there. */
export const captured = () => store.clips.filter((clip) => clip.captured).map((clip) => clip.name);

async function fetchAll() {
  for (const clip of store.clips) {
    if (!clip.captured || found.get(clip.name)?.captured === clip.captured) continue;
    found.set(clip.name, { captured: clip.captured });
    const told = await askJson("GET", `/api/clips/${path(clip.name)}`);
    found.set(clip.name, { captured: clip.captured, fps: told.fps, seconds: told.seconds, start: told.start,
      poses: await movement(`/api/clips/${path(clip.name)}/1?v=${clip.captured}`, told.takes[0].dancers) });
    tell("clip");
  }
}

/** What the stage shows instead of a take: a clip's movement. */
export const shown = () => (store.clip && found.get(store.clip)?.poses ? found.get(store.clip) : null);

/** The moment of a clip that is shown: its own film's where that plays, else of a clock that goes round. */
function moment(name) {
  const one = found.get(name), playing = store.clip === name && film.querySelector("video");
  if (playing && playing.readyState > 1) return Math.max(0, playing.currentTime - one.start);
  return (performance.now() / 1000) % Math.max(one.seconds, .1);
}

export function draw(stage) {
  for (const [name, canvas] of canvases) {
    const one = found.get(name);
    if (!one?.poses || !canvas.clientWidth) continue;
    const { pen, width, height } = sharp(canvas);
    drawTake(pen, width, height, (one.card ||= { ...one.poses, size: "" }), moment(name), one.fps);
  }
  const big = shown();
  if (big) drawTake(stage.pen, stage.width, stage.height, big.poses, moment(store.clip), big.fps);
  return Boolean(big);
}

function show() {
  safely(fetchAll)();
  if (store.clip && !captured().includes(store.clip)) store.clip = null;
  inset();
  const depends = [store.clips.map(signature), [...found].map(([name, one]) => [name, one.captured, Boolean(one.poses)]), store.clip, store.bars,
    mark(store.heard), mark(store.dance), store.state?.song];
  renew(panel, depends, () => fold("Moves from a video", store.clips.length > 0,
    h("p", { class: "soft" }, "The movement of somebody in a video, for your own picture to dance."),
    store.clips.map(row), fileButton("Add a video", "video/*,.gif", "add-clip", { use: "clip" })));
}

const signature = ({ name, state, captured, job }) => [name, state, captured, job?.error, job?.notes,
  state === "running" ? [job.doing, job.done, Math.round(job.seconds)] : 0];

function row(clip) {
  const { name, job } = clip, open = clip.state === "running" || clip.state === "waiting";
  if (clip.captured && !canvases.has(name)) canvases.set(name, h("canvas", { "aria-hidden": "true" }));
  const stop = open ? h("button", { "data-key": `stop-clip-${name}`, onclick: safely(() => ask("DELETE", `/api/jobs/${job.number}`)) }, "Stop") : null;
  return h("div", { class: "film", "data-clip": name, "data-state": clip.state }, h("div", { class: "row apart" }, h("h3", {}, name), stop),
    clip.state === "running" ? progress(job) : null,
    clip.state === "waiting" ? h("p", { class: "soft" }, "waits for the one before it") : null,
    clip.state === "failed" ? h("p", { class: "look" }, job.error) : clip.state === "stopped" ? h("p", { class: "soft" }, "stopped") : null,
    !open && job && clip.state !== "failed" ? job.notes.map((line) => h("p", { class: "soft small" }, line)) : null,
    clip.captured ? uses(name) : null, open ? null : otherwise(clip));
}

function uses(name) {
  const toSong = safely(() => askJson("POST", `/api/songs/${path(store.state.song)}/dance`, { clip: name }).then(leave));
  const toBars = safely(() => askJson("POST", `/api/songs/${path(store.state.song)}/edit`, { do: "clip", like: name, bars: [store.bars] }).then(leave));
  const [begin, end] = store.bars || [];
  return h("div", { class: "clip" },
    h("button", { class: "moving", "data-key": `show-clip-${name}`, "aria-pressed": String(store.clip === name), "aria-label": `Show how ${name} moves`,
      onclick: () => { store.clip = store.clip === name ? null : name; tell("clip"); } }, canvases.get(name)),
    h("div", {}, h("button", { "data-key": `song-clip-${name}`, disabled: !store.heard, onclick: toSong,
      title: "A dance of these moves, its accents on the beats, as long as the video lasts" }, "Dance it to the song"),
    h("button", { "data-key": `bars-clip-${name}`, disabled: !store.bars || !store.dance, onclick: toBars,
      title: "The moves are put there on the beats; how to get there and away is imagined in the bars around" },
    !store.bars ? "Into bars (mark some)" : begin === end ? `Into bar ${begin}` : `Into bars ${begin}–${end}`)));
}

const leave = () => { store.clip = null; tell("clip"); };

/** Whom of the video, which part of it: chosen before it is captured again. */
function otherwise(clip) {
  const key = (name) => `clip-${name}-${clip.name}`, value = (name) => document.getElementById(key(name)).value;
  const again = safely(() => askJson("POST", `/api/clips/${path(clip.name)}`, { people: value("people"), start: Number(value("start")) || 0,
    duration: Number(value("duration")) || null }));
  const field = (label, name, input) => h("label", { class: "field" }, label, Object.assign(input, { id: key(name) }));
  const names = { largest: "the largest", left: "the left one", right: "the right one", 2: "the second", 3: "the third" };
  return h("details", {}, h("summary", {}, clip.captured ? "Somebody else, or another part" : "Who, and which part"), h("div", {},
    h("div", { class: "row" },
      field("who", "people", h("select", {}, Object.entries(names).map(([word, label]) => h("option", { value: word }, label)))),
      field("from, seconds", "start", h("input", { type: "number", min: 0, step: .1, placeholder: "0" })),
      field("for", "duration", h("input", { type: "number", min: .5, step: .1, placeholder: "all" }))),
    h("button", { "data-key": `capture-${clip.name}`, onclick: again }, clip.captured ? "Capture it again" : "Capture it")));
}

/** The film of the clip that is shown, small in a corner of the stage. */
function inset() {
  const name = store.tab === "dance" && shown() ? store.clip : null;
  film.hidden = !name;
  renew(film, [name], () => (!name ? [] : /\.gif$/i.test(name) ? h("img", { src: `/files/clips/${path(name)}`, alt: name })
    : h("video", { src: `/files/clips/${path(name)}`, muted: true, autoplay: true, loop: true, playsinline: true, "aria-label": name })));
  const video = film.querySelector("video");
  if (video) { video.muted = true; video.play().catch(() => {}); }  // the attribute alone is not heeded in elements that are made
}
