// A dancer on a canvas: joints in, a figure with limbs out. Right is the dancer's own right.
import { colour } from "./dom.mjs";

export const BONES = [[1, 2], [1, 5], [2, 3], [3, 4], [5, 6], [6, 7], [1, 8], [8, 9], [9, 10], [1, 11], [11, 12], [12, 13], [1, 0],
  [0, 14], [14, 16], [0, 15], [15, 17]];
export const NAMES = ["nose", "neck", "right shoulder", "right elbow", "right wrist", "left shoulder", "left elbow", "left wrist",
  "right hip", "right knee", "right ankle", "left hip", "left knee", "left ankle", "right eye", "left eye", "right ear", "left ear"];
// Joints of a limb, its widths at both ends in body heights, its colour.
const LIMBS = [[2, 3, .052, .040, "right"], [3, 4, .040, .026, "right"], [5, 6, .052, .040, "left"], [6, 7, .040, .026, "left"],
  [8, 9, .080, .056, "right"], [9, 10, .056, .034, "right"], [11, 12, .080, .056, "left"], [12, 13, .056, .034, "left"]];

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

/** A limb from one point to another, wider at its root, with a thin edge of the paper's colour around it. */
function limb(pen, from, to, wide, narrow, ink) {
  const along = Math.atan2(to.y - from.y, to.x - from.x), far = Math.hypot(to.x - from.x, to.y - from.y);
  const lean = far > Math.abs(wide - narrow) ? Math.acos((wide - narrow) / far) : 0;
  pen.beginPath();
  pen.arc(from.x, from.y, wide, along + lean, along - lean, false);
  pen.arc(to.x, to.y, narrow, along - lean, along + lean, false);
  pen.closePath();
  pen.lineWidth = Math.max(1, wide * .28);
  pen.strokeStyle = colour("stage");
  pen.stroke();
  pen.fillStyle = ink;
  pen.fill();
}

/** One dancer, (18 * 3) canonical. */
export function drawFigure(pen, pose, frame) {
  const size = frame.scale;
  const at = (joint) => ({ x: frame.x + size * pose[joint * 3], y: frame.y + size * pose[joint * 3 + 1] });
  const near = (...joints) => -joints.reduce((sum, joint) => sum + pose[joint * 3 + 2], 0) / joints.length;
  const between = (one, other, share) => ({ x: one.x + share * (other.x - one.x), y: one.y + share * (other.y - one.y) });
  pen.lineJoin = "round";
  const hips = between(at(8), at(11), .5), neck = at(1);
  pen.fillStyle = colour("shade");
  pen.beginPath();
  pen.ellipse(hips.x, frame.y + size * .012, size * .17, size * .022, 0, 0, 7);
  pen.fill();
  const parts = LIMBS.map(([a, b, wide, narrow, side]) => ({ near: near(a, b), draw: () => {
    limb(pen, at(a), at(b), (size * wide) / 2, (size * narrow) / 2, colour(side));
    if (b === 4 || b === 7) {  // a hand
      limb(pen, at(b), between(at(a), at(b), 1.22), size * .016, size * .012, colour(side));
    } else if (b === 10 || b === 13) {  // a foot
      const toe = { x: at(b).x + size * .05 * Math.sign(at(b).x - hips.x || 1), y: at(b).y + size * .014 };
      limb(pen, at(b), toe, size * .019, size * .013, colour(side));
    }
  } }));
  parts.push({ near: near(2, 5, 8, 11), draw: () => {
    const waist = between(neck, hips, .68), [right, left] = [at(2), at(5)], [low, lower] = [at(8), at(11)];
    const side = (top, bottom) => between(between(top, bottom, .6), waist, .6);
    pen.beginPath();
    pen.moveTo(right.x, right.y);
    pen.quadraticCurveTo(neck.x, neck.y - size * .018, left.x, left.y);
    pen.quadraticCurveTo(side(left, lower).x, side(left, lower).y, lower.x, lower.y);
    pen.lineTo(low.x, low.y);
    pen.quadraticCurveTo(side(right, low).x, side(right, low).y, right.x, right.y);
    pen.closePath();
    pen.lineWidth = size * .05;
    pen.strokeStyle = pen.fillStyle = colour("torso");
    pen.stroke();
    pen.fill();
    const throat = between(neck, at(0), .8);
    pen.lineWidth = size * .042;
    pen.beginPath(); pen.moveTo(neck.x, neck.y); pen.lineTo(throat.x, throat.y); pen.stroke();
  } });
  const face = at(0), ears = between(at(16), at(17), .5), head = between(ears, face, .25);
  parts.push({ near: near(0, 1) + .01, draw: () => {
    pen.beginPath();
    pen.ellipse(head.x, head.y - size * .006, size * .046, size * .06, Math.atan2(face.x - neck.x, neck.y - face.y), 0, 7);
    pen.lineWidth = size * .012;
    pen.strokeStyle = colour("stage");
    pen.stroke();
    pen.fillStyle = colour("torso");
    pen.fill();
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
