// Files that are dropped or picked: what each is for, and on their way to the studio.
import { choose, h, safely } from "./dom.mjs";
import { askJson } from "./store.mjs";

const VIDEO = /\.(mp4|m4v|mov|mkv|webm|avi|mpe?g|ts|m2ts|mts|wmv|flv|3gp|3g2|ogv)$/i;

/** A button that opens the system's dialog. `use`: what a video is taken for, "song" or "clip"; else it is asked. */
export function fileButton(label, accept, id, { done = null, main = false, use = "" } = {}) {
  if (!inputs.has(id)) inputs.set(id, h("input", { type: "file", accept, multiple: true, id }));
  const input = inputs.get(id);
  input.onchange = safely(async () => {
    const files = [...input.files];
    input.value = "";
    const taken = await upload(files, use);
    done?.(taken);
  });
  return h("label", { class: `button${main ? " main" : ""}` }, label, input);
}
const inputs = new Map();  // kept: a dialog that is open must not lose its input where what is around it is drawn anew

/** Files, one after the other. */
export async function upload(files, use = "") {
  const taken = [];
  for (const file of files) {
    const one = use || (VIDEO.test(file.name) ? await what(file) : "");
    if (one !== null) taken.push(await askJson("PUT", `/api/files/${encodeURIComponent(file.name)}${one === "clip" ? "?as=clip" : ""}`, file));
  }
  return taken;
}

const what = (file) => choose(`${file.name} is a video. What of it?`, [["song", "Its sound, to dance to"], ["clip", "The moves of the person in it"]]);
