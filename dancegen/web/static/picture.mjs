// The picture: who is in it, joints that are dragged, outlines that are painted.
import { colour, h, mark, renew, safely, sharp } from "./dom.mjs";
import { BONES, NAMES } from "./figure.mjs";
import { fileButton } from "./files.mjs";
import { ask, askJson, choose, on, path, store, tell } from "./store.mjs";

const REACH = 16;  // CSS pixels from which a joint is taken
const view = { name: null, image: null, found: null, masks: [], person: 0, joint: null, tool: "joints", size: 36, undo: [], drag: null,
  pointer: null, busy: false };
let canvas, stage, panel;

export function build(section) {
  canvas = h("canvas", { id: "body", tabindex: "0", role: "application", "aria-label": "The picture with its joints" });
  canvas.addEventListener("pointerdown", grab);
  canvas.addEventListener("pointermove", pull);
  canvas.addEventListener("pointerup", safely(drop));
  canvas.addEventListener("pointerleave", () => { view.pointer = null; draw(); });
  canvas.addEventListener("keydown", safely(keys));
  stage = h("div", { class: "stage" }, canvas, h("p", { class: "hint", id: "hint" }));
  panel = h("div", { class: "panel" });
  section.append(stage, panel);
  on("state", safely(follow));
  on("tab", () => { if (store.tab === "picture") requestAnimationFrame(draw); });
  new ResizeObserver(draw).observe(stage);
}

/** The buttons that begin everything. */
export const welcome = (done) => [
  h("h2", {}, "A song and one picture of a person become a video of that person dancing."),
  h("div", { class: "row" },
    fileButton("Choose a picture", "image/*,.heic,.avif", "add-picture", { done, main: true }),
    fileButton("Choose a song", "audio/*,video/*", "add-song", { done, main: true, use: "song" })),
  h("p", { class: "soft" }, "Or drop them anywhere on this page. Best from head to foot, arms a little away from the body. ",
    "Nothing leaves this machine."),
  h("button", { class: "quiet", id: "example", onclick: safely(async () => { await ask("POST", "/api/example", {}); done(); }) },
    "Look around with the example"),
];

async function follow() {
  const name = store.state.picture;
  if (name !== view.name) {
    Object.assign(view, { name, image: null, found: null, masks: [], person: 0, joint: null, undo: [], drag: null });
    if (name) await load();
  }
  show();
}

async function load() {
  const name = view.name;
  const image = new Image();
  image.src = `/api/pictures/${path(name)}/view`;
  view.busy = true;
  await image.decode();
  if (view.name !== name) return;
  view.image = image;
  show();
  try {
    await see(await askJson("GET", `/api/pictures/${path(name)}`), name);
  } finally {
    view.busy = false;
    show();
  }
}

// A standing figure, shares of the picture's width and height.
const STANDING = [[.5, .14], [.5, .26], [.39, .26], [.34, .38], [.29, .49], [.61, .26], [.66, .38], [.71, .49], [.43, .51], [.43, .71], [.43, .9],
  [.57, .51], [.57, .71], [.57, .9], [.47, .12], [.53, .12], [.43, .13], [.57, .13]];
async function byHand() {
  const { width, height } = view.image, high = Math.min(height, width * 1.6), wide = high / 1.6;
  const person = STANDING.map(([x, y]) => [width / 2 + (x - .5) * wide, height / 2 + (y - .5) * high, 1]);
  await saving(async () => see(await (await ask("PUT", `/api/pictures/${path(view.name)}/joints`, { people: [person] })).json()));
}

/** Takes what was found: joints, and an outline a person. */
async function see(found, name = view.name) {
  const masks = await Promise.all(found.people.map(async (_, number) => {
    const answer = await ask("GET", `/api/pictures/${path(name)}/mask/${number + 1}`);
    const bitmap = await createImageBitmap(await answer.blob());
    const mask = new OffscreenCanvas(found.size[0], found.size[1]);
    const pen = mask.getContext("2d", { willReadFrequently: true });
    pen.drawImage(bitmap, 0, 0, found.size[0], found.size[1]);
    const pixels = pen.getImageData(0, 0, mask.width, mask.height);
    for (let at = 0; at < pixels.data.length; at += 4) { pixels.data[at + 3] = pixels.data[at]; pixels.data.fill(255, at, at + 3); }
    pen.putImageData(pixels, 0, 0);
    return mask;
  }));
  if (view.name !== name) return;
  view.found = found;
  view.masks = masks;
  view.person = Math.min(view.person, found.people.length - 1);
  show();
}

const choice = () => store.state.people[view.name] || "largest";
const danced = (number) => choice() === "all" || (choice() === "largest" ? number === 0 : choice().split(",").includes(String(number + 1)));

