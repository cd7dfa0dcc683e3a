// The dance: takes that move while the song plays, bars that are changed.
import { clock, fold, h, mark, renew, safely, sharp } from "./dom.mjs";
import { drawTake } from "./figure.mjs";
import * as clips from "./clips.mjs";
import { ask, askJson, history, now, on, path, store, stretch, tell } from "./store.mjs";
import * as learnt from "./learnt.mjs";
import { choices, field, offered, styleName, stylesOf, values } from "./options.mjs";

let canvas, stage, panel, cards = new Map();
const wish = { takes: 4 };
export const shownAt = { seconds: 0, at: 0 };  // what the stage shows, for whoever measures

export function build(section) {
  canvas = h("canvas", { id: "dancer", "aria-label": "The take that is chosen, moving with the song", role: "img" });
  const [material, film] = clips.build();
  stage = h("div", { class: "stage" }, canvas, film, h("p", { class: "hint", id: "dance-hint" }));
  panel = h("div", { class: "panel" });
  section.append(stage, h("div", { class: "panel" }, panel, material, learnt.build()));
  for (const what of ["state", "dance", "song", "bars", "options", "clip"]) on(what, show);
  requestAnimationFrame(frame);
}

function frame() {
  requestAnimationFrame(frame);
  if (store.tab !== "dance" || stage.hidden || !stage.clientWidth) return;
  canvas.style.width = `${stage.clientWidth}px`;
  canvas.style.height = `${stage.clientHeight}px`;
  const big = sharp(canvas);
  const filmed = clips.draw(big);
  if (!store.dance) return;
  const seconds = now() - store.dance.start;
  const take = store.poses.get(number());
  if (!filmed) drawTake(big.pen, big.width, big.height, take, seconds, store.dance.fps);
  Object.assign(shownAt, { seconds: seconds + store.dance.start, at: performance.now() });
  for (const [one, card] of cards) {
    const small = sharp(card);
    const poses = store.poses.get(one);
    if (poses) drawTake(small.pen, small.width, small.height, poses.card ||= { ...poses, size: "" }, seconds, store.dance.fps);
  }
}

const number = () => Math.min(history()?.take || 1, store.dance?.takes.length || 1);

function show() {
  const heard = store.heard, dance = history() && store.dance;
  canvas.hidden = !dance && !clips.shown();
  stage.querySelector("#dance-hint").textContent = clips.shown() ? store.clip : dance ? "" : heard ? "Make takes: each is another dance to your song." : "Add a song first.";
  const depends = [mark(heard), mark(dance), history(), store.bars, busy(), choices(), stretch(), store.offers.length, clips.captured(), store.clip, stylesOf()];
  renew(panel, depends, () => {
    cards = new Map(dance ? dance.takes.map((take) => [take.number, h("canvas", { "aria-hidden": "true" })]) : []);
    if (!heard) return h("p", { class: "soft" }, "Without a song there is no dance.");
    return dance ? [takes(dance), change(dance), create(dance)] : create(dance);
  });
}

const busy = () => store.jobs.some((job) => job.kind === "dance" && (job.state === "running" || job.state === "waiting"));

function create(dance) {
  const [begin, end] = stretch(), other = dance && Math.abs(dance.start - begin) + Math.abs(dance.start + dance.seconds - end) > .5;
  const content = [h("div", { class: "row" }, h("label", { class: "field" }, "How many", h("input", { id: "takes", type: "number", min: 1, max: 16, value: wish.takes,
      onchange: (event) => { wish.takes = Math.max(1, Math.min(64, Number(event.target.value) || 1)); } })),
    field("style"), field("seed")),
    offered("dance").filter((one) => !["style", "seed"].includes(one.name)).map((one) => field(one.name)),
    h("button", { class: dance ? "" : "main", id: "make-takes", disabled: busy(), onclick: safely(make) }, busy() ? "Dancing …" : "Make takes"),
    other
      ? h("p", { class: "look" }, `The dance goes from ${clock(dance.start)} to ${clock(dance.start + dance.seconds)}; new takes for ${clock(begin)} to ${clock(end)}.`)
      : h("p", { class: "soft small number" }, `${(end - begin).toFixed(1)} s of the song`)];
  return dance ? fold("New takes", other, content) : h("div", { class: "card" }, h("h2", {}, "Make takes"), content);
}

async function make() {
  await askJson("POST", `/api/songs/${path(store.state.song)}/dance`, { takes: wish.takes, ...values("dance") });
}

