// The page: tabs, what is being done, files that are dropped, keys that hold everywhere.
import { $, h, put, safely, say } from "./dom.mjs";
import { upload } from "./files.mjs";
import { ask, audio, connect, follow, on, path, store, tell } from "./store.mjs";
import * as picture from "./picture.mjs";
import * as song from "./song.mjs";
import * as dance from "./dance.mjs";
import * as video from "./video.mjs";
import * as timeline from "./timeline.mjs";
import { forget, preview } from "./preview.mjs";

const SLOW = ["film", "capture", "style"];  // jobs that take minutes, beside the others
const TABS = ["picture", "song", "dance", "video"];
window.studio = { store, audio, preview, shownAt: dance.shownAt };  // for those who look behind the page

function open(tab, focus = false) {
  store.tab = TABS.includes(tab) ? tab : "picture";
  document.body.dataset.tab = store.tab;
  for (const name of TABS) {
    const button = $(`#tab-${name}`), here = name === store.tab;
    button.setAttribute("aria-selected", String(here));
    button.tabIndex = here ? 0 : -1;
    $(`#${name}`).hidden = !here;
    if (here && focus) button.focus();
  }
  if (location.hash !== `#${store.tab}`) history.replaceState(null, "", `#${store.tab}`);
  tell("tab");
  tell("options");
}

function tabs() {
  for (const [number, name] of TABS.entries()) {
    const button = $(`#tab-${name}`);
    button.addEventListener("click", () => open(name));
    button.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step) { event.preventDefault(); open(TABS[(number + step + TABS.length) % TABS.length], true); }
    });
  }
  window.addEventListener("hashchange", () => open(location.hash.slice(1)));
}

/** What is being done, in the page's head. */
function work() {
  const quick = (one) => one.state === "running" && !SLOW.includes(one.kind);
  const job = store.jobs.find(quick) || store.jobs.find((one) => one.state === "running");
  const waiting = store.jobs.filter((one) => one.state === "waiting").length;
  const said = $("#work");
  if (store.lost) { put(said, "The studio does not answer."); return; }
  put(said, job ? [h("span", {}, `${SLOW.includes(job.kind) ? `${job.about}: ` : ""}${job.doing || "beginning"}`, waiting ? ` (+${waiting})` : ""),
    h("progress", job.total ? { max: job.total, value: job.done, "aria-label": job.doing } : { "aria-label": job.doing || "beginning" }),
    h("button", { class: "quiet", id: "stop-work", onclick: safely(() => ask("DELETE", `/api/jobs/${job.number}`)) }, "Stop")] : null);
}

const told = new Set();
function failures() {
  for (const job of store.jobs) {
    if (job.state === "failed" && SLOW.includes(job.kind) && !told.has(job.number)) { told.add(job.number); if (store.seen) say(`${job.about}: ${job.error}`); }
  }
  store.seen = true;
}

function drops() {
  let over = 0;
  const holds = (event) => [...(event.dataTransfer?.types || [])].includes("Files");
  addEventListener("dragenter", (event) => { if (holds(event)) { over += 1; $("#drop").hidden = false; } });
  addEventListener("dragleave", (event) => { if (holds(event) && (over -= 1) <= 0) { over = 0; $("#drop").hidden = true; } });
  addEventListener("dragover", (event) => { if (holds(event)) event.preventDefault(); });
  addEventListener("drop", safely(async (event) => {
    if (!holds(event)) return;
    event.preventDefault();
    over = 0;
    $("#drop").hidden = true;
    await upload([...event.dataTransfer.files]);
  }));
}

function keys() {
  addEventListener("keydown", safely(async (event) => {
    const typing = event.target.closest("input:not([type=checkbox], [type=range]), textarea, select");
    if (event.key === " " && !typing && !event.target.closest("button, a, summary, video, input")) { event.preventDefault(); await timeline.toggle(); }
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && !typing) {
      event.preventDefault();
      if (store.tab === "picture") await picture.undo();
      else if (store.state?.song) await ask("POST", `/api/songs/${path(store.state.song)}/undo`, { redo: event.shiftKey });
    }
  }));
}

async function begin() {
  if (location.search) history.replaceState(null, "", `/${location.hash}`);  // the key does not stay in the address
  tabs(); drops(); keys();
  picture.build($("#picture"));
  song.build($("#song"));
  dance.build($("#dance"));
  video.build($("#video"));
  timeline.build();
  let before = null;
  on("state", safely(async () => {
    work(); failures();
    if (store.state.picture !== before) { before = store.state.picture; tell("picture"); }
    await follow();
  }));
  on("mended", forget);
  open(location.hash.slice(1));
  await connect();
  document.body.dataset.ready = "yes";
}

safely(begin)();