function show() {
  const section = stage.parentElement;
  const empty = !store.pictures.length && !store.songs.length;
  section.querySelector(".empty")?.remove();
  stage.hidden = panel.hidden = empty;
  if (empty) {
    section.append(h("div", { class: "empty" }, welcome(() => {})));
    return;
  }
  const many = view.found && view.found.people.length > 1;
  const depends = [store.pictures, store.songs.length, view.name, mark(view.found), view.person, view.joint, view.tool, view.undo.length, view.busy,
    store.state.people[view.name], view.found?.people.map((one) => one.joints.map((joint) => joint[2] > 0))];
  renew(panel, depends, () => [
    h("div", { class: "card" },
      h("div", { class: "thumbs", role: "group", "aria-label": "Pictures" }, store.pictures.map((name) =>
        h("button", { "data-key": `p-${name}`, class: name === view.name ? "chosen" : "", title: name, "aria-pressed": String(name === view.name),
          onclick: safely(() => choose({ picture: name })) },
        h("img", { src: `/api/pictures/${path(name)}/view`, alt: name, loading: "lazy" })))),
      h("div", { class: "row" }, fileButton("Add a picture", "image/*,.heic,.avif", "more-pictures"),
        store.songs.length ? null : fileButton("Add a song", "audio/*,video/*", "first-song", { use: "song" }))),
    view.found ? [many ? people() : null, tools(), joints(), looks()] : view.name && view.busy ? h("p", { class: "soft" }, "Looking for people …")
      : view.name ? h("div", { class: "card" }, h("p", {}, "Nobody was found here."), h("button", { id: "by-hand", disabled: !view.image,
        onclick: safely(byHand) }, "Place the joints by hand")) : null]);
  draw();
}

function people() {
  const pick = safely(async (number) => {
    const numbers = new Set(view.found.people.map((_, one) => one).filter(danced));
    if (numbers.has(number) && numbers.size > 1) numbers.delete(number); else numbers.add(number);
    const sorted = [...numbers].sort((one, other) => one - other).map((one) => one + 1);
    await ask("PUT", `/api/pictures/${path(view.name)}/people`, { people: sorted.length === view.found.people.length ? "all" : sorted.join(",") });
  });
  return h("div", { class: "card" }, h("h2", {}, "Who dances"), h("div", { class: "row" }, view.found.people.map((_, number) =>
    h("button", { "data-key": `who-${number}`, "aria-pressed": String(danced(number)), onclick: () => { view.person = number; pick(number); } },
      `Person ${number + 1}`))),
  h("label", { class: "field" }, "Correct", h("select", { id: "corrected", onchange: (event) => { view.person = Number(event.target.value); show(); } },
    view.found.people.map((_, number) => h("option", { value: number, selected: number === view.person }, `Person ${number + 1}`)))));
}

function tools() {
  const tool = (name, label) => h("button", { "data-key": `tool-${name}`, "aria-pressed": String(view.tool === name),
    onclick: () => { view.tool = name; show(); } }, label);
  return h("div", { class: "card" },
    h("div", { class: "row apart" }, h("h2", {}, "Correct"),
      h("button", { class: "quiet", id: "undo-picture", disabled: !view.undo.length, onclick: safely(undo) }, "Undo")),
    h("div", { class: "row" }, tool("joints", "Joints"), tool("paint", "Paint"), tool("erase", "Erase")),
    view.tool === "joints" ? h("p", { class: "soft" }, "Drag a joint to where it belongs.") :
      h("label", { class: "field" }, "Brush", h("input", { type: "range", min: 6, max: 120, value: view.size, id: "brush",
        oninput: (event) => { view.size = Number(event.target.value); draw(); } })),
    view.found.mended || view.found.people.some((one) => one.painted) ? h("button", { class: "quiet", id: "forget", onclick: safely(async () => {
      view.undo = [];
      await see(await (await ask("DELETE", `/api/pictures/${path(view.name)}/corrections`)).json());
      tell("mended");
    }) }, "As it was found") : null);
}

function joints() {
  const person = view.found.people[view.person];
  return h("details", { class: "card", id: "joint-list", open: panel.querySelector("#joint-list")?.open },
    h("summary", {}, "All joints"),
    h("div", {}, h("p", { class: "soft small" }, "Choose one, then the arrow keys move it in the picture; Delete hides or shows it."),
      h("div", { class: "joints" }, NAMES.map((name, joint) => h("button", { "data-key": `joint-${joint}`,
        class: `${person.joints[joint][2] > 0 ? "" : "off"}${view.joint === joint ? " chosen" : ""}`, "aria-pressed": String(view.joint === joint),
        onclick: () => { view.joint = joint; view.tool = "joints"; show(); }, onkeydown: safely(keys) }, name)))));
}

