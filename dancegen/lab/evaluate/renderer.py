"""How good the renderer is: copy, puppet and networks, on synthetic people and on real pairs of pictures.

A case is a condition image with its person, and a true frame with its skeleton and mask. Real cases take skeletons and
masks from a detector (`subject.find`); synthetic ones from the scene. The judge of pose is mediapipe, where installed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image

from dancegen.body.joints import FACE_JOINTS, NECK, V
from dancegen.body.proportions import Proportions
from dancegen.body.sequence import SkeletonSequence
from dancegen.errors import DancegenError
from dancegen.files import whole_file, write_whole
from dancegen.images.picture import ConditionalImage, open_picture, output_size
from dancegen.lab.evaluate.picture_metrics import flicker, ghost, pck, person_l1, psnr, sharpness, ssim
from dancegen.people.located import LocatedBody
from dancegen.progress import Reporter, SilentReporter
from dancegen.renderers.avatar.depth import joints_in_space
from dancegen.renderers.base import Renderer
from dancegen.renderers.compose import Scene, make_scene

SIZE = 256
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
SAME_PLACE = 0.10  # two pictures whose backgrounds differ by more than this show different places
MEASURES = ("psnr", "ssim", "person_l1", "sharpness", "ghost", "pck@0.05", "pck@0.1", "flicker")
Method = Callable[[LocatedBody, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Shot:
    """One real frame with its person, as large as it comes.

    Attributes:
        pixels: uint8 (H, W, 3); joints: (V, 3); mask: (H, W).
        depth, knuckles: as a detector gives them, see `LocatedBody`; None where none did.
    """

    pixels: np.ndarray
    joints: np.ndarray
    mask: np.ndarray
    depth: np.ndarray | None = None
    knuckles: np.ndarray | None = None

    def subject(self) -> LocatedBody:
        """The shot as a conditional image."""
        image = ConditionalImage(Path("shot"), self.pixels, ())
        sure = np.ones(len(self.joints), np.float32)
        space = (self.depth, self.knuckles)
        return LocatedBody(image, self.joints[:, :2].copy(), sure, self.mask, "given", *space)

    def shrink(self, size: int) -> Shot:
        """The same, its longer side `size`: what a frame of that size is compared with."""
        height, width = self.pixels.shape[:2]
        out = output_size((width, height), size)
        pixels = np.asarray(Image.fromarray(self.pixels).resize(out, Image.Resampling.LANCZOS))
        mask = Image.fromarray((self.mask * 255).astype(np.uint8)).resize(out, Image.Resampling.BOX)
        scale = np.array([out[0] / width, out[1] / height, out[0] / width], np.float32)
        return Shot(pixels, self.joints * scale, np.asarray(mask).astype(np.float32) / 255)


@dataclass(frozen=True)
class Clip:
    """Shots of one person in one place, and which pairs (condition, target) to render; `background` where known.

    `in_order` says that the targets are a video's, so that flicker means something.
    """

    name: str
    shots: list[Shot]
    pairs: list[tuple[int, int]]
    background: np.ndarray | None = None
    in_order: bool = False


@dataclass
class Score:
    """The measures of one method on one clip, one list entry a pair."""

    values: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, value: float) -> None:
        """Keep a value unless it is not a number."""
        if np.isfinite(value):
            self.values.setdefault(name, []).append(float(value))

    def means(self) -> dict[str, float]:
        """The mean of each measure."""
        return {name: float(np.mean(values)) for name, values in self.values.items()}


def renderer_method(renderer: Renderer, size: int = SIZE) -> Method:
    """A renderer as a method: subject and target joints (V, 3) to a frame."""
    kept: list[tuple[np.ndarray, Scene]] = []  # the last picture's scene: pairs share their condition image

    def method(subject: LocatedBody, joints: np.ndarray) -> np.ndarray:
        if not kept or kept[0][0] is not subject.image.pixels:
            kept[:] = [(subject.image.pixels, make_scene(renderer, [subject], size))]
        return next(kept[0][1].frames(SkeletonSequence(joints[None], 30.0)))

    return method


def copy_method(size: int = SIZE) -> Method:
    """The conditional image unchanged: the least that a method must beat."""

    def method(subject: LocatedBody, joints: np.ndarray) -> np.ndarray:
        out = output_size(subject.image.size, size)
        return np.asarray(Image.fromarray(subject.image.pixels).resize(out, Image.Resampling.LANCZOS))

    return method


def evaluate(
    methods: dict[str, Method],
    clips: list[Clip],
    judge: Callable[[np.ndarray], np.ndarray | None] | None = None,
    reporter: Reporter | None = None,
    size: int = SIZE,
) -> dict[str, dict[str, dict[str, float]]]:
    """Every method on every clip: {clip: {method: {measure: mean}}}; "real" holds the judge's figures of the truth."""
    reporter = reporter or SilentReporter()
    results: dict[str, dict[str, dict[str, float]]] = {}
    reporter.stage("rendering", sum(len(clip.pairs) for clip in clips) * len(methods), "frames")
    for clip in clips:
        results[clip.name] = {}
        small = replace(clip, shots=[shot.shrink(size) for shot in clip.shots])
        if judge is not None:
            results[clip.name]["real"] = _measure_real(small, judge)
        for name, method in methods.items():
            frames = []
            score = Score()
            for a, b in clip.pairs:
                frame = method(clip.shots[a].subject(), clip.shots[b].joints)
                frames.append(frame)
                _measure(score, frame, small, a, b, judge)
                reporter.advance()
            if clip.in_order and len(frames) > 1:
                score.add("flicker", _flicker_ratio(frames, small))
            results[clip.name][name] = score.means()
    return results


