"""Wan-Animate as a renderer: the picture becomes a film of its person, segment by segment.

Glossary: h x w the video; the model's own frame is as large, in multiples of 16.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from dancegen.body.sequence import SkeletonSequence
from dancegen.device import free_on
from dancegen.errors import DancegenError
from dancegen.images.filters import as_tensor
from dancegen.people.located import LocatedBody
from dancegen.progress import Reporter, SilentReporter
from dancegen.renderers.base import KEEP, Layer
from dancegen.renderers.control.face import face_frames
from dancegen.renderers.control.frame import Frame, pad
from dancegen.renderers.control.poses import draw
from dancegen.renderers.control.wan import FPS, OVERLAP, SEGMENT, STEP, drawing
from dancegen.renderers.diffusion import cost
from dancegen.renderers.diffusion.pipeline import Animator
from dancegen.renderers.diffusion.store import Store
from dancegen.renderers.plate import Plate

SEED = 0  # of the noise; another dance is another video already
ROLE = "renderer.wan-animate"


@dataclass(frozen=True, eq=False)
class Actor:
    """A person made ready: the model, their picture in its frame, and where the video lies in that.

    Attributes:
        inside: left, top, right, bottom of the video in the frame, pixels.
        size: (w, h) of the video.
    """

    animator: Animator
    person: LocatedBody
    frame: Frame
    reference: np.ndarray
    inside: tuple[float, float, float, float]
    size: tuple[int, int]


class WanAnimateRenderer:
    """See `renderers.base.Renderer`.

    Args:
        folder: of the pipeline.
        device: where to work.

    Attributes:
        reporter: is told of each step; set by whoever waits.
    """

    background = KEEP
    shows_turns = True

    def __init__(self, folder: Path, device: torch.device) -> None:
        self.folder, self.device = folder, device
        self.reporter: Reporter = SilentReporter()

    def prepare(self, person: LocatedBody, plate: Plate) -> Actor:
        """Load the model as the memory allows for frames of the video's size.

        Raises:
            DancegenError: several people, no memory, or a pipeline that cannot be loaded.
        """
        if len(plate.people) > 1:
            raise DancegenError("Wan-Animate draws one person", "choose one, such as --people largest")
        sides = [max(-(-side // STEP), 1) * STEP for side in plate.size]
        frame = pad(plate.picture.size, (sides[0], sides[1]))
        free = free_on(self.device) / (2 if self.device.type == "cpu" else 1)  # float32 there, bfloat16 elsewhere
        plan = cost.choose(frame.size, free, cost.parameters_of(self.folder))
        if self.device.type != "cpu":
            self.reporter.note(f"Wan-Animate: {plan.says}")
        self.reporter.stage("loading Wan-Animate")
        animator = Animator(self.folder, self.device, plan)
        width, height = plate.picture.size
        (x, y), scale = frame.corner, frame.scale
        inside = (x, y, x + width * scale, y + height * scale)
        return Actor(animator, person, frame, frame.picture(plate.picture.pixels), inside, plate.size)

    def draw(self, figure: Actor, poses: SkeletonSequence) -> Iterator[Layer]:
        """One layer for each pose: the whole frame, behind the person too. Segments that are drawn are kept.

        Raises:
            DancegenError: poses at another rate than the model's, no memory.
        """
        if poses.fps != FPS:
            raise DancegenError(f"Wan-Animate draws {FPS:g} frames a second, not {poses.fps:g}", "leave --fps out")
        placed = figure.frame.poses(poses)
        store = Store(self._identity(figure, placed))
        count, step = len(placed), SEGMENT - OVERLAP
        many = cost.segments(count)
        tail = None
        for number in range(many):
            first = number * step
            fresh = min(SEGMENT, count - first) - (OVERLAP if number else 0)
            self.reporter.stage(f"drawing, segment {number + 1} of {many}", cost.STEPS + fresh, "steps")
            kept = store.read(number)
            if kept is None:
                kept = self._segment(figure, placed, number, tail)
                store.keep(number, kept)
            else:
                self.reporter.advance(cost.STEPS)
            tail = kept["tail"]
            for image in kept["frames"][OVERLAP if number else 0 :][:fresh]:
                yield _layer(image.numpy(), figure)
        store.finish()

    def _segment(
        self, figure: Actor, placed: SkeletonSequence, number: int, tail: torch.Tensor | None
    ) -> dict[str, torch.Tensor]:
        """Draw a segment: its frames (T, h, w, 3) uint8, and the last of them as the model goes on from them."""
        first = number * (SEGMENT - OVERLAP)
        part = placed.at(_bounce(np.arange(first, first + SEGMENT), len(placed)))
        size = figure.frame.size
        video = figure.animator.segment(
            figure.reference,
            list(draw(size, [part], drawing(size))),
            list(islice(face_frames(figure.person, part, size), SEGMENT)),
            tail,
            torch.Generator().manual_seed(SEED + number),
            self.reporter.advance,
        )  # (3, T, h, w)
        frames = (video.permute(1, 2, 3, 0) * 255 + 0.5).clamp(0, 255).to(torch.uint8)  # (T, h, w, 3)
        return {"frames": frames, "tail": video[None, :, -OVERLAP:] * 2 - 1}

    def _identity(self, figure: Actor, placed: SkeletonSequence) -> Iterator[bytes]:
        """What tells this video from any other. Poses to a tenth of a pixel: their last digits differ by machine."""
        yield str(self.folder.resolve()).encode()
        yield repr((figure.frame.size, SEGMENT, OVERLAP, cost.STEPS, SEED)).encode()
        yield figure.reference.tobytes()
        yield np.rint(placed.joints[..., :2] * 10).astype(np.int32).tobytes()
        yield (placed.confidence > 0).tobytes()
        if placed.hands is not None:
            yield np.rint(placed.hands * 10).astype(np.int32).tobytes()


def load(weights: Path | None, device: torch.device) -> WanAnimateRenderer:
    """The renderer, from a folder, or from what was downloaded.

    Raises:
        DancegenError: it is not downloaded, with what that takes.
    """
    if weights is not None:
        return WanAnimateRenderer(weights, device)
    from dancegen.weights.manifest import readable_size
    from dancegen.weights.repository import repository_named
    from dancegen.weights.repository_hub import folder_of

    repository = repository_named(ROLE)
    if repository is None:
        raise DancegenError("the manifest lists no weights for wan-animate", "install dancegen again")
    folder = folder_of(repository)
    if folder is None:
        unpinned = "" if repository.pinned else " --unpinned"
        what = f"Wan-Animate's weights are not here: {readable_size(repository.size)}, licence {repository.licence}"
        raise DancegenError(what, f"run `dancegen weights download {repository.name}{unpinned}`")
    return WanAnimateRenderer(folder, device)


def _bounce(at: np.ndarray, count: int) -> np.ndarray:
    """Numbers of poses, going back and forth beyond the last of `count`, as the pipeline fills up a segment."""
    if count == 1:
        return np.zeros_like(at)
    around = at % (2 * (count - 1))
    return np.minimum(around, 2 * (count - 1) - around)


def _layer(image: np.ndarray, figure: Actor) -> Layer:
    """A frame of the model, uint8 (h, w, 3), as the whole of a frame of the video."""
    shown = Image.fromarray(image)
    if figure.inside != (0, 0, *figure.size) or figure.size != figure.frame.size:
        shown = shown.resize(figure.size, Image.Resampling.LANCZOS, figure.inside)
    colours = as_tensor(np.asarray(shown), torch.device("cpu"))  # (3, h, w)
    return Layer(torch.cat([colours, torch.ones_like(colours[:1])]), (0, 0))
