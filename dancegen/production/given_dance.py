"""A dance file that is to be shown: what it says of the request, and its dance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dancegen.audio.song import Song
from dancegen.body.sequence import SkeletonSequence
from dancegen.dances.bones import is_on
from dancegen.dances.read_dance import check_song, cut_to, grid_at, origin_of, read_dance
from dancegen.people.located import LocatedBody
from dancegen.production.known import Known
from dancegen.production.request import Request
from dancegen.progress import Reporter
from dancegen.registry import backend


def read_given_dance(request: Request, known: Known, reporter: Reporter) -> tuple[Request, Known]:
    """`known.read_known` of a request with a dance file."""
    assert request.dance is not None
    made = read_dance(request.dance)
    take = made.take(request.take)
    note = check_song(made, request.song, str(request.dance), request.force)
    start, duration = request.start, request.duration
    if note:
        reporter.note(note)
    elif start == 0 and duration is None:
        start, duration = made.start, made.seconds
    styles = backend("choreographer", request.choreographer).styles
    plain = replace(request, dance=None, take=None, start=start, duration=duration, seed=take.seed)
    told = replace(plain, style=take.style if take.style in styles else request.style, style_amount=take.amount)
    told = told if take.turns is None else replace(told, turns=take.turns)
    own = (lambda _: grid_at(made, start)) if made.knows_beats and not note else None  # another song's say nothing
    name = request.dance.name

    def take_dance(song: Song, people: Sequence[LocatedBody]) -> tuple[SkeletonSequence, ...]:
        if made.body and not is_on(made.body.bones, people[0].joints, people[0].confidence):
            reporter.note(f"{name} was made for {made.body.name}: it is danced on another body here")
        return cut_to(take, made, start, song.seconds, request.force)

    return told, replace(
        known,
        dance=take_dance,
        grid=known.grid or own,
        origin=known.origin or origin_of(made, request.take),
        as_it_is=take.as_it_is,
    )
