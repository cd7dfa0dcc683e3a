// The video: its shape and look, the queue, and what was made.
import { h, renew, safely, say } from "./dom.mjs";
import { ask, askJson, audio, history, on, path, store } from "./store.mjs";
import { progress } from "./progress.mjs";
import { choices, field, offered, set, value, values } from "./options.mjs";
import * as preview from "./preview.mjs";

const SHAPES = [["", "Picture’s"], ["1080x1920", "9:16"], ["1080x1080", "1:1"], ["1920x1080", "16:9"]];
const OWN = ["canvas", "size", "fit", "background"];  // have controls of their own
let stage, panel, person, still;

export function build(section) {
  person = h("canvas", { id: "person", width: 10, height: 10, role: "img", "aria-label": "The person, dancing, small" });
  still = h("img", { class: "still", alt: "" });
  stage = h("div", { class: "stage" }, still, person, h("p", { class: "hint", id: "preview-hint" }));
  panel = h("div", { class: "panel" });
  section.append(stage, panel);
  preview.build(person);
  for (const what of ["state", "dance", "song", "options", "tab"]) on(what, show);
  setInterval(hint, 400);
}

function hint() {
  if (store.tab !== "video") return;
  const view = preview.preview, line = stage.querySelector("#preview-hint");
  const room = stage.getBoundingClientRect();
  const times = Math.min(room.width / person.width, room.height / person.height);
  Object.assign(person.style, { width: `${person.width * times}px`, height: `${person.height * times}px` });
  person.hidden = !view.key || view.drawn < 0;
  const source = store.state?.picture ? `/api/pictures/${path(store.state.picture)}/view` : "";
  if (still.getAttribute("src") !== source) still.setAttribute("src", source);
  still.hidden = !source || !person.hidden;
  line.textContent = lacks() || view.failed || (view.drawn < 0 ? "Preparing the picture …" : view.shown && audio.paused ? "Press play: the renderer draws as you listen." : "");
}

const lacks = () => (!store.state?.picture ? "Add a picture first." : !store.state.song ? "Add a song first." : !history() ? "Make a dance first." : "");

function show() {
  if (!store.state || store.tab !== "video") return;
  const choosing = panel.firstChild || panel.appendChild(h("div", { class: "panel" }));
  const made = choosing.nextSibling || panel.appendChild(h("div", { class: "panel" }));
  renew(choosing, [choices(), store.pictures, store.state.picture, lacks(), store.offers.length, store.state.people], options);
  renew(made, store.videos.map(signature), () => films() || []);
}

const signature = ({ name, state, file, report, job }) => [name, state, file, report,
  state === "running" ? [job.doing, job.done, Math.round(job.seconds)] : job?.error];

function options() {
  const canvas = value("canvas") || "";
  const shape = (sides, label) => h("button", { "data-key": `shape-${label}`, "aria-pressed": String(canvas === sides),
    onclick: () => set(sides ? { canvas: sides, size: null } : { canvas: null, fit: null }) }, label);
  const known = SHAPES.some(([sides]) => sides === canvas);
  return h("div", { class: "card" }, h("h2", {}, "The video"),
    h("div", { class: "shapes", role: "group", "aria-label": "Shape" }, SHAPES.map((one) => shape(...one))),
    h("div", { class: "row" }, canvas ? [h("label", { class: "field" }, "width x height", h("input", { id: "option-canvas", value: canvas,
      "aria-invalid": String(!known && !/^\d+x\d+$/.test(canvas)), onchange: (event) => set({ canvas: event.target.value.trim() }) })), field("fit")] : field("size"),
    background()),
    offered("video").filter((one) => !OWN.includes(one.name)).map((one) => field(one.name)),
    h("details", { id: "more", open: panel.querySelector("#more")?.open }, h("summary", {}, "More"),
      h("div", {}, offered("more").map((one) => field(one.name)))),
    h("button", { class: "main", id: "make-video", disabled: Boolean(lacks()), onclick: safely(make) }, "Make the video"),
    lacks() ? h("p", { class: "look" }, lacks()) : null);
}

function background() {
  const behind = value("background") || "";
  const isColour = /^#[0-9a-f]{6}$/i.test(behind);
  const fixed = [["", "as the picture"], ["#00b140", "green screen"], ["none", "transparent"], ["#ffffff", "a colour"]];
  const pictures = store.pictures.filter((name) => name !== store.state.picture);
  const choice = isColour && behind !== "#00b140" ? "#ffffff" : behind;
  return [h("label", { class: "field" }, "behind", h("select", { id: "option-background", onchange: (event) => set({ background: event.target.value }) },
    fixed.map(([one, label]) => h("option", { value: one, selected: one === choice }, label)),
    pictures.map((name) => h("option", { value: name, selected: name === behind }, name)))),
  isColour ? h("input", { type: "color", id: "colour", "aria-label": "Colour", value: behind, onchange: (event) => set({ background: event.target.value }) }) : null];
}

async function make() {
  const made = await askJson("POST", "/api/videos", values("video", "more"));
  say(`${made.name} is in the queue.`, 4);
}

/** What was asked for; elements that have not changed stay, so that a film that plays goes on. */
const rows = new Map();
function films() {
  if (!store.videos.length) { rows.clear(); return null; }
  const kept = new Set(store.videos.map((film) => film.name));
  for (const name of rows.keys()) if (!kept.has(name)) rows.delete(name);
  return h("div", { class: "card", id: "films" }, h("h2", {}, "Videos"), store.videos.map((film) => {
    const row = rows.get(film.name), says = JSON.stringify(signature(film));
    if (row && row.says === says) return row.element;
    const element = one(film);
    rows.set(film.name, { says, element });
    return element;
  }));
}

function one(film) {
  const { job } = film, file = film.file && `/files/videos/${path(film.file)}`;
  const again = h("button", { "data-key": `again-${film.name}`, onclick: safely(() => ask("POST", `/api/videos/${path(film.name)}`, {})) }, "Make it again");
  const parts = { waiting: [h("p", { class: "soft" }, "waits for the one before it")], running: job ? progress(job) : [],
    failed: [h("p", { class: "look" }, job?.error), again], stopped: [h("p", { class: "soft" }, "stopped"), again], "": [h("p", { class: "soft" }, "not made yet"), again],
    done: [] }[film.state];
  const stop = job && (film.state === "waiting" || film.state === "running") ? h("button", { "data-key": `stop-${film.name}`,
    onclick: safely(() => ask("DELETE", `/api/jobs/${job.number}`)) }, "Stop") : null;
  const dance = film.asked.dance;
  return h("div", { class: "film", "data-film": film.name, "data-state": film.state }, h("div", { class: "row apart" }, h("h3", {}, film.name), stop), parts,
    film.state === "done" && file ? [h("video", { src: file, controls: true, preload: "metadata", playsinline: true }),
      h("div", { class: "row" }, h("a", { class: "button", href: `${file}?save`, download: film.file }, "Save video"),
        dance ? h("a", { class: "button", href: `/files/dances/${path(dance)}?save`, download: dance }, "Dance") : null,
        film.report ? h("a", { class: "button", href: `/files/videos/${path(film.report)}`, target: "_blank", rel: "noopener" }, "Report") : null)] : null,
    h("details", {}, h("summary", {}, "In a terminal"), h("div", {}, h("code", {}, film.command),
      h("button", { onclick: safely(async () => { await navigator.clipboard.writeText(film.command); say("Copied.", 2); }) }, "Copy"))));
}
