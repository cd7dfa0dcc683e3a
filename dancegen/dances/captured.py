"""A clip as a dance file: who was seen in it, the movements that the network imagines, the clip's own sound and beats.

Glossary: T frames, V = 18 joints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from dancegen.audio.bars import bars
from dancegen.audio.beats import find_beats
from dancegen.audio.load import MIN_SECONDS, load_song
from dancegen.body.sequence import SkeletonSequence
from dancegen.capture.clip import Clip
from dancegen.capture.imagine import Seen
from dancegen.capture.watch import Watched
from dancegen.dances.bars import bar_count
from dancegen.dances.dance_file import DanceFile, Source, Take, round_dance
from dancegen.dances.to_song import put_to_song
from dancegen.dances.warp import warp_dance
from dancegen.errors import DancegenError
from dancegen.people.choose import choose_one
from dancegen.people.tracks import Followed, find_followed
from dancegen.progress import Reporter, count_of
from dancegen.weights.verify import WeightsInfo

if TYPE_CHECKING:
    from dancegen.audio.grid import BeatGrid
    from dancegen.audio.song import Song

LEAST_SECONDS = 1.0  # that somebody must be seen
LEAST_SHARE = 0.2  # of the frames with somebody that the chosen one must fill, else it is said
BROKEN_SECONDS = 0.5  # of a clip that are told of and cannot be read
REMEDY = "give a clip that shows one person, most of it from head to foot"
STYLE = "captured"


@dataclass(frozen=True)
class Captured:
    """What was captured: the movements, the most fitting first, each with its misfit; and by which weights."""

    dances: Sequence[SkeletonSequence]
    misfits: Sequence[float]
    weights: WeightsInfo | None
    seed: int


def follow_one(clip: Clip, watched: Watched, people: str, reporter: Reporter) -> Seen:
    """The joints of the one person who is meant, over the whole clip.

    Raises:
        DancegenError: nobody is seen, or hardly, or nobody of that choice.
    """
    found = find_followed(watched.frames, clip.fps)
    if not found:
        frames = count_of(len(watched.frames), "frames")
        raise DancegenError(f"{clip.path}: nobody is seen in its {frames}", REMEDY)
    one: Followed = choose_one(found, people, str(clip.path))
    held = one.persons
    seconds = len(held) / clip.fps
    if seconds < LEAST_SECONDS:
        raise DancegenError(
            f"{clip.path} shows a person for {seconds:.1f} s only", f"{REMEDY}, {LEAST_SECONDS:g} s at least"
        )
    shown = len(watched.frames) / clip.fps
    if np.isfinite(clip.seconds) and clip.seconds - shown > BROKEN_SECONDS:
        reporter.note(f"{clip.path.name} ends after {shown:.1f} of {clip.seconds:.1f} s: the rest cannot be read")
    if len(found) > 1:
        reporter.note(f"{count_of(len(found), 'people')} in {clip.path.name}: one is followed (--people {people})")
    lacking = 1 - len(held) / len(watched.frames)
    if lacking > LEAST_SHARE:
        reporter.note(f"in {lacking:.0%} of the frames the dancer is not seen: the movement there is imagined")
    points = torch.zeros(len(watched.frames), 18, 3)
    for number, person in held.items():
        points[number] = torch.from_numpy(person.body).float()
    cut = torch.from_numpy(watched.cut).float()
    cut[[number for number in one.jumps if number < len(cut)]] = 1
    return Seen(points, cut, watched.size, clip.fps)


def captured_dance(clip: Clip, made: Captured, song: Song | None, reporter: Reporter) -> DanceFile:
    """The dance file: to `song`, warped onto its beats; else to the clip's own sound, if it has any."""
    takes = tuple(
        Take(round_dance(dance), made.seed + number, STYLE, scores={"misfit": misfit})
        for number, (dance, misfit) in enumerate(zip(made.dances, made.misfits, strict=True))
    )
    dance = DanceFile(None, np.zeros(0), 0.0, 0.0, made.weights, takes, chosen=1)
    if song is not None:
        return _to_beats(dance, clip, song, reporter)
    if clip.sound and dance.seconds >= MIN_SECONDS:
        dance = _to_own_sound(dance, clip, reporter)
    return _from_clip(dance, clip.path.name)


def dance_to(dance: DanceFile, sound: Song, grid: BeatGrid, clip: str) -> DanceFile:
    """A captured dance to a stretch of a song: its accents on the beats, as long as both last; its own pace where the
    song has no beat.

    Args:
        dance: of any sound, or of none.
        sound: the stretch.
        grid: its beats.
        clip: the name of the file that it was captured from.
    """
    if grid.confidence > 0:
        takes = tuple(
            replace(take, skeleton=round_dance(warp_dance(take.skeleton, grid.times, sound.seconds)))
            for take in dance.takes
        )
        shortest = min(len(take.skeleton) for take in takes)
        takes = tuple(replace(take, skeleton=take.skeleton.at(np.arange(shortest))) for take in takes)
        dance = replace(dance, takes=takes)
    return _from_clip(replace(put_to_song(dance, sound, grid), chosen=1), clip)


def _from_clip(dance: DanceFile, clip: str) -> DanceFile:
    """The dance, all bars of which say which clip they are from."""
    source = Source(bars(dance.grid)[0].number, bar_count(dance.grid), "captured", clip)
    return replace(dance, takes=tuple(replace(take, sources=(source,)) for take in dance.takes))


def _to_own_sound(dance: DanceFile, clip: Clip, reporter: Reporter) -> DanceFile:
    """With the clip's own sound; without it where the sound cannot be used."""
    try:
        sound = load_song(clip.path, clip.start, dance.seconds)
    except DancegenError as fault:
        reporter.note(f"the clip's own sound is left out ({fault.what})")
        return dance
    return replace(put_to_song(dance, sound, find_beats(sound)), chosen=1)


def _to_beats(dance: DanceFile, clip: Clip, song: Song, reporter: Reporter) -> DanceFile:
    """With its accents on the beats of a song."""
    reporter.stage("listening to the song")
    grid = find_beats(song)
    if grid.confidence == 0:
        reporter.note(f"{song.path.name} has no beat that could be found: the dance keeps its own pace")
    return dance_to(dance, song, grid, clip.path.name)