def _measure(
    score: Score, frame: np.ndarray, clip: Clip, a: int, b: int, judge: Callable[[np.ndarray], np.ndarray | None] | None
) -> None:
    target = clip.shots[b]
    made, truth = frame.astype(np.float32) / 255, target.pixels.astype(np.float32) / 255
    score.add("psnr", psnr(made, truth))
    score.add("ssim", ssim(made, truth))
    score.add("person_l1", person_l1(made, truth, target.mask))
    score.add("sharpness", sharpness(made, truth, target.mask))
    background = truth if clip.background is None else clip.background.astype(np.float32) / 255
    score.add("ghost", ghost(made, background, clip.shots[a].mask, target.mask))
    if judge is not None:
        found = judge(frame)
        for share in (0.05, 0.1):
            hit = 0.0 if found is None else pck(found, target.joints, np.ones(len(target.joints), bool), share)
            score.add(f"pck@{share}", hit)


def _measure_real(clip: Clip, judge: Callable[[np.ndarray], np.ndarray | None]) -> dict[str, float]:
    score = Score()
    for b in sorted({b for _, b in clip.pairs}):
        found = judge(clip.shots[b].pixels)
        for share in (0.05, 0.1):
            joints = clip.shots[b].joints
            score.add(f"pck@{share}", 0.0 if found is None else pck(found, joints, np.ones(len(joints), bool), share))
    return score.means()


def _flicker_ratio(frames: list[np.ndarray], clip: Clip) -> float:
    masks = [clip.shots[b].mask for _, b in clip.pairs]
    real = [clip.shots[b].pixels.astype(np.float32) / 255 for _, b in clip.pairs]
    made = [frame.astype(np.float32) / 255 for frame in frames]
    return flicker(made, masks) / max(flicker(real, masks), 1e-6)


def mediapipe_judge() -> Callable[[np.ndarray], np.ndarray | None] | None:
    """mediapipe's joints of a frame, or None where it is not installed."""
    from dancegen.people.detectors.mediapipe import find_all, is_available

    if not is_available():
        return None

    def judge(pixels: np.ndarray) -> np.ndarray | None:
        found = max(find_all(pixels), key=lambda person: person.extent, default=None)
        return None if found is None else found.joints

    return judge


def synthetic_clips(frames: Path, count: int) -> list[Clip]:
    """Validation scenes as one clip each: the photo-like frame to three others, true masks and joints."""
    from dancegen.lab.synthetic.store import read_scene

    clips = []
    for path in sorted((frames / "val").glob("*.npz"))[:count]:
        scene = read_scene(path, (0, 2, 5, 7))
        shots = [
            Shot(pixels, joints, alpha.astype(np.float32) / 255)
            for pixels, joints, alpha in zip(scene.frames, scene.joints, scene.alpha, strict=True)
        ]
        clips.append(Clip(path.stem, shots, [(0, 1), (0, 2), (0, 3)], scene.background))
    if not clips:
        raise DancegenError(f"{frames / 'val'} holds no scenes", "make some with `dancegen train frames --split val`")
    return clips


def real_clips(path: Path, every: float = 1.0, reporter: Reporter | None = None) -> list[Clip]:
    """Real pairs from a folder of pictures (all ordered pairs that show one place) or from a video.

    Args:
        every: seconds between the frames taken from a video; its first frame is the condition.
    """
    from dancegen.people.find import find_people

    def person(image: ConditionalImage) -> LocatedBody:
        return find_people(image, reporter=reporter)[0]

    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in PICTURES)
        if len(files) < 2:
            raise DancegenError(f"{path} holds fewer than two pictures", "give a folder with pairs")
        shots = [_shot(one, one.proportions) for one in map(person, map(open_picture, files))]
        return list(_by_place([file.stem for file in files], shots))
    found = [person(ConditionalImage(path, frame, ())) for frame in _video_frames(path, every)]
    body = longest_limbs([one.proportions for one in found])  # one camera: a limb is as long as it ever looks
    shots = [_shot(one, body) for one in found]
    return [Clip(path.stem, shots, [(0, b) for b in range(1, len(shots))], in_order=True)]


