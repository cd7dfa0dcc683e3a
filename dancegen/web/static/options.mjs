// Options as `Request` has them: what the server offers is what the page shows.
import { h, later, safely } from "./dom.mjs";
import { choose, store, tell } from "./store.mjs";

export const offered = (group) => store.offers.filter((one) => one.group === group && applies(one.name));
/** Whether an option means anything as things are: a formation needs several people, steps another choreographer. */
const applies = (name) => (name === "formation" ? /all|,/.test(store.state?.people[store.state.picture] || "")
  : name === "steps" ? value("choreographer") !== offer("choreographer")?.default : true);
const offer = (name) => store.offers.find((one) => one.name === name);
let pending = null;  // what was chosen here and is not written yet: no news from the server takes it back
const chosen = () => pending || store.state?.choices || {};

/** All that is chosen, for whoever shows it. */
export const choices = chosen;

/** What is chosen of an option, else what it is by itself. */
export const value = (name) => chosen()[name] ?? offer(name)?.default ?? null;

/** What differs from what it is by itself, for a request. */
export function values(...groups) {
  const found = {};
  for (const one of store.offers) {
    const given = chosen()[one.name];
    if (groups.includes(one.group) && applies(one.name) && given !== undefined && given !== null && given !== one.default) found[one.name] = given;
  }
  return found;
}

const keep = later(safely(async () => {
  const sent = pending;
  await choose({ choices: sent });
  if (pending !== sent) return;
  store.state = { ...store.state, choices: sent };
  pending = null;
}), 150);

export function set(changes) {
  const choices = { ...chosen() };
  for (const [name, one] of Object.entries(changes)) {
    if (one === null || one === "" || one === offer(name)?.default) delete choices[name]; else choices[name] = one;
  }
  pending = choices;
  tell("options");
  keep();
}

const LABELS = { fps: "frames a second", crf: "quality (0 best, 51 worst)", preview: "the skeleton only" };
export const label = (name) => LABELS[name] || name.replaceAll("_", " ");

/** The styles of the choreographer that is chosen; of one's own nobody knows them. */
export const stylesOf = () => [...(store.styles[value("choreographer")] || offer("style")?.words || []),
  ...(store.learners.includes(value("choreographer")) ? store.learnt.filter((one) => one.there).map((one) => one.name) : [])];

/** A style as it is shown: of one that was learnt, without the ending of its file. */
export const styleName = (style) => style.replace(/\.style\.safetensors$/i, "");

/** A control for one option. */
export function field(name) {
  const one = offer(name);
  if (!one) return null;
  const key = `option-${name}`, now = value(name);
  const words = name === "style" ? stylesOf() : one.words;
  if (one.kind === "switch") {
    return h("label", { class: "check", title: one.says }, h("input", { id: key, type: "checkbox", checked: Boolean(now),
      onchange: (event) => set({ [name]: event.target.checked }) }), label(name));
  }
  if (one.kind === "words") {
    const given = String(now).split(",");
    const toggle = (word) => set({ [name]: one.words.filter((each) => each !== one.words[0] &&
      (each === word ? !given.includes(each) : given.includes(each))).join(",") || one.default });
    return h("div", { class: "field", role: "group", "aria-label": label(name), title: one.says }, h("span", { class: "soft" }, label(name)),
      h("div", { class: "row tight" }, one.words.map((word) => h("button", { "data-key": `${key}-${word}`, "aria-pressed": String(given.includes(word)),
        onclick: () => (word === one.words[0] ? set({ [name]: one.default }) : toggle(word)) }, word))));
  }
  const input = one.kind === "word"
    ? h("select", { id: key, onchange: (event) => set({ [name]: typeof one.words[0] === "number"
      ? Number(event.target.value) : event.target.value }) },
      one.default === null ? h("option", { value: "" }, "–") : null,
      words.map((word) => h("option", { value: word, selected: word === now }, name === "style" ? styleName(word) : word)))
    : one.kind === "text"
      ? h("input", { id: key, value: now ?? "", placeholder: "–", onchange: (event) => set({ [name]: event.target.value.trim() }) })
      : h("input", { id: key, type: "number", value: now ?? "", step: one.kind === "whole" ? 1 : "any", min: one.limits?.[0], max: one.limits?.[1],
        onchange: (event) => set({ [name]: event.target.value === "" ? null : Number(event.target.value) }) });
  return h("label", { class: "field", title: one.says }, label(name), input);
}
