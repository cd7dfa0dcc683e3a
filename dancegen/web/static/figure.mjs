// A dancer on a canvas: joints in, a figure with limbs out. Right is the dancer's own right.
import { colour } from "./dom.mjs";

export const BONES = [[1, 2], [1, 5], [2, 3], [3, 4], [5, 6], [6, 7], [1, 8], [8, 9], [9, 10], [1, 11], [11, 12], [12, 13], [1, 0],
  [0, 14], [14, 16], [0, 15], [15, 17]];
export const NAMES = ["nose", "neck", "right shoulder", "right elbow", "right wrist", "left shoulder", "left elbow", "left wrist",
  "right hip", "right knee", "right ankle", "left hip", "left knee", "left ankle", "right eye", "left eye", "right ear", "left ear"];
const LIMBS = [[2, 3, .058, "right"], [3, 4, .046, "right"], [5, 6, .058, "left"], [6, 7, .046, "left"], [8, 9, .082, "right"],
  [9, 10, .062, "right"], [11, 12, .082, "left"], [12, 13, .062, "left"]];  // joints, width in body heights, colour

/** Where a canonical dance is drawn: the floor's middle, and pixels a body height, so that all of it fits. */
export function framing(dancers, count, width, height) {
  let low = Infinity, high = -Infinity, top = -1;
  for (const joints of dancers) {
    for (let at = 0; at < count; at += 3) {
      for (const joint of [4, 7, 10, 13, 0]) {
        const x = joints[(at * 18 + joint) * 3], y = joints[(at * 18 + joint) * 3 + 1];
        low = Math.min(low, x); high = Math.max(high, x); top = Math.min(top, y);
      }
    }
  }
  const scale = Math.min((height * .84) / (-top + .12), (width * .92) / Math.max(high - low + .16, .4));
  return { scale, x: width / 2 - (scale * (low + high)) / 2, y: height * .93 };
}

/** The joints of a moment, between two poses: fills `out` with 18 * 3 numbers. */
export function moment(joints, count, place, out) {
  const at = Math.max(0, Math.min(place, count - 1));
  const low = Math.floor(at), high = Math.min(low + 1, count - 1), share = at - low;
  for (let one = 0; one < 54; one++) out[one] = joints[low * 54 + one] * (1 - share) + joints[high * 54 + one] * share;
  return out;
}

/** One dancer, (18 * 3) canonical. */
export function drawFigure(pen, pose, frame) {
  const ink = { right: colour("right"), left: colour("left"), torso: colour("torso") };
  const x = (joint) => frame.x + frame.scale * pose[joint * 3], y = (joint) => frame.y + frame.scale * pose[joint * 3 + 1];
  const near = (joint) => -pose[joint * 3 + 2];
  pen.lineCap = pen.lineJoin = "round";
  pen.fillStyle = "#0001";
  pen.beginPath();
  pen.ellipse((x(8) + x(11)) / 2, frame.y + frame.scale * .02, frame.scale * .2, frame.scale * .028, 0, 0, 7);
  pen.fill();
  const parts = LIMBS.map(([a, b, wide, side]) => ({ near: (near(a) + near(b)) / 2, draw: () => {
    pen.strokeStyle = ink[side];
    pen.lineWidth = wide * frame.scale;
    pen.beginPath(); pen.moveTo(x(a), y(a)); pen.lineTo(x(b), y(b)); pen.stroke();
  } }));
  parts.push({ near: 0, draw: () => {
    pen.fillStyle = pen.strokeStyle = ink.torso;
    pen.lineWidth = .075 * frame.scale;
    pen.beginPath();
    [2, 5, 11, 8].forEach((joint, number) => (number ? pen.lineTo(x(joint), y(joint)) : pen.moveTo(x(joint), y(joint))));
    pen.closePath(); pen.fill(); pen.stroke();
    pen.lineWidth = .05 * frame.scale;
    pen.beginPath(); pen.moveTo(x(1), y(1)); pen.lineTo(x(0), y(0)); pen.stroke();
  } });
  const head = { x: (x(16) + x(17) + x(0)) / 3, y: (y(16) + y(17) + y(0)) / 3 };
  parts.push({ near: near(0) + .02, draw: () => {
    pen.fillStyle = ink.torso;
    pen.beginPath(); pen.ellipse(head.x, head.y, .058 * frame.scale, .07 * frame.scale, 0, 0, 7); pen.fill();
  } });
  parts.sort((one, other) => one.near - other.near).forEach((part) => part.draw());
}

/** A floor line and all dancers of a take at a moment of the dance, seconds from its beginning. */
export function drawTake(pen, width, height, take, seconds, fps) {
  pen.clearRect(0, 0, width, height);
  if (!take) return;
  const size = `${Math.round(width)}x${Math.round(height)}`;
  if (take.size !== size) { take.size = size; take.frames = framing(take.dancers, take.count, width, height); }
  pen.strokeStyle = colour("line");
  pen.lineWidth = 1;
  pen.beginPath(); pen.moveTo(width * .08, take.frames.y + 1); pen.lineTo(width * .92, take.frames.y + 1); pen.stroke();
  take.pose ||= new Float32Array(54);
  for (const joints of take.dancers) drawFigure(pen, moment(joints, take.count, seconds * fps, take.pose), take.frames);
}