def _shot(subject: LocatedBody, body: Proportions) -> Shot:
    joints = np.concatenate([subject.joints, judged_depth(subject, body)[:, None]], 1)
    return Shot(subject.picture.pixels, joints, subject.mask, subject.depth, subject.knuckles)


def judged_depth(subject: LocatedBody, body: Proportions) -> np.ndarray:
    """The depth (V,) of the joints to draw: the detector's as far as limbs of such lengths allow; a face is as far as
    its neck, for the detector's face points are noise."""
    if subject.depth is None:
        return np.zeros(V, np.float32)
    depth = joints_in_space(subject.places, subject.depth, subject.seen, body)[:, 2]
    depth[list(FACE_JOINTS)] = depth[NECK]
    return depth.astype(np.float32)


def longest_limbs(bodies: Sequence[Proportions]) -> Proportions:
    """The first of several measurements of one body, with the greatest length of each limb: in pictures they are never
    longer than in truth."""
    lengths = {name: max(body.lengths[name] for body in bodies) for name in bodies[0].lengths}
    return replace(bodies[0], lengths=lengths)


def split_clips(clips: Sequence[Clip]) -> dict[str, list[Clip]]:
    """The pairs of several clips in two halves: choices are made on the one, the other reports what they are worth."""
    halves: dict[str, list[Clip]] = {}
    for parity, title in enumerate(("all real pairs, half to choose on", "all real pairs, half to report on")):
        found = [(clip, [(a, b) for a, b in clip.pairs if (a + b) % 2 == parity]) for clip in clips]
        halves[title] = [
            replace(clip, name=f"{clip.name} half {parity}", pairs=pairs, in_order=False)
            for clip, pairs in found
            if pairs
        ]
    return halves


def _by_place(names: list[str], shots: list[Shot]) -> Iterator[Clip]:
    """Group shots whose backgrounds agree where neither has the person."""
    groups: list[list[int]] = []
    for index in range(len(shots)):
        home = next((group for group in groups if _same_place(shots[group[0]], shots[index])), None)
        if home is None:
            groups.append([index])
        else:
            home.append(index)
    for group in groups:
        if len(group) > 1:
            members = [shots[index] for index in group]
            pairs = [(a, b) for a in range(len(group)) for b in range(len(group)) if a != b]
            yield Clip("+".join(names[index] for index in group), members, pairs)


def _same_place(a: Shot, b: Shot) -> bool:
    if a.pixels.shape != b.pixels.shape:
        return False
    empty = (a.mask < 0.02) & (b.mask < 0.02)
    difference = np.abs(a.pixels.astype(np.float32) - b.pixels).mean(-1) / 255
    return bool(empty.any()) and float(difference[empty].mean()) < SAME_PLACE


def _video_frames(path: Path, every: float) -> Iterator[np.ndarray]:
    import imageio_ffmpeg

    reader = imageio_ffmpeg.read_frames(str(path))
    facts = next(reader)
    width, height = facts["size"]
    step = max(1, round(facts["fps"] * every))
    for index, data in enumerate(reader):
        if index % step == 0:
            yield np.frombuffer(data, np.uint8).reshape(height, width, 3).copy()


def write_json(path: Path, results: dict[str, dict[str, dict[str, float]]]) -> None:
    """The results as JSON."""
    write_whole(path, json.dumps(results, indent=1).encode())


def contact_sheet(methods: dict[str, Method], clips: list[Clip], path: Path, rows: int = 12, size: int = SIZE) -> None:
    """One row a pair: condition, truth, then every method's frame."""
    strips = []
    for clip in clips:
        a, b = clip.pairs[len(clip.pairs) // 2]
        subject = clip.shots[a].subject()
        pictures = [clip.shots[a].shrink(size).pixels, clip.shots[b].shrink(size).pixels]
        pictures += [method(subject, clip.shots[b].joints) for method in methods.values()]
        strips.append(np.concatenate(pictures, 1))
        if len(strips) == rows:
            break
    width = max(strip.shape[1] for strip in strips)
    padded = [np.pad(strip, ((0, 4), (0, width - strip.shape[1]), (0, 0))) for strip in strips]
    with whole_file(path) as part:
        Image.fromarray(np.concatenate(padded)).save(part)
