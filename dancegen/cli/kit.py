"""What `dancegen export --as ANIMATOR` does: a kit for one of the large animators."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from dancegen.cli.context import reporter
from dancegen.cli.outputs import check_file
from dancegen.errors import DancegenError, one_line
from dancegen.progress import count_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dancegen.audio.song import Song
    from dancegen.body.sequence import SkeletonSequence
    from dancegen.dances.dance_file import DanceFile
    from dancegen.dances.kits.driving import Driver
    from dancegen.people.located import LocatedBody

DRIVERS = ("picture", "avatar", "neutral")
PROMPT = "a person dances, the whole body in view, the camera stands still, natural light, fine detail"


def export_kit(
    kind: str, dance: Path, picture: Path, out: Path, *, song: Path | None, driver: str, overwrite: bool, **given: Any
) -> str:
    """Write a kit; returns what is to be said.

    Args:
        kind: one of the formats.
        dance, picture, song: files; without `song` that of the dance is taken where it lies beside the dance.
        out: the folder.
        driver: who dances in a driving video, one of DRIVERS.
        overwrite: replace a kit.
        given: `take`, `people` and `pose`, as `export` has them.
    """
    from dancegen.dances.export import chosen_dancers
    from dancegen.dances.kits.formats import FORMATS, check_folder, write_kit
    from dancegen.dances.kits.material import Material
    from dancegen.dances.read_dance import read_dance
    from dancegen.production.request import Request

    if driver not in DRIVERS:
        raise DancegenError(f"--driver {driver} is not known", f"choose {', '.join(DRIVERS[:-1])} or {DRIVERS[-1]}")
    check_file(out, "-o", overwrite, inputs=(dance, picture, given["pose"], song), folder=True)
    check_folder(out)
    made = read_dance(dance)
    line = FORMATS[kind]
    dancers = chosen_dancers(made.take(given["take"]), given["people"], str(dance), single=not line.several)
    sound = _song_of(made, dance, song)
    draws = ("avatar" if driver == "avatar" else Request.renderer) if line.drives else None
    people, renderer = _find_dancers(picture, given["pose"], len(dancers), draws)
    notes = _notes(dancers, people, line.drives)

    def drive(size: tuple[int, int]) -> Driver:
        return _driver(renderer, people, size, driver, notes)

    def make(folder: Path) -> Material:
        order = sorted(range(len(dancers)), key=lambda one: float(dancers[one].joints[:, :, 0].mean()))
        dances = tuple(dancers[one] for one in order)
        return Material(dances, tuple(people), sound, folder, out.resolve().name, PROMPT, reporter(), drive)

    written = write_kit(out, kind, make, notes)
    for note in notes:
        reporter().note(note)
    count = f" of {count_of(len(dancers), 'dancers')}" if len(dancers) > 1 else ""
    of_song = f", {one_line(sound.path.name)}" if sound else ", without a song"
    poses = count_of(written.count(line.fps), "poses")
    return f"{one_line(out)}: {poses}{count} at {line.fps:g} a second{of_song} ({kind})"


def _song_of(made: DanceFile, dance: Path, song: Path | None) -> Song | None:
    """The stretch of the song that the dance is of; the file is looked for beside the dance where it is not named."""
    from dancegen.audio.load import load_song
    from dancegen.dances.read_dance import check_song

    if song is None:
        beside = dance.parent / made.song.name if made.song else None
        if beside is None or not beside.is_file():
            return None
        try:
            check_song(made, beside, str(dance))
        except DancegenError:
            return None  # another song of that name
        song = beside
    else:
        check_song(made, song, str(dance))
    return load_song(song, made.start, made.seconds, reporter())


def _find_dancers(picture: Path, pose: Path | None, count: int, draws: str | None) -> tuple[list[LocatedBody], Any]:
    """The people of the picture for so many dancers, from left to right, and the renderer called `draws`, if any.

    Raises:
        DancegenError: there are fewer people than dancers, or as `find_people`.
    """
    from dancegen.images.picture import open_picture
    from dancegen.people.find import find_people
    from dancegen.production.backends import load_backends
    from dancegen.production.request import Request

    request = Request(Path(), picture, renderer=draws or Request.renderer)
    backends = load_backends(request, ["subject", *(["renderer"] if draws else [])], reporter())
    choice = "largest" if count == 1 else "all"
    how: dict[str, Any] = {"network": backends.subject, "choice": choice, "pose_file": pose}
    people = find_people(open_picture(picture), **how, reporter=reporter())
    if len(people) < count:
        what = f"{picture} shows {count_of(len(people), 'persons')}, the dance has {count_of(count, 'dancers')}"
        raise DancegenError(what, "choose one with --people 1, or take a picture of them all")
    chosen = sorted(people[:count], key=lambda one: float(one.middle[0]))
    return chosen, backends.drawer(request) if draws else None


def _notes(dancers: Sequence[SkeletonSequence], people: Sequence[LocatedBody], drives: bool) -> list[str]:
    """What is special about these dancers and these people."""
    from dancegen.people.located import missing_joints

    notes = []
    if not drives and all(one.hands is None for one in dancers):
        notes.append("the dance has no hands: none are drawn, and the model makes up the fingers")
    lacks = [", ".join(missing_joints(person.confidence)) for person in people]
    return [
        *notes,
        *(f"the picture does not show {missing}: they are not in the poses" for missing in lacks if missing),
    ]


def _driver(
    renderer: Any, people: Sequence[LocatedBody], size: tuple[int, int], driver: str, notes: list[str]
) -> Driver:
    """The figures of the driving video."""
    from dancegen.dances.kits.driving import Driver, is_whole, neutral_figure

    if driver != "neutral" and not all(is_whole(person) for person in people):
        notes.append("the picture does not show the whole body, which a driving video must: a neutral figure drives it")
        driver = "neutral"
    figures = people if driver != "neutral" else [neutral_figure()] * len(people)
    return Driver(renderer, figures, size)
