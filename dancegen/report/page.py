"""One self-contained HTML page about a video: what it shows, how it was made, and how to make it again."""

from __future__ import annotations

import base64
import html
import io
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from dancegen import __version__
from dancegen.audio.grid import describe_tempo
from dancegen.body.draw import draw_skeleton
from dancegen.dances.takes import COLUMNS, scores_of
from dancegen.errors import escape_lines
from dancegen.ffmpeg import QUIET, ffmpeg_program, input_arguments
from dancegen.production.warnings import Check
from dancegen.progress import count_of
from dancegen.report.plots import WIDTH, beat_plot, speed_plot, strip

if TYPE_CHECKING:
    from dancegen.production.produce import Produced

FRAMES = 12  # of the video on the page
FRAME_SIDE = 240  # pixels, their longer side
SHOWN_SECONDS = 60.0  # of the song, in the plots

STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 1220px; padding: 0 1rem; }
body { color: #222; background: #fff; }
h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; }
img { max-width: 100%; display: block; } pre { background: #f2f3f6; padding: .6rem .8rem; white-space: pre-wrap; }
table { border-collapse: collapse; } td, th { text-align: left; padding: .15rem 1.2rem .15rem 0; vertical-align: top; }
td:last-child { overflow-wrap: anywhere; }
.sheet { display: grid; grid-template-columns: repeat(6, 1fr); gap: 4px; } .sheet figure { margin: 0; }
figcaption { color: #777; font-size: .8rem; } .look { color: #a03000; } .pale { color: #777; }
"""


def write_report(path: Path, made: Produced, checks: Sequence[Check], command: str) -> None:
    """Write the page, whole or not at all.

    Args:
        path: the page (.html).
        made: the finished video and the results of its stages.
        checks: what was found before rendering.
        command: the command that makes this video again.
    """
    from dancegen.files import write_whole

    write_whole(path, report_page(made, checks, command).encode())


def report_page(made: Produced, checks: Sequence[Check], command: str) -> str:
    """The page's text; see `write_report`."""
    assert made.path is not None
    name = _text(made.path.name)
    width, height = made.size
    tempo = describe_tempo(made.grid) if made.grid.confidence else "no beat found"
    facts = f"{made.song.seconds:.1f} s, {count_of(made.frames, 'frames')} of {width}x{height}, {tempo}"
    from_what = f"{_text(made.song.path.name)} and {_text(made.subject.image.path.name)}"
    parts = [
        f"<h1>{name}</h1><p>{from_what}: {facts}</p>",
        f"<h2>The video</h2>{_sheet(made, made.path)}",
        f"<h2>The picture</h2>{_picture(made)}",
        f"<h2>The dance</h2>{_dance(made)}",
        f"<h2>The beats</h2>{_beats(made)}",
        f"<h2>Scores</h2>{_scores(made)}",
        f"<h2>Checks</h2>{_checks(checks)}",
        f"<h2>Weights</h2>{_weights(made)}",
        f"<h2>To make it again</h2><pre>{_text(command)}</pre>",
        f'<p class="pale">dancegen {__version__}</p>',
    ]
    head = f'<meta charset="utf-8"><title>{name}</title><style>{STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>\n'


def _sheet(made: Produced, video: Path) -> str:
    """Frames of the finished file, evenly spaced."""
    figures = []
    moments = (np.arange(FRAMES) + 0.5) / FRAMES * made.frames / max(made.frames / made.song.seconds, 1e-6)
    for moment in moments:
        jpeg = _frame(video, float(moment))
        if jpeg:
            source = f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
            said = f"{moment:.1f} s"
            figures.append(
                f'<figure><img src="{source}" alt="frame at {said}"><figcaption>{said}</figcaption></figure>'
            )
    return f'<div class="sheet">{"".join(figures)}</div>'


def _frame(video: Path, moment: float) -> bytes:
    scale = f"scale='if(gt(iw,ih),{FRAME_SIDE},-2)':'if(gt(iw,ih),-2,{FRAME_SIDE})'"
    command = [ffmpeg_program(), *QUIET, "-v", "error", "-ss", f"{moment:.3f}", *input_arguments(video)]
    command += ["-frames:v", "1", "-vf", scale, "-q:v", "4", "-c:v", "mjpeg", "-f", "image2pipe", "pipe:1"]
    return subprocess.run(command, capture_output=True, check=False).stdout


def _picture(made: Produced) -> str:
    """The person as they were found: joints over the picture, and the outline."""
    subject = made.subject
    pixels = subject.image.pixels
    scale = min(1.0, 420 / max(pixels.shape[:2]))
    small = Image.fromarray(pixels).resize(
        (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))), Image.Resampling.LANCZOS
    )
    mask = np.asarray(Image.fromarray((subject.mask * 255).astype(np.uint8)).resize(small.size))[..., None] / 255
    flat = np.asarray(small)
    joints = draw_skeleton(flat, subject.joints[:, :2] * scale, subject.confidence)
    outline = (flat * (0.25 + 0.75 * mask) + 200 * 0.75 * (1 - mask)).astype(np.uint8)
    found = f"<p>found by {_text(subject.detector)}</p>"
    return found + _image(np.concatenate([joints, outline], axis=1), "joints and outline of the person", jpeg=True)


