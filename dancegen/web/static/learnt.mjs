// Styles of one's own: learnt from clips while other work goes on.
import * as clips from "./clips.mjs";
import { fold, h, renew, safely, say } from "./dom.mjs";
import { styleName } from "./options.mjs";
import { progress } from "./progress.mjs";
import { ask, askJson, on, store } from "./store.mjs";

let panel;

export function build() {
  panel = h("div", { id: "learnt" });
  for (const what of ["state", "clip"]) on(what, show);
  return panel;
}

function show() {
  const material = clips.captured();
  renew(panel, [store.learnt.map(signature), material], () => fold("Styles of your own", store.learnt.length > 0,
    h("p", { class: "soft" }, "Two to four minutes of videos of one way of dancing become a style. It takes ten to twenty minutes; go on meanwhile."),
    store.learnt.map(row), material.length ? form(material) : h("p", { class: "soft" }, "First add videos above.")));
}

const signature = ({ name, state, job, clips: from }) => [name, state, from, job?.error, state === "running" ? [job.doing, job.done, Math.round(job.seconds)] : 0];

function row(style) {
  const { name, state, job } = style, open = state === "running" || state === "waiting";
  const on = safely(() => askJson("POST", "/api/styles", { name, clips: style.clips, steps: style.steps }));
  return h("div", { class: "film", "data-style": name, "data-state": state }, h("div", { class: "row apart" }, h("h3", {}, styleName(name)),
    open ? h("button", { "data-key": `stop-style-${name}`, onclick: safely(() => ask("DELETE", `/api/jobs/${job.number}`)) }, "Stop") : null),
  state === "running" ? progress(job) : null, state === "waiting" ? h("p", { class: "soft" }, "waits for the one before it") : null,
  state === "failed" ? h("p", { class: "look" }, job.error) : state === "stopped" || state === "" ? h("p", { class: "soft" }, "not learnt to the end") : null,
  state === "done" ? h("p", { class: "soft" }, "is among the styles of new takes and of bars") : null,
  open || state === "done" || !style.clips ? null : h("button", { "data-key": `learn-on-${name}`, onclick: on }, "Learn on"));
}

function form(material) {
  const old = (id) => panel.querySelector(`#${id}`);
  const chosen = () => material.filter((_, number) => old(`from-${number}`).checked);
  const learn = safely(async () => {
    const made = await askJson("POST", "/api/styles", { name: old("style-name").value, clips: chosen() });
    say(`${styleName(made.name)} is being learnt.`, 4);
  });
  return [h("label", { class: "field" }, "name", h("input", { id: "style-name", value: old("style-name")?.value ?? "", placeholder: "as you call it" })),
    h("div", { role: "group", "aria-label": "Learn from" }, material.map((name, number) => h("label", { class: "check" },
      h("input", { type: "checkbox", id: `from-${number}`, checked: old(`from-${number}`)?.checked ?? true }), name))),
    h("button", { id: "learn-style", onclick: learn }, "Learn it")];
}