function takes(dance) {
  const ordered = [...dance.takes].sort((one, other) => (one.rank || one.number) - (other.rank || other.number));
  const chosen = dance.takes[number() - 1], shown = history();
  const step = (label, id, redo, possible) => h("button", { class: "quiet", id, disabled: !possible,
    onclick: safely(() => ask("POST", `/api/songs/${path(store.state.song)}/undo`, { redo })) }, label);
  return h("div", { class: "card" },
    h("div", { class: "row apart" }, h("h2", {}, dance.takes.length > 1 ? "Takes" : "The dance"),
      h("span", { title: "the best is first" }, step("Undo", "undo-dance", false, shown.at > 0), step("Redo", "redo-dance", true, shown.at < shown.versions.length - 1))),
    busy() && dance.takes.length === 1 ? h("p", { class: "soft", id: "more-takes" }, "The first take is here, the others follow.") : null,
    dance.takes.length > 1 ? h("div", { class: "takes" }, ordered.map((take) => h("button", { "data-key": `take-${take.number}`,
      "aria-pressed": String(take.number === number() && !store.clip),
      onclick: safely(() => { store.clip = null; tell("clip"); return ask("PUT", `/api/songs/${path(store.state.song)}/take`, { take: take.number }); }) },
    cards.get(take.number), h("span", {}, h("b", {}, `Take ${take.number}`), " ", h("small", {}, styleName(take.style)))))) : null,
    h("details", { id: "scores", open: panel.querySelector("#scores")?.open }, h("summary", {}, `Take ${number()}: seed ${chosen.seed}, ${styleName(chosen.style)}`),
      h("div", {}, h("table", {}, Object.entries(chosen.scores).map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, value)))),
        chosen.edits.map((edit) => h("p", { class: "soft small" }, `bars ${edit.bars.join("–")}: ${styleName(edit.style)}, seed ${edit.seed}`)),
        chosen.from.map((one) => h("p", { class: "soft small" }, `bars ${one.bars.join("–")}: ${one.name || one.how}`)))));
}

function change(dance) {
  const last = dance.bars.at(-1).number, lowest = dance.bars[0].number;
  const [first, end] = store.bars || ["", ""];
  const pick = (label, value, id, set) => h("label", { class: "field" }, label, h("input", { id, type: "number", min: lowest, max: last, value,
    placeholder: "–", onchange: (event) => { set(Math.max(lowest, Math.min(last, Number(event.target.value)))); tell("bars"); } }));
  const act = (label, id, how, title) => h("button", { id, title, disabled: !store.bars, onclick: safely(() => askJson("POST",
    `/api/songs/${path(store.state.song)}/edit`, { bars: [store.bars], ...how() })) }, label);
  const seed = () => (wish.next = (wish.next || Math.floor(Math.random() * 1e6)) + 1);
  const style = () => document.getElementById("bar-style").value;
  const chosen = (name) => document.getElementById(`bar-${name}`)?.value;
  const how = (what) => () => ({ do: what, seed: seed(), ...(style() ? { style: style() } : {}),
    ...(chosen("like") ? { like: chosen("like") } : {}), ...(chosen("hold") ? { hold: chosen("hold") } : {}) });
  const styles = stylesOf(), kept = (id, value) => panel.querySelector(`#${id}`)?.value === value;
  return h("div", { class: "card" }, h("h2", {}, "Change bars"),
    h("p", { class: "soft" }, store.bars ? "Everything outside these bars stays as it is. Fill imagines the way in and out." : "Mark bars: drag over their numbers in the line below."),
    h("div", { class: "row" },
      pick("from bar", first, "bar-from", (value) => { store.bars = [value, Math.max(value, store.bars?.[1] ?? value)]; }),
      pick("to bar", end, "bar-to", (value) => { store.bars = [Math.min(value, store.bars?.[0] ?? value), value]; }),
      h("label", { class: "field" }, "style", h("select", { id: "bar-style" }, h("option", { value: "" }, "as it is"),
        styles.map((one) => h("option", { value: one, selected: kept("bar-style", one) }, styleName(one))))),
      clips.captured().length ? h("label", { class: "field" }, "like", h("select", { id: "bar-like" }, h("option", { value: "" }, "nobody"),
        clips.captured().map((one) => h("option", { value: one, selected: kept("bar-like", one) }, one)))) : null,
      h("label", { class: "field" }, "leave alone", h("select", { id: "bar-hold" }, [["", "nothing"], ["arms", "the arms"], ["legs", "the legs"]].map(([one, label]) =>
        h("option", { value: one, selected: kept("bar-hold", one) }, label))))),
    h("div", { class: "row" }, act("Dance anew", "redo-bars", how("redo"), "A new dance there, blended at its edges"),
      act("Fill", "fill-bars", how("fill"), "A new dance there; how to get from the bar before and to the bar after is imagined"), act("Mirror", "mirror-bars", () => ({ do: "mirror" })),
      act("Keep, redo the rest", "keep-bars", how("keep")),
      store.bars ? h("button", { class: "quiet", id: "no-bars", onclick: () => { store.bars = null; tell("bars"); } }, "None") : null));
}
