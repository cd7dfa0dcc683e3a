"""What every renderer can do, and what it makes: layers, of which `compose` makes frames over a background.

Nothing heavy is imported here: a request checks its background by it.

Glossary: h x w the video, or a box of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from dancegen.errors import DancegenError
from dancegen.files import is_file

if TYPE_CHECKING:
    import torch

    from dancegen.body.sequence import SkeletonSequence
    from dancegen.people.located import LocatedBody
    from dancegen.renderers.plate import Plate

KEEP, NONE = "keep", "none"


def check_background(what: str) -> tuple[int, int, int] | Path | None:
    """A colour (R, G, B), a file, or None for "keep" and "none".

    Raises:
        DancegenError: it is neither of these words, nor a colour, nor a file.
    """
    from PIL import ImageColor

    if what in (KEEP, NONE):
        return None
    try:
        red, green, blue = ImageColor.getrgb(what)[:3]
    except ValueError:
        if is_file(what):
            return Path(what)
    else:
        return red, green, blue
    raise DancegenError(
        f"--background must be keep, none, a colour such as green or #00ff00, or a picture, not {what!r}",
        "check the spelling of the colour, or the name of the file",
    )


@dataclass(frozen=True, eq=False)
class Layer:
    """One figure in one frame, to be laid over the background and over those who are further away.

    Attributes:
        colours: (4, h, w) float32 RGBA in 0..1, the colours multiplied by alpha; h and w may be 0.
        corner: x and y of its first pixel in the video; the layer lies inside it.
        depth: (h, w) float32, how far away what is seen is, video pixels from the dancer's mid-hip; None = all alike.
    """

    colours: torch.Tensor
    corner: tuple[int, int]
    depth: torch.Tensor | None = None


class Renderer(Protocol):
    """Draws people in poses; a module's `load(weights, device)` makes one, `registry` names them.

        Attributes:
            device: where it works.
            background: what the figures are laid over where the user says nothing (`background.check_background`).
            shows_turns: whether it can draw people from their sides and from behind; else it gets dances that face the
            camera.

    One that works long on a frame may have an attribute `reporter` too, which is then set and told of its steps. One
    that draws people in different ways may have a method `can_turn(people)`, which says `shows_turns` of these people.
    """

    device: torch.device
    background: str
    shows_turns: bool

    def prepare(self, person: LocatedBody, plate: Plate) -> Any:
        """Everything that depends on the picture alone: the figure that `draw` takes."""
        ...

    def draw(self, figure: Any, poses: SkeletonSequence) -> Iterator[Layer]:
        """One layer for each pose, drawn as they are asked for: memory does not grow with their number.

        Args:
            poses: in pixels of the picture, as `retarget` gives them.
        """
        ...
