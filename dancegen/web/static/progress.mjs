// How far something is that takes minutes.
import { clock, h } from "./dom.mjs";

export function progress(job) {
  const left = job.total && job.done > 5 ? (job.seconds / job.done) * (job.total - job.done) : null;
  return [h("progress", job.total ? { max: job.total, value: job.done, "aria-label": job.doing } : { "aria-label": job.doing || "beginning" }),
    h("p", { class: "soft number" }, job.doing || "beginning", job.total ? ` ${Math.min(job.done, job.total)} of ${job.total}` : " …",
      left !== null ? `, ${clock(left)} left` : ""),
    job.notes.map((line) => h("p", { class: "soft small" }, line))];
}
