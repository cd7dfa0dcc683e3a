"""The dance on the people of a picture: who dances what, on their bodies and in their places."""

from __future__ import annotations

from collections.abc import Sequence

from dancegen.audio.grid import BeatGrid
from dancegen.body.joints import mid_hip
from dancegen.body.retarget import retarget
from dancegen.body.sequence import SkeletonSequence
from dancegen.people.located import LocatedBody
from dancegen.production.request import Request
from dancegen.progress import Reporter


def stage(
    request: Request,
    people: Sequence[LocatedBody],
    dancers: Sequence[SkeletonSequence],
    grid: BeatGrid,
    count: int,
    *,
    turns: bool,
    reporter: Reporter,
) -> tuple[SkeletonSequence, ...]:
    """Everybody's poses, one a frame, in pixels of the picture.

    Args:
        request: says the frames a second, and in what formation people dance.
        people: of the picture.
        dancers: of the dance, canonical; one, or those of a couple.
        grid: the beats.
        count: frames of the video.
        turns: whether turns can be shown; else bodies are kept facing the camera.
        reporter: is told where that is another dance, and where a dancer has no body.
    """
    shown = dancers if turns else _flatten(dancers, request, reporter)
    if len(people) < len(dancers):
        what = f"the dance has {len(dancers)} dancers, and of the picture {len(people)} shall dance"
        reporter.note(f"{what}: the others of the dance are left out (--people all takes everybody)")
    if len(people) == 1:
        return (_place(shown[0], people[0], request.fps, count),)
    from dancegen.dances.formation import cast, keep_apart

    places = [float(mid_hip(person.joints)[0]) for person in people]
    dances = cast(shown, places, request.formation, grid)
    poses = [_place(one, who, request.fps, count) for one, who in zip(dances, people, strict=True)]
    return tuple(keep_apart(poses, places))


def _flatten(dancers: Sequence[SkeletonSequence], request: Request, reporter: Reporter) -> Sequence[SkeletonSequence]:
    """The dance for a renderer that shows no turns."""
    from dancegen.choreographers.finish.facing import NOTED, flatten

    flat = [flatten(one) for one in dancers]
    if max(most for _, most in flat) > NOTED:
        what = f"--renderer {request.drawn_by} shows no turns: the dance is drawn facing the camera"
        reporter.note(f"{what} (--preview shows them, a dance file keeps them)")
    return [one for one, _ in flat]


def _place(dance: SkeletonSequence, person: LocatedBody, fps: float, count: int) -> SkeletonSequence:
    """The dance at the video's rate and length, on the person's body and in their picture."""
    return retarget(dance.resample(fps, count), person.joints, person.confidence, person.picture.size)
