"""From a song to a dance of its length: listened to, drawn as pictures of poses, read, finished.

The dance is drawn in the square picture of the dancer (`dancer.py`). What is read from it are limbs' directions, in
space, for the picture has rows of depth; bones keep the dancer's lengths. The last touch on it is that of every
choreographer: facing, beginning and end, feet.

Glossary: F pieces of 0.1 s, T poses, V = 18 joints, L = 17 bones.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dancegen.audio.grid import BeatGrid
from dancegen.audio.song import PIECE_SECONDS, SAMPLE_RATE, Song
from dancegen.audio.spectrum import mel_pieces
from dancegen.body.joints import L_ANKLE, R_ANKLE, mid_hip
from dancegen.body.sequence import SkeletonSequence, bone_directions, over_blocks
from dancegen.choreographers.base import AMOUNT, TURNS
from dancegen.choreographers.finish.facing import WHOLE, face, yaw
from dancegen.choreographers.finish.frame import Frame, frame_dance, last_pose
from dancegen.choreographers.finish.ground import DRIFT_SECONDS, TRAVEL_SECONDS, depth_of, settle
from dancegen.choreographers.hotdance.beginning import begin_in, begin_points, begin_pose
from dancegen.choreographers.hotdance.carriage import Carriage, carry
from dancegen.choreographers.hotdance.dancer import Dancer, body_values, canonical_dancer, dancer_of, place
from dancegen.choreographers.hotdance.dit import Heard
from dancegen.choreographers.hotdance.generate import (
    STEPS,
    Sampling,
    Start,
    decode_song,
    draw_song,
    noise_of_segments,
    segments,
)
from dancegen.choreographers.hotdance.model import HotDance, load_hotdance
from dancegen.choreographers.hotdance.music import find_repeats, hear_beats
from dancegen.choreographers.hotdance.reading import limbs_of, look_ahead, pose_values
from dancegen.choreographers.hotdance.reference import shape_latents
from dancegen.choreographers.stg_mamba.config import STYLES
from dancegen.choreographers.stg_mamba.counting import Count, count_for, frame_of
from dancegen.choreographers.stg_mamba.hearing import ear_traits, mixed_seed, number_of, rank
from dancegen.choreographers.stg_mamba.imagine import suits
from dancegen.choreographers.stg_mamba.styles import appeal, choose_style
from dancegen.choreographers.tailor import Person
from dancegen.errors import DancegenError
from dancegen.progress import Reporter, SilentReporter

FPS = 30.0
LINGER = 0.45  # share of the usual speed by which time goes more slowly on a beat, and faster half way to the next
# Shares of the footage but waltz, which music in three alone asks for: its share is set by hand and decides little.
TAUGHT = {"cha-cha": 0.17, "rumba": 0.4, "tango": 0.05, "waltz": 0.3, "salsa": 0.29, "ballet": 0.05}


@dataclass(frozen=True)
class Wish:
    """What is asked of a dance: `style` one of STYLES, `amount` of it, `turns`, as `Choreographer.dance` says."""

    seed: int
    style: str = STYLES[0]
    amount: float = AMOUNT
    turns: float = TURNS


@dataclass(frozen=True)
class Listening:
    """What a dance takes from a song: mel (F, S, M), the count, when it begins, rests and ends, how much of each style
    is danced, its own number."""

    mel: np.ndarray
    count: Count
    frame: Frame
    shares: dict[str, float]
    number: int

    @property
    def first(self) -> int:
        """The beat of the count before the one with which the dance begins, if there is one."""
        return max(int(np.rint(self.count.position(np.array([self.frame.begin]))[0])) - 1, 0)

    @property
    def lead(self) -> str:
        """The style of which there is most; of two alike the one that was asked for."""
        return max(reversed(self.shares), key=lambda name: self.shares[name])

    def music(self, beats: int, table: np.ndarray) -> list[np.ndarray]:
        """What is heard of the first `beats` that are danced, see `hear_beats`."""
        return [part[self.first :] for part in hear_beats(self.mel, self.count, self.first + beats, table)]


def listen(song: Song, grid: BeatGrid, network: HotDance, wish: Wish) -> Listening:
    """Hear a song that is to be danced as `wish` says; the plain style leaves it to the music."""
    mel, number = mel_pieces(song), number_of(song.samples, SAMPLE_RATE)
    if wish.style != STYLES[0] and wish.amount == 1:
        shares = {wish.style: 1.0}
    else:
        count = count_for(grid, song.seconds, STYLES[0])
        ranks = rank(ear_traits(mel.reshape(-1, mel.shape[-1])), network.ranks.cpu().numpy())
        odds = appeal(float(np.median(np.diff(count.beats))), count.meter == 3, ranks)
        odds = {name: odds[name] * TAUGHT[name] for name in odds}
        shares = {choose_style(odds, mixed_seed(wish.seed, number, "style")): 1.0}  # songs of one seed differ
        if wish.style != STYLES[0] and wish.amount > 0 and wish.style not in shares:
            shares = dict.fromkeys(shares, 1 - wish.amount) | {wish.style: wish.amount}
    lead = max(reversed(shares), key=lambda name: shares[name])
    count = count_for(grid, song.seconds, lead)
    return Listening(mel, count, frame_of(mel, count, song.seconds, grid.confidence > 0), shares, number)


def choreograph(
    song: Song,
    grid: BeatGrid,
    network: HotDance,
    wish: Wish,
    *,
    person: Person | None = None,
    sampling: Sampling | None = None,
    reporter: Reporter | None = None,
) -> SkeletonSequence:
    """A dance to a song.

    Args:
        song: the music; any length.
        grid: its beats; where there are none, the dance counts evenly by itself.
        network: on any device.
        wish: seed, style, amount and turns.
        person: whose body dances; the canonical one where none is given.
        sampling: how many steps it is drawn in.
        reporter: told of each segment.

    Returns:
        A canonical sequence of 30 poses a second; its bones have the person's lengths.

    Raises:
        DancegenError: unknown style.
    """
    if wish.style not in STYLES:
        raise DancegenError(f"no dance style {wish.style!r}", f"choose one of {', '.join(STYLES)}")
    dancer = dancer_of(person) if person else canonical_dancer()
    heard = listen(song, grid, network, wish)
    limbs = draw_limbs(network, heard, wish, dancer, sampling or Sampling(), reporter or SilentReporter())
    return finish(limbs, heard, wish, dancer, network.carriage(heard.shares))


def draw_limbs(
    network: HotDance, heard: Listening, wish: Wish, dancer: Dancer, sampling: Sampling, reporter: Reporter
) -> tuple[np.ndarray, np.ndarray]:
    """The dance to what is heard as it is drawn: directions (T, L, 3) and root (T, 2), 30 poses a second."""
    points = draw_points(network, heard, wish, dancer, sampling, reporter)
    poses = round(len(heard.mel) * PIECE_SECONDS * FPS)
    beats = heard.count.position(np.arange(poses) / FPS) - heard.first
    return limbs_of(points, dancer, linger(beats) * network.config.stride)


def linger(beats: np.ndarray) -> np.ndarray:
    """Fractional beats (T,) as who dances passes them: longer about each beat than between two."""
    turn = 2 * np.pi
    passed: np.ndarray = beats - LINGER * np.sin(turn * beats) / turn
    return passed


def draw_points(
    network: HotDance, heard: Listening, wish: Wish, dancer: Dancer, sampling: Sampling, reporter: Reporter
) -> np.ndarray:
    """The poses (T, V, 3) of a song in the dancer's square from the beat on with which it begins, as many a beat as the
    network draws."""
    config, device = network.config, network.centre.device
    seconds = len(heard.mel) * PIECE_SECONDS
    columns = int(np.ceil(heard.count.position(np.array([seconds]))[0])) + 1 - heard.first
    music = heard.music(columns + config.columns, network.asks.cpu().numpy())
    with torch.inference_mode():
        style = sum(
            (share * network.transformer.styles.weight[STYLES.index(name)] for name, share in heard.shares.items()),
            torch.zeros(config.width, device=device),
        )
        turns = network.transformer.turns.weight[round(2 * wish.turns)]
        body = body_values(torch.from_numpy(dancer.bones * dancer.scale)[None].float().to(device))
        told = torch.ones(1, 4, device=device)

        def hear(first: int) -> Heard:
            """The music of the segment that begins with beat `first`."""
            part = slice(first, first + config.columns)
            asked, clock = (torch.from_numpy(each[part])[None].float().to(device) for each in music[1:])
            return Heard(asked, clock, style[None], turns[None], body, told)

        start = _start(network, dancer)
        count = segments(network, columns)
        form = find_repeats(music[0], config.columns - config.overlap // config.stride, count)
        noises = noise_of_segments(network, wish.seed, form, sampling.ideas)

        def choose(first: int, points: Tensor) -> int:
            """The draw whose size, steps, hands and knees are ranked among the draws as the music asks."""
            told = music[1][first : first + config.columns, :4].mean(axis=0)
            return suits(np.stack([pose_values(one, dancer) for one in points.float().cpu().numpy()]), told, 4)

        reporter.stage("choreography", count, "segments")
        latents = draw_song(network, hear, columns, start, noises, sampling, choose, reporter.advance)
        return decode_song(network, latents).float().numpy()


def _start(network: HotDance, dancer: Dancer) -> Start:
    """The pose of the picture, and a beat in which it is held."""
    flat = np.concatenate([dancer.shape, np.zeros((len(dancer.shape), 1))], axis=1)
    held = begin_points(dancer, begin_pose(dancer))
    device = network.centre.device
    points, deep = (torch.from_numpy(one.astype(np.float32))[None].to(device) for one in (flat, held))
    shape = shape_latents(network, points, torch.from_numpy(dancer.seen)[None].to(device))
    return Start(shape, network.encode(deep[:, None].expand(-1, network.config.stride, -1, -1)))


def finish(
    limbs: tuple[np.ndarray, np.ndarray],
    heard: Listening,
    wish: Wish,
    dancer: Dancer,
    how: Carriage,
) -> SkeletonSequence:
    """Carriage, facing, beginning and end, feet and the dancer's own bones of limbs, directions (T, L, 3) and root
    (T, 2)."""
    directions, root = carry(*limbs, how, FPS)
    if wish.turns < WHOLE:  # what is drawn turns by itself
        directions = face(directions, np.zeros(len(root)), FPS, wish.turns, np.zeros(0))
        directions = over_blocks(look_ahead, directions)
    before = directions[int(min(heard.frame.finish * FPS, len(directions) - 1))]
    ending = last_pose((heard.lead, heard.lead), mixed_seed(wish.seed, heard.number, "ending"), before)
    directions, root, frame = begin_in(begin_pose(dancer), directions, root, FPS, heard.frame)
    directions, root = frame_dance(directions, root, FPS, frame, ending)
    turned = -np.degrees(np.unwrap(yaw(directions))) if wish.turns > 0 else None
    joints = settle(directions, root, FPS, TRAVEL_SECONDS if wish.turns >= 1 else DRIFT_SECONDS)
    depth = depth_of(joints, FPS) if wish.turns > 0 else None
    if not dancer.canonical:
        joints = over_blocks(lambda part: _own_body(part, dancer.bones), joints)
    return SkeletonSequence(joints, FPS, yaw=turned, depth=depth)


def _own_body(joints: np.ndarray, bones: np.ndarray) -> np.ndarray:
    """The poses (T, V, 3) of the canonical body as a body with other bones (L,) dances them, as high off the ground."""
    made = place(bone_directions(joints).astype(np.float32), mid_hip(joints)[:, :2], bones)
    ankles = [R_ANKLE, L_ANKLE]
    made[..., 1] += (joints[:, ankles, 1].max(axis=1) - made[:, ankles, 1].max(axis=1))[:, None]
    return made


class HotDancer:
    """The networks as the contract `choreographers.base.Choreographer` has it."""

    styles = STYLES
    for_person = True

    def __init__(self, network: HotDance) -> None:
        self.network = network

    def bones(self, person: Person) -> tuple[float, ...]:
        """The lengths (17,) of the bones of a dance for a person, body heights."""
        return tuple(float(length) for length in dancer_of(person).bones)

    def dance(self, song: Song, grid: BeatGrid, *, steps: int | None = None, **how: Any) -> SkeletonSequence:
        """See `choreograph`; `how` are `person`, `reporter` and what makes a `Wish`, `steps` those of `Sampling`."""
        wish = Wish(**{name: how.pop(name) for name in Wish.__dataclass_fields__ if name in how})
        return choreograph(song, grid, self.network, wish, sampling=Sampling(STEPS if steps is None else steps), **how)


def load(weights: Path, device: torch.device) -> HotDancer:
    """See `registry`."""
    return HotDancer(load_hotdance(weights, device))