function looks() {
  const said = [...view.found.notes, ...view.found.people.flatMap((one, number) => (danced(number) ? one.looks : []))];
  const several = view.found.people.filter((_, number) => danced(number));
  if (several.length > 1 && several.some((one) => one.painted)) said.push("Painted outlines are heeded in videos of one dancer only.");
  return said.length ? h("div", { class: "card" }, said.map((line) => h("p", { class: "look" }, line))) : null;
}

// Drawing: the picture fills the stage, everything else is in its pixels.
function scale() {
  const room = stage.getBoundingClientRect();
  return Math.min(room.width / view.image.width, room.height / view.image.height);
}

export function draw() {
  if (!view.image || stage.hidden || !stage.clientWidth) { canvas.style.width = canvas.style.height = "0"; return; }
  const times = scale();
  canvas.style.width = `${view.image.width * times}px`;
  canvas.style.height = `${view.image.height * times}px`;
  const { pen, width, height } = sharp(canvas);
  pen.clearRect(0, 0, width, height);
  pen.drawImage(view.image, 0, 0, width, height);
  document.getElementById("hint").textContent = view.busy && !view.found ? "Looking for people …" : "";
  if (!view.found) return;
  veil(pen, width, height);
  for (const [number, person] of view.found.people.entries()) skeleton(pen, person, times, number);
  if (view.tool !== "joints" && view.pointer) {
    pen.strokeStyle = colour("warm"); pen.lineWidth = 2;
    pen.beginPath(); pen.arc(view.pointer.x * times, view.pointer.y * times, view.size / 2, 0, 7); pen.stroke();
  }
}

/** What is nobody's is veiled. */
function veil(pen, width, height) {
  const over = new OffscreenCanvas(Math.max(1, Math.round(width)), Math.max(1, Math.round(height)));
  const layer = over.getContext("2d");
  layer.fillStyle = colour("accent");
  layer.fillRect(0, 0, width, height);
  layer.globalCompositeOperation = "destination-out";
  for (const [number, mask] of view.masks.entries()) if (danced(number)) layer.drawImage(mask, 0, 0, width, height);
  pen.globalAlpha = view.tool === "joints" ? .42 : .6;
  pen.drawImage(over, 0, 0, width, height);
  pen.globalAlpha = 1;
}

function skeleton(pen, person, times, number) {
  const at = (joint) => [person.joints[joint][0] * times, person.joints[joint][1] * times];
  const seen = (joint) => person.joints[joint][2] > 0;
  const active = number === view.person;
  pen.globalAlpha = view.tool === "joints" ? (danced(number) ? 1 : .35) : .3;
  pen.lineCap = "round";
  for (const [a, b] of BONES) {
    if (!seen(a) || !seen(b)) continue;
    for (const [wide, ink] of [[5, "#0008"], [3, "#fff"]]) {
      pen.strokeStyle = ink; pen.lineWidth = wide;
      pen.beginPath(); pen.moveTo(...at(a)); pen.lineTo(...at(b)); pen.stroke();
    }
  }
  for (let joint = 0; joint < 18; joint++) {
    const chosen = active && joint === view.joint;
    if (!seen(joint) && !chosen) continue;
    pen.beginPath(); pen.arc(...at(joint), chosen ? 9 : joint > 13 ? 4 : 6, 0, 7);
    pen.fillStyle = chosen ? "#ffb000" : NAMES[joint].startsWith("left") ? "#ff9a66" : NAMES[joint].startsWith("right") ? "#a99cff" : "#fff";
    pen.fill();
    pen.strokeStyle = "#000a"; pen.lineWidth = 1.5; pen.stroke();
  }
  pen.globalAlpha = 1;
  if (view.found.people.length > 1) {
    const [left, top] = at(1);
    pen.font = "700 20px system-ui, sans-serif"; pen.textAlign = "center"; pen.lineWidth = 4;
    pen.strokeStyle = "#000a"; pen.strokeText(number + 1, left, top + 34);
    pen.fillStyle = "#fff"; pen.fillText(number + 1, left, top + 34);
  }
}

// Hands: pointer and keyboard.
function place(event) {
  const box = canvas.getBoundingClientRect();
  return { x: (event.clientX - box.left) / scale(), y: (event.clientY - box.top) / scale() };
}

function closest(point) {
  let best = null, gap = REACH / scale();
  for (const [number, person] of view.found.people.entries()) {
    for (const [joint, [left, top, sure]] of person.joints.entries()) {
      const far = Math.hypot(left - point.x, top - point.y);
      if (sure > 0 && far < gap) { best = { number, joint }; gap = far; }
    }
  }
  return best;
}

