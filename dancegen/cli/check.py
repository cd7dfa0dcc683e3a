"""`dancegen check`: what is worth knowing before a song and a picture are rendered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dancegen.cli.context import check_inputs, reporter
from dancegen.cli.given import given_dance
from dancegen.cli.options import (
    Beats,
    Dance,
    Device,
    Duration,
    Fps,
    Mask,
    Offline,
    Pose,
    Seed,
    Size,
    Start,
    Style,
    Take,
    Tempo,
    Weights,
)

if TYPE_CHECKING:
    from dancegen.audio.grid import BeatGrid
    from dancegen.body.sequence import SkeletonSequence
    from dancegen.people.subject import Subject
    from dancegen.production.checks import Check
    from dancegen.production.networks import Networks


def check(
    song: Annotated[Path, typer.Argument(help="Any sound file, or a video with sound.")],
    picture: Annotated[Path, typer.Argument(help="A picture of one person.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Where the video shall be.")] = Path("out.mp4"),
    start: Start = 0.0,
    duration: Duration = None,
    dance: Dance = None,
    take: Take = None,
    seed: Seed = 0,
    style: Style = "none",
    tempo: Tempo = None,
    beats: Beats = None,
    size: Size = 512,
    fps: Fps = 30.0,
    pose: Pose = None,
    mask: Mask = None,
    weights: Weights = None,
    device: Device = "auto",
    offline: Offline = False,
) -> Any:
    """See whether PICTURE and SONG suit each other, and what rendering them will cost."""
    from dancegen.audio.load import check_stretch, load_song
    from dancegen.choreographers.stg_mamba.dance import choreograph
    from dancegen.dances.make import find_grid
    from dancegen.device import choose_device
    from dancegen.images.picture import open_picture
    from dancegen.people.find import find_subject
    from dancegen.production.networks import load_networks
    from dancegen.production.produce import Settings
    from dancegen.video.encode import check_output
    from dancegen.weights.resolve import weights_by_role

    check_inputs(song, picture)
    check_stretch(start, duration)
    Settings(seed, style, size, fps)
    choose_device(device)
    check_output(out, overwrite=True, inputs=[song, picture])
    given = given_dance(song, start, duration, seed, style, dance=dance, take=take, beats=beats, tempo=tempo)
    image = open_picture(picture)
    reporter().stage("listening to the song")
    sound = load_song(song, given.start, given.duration, reporter())
    skeleton = given.dance(sound) if given.dance else None
    grid = given.grid(sound) if given.grid else find_grid(sound)
    reporter().stage("loading the networks")
    networks = load_networks(weights_by_role(weights or []), device=device, offline=offline, reporter=reporter())
    reporter().stage("finding the person")
    subject = find_subject(image, network=networks.subject, pose_file=pose, mask_file=mask, reporter=reporter())
    if skeleton is None:
        skeleton = choreograph(sound, grid, networks.dancer(), seed=seed, style=style, reporter=reporter())
    frames = max(1, round(sound.seconds * fps))
    return _table(_checks(grid, subject, skeleton, networks, size, fps, frames, out.parent))


def _checks(
    grid: BeatGrid,
    subject: Subject,
    dance: SkeletonSequence,
    networks: Networks,
    size: int,
    fps: float,
    frames: int,
    folder: Path,
) -> list[Check]:
    """What can be told beforehand, and how long the drawing takes, by drawing a few frames."""
    from collections import deque

    from dancegen.body.retarget import retarget
    from dancegen.production.checks import check_all, time_needed
    from dancegen.renderers.puppet.renderer import Renderer, output_size

    found = check_all(grid, subject, dance, output_size(subject.image.size, size), frames, folder)
    reporter().stage("drawing a few frames")
    renderer = Renderer(networks.renderer, networks.device)
    canvas = renderer.prepare(subject, size)
    poses = retarget(dance.resampled(fps, frames), subject.joints, subject.confidence, subject.image.size)
    return [*found, time_needed(lambda few: deque(renderer.render(canvas, few), maxlen=0), poses, frames)]


def _table(checks: list[Check]) -> Any:
    from rich.table import Table

    table = Table("check", "", "found", "what helps", box=None, pad_edge=False)
    for one in checks:
        table.add_row(one.name, one.verdict, one.found, one.remedy)
    return table


COMMANDS = {"check": check}
