// The song: its tempo and bars, and what is done where they are wrong.
import { h, mark, renew, safely, say } from "./dom.mjs";
import { audio, choose, now, on, store, stretch } from "./store.mjs";
import { fileButton } from "./files.mjs";
import { keepStretch, mend } from "./timeline.mjs";

let left, right, taps = [];

export function build(section) {
  left = h("div", { class: "panel" });
  right = h("div", { class: "panel" });
  section.append(left, right);
  for (const what of ["state", "song"]) on(what, show);
}

function show() {
  const heard = store.heard;
  renew(left, [mark(heard), store.state?.song, taps.length], () => (heard ? [tempo(heard), beats(heard)] : h("div", { class: "empty" }, h("h2", {}, "Which song?"),
    h("p", { class: "soft" }, store.state?.song ? "Listening …" : "Any file with sound: mp3, wav, m4a, ogg, flac, or a video."),
    store.state?.song ? null : fileButton("Choose a song", "audio/*,video/*", "add-song-here", { main: true, use: "song" }))));
  renew(right, [store.songs, store.state?.song, mark(heard), store.state?.stretches[store.state.song]], () => [
    h("div", { class: "card" }, h("h2", {}, "Songs"), store.songs.map((name) =>
      h("button", { "data-key": `s-${name}`, "aria-pressed": String(name === store.state.song), onclick: safely(() => choose({ song: name })) }, name)),
    fileButton("Add a song", "audio/*,video/*", "more-songs", { use: "song" })),
    heard ? part(heard) : null]);
}

function tempo(heard) {
  return h("div", { class: "card" }, h("h2", {}, heard.confidence ? `${Math.round(heard.tempo)} beats a minute` : "No beat was found"),
    h("p", { class: "soft" }, heard.says, heard.mended ? " (corrected by hand)" : heard.confidence ? `; ${sure(heard.confidence)}` : ""),
    heard.notes.map((line) => h("p", { class: "look" }, line)));
}

const sure = (confidence) => (confidence > .5 ? "clearly heard" : confidence > .25 ? "heard well enough" : "not sure: listen and correct");

function beats(heard) {
  const button = (label, how, id) => h("button", { id, onclick: safely(() => mend(how())) }, label);
  const here = () => heard.beats.reduce((best, time, number, all) => (Math.abs(time - now()) < Math.abs(all[best] - now()) ? number : best), 0);
  const shift = (by) => ({ do: "move", beat: here(), to: heard.beats[here()] + by });
  return h("div", { class: "card" }, h("h2", {}, "Beats and bars"),
    h("p", { class: "soft" }, "In the line below, drag the round flag to the first beat of a bar, or a single beat; the triangles choose a part."),
    h("div", { class: "row" }, button("Half the tempo", () => ({ do: "half" }), "half"), button("Double", () => ({ do: "double" }), "double"),
      [3, 4].map((count) => h("button", { id: `meter-${count}`, "aria-pressed": String(heard.meter === count),
        onclick: safely(() => mend({ do: "meter", beats: count })) }, `${count} a bar`))),
    h("div", { class: "row" }, button("A bar begins here", () => ({ do: "bar", beat: here() }), "bar-here"),
      button("This beat earlier", () => shift(-.01), "earlier"), button("later", () => shift(.01), "later")),
    h("div", { class: "row" }, h("button", { id: "tap", onclick: safely(tap) }, "Tap the beat"),
      h("span", { class: "soft number" }, taps.length ? `${taps.length} taps` : "while the song plays"),
      taps.length >= 4 ? h("button", { id: "use-taps", class: "main", onclick: safely(async () => {
        const given = taps;
        taps = [];
        await mend({ do: "tap", taps: given });
        say("The beats are as you tapped them.", 4);
      }) }, "Use them") : null),
    heard.mended ? h("button", { class: "quiet", id: "reset-beats", onclick: safely(() => mend({ do: "reset" })) }, "As they were heard") : null);
}

async function tap() {
  if (audio.paused) { taps = []; await audio.play(); }
  if (taps.length && now() < taps.at(-1)) taps = [];
  taps.push(Math.round(now() * 1000) / 1000);
  show();
}

function part(heard) {
  const [begin, end] = stretch();
  const field = (label, value, id, keep) => h("label", { class: "field" }, label, h("input", { id, type: "number", min: 0, step: .1,
    max: heard.seconds, value: value.toFixed(1), onchange: safely(async (event) => {
      try { await keep(Number(event.target.value)); } finally { show(); }
    }) }));
  return h("div", { class: "card" }, h("h2", {}, "Part of the song"),
    h("div", { class: "row" }, field("from, seconds", begin, "from", (value) => keepStretch(value, Math.max(end, value + 1))),
      field("to", end, "to", (value) => keepStretch(begin, Math.max(value, begin + 1)))),
    h("p", { class: "soft number" }, `${(end - begin).toFixed(1)} s of ${heard.seconds.toFixed(1)} s`),
    end - begin < heard.seconds - .1 ? h("button", { class: "quiet", id: "all-song", onclick: safely(() => keepStretch(0, heard.seconds)) },
      "All of it") : null);
}