const copy = () => ({ joints: structuredClone(view.found.people.map((one) => one.joints)) });

function grab(event) {
  if (!view.found || view.busy) return;
  canvas.setPointerCapture(event.pointerId);
  const point = place(event);
  if (view.tool === "joints") {
    const taken = closest(point);
    if (!taken) return;
    view.person = taken.number;
    view.joint = taken.joint;
    view.drag = { before: copy(), from: point, moved: false };
    draw();
  } else begin(point);
}

function begin(point) {
  const mask = view.masks[view.person];
  const before = new OffscreenCanvas(mask.width, mask.height);
  before.getContext("2d").drawImage(mask, 0, 0);
  view.drag = { mask: before, from: point };
  paint(point, point);
}

function pull(event) {
  if (!view.found) return;
  const point = place(event);
  view.pointer = point;
  if (view.drag && view.tool === "joints") {
    const joint = view.found.people[view.person].joints[view.joint];
    joint[0] = Math.max(0, Math.min(point.x, view.image.width));
    joint[1] = Math.max(0, Math.min(point.y, view.image.height));
    view.drag.moved = true;
  } else if (view.drag) {
    paint(view.drag.from, point);
    view.drag.from = point;
  }
  draw();
}

function paint(from, to) {
  const pen = view.masks[view.person].getContext("2d");
  pen.globalCompositeOperation = view.tool === "erase" ? "destination-out" : "source-over";
  pen.strokeStyle = "#fff"; pen.lineCap = "round"; pen.lineWidth = view.size / scale();
  pen.beginPath(); pen.moveTo(from.x, from.y); pen.lineTo(to.x + .01, to.y); pen.stroke();
}

async function drop() {
  const drag = view.drag;
  view.drag = null;
  if (!drag) return;
  if (drag.mask) {
    view.undo.push({ mask: drag.mask, person: view.person });
    await sendMask(view.person);
  } else if (drag.moved) {
    view.undo.push(drag.before);
    await sendJoints();
  }
  view.undo = view.undo.slice(-20);
  show();
}

async function sendJoints() {
  const people = view.found.people.map((one) => one.joints);
  await saving(async () => see(await (await ask("PUT", `/api/pictures/${path(view.name)}/joints`, { people })).json()));
}

async function sendMask(number) {
  const mask = view.masks[number];
  const flat = new OffscreenCanvas(mask.width, mask.height);
  const pen = flat.getContext("2d");
  pen.fillStyle = "#000"; pen.fillRect(0, 0, flat.width, flat.height);
  pen.drawImage(mask, 0, 0);
  const blob = await flat.convertToBlob({ type: "image/png" });
  await saving(async () => see(await (await ask("PUT", `/api/pictures/${path(view.name)}/mask/${number + 1}`, blob)).json()));
}

/** While a correction is on its way, the picture is not touched. */
async function saving(work) {
  view.busy = true;
  try {
    await work();
  } catch (error) {
    if (view.found) await see(await askJson("GET", `/api/pictures/${path(view.name)}`));
    throw error;
  } finally {
    view.busy = false;
    show();
    tell("mended");
  }
}

export async function undo() {
  const last = view.undo.pop();
  if (!last) return;
  if (last.mask) { view.masks[last.person] = last.mask; await sendMask(last.person); return; }
  last.joints.forEach((joints, number) => { view.found.people[number].joints = joints; });
  await sendJoints();
}

let settle = 0;
async function keys(event) {
  if (!view.found || view.busy && !settle) return;
  const step = event.shiftKey ? 10 : 2;
  const way = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
  if (view.tool !== "joints" && event.currentTarget === canvas) {
    view.pointer ||= { x: view.image.width / 2, y: view.image.height / 2 };
    if (way) { view.pointer.x += way[0] * 4; view.pointer.y += way[1] * 4; draw(); }
    else if (event.key === " " || event.key === "Enter") { begin(view.pointer); await drop(); }
    else return;
    event.preventDefault();
    event.stopPropagation();
    return;
  }
  if (view.joint === null) return;
  const joint = view.found.people[view.person].joints[view.joint];
  if (way) {
    if (!settle) view.undo.push(copy());
    joint[0] += way[0]; joint[1] += way[1];
    clearTimeout(settle);
    settle = setTimeout(safely(async () => { settle = 0; await sendJoints(); }), 500);
    draw();
  } else if (event.key === "Delete" || event.key === "Backspace") {
    view.undo.push(copy());
    joint[2] = joint[2] > 0 ? 0 : 1;
    await sendJoints();
  } else return;
  event.preventDefault();
}