def _dance(made: Produced) -> str:
    short = made.dance.resample(made.dance.fps, min(len(made.dance), round(SHOWN_SECONDS * made.dance.fps)))
    poses = _image(strip(short), "poses of the dance")
    curve = _image(speed_plot(short, made.grid.within(0.0, SHOWN_SECONDS)), "speed of the dance")
    legend = (
        "speed of elbows, wrists, knees and ankles; lines: beats, red the first of a bar; dots: the dance's own beats"
    )
    return f'{poses}{curve}<p class="pale">{legend}{_shown_part(made)}</p>'


def _beats(made: Produced) -> str:
    from dancegen.audio.comb import onset_strength
    from dancegen.audio.song import SAMPLE_RATE
    from dancegen.audio.spectrum import FRAME_RATE

    seconds = min(made.song.seconds, SHOWN_SECONDS)
    onset = onset_strength(made.song.samples[: round(seconds * SAMPLE_RATE)])
    plot = _image(beat_plot(onset, FRAME_RATE, made.grid, seconds), "onsets and beats of the song")
    sure = f"confidence {made.grid.confidence:.2f}"
    said = "how strongly sounds set in, with the beats, numbers of bars, and the tempo above"
    return f'{plot}<p class="pale">{said}; {sure}{_shown_part(made)}</p>'


def _shown_part(made: Produced) -> str:
    return f"; the first {SHOWN_SECONDS:.0f} s" if made.song.seconds > SHOWN_SECONDS else ""


def _scores(made: Produced) -> str:
    scores = scores_of(made.dance, made.grid.times)
    rows = [(name, form.format(scores[key])) for name, (key, form) in COLUMNS.items()]
    said = "hit rate and coverage in % of beats, BC 0 to 1, energy in body heights a second, skate 1 = real dancers"
    return f'{_table(rows)}<p class="pale">{said}; definitions in dancegen/dances/metrics.py</p>'


def _checks(checks: Sequence[Check]) -> str:
    rows = []
    for check in checks:
        cells = "".join(f"<td>{_text(cell)}</td>" for cell in (check.name, check.verdict, check.line))
        rows.append(f'<tr class="{check.verdict}">{cells}</tr>')
    return f"<table>{''.join(rows)}</table>"


def _weights(made: Produced) -> str:
    return _table(weights_rows(made.facts, made.subject.detector))


def _table(rows: Sequence[Sequence[str]]) -> str:
    cells = ["".join(f"<td>{_text(cell)}</td>" for cell in row) for row in rows]
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>" if cells else ""


def _image(pixels: np.ndarray, alt: str, jpeg: bool = False) -> str:
    file = io.BytesIO()
    picture = Image.fromarray(pixels)
    if jpeg:
        picture.save(file, "JPEG", quality=85)
    else:
        picture.quantize(64, Image.Quantize.FASTOCTREE).save(file, "PNG", optimize=True)
    kind = "jpeg" if jpeg else "png"
    data = base64.b64encode(file.getvalue()).decode()
    return f'<img src="data:image/{kind};base64,{data}" alt="{_text(alt)}" width="{min(pixels.shape[1], WIDTH)}">'


def _text(value: str) -> str:
    return html.escape(escape_lines(str(value)))


def weights_rows(facts: Mapping[str, Any], detector: str) -> list[tuple[str, str, str, str]]:
    """(role, file, licence, sha256) of the weights that made a video. The content tells a file, not its name.

    Args:
        facts: the video's comment.
        detector: who found the person.
    """
    from dancegen.production.backends import JOBS
    from dancegen.weights.manifest import load_manifest

    entries = load_manifest()
    licences = {entry.sha256: entry.licence for entry in entries}
    rows = []
    for job in JOBS:
        made = {role: stored for role, stored in facts["weights"].items() if role.split(".")[0] == job}
        for role, stored in made.items():
            licence = licences.get(stored["sha256"], "not a file of this dancegen")
            rows.append((role, stored["name"], licence, stored["sha256"]))
        if not made:
            rows.append((job, _without(job, facts, detector), "", ""))
    if "dwpose" in detector:
        models = [entry for entry in entries if entry.role == "detector"]
        rows += [(entry.role, Path(entry.filename).name, entry.licence, entry.sha256) for entry in models]
    return rows


def _without(role: str, facts: Mapping[str, Any], detector: str) -> str:
    """What did a role's work where no weights of it did."""
    if role == "renderer":
        return "none: the skeleton only" if facts.get("preview") else "none: the analytic puppet"
    if role == "choreographer":
        return f"none: the dance is {facts.get('dance', {}).get('style', 'given')}"
    return f"none: {detector}"
