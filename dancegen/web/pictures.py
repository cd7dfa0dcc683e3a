"""Pictures: who is in them, and what was corrected by hand: `NAME.pose.json` and `NAME.mask.png` beside the picture."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dancegen.body.joints import V
from dancegen.body.openpose import people_json, person_json
from dancegen.errors import DancegenError
from dancegen.files import write_whole
from dancegen.images.picture import open_picture
from dancegen.people.find import find_people
from dancegen.people.located import LocatedBody
from dancegen.people.pose_file import read_mask
from dancegen.production.checks import check_body
from dancegen.production.warnings import LOOK, check_figure, check_limbs, check_size
from dancegen.web.studio import Studio, stamp
from dancegen.web.work import Job

JPEG_QUALITY = 90  # of a picture as the page shows it
MOST_PEOPLE = 64


def corrections(picture: Path, number: int | None = None) -> tuple[Path, Path]:
    """Where the joints of a picture and the outline of a person (None: the only one) are kept when corrected."""
    mask = f"{picture.stem}.mask.png" if number is None else f"{picture.stem}.{number}.mask.png"
    return picture.with_name(f"{picture.stem}.pose.json"), picture.with_name(mask)


def find(studio: Studio, name: str, job: Job) -> list[LocatedBody]:
    """Everybody in a picture, the largest first, as found or as corrected; looked for once."""
    with studio.finding:
        return _find(studio, name, job)


def _find(studio: Studio, name: str, job: Job) -> list[LocatedBody]:
    picture = studio.project.path("pictures", name)
    pose = corrections(picture)[0]
    masks = [corrections(picture, number)[1] for number in (None, *range(1, 10))]
    key = stamp(picture, pose, *masks)
    known = studio.people.get(key)
    if known is not None:
        return list(known)
    request = studio.request(picture=picture, pose=pose if pose.exists() else None)
    backends = studio.backends(request, ["subject"], job)
    job.stage("finding people")
    image = open_picture(picture)
    found = find_people(
        image, network=backends.subject, choice="all", pose_file=request.pose, detector=None, reporter=job
    )
    return list(studio.people.put(key, _with_masks(found, picture)))


def _with_masks(found: list[LocatedBody], picture: Path) -> list[LocatedBody]:
    """People with the outlines that were painted."""
    from dataclasses import replace

    painted = []
    for number, body in enumerate(found, 1):
        mask = mask_file(picture, number, len(found))
        painted.append(replace(body, mask=read_mask(mask, body.picture)) if mask.exists() else body)
    return painted


def mask_file(picture: Path, number: int, people: int) -> Path:
    """The painted outline of a person; `people`: how many there are."""
    return corrections(picture, None if people == 1 else number)[1]


def tell(studio: Studio, name: str, found: Sequence[LocatedBody]) -> dict[str, Any]:
    """People as the page takes them; joints in pixels of the picture as it is shown."""
    picture = studio.project.path("pictures", name)
    people = []
    for number, body in enumerate(found, 1):
        points = np.concatenate([body.joints, body.confidence[:, None]], axis=1)  # (V, 3)
        checks = (check_body(body), check_limbs(body), check_figure(body), check_size(body))
        looks = [check.found for check in checks if check.verdict == LOOK]
        mended = mask_file(picture, number, len(found)).exists()
        people.append({"joints": points.round(2).tolist(), "looks": looks, "painted": mended, "by": body.detector})
    size, notes = found[0].picture.size, list(found[0].picture.notes)
    return {"size": size, "people": people, "mended": corrections(picture)[0].exists(), "notes": notes}


def as_jpeg(studio: Studio, name: str) -> bytes:
    """A picture as any browser shows it: upright, sRGB, no larger than it is worked on."""
    pixels = open_picture(studio.project.path("pictures", name)).pixels
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def as_mask(body: LocatedBody) -> bytes:
    """The outline of a person as a PNG, white on black."""
    buffer = io.BytesIO()
    Image.fromarray(np.round(body.mask * 255).astype(np.uint8)).save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()


def keep_joints(studio: Studio, name: str, people: Any) -> None:
    """Write the joints that were moved, hidden, or placed by hand where nobody was found.

    Args:
        people: lists of (x, y, confidence) of the 18 joints, pixels of the picture; confidence 0 hides one.

    Raises:
        DancegenError: they are something else.
    """
    picture = studio.project.path("pictures", name)
    bodies = [_joints(person) for person in people] if isinstance(people, list) and len(people) <= MOST_PEOPLE else []
    if not bodies:
        raise DancegenError("these are no people", "reload the page")
    size = open_picture(picture).size
    content = people_json([person_json(body, None, None, whole=False) for body in bodies], size)
    write_whole(corrections(picture)[0], json.dumps(content).encode())


def _joints(person: Any) -> np.ndarray:
    """One person's joints, (V, 3) float64."""
    try:
        points = np.asarray(person, np.float64)
    except (ValueError, TypeError, OverflowError) as cause:
        raise DancegenError("a joint is no x, y and confidence", "reload the page") from cause
    if points.shape != (V, 3) or not np.isfinite(points).all() or np.abs(points).max() > 1e5:
        raise DancegenError(f"a person has {V} joints of x, y and confidence", "reload the page")
    points[:, 2] = points[:, 2].clip(0, 1)
    return points


def keep_mask(studio: Studio, name: str, number: int, found: Sequence[LocatedBody], content: bytes) -> None:
    """Write the outline that was painted, after a look whether it is one."""
    picture = studio.project.path("pictures", name)
    if not 1 <= number <= len(found):
        raise DancegenError(f"there is no person {number} in {name}", "reload the page")
    out = mask_file(picture, number, len(found))
    trial = out.with_name(f".{out.name}.trial.png")
    try:
        trial.write_bytes(content)
        read_mask(trial, found[0].picture)
        write_whole(out, content)
    finally:
        trial.unlink(missing_ok=True)


def forget(studio: Studio, name: str) -> None:
    """Remove what was corrected: the picture is as it was found."""
    picture = studio.project.path("pictures", name)
    for path in (corrections(picture)[0], *(corrections(picture, number)[1] for number in (None, *range(1, 65)))):
        path.unlink(missing_ok=True)


def parse_choice(choice: str, people: int) -> list[int]:
    """The numbers of those who dance, of so many people in a picture."""
    if choice == "all":
        return list(range(1, people + 1))
    numbers = [int(part) for part in choice.split(",") if part.strip().isdigit()]
    return sorted({number for number in numbers if number <= people}) or [1]


def dancers(studio: Studio, name: str, job: Job) -> list[LocatedBody]:
    """Those who dance of the people in a picture."""
    found = find(studio, name, job)
    choice = str(studio.project.state["people"].get(name, "largest"))
    return [found[number - 1] for number in parse_choice(choice, len(found))]


def files_of(studio: Studio, name: str, found: Sequence[LocatedBody]) -> dict[str, Any]:
    """What a request says about a picture: itself, who dances, and the files of what was corrected."""
    picture = studio.project.path("pictures", name)
    choice = str(studio.project.state["people"].get(name, "largest"))
    values: dict[str, Any] = {"picture": picture, "people": choice}
    pose = corrections(picture)[0]
    values |= {"pose": pose} if pose.exists() else {}
    numbers = parse_choice(choice, len(found))
    if len(numbers) == 1:
        mask = mask_file(picture, numbers[0], len(found))
        values |= {"mask": mask} if mask.exists() else {}
    return values
