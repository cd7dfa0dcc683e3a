// Elements without a framework.

/** An element: attributes that begin with "on" are listeners, `true` is an empty attribute, null and false are left out. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "disabled") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((one) => one !== null && one !== undefined && one !== false));
  return element;
}

export const $ = (selector) => document.querySelector(selector);

/** What stands in an element, replaced; the keyboard's focus stays on the element of the same id or data-key. */
export function put(parent, ...children) {
  const held = parent.contains(document.activeElement) ? document.activeElement : null;
  const key = held && (held.id || held.dataset.key);
  parent.replaceChildren(...children.flat(Infinity).filter((one) => one !== null && one !== undefined && one !== false));
  if (key) (parent.querySelector(`[id="${CSS.escape(key)}"]`) || parent.querySelector(`[data-key="${CSS.escape(key)}"]`))?.focus();
}

/** `put`, but only where what it depends on is another than last time: what somebody is typing or choosing stays. */
const keys = new WeakMap(), numbers = new WeakMap();
let count = 0;
export function renew(parent, depends, make) {
  const key = JSON.stringify(depends, (_, value) => (value instanceof Map ? [...value] : value));
  if (keys.get(parent) === key) return;
  keys.set(parent, key);
  put(parent, make());
}

/** A number for an object, another for every object. */
export function mark(object) {
  if (!object) return 0;
  if (!numbers.has(object)) numbers.set(object, (count += 1));
  return numbers.get(object);
}

/** A sentence for people, in the corner; errors stay until they are closed. */
export function say(text, seconds = 0) {
  const note = h("div", {}, h("span", {}, text), h("button", { "aria-label": "Close", onclick: () => note.remove() }, "×"));
  $("#notes").append(note);
  while ($("#notes").children.length > 3) $("#notes").firstChild.remove();
  if (seconds) setTimeout(() => note.remove(), 1000 * seconds);
}

/** Asks to choose one of [value, label]; null where nothing is chosen. */
export function choose(question, options) {
  return new Promise((done) => {
    const end = (value) => { dialog.remove(); done(value); };
    const dialog = h("dialog", { "aria-label": question, oncancel: () => end(null) }, h("p", {}, question),
      h("div", { class: "panel" }, options.map(([value, label]) => h("button", { "data-key": `choose-${value}`, onclick: () => end(value) }, label)),
        h("button", { class: "quiet", onclick: () => end(null) }, "Neither")));
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** A card that folds: as it was left, else open where there is something in it. */
const folds = new Map();
export function fold(title, filled, ...children) {
  const card = h("details", { class: "card", open: folds.get(title) ?? filled }, h("summary", { onclick: () => folds.set(title, !card.open) },
    h("h2", {}, title)), h("div", {}, children));
  return card;
}

/** A listener that says what went wrong. */
export const safely = (work) => async (...given) => {
  try {
    return await work(...given);
  } catch (error) {
    if (error.name !== "AbortError") say(error.message);
  }
};

export const clock = (seconds) => {
  const whole = Math.max(0, seconds || 0);
  return `${Math.floor(whole / 60)}:${String(Math.floor(whole % 60)).padStart(2, "0")}`;
};

/** A canvas as many device pixels as it takes on the screen; its context, scaled to CSS pixels. */
export function sharp(canvas) {
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  const width = canvas.clientWidth, height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  return { pen, width, height };
}

/** A colour of the style sheet; asked for once, until light and dark change. */
const colours = new Map();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => colours.clear());
export function colour(name) {
  if (!colours.has(name)) colours.set(name, getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim());
  return colours.get(name);
}

export const later = (work, wait) => {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...given), wait);
  };
};
