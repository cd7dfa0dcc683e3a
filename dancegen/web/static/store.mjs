// What the server knows, the song that plays, and who wants to hear of changes.

export const store = {
  state: null,        // project.json
  songs: [], pictures: [], clips: [], learnt: [], learners: [], jobs: [], videos: [], offers: [], styles: {}, folder: "",
  heard: null,        // of the song that is chosen: /api/songs/NAME
  dance: null,        // of the version that is shown: /api/dances/NAME
  poses: new Map(),   // take -> {dancers: [Float32Array (T * 18 * 3)], count}
  bars: null,         // [first, last] that are marked
  clip: null,         // the clip whose movement the stage shows instead of a take
  tab: "picture",
};

export const audio = new Audio();
audio.preload = "auto";

const listeners = new Map();
export const on = (what, work) => listeners.set(what, [...(listeners.get(what) || []), work]);
/** Every listener hears of it, whatever befalls another one. */
export const tell = (what) => (listeners.get(what) || []).forEach((work) => { try { work(); } catch (error) { console.error(error); } });

/** A request to the studio; what it refuses is an Error with its sentence. */
export async function ask(method, path, body, signal) {
  const plain = body === undefined || body instanceof Blob;
  let answer;
  try {
    answer = await fetch(path, {
      method, signal, body: plain ? body : JSON.stringify(body),
      headers: method === "GET" ? {} : { "x-dancegen": "1" }, credentials: "same-origin",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The studio does not answer: is it still running?");
  }
  if (answer.status === 401 || answer.status === 403) throw new Error("The studio was started anew: open the address that it printed.");
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).error || `The studio answered ${answer.status}.`);
  return answer;
}

export const askJson = async (...given) => (await ask(...given)).json();
export const path = (...parts) => parts.map(encodeURIComponent).join("/");

const take = (told) => {
  Object.assign(store, told);
  tell("state");
};

/** The whole state once, then every change as it comes; a hidden page listens to nothing. */
export async function connect() {
  take(await askJson("GET", "/api/state"));
  let source = null;
  const listen = () => {
    source?.close();
    source = null;
    if (document.hidden) return;
    source = new EventSource("/api/events");
    source.onmessage = (event) => { store.lost = false; take(JSON.parse(event.data)); };
    source.onerror = () => { store.lost = true; tell("state"); };
  };
  document.addEventListener("visibilitychange", listen);
  listen();
}

/** Start and end of what is danced to, seconds. */
export function stretch() {
  const whole = store.heard?.seconds || 0;
  const [start, length] = store.state?.stretches[store.state.song] || [0, null];
  return [start, length === null ? whole : Math.min(start + length, whole)];
}

/** The moment that is heard, seconds: between the audio element's own steps it goes on by the page's clock. */
const ticks = { raw: -1, at: 0 };
export function now() {
  const raw = audio.currentTime;
  if (audio.paused || audio.seeking) return raw;
  const here = performance.now();
  if (raw !== ticks.raw) Object.assign(ticks, { raw, at: here });
  return raw + Math.min((here - ticks.at) / 1000, 0.1) * audio.playbackRate;
}

/** The history of the song's dance: versions, which is shown, which take. */
export const history = () => store.state?.dances[store.state.song] || null;

/** Loads song, dance and poses where others are chosen than those that are here. */
const has = { song: null, sound: null, dance: null };
export async function follow() {
  const song = store.state.song;
  if (song !== has.song) {
    has.song = song;
    Object.assign(store, { heard: null, bars: null, dance: null });
    store.poses.clear();
    has.dance = null;
    audio.pause();
    if (song) {
      audio.src = `/api/songs/${path(song)}/sound`;
      await hear();
    }
    tell("song");
  }
  const shown = history();
  const name = shown ? shown.versions[shown.at] : null;
  if (name !== has.dance) {
    has.dance = name;
    const dance = name ? await askJson("GET", `/api/dances/${path(name)}`) : null;
    const found = new Map();
    const fetched = dance ? dance.takes.map((one) => poses(name, one, found)) : [];
    if (dance) await fetched[Math.min(shown.take, fetched.length) - 1];
    if (has.dance !== name) return;
    Object.assign(store, { dance, poses: found });  // at once: what was shown stays until the new one is here
    if (store.bars && dance && store.bars[1] > dance.bars.at(-1).number) store.bars = null;
    tell("dance");
    await Promise.all(fetched);
  }
  tell("dance");
}

export async function hear() {
  const name = store.state.song;
  const heard = await askJson("GET", `/api/songs/${path(name)}`);
  if (store.state.song === name) { store.heard = heard; tell("song"); }
}

async function poses(name, one, found) {
  found.set(one.number, await movement(`/api/dances/${path(name)}/${one.number}`, one.dancers));
}

/** The joints of a take: {dancers: [Float32Array (T * 18 * 3)], count}. */
export async function movement(address, count) {
  const all = new Float32Array(await (await ask("GET", address)).arrayBuffer());
  const each = all.length / count;
  const dancers = Array.from({ length: count }, (_, number) => all.subarray(number * each, (number + 1) * each));
  return { dancers, count: each / 54 };
}

export const choose = (values) => ask("PATCH", "/api/state", values);
