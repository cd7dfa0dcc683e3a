"""`dancegen doctor`: what there is, what is missing, and what to do about it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from dancegen.cli.context import Outcome
from dancegen.cli.tables import PLAIN_WIDTH
from dancegen.errors import DancegenError
from dancegen.progress import count_of

FINE, OPTIONAL, BROKEN = "ok", "-", "!!"
LITTLE_ROOM = 2 << 30  # bytes


@dataclass(frozen=True)
class Finding:
    """One line: how it stands (FINE, OPTIONAL: missing but not needed, BROKEN), what, the facts, the remedy."""

    state: str
    what: str
    facts: str
    remedy: str = ""


def doctor() -> Outcome:
    """Tell what there is: device, ffmpeg, weights, person detectors, folders. Exit status 1 if something is broken."""
    from rich.table import Table

    table = Table("", "what", box=None, pad_edge=False, width=None if sys.stdout.isatty() else PLAIN_WIDTH)
    table.add_column("found", overflow="fold")  # paths are shown whole
    table.add_column("remedy", overflow="fold")
    findings = [finding for check in CHECKS for finding in _guard(check)]
    for finding in findings:
        table.add_row(finding.state, finding.what, finding.facts, finding.remedy)
    return Outcome(table, int(any(finding.state == BROKEN for finding in findings)))


def _guard(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """A check that fails is a finding, not the end of the examination."""
    name = check.__name__.strip("_").replace("_", " ")
    try:
        yield from check()
    except Exception as error:
        yield Finding(
            BROKEN, name, f"{type(error).__name__}: {error}", getattr(error, "remedy", "install dancegen again")
        )


def _programs() -> Iterator[Finding]:
    from dancegen import __version__

    system = f"{platform.system()} {platform.machine()}, {count_of(os.cpu_count() or 1, 'cores')}"
    yield Finding(
        FINE, "dancegen", f"{__version__} in {Path(sys.prefix)}, Python {platform.python_version()}, {system}"
    )


def _device() -> Iterator[Finding]:
    import torch

    from dancegen.device import available_devices

    best = available_devices()[0]
    facts = f"torch {torch.__version__}, {count_of(torch.get_num_threads(), 'threads')}, --device auto is {best}"
    if best == "cuda":
        yield Finding(FINE, "device", f"{facts} ({torch.cuda.get_device_name()})")
    elif shutil.which("nvidia-smi"):
        yield Finding(OPTIONAL, "device", facts, "there is an NVIDIA GPU: install a CUDA build of torch to use it")
    else:
        yield Finding(FINE, "device", facts)


def _ffmpeg() -> Iterator[Finding]:
    import subprocess

    from dancegen.ffmpeg import ffmpeg_program, ffmpeg_version

    program = ffmpeg_program()
    encoders = subprocess.run([program, "-hide_banner", "-encoders"], capture_output=True, text=True, check=True).stdout
    missing = [name for name in ("libx264", "aac", "libvpx-vp9", "libopus") if f" {name} " not in encoders]
    facts = f"{ffmpeg_version()}, {program}"
    if missing:
        remedy = "unset IMAGEIO_FFMPEG_EXE or point it at a full build"
        yield Finding(BROKEN, "ffmpeg", f"{facts}, without {', '.join(missing)}", remedy)
    else:
        yield Finding(FINE, "ffmpeg", facts)


def _beats() -> Iterator[Finding]:
    from dancegen.audio.tracker import import_librosa

    try:
        import_librosa()
    except ImportError as error:
        yield Finding(BROKEN, "librosa", f"cannot be imported: {error}", "install dancegen again")
    else:
        yield Finding(FINE, "librosa", "beats without the network")


def _weights() -> Iterator[Finding]:
    from dancegen.weights.manifest import load_manifest, readable_size
    from dancegen.weights.resolve import defaults
    from dancegen.weights.verify import rechecked_sha256

    entries = load_manifest()
    for entry in entries:
        what, size = f"{entry.role}: {entry.name}", readable_size(entry.size)
        if entry.source == "hub":
            yield _hub_weights(what, size, entry)
        elif not entry.package_path.is_file():
            yield Finding(BROKEN, what, f"{entry.package_path} is missing", "install dancegen again")
        elif rechecked_sha256(entry.package_path) == entry.sha256:
            yield Finding(FINE, what, f"{size}, sha256 {entry.sha256[:12]}... as it should be")
        else:
            yield Finding(BROKEN, what, f"{entry.package_path} has another sha256", "install dancegen again")
    own = defaults()
    yield from _find_unfilled({entry.role for entry in entries} | own.keys())
    for role, path in own.items():
        if path.is_file():
            yield Finding(FINE, f"{role}: your own", str(path))
        else:
            remedy = f"put it back or run `dancegen weights use --shipped {role}`"
            yield Finding(BROKEN, f"{role}: your own", f"{path} is gone", remedy)


BARE = {"renderer": "draws", "beats": "finds beats, but no bars"}  # what a backend without its weights does


def _find_unfilled(filled: Collection[str]) -> Iterator[Finding]:
    """The networks that nothing is there for; the usual choreographer has no stand-in."""
    from dancegen.registry import BACKENDS

    for job, lines in BACKENDS.items():
        for name, line in lines.items():
            if not line.config or line.weights in filled:
                continue
            remedy = f"run `dancegen weights use FILE`, or give --weights {line.weights}=FILE, for your own"
            if job == "choreographer" and name == next(iter(lines)):
                remedy = "install dancegen again, or render with --dance FILE"
                yield Finding(BROKEN, line.weights, "no weights", remedy)
            else:
                instead = f"the bare {name} {BARE[job]}" if line.bare else "others do its work"
                yield Finding(OPTIONAL, line.weights, f"no weights: {instead}", remedy)


def _hub_weights(what: str, size: str, entry: object) -> Finding:
    from dancegen.weights import hub
    from dancegen.weights.manifest import Entry
    from dancegen.weights.verify import checked_sha256

    assert isinstance(entry, Entry)
    path = hub.find_cached(entry)
    fetch = f"run `dancegen weights download {entry.name}` to have it"
    if path is None:
        return Finding(OPTIONAL, what, f"{size}, not downloaded from {entry.repo_id}", fetch)
    if checked_sha256(path) == entry.sha256:
        return Finding(FINE, what, f"{size}, sha256 {entry.sha256[:12]}... as it should be")
    return Finding(BROKEN, what, f"{path} has another sha256", fetch)


def _backends() -> Iterator[Finding]:
    """Every line of the registry, with what it needs; weights are told apart."""
    from dancegen.registry import BACKENDS

    for role, lines in BACKENDS.items():
        for name, line in lines.items():
            if not line.missing and line.module == "mediapipe":
                yield _mediapipe(line.says)
            elif not line.missing:
                yield Finding(FINE, role if role in ("beats", "capture") else f"--{role} {name}", line.says)
            elif line.module == "mediapipe" and sys.version_info >= (3, 13):
                remedy = "for better masks of photos use Python 3.12 and dancegen[mediapipe]"
                yield Finding(OPTIONAL, f"--{role} {name}", f"{line.says}; has no release for this Python", remedy)
            else:
                lacks, remedy = line.missing.split(": ", 1)
                yield Finding(OPTIONAL, f"--{role} {name}", f"{line.says}; {lacks}", remedy)


def _mediapipe(says: str) -> Finding:
    """The one that is installed; another package's numpy or protobuf may have broken it."""
    from dancegen.people.detectors.mediapipe import check, is_available

    try:
        check()
    except DancegenError as cause:
        return Finding(BROKEN if is_available() else OPTIONAL, "--detector mediapipe", cause.what, cause.remedy)
    return Finding(FINE, "--detector mediapipe", says)


def _folders() -> Iterator[Finding]:
    from dancegen.weights.hub import cache_folder

    folders = (  # what is in a cache that cannot be written to is used all the same; nothing works without the other
        ("weights cache", cache_folder(), OPTIONAL, "set HF_HOME to another folder"),
        ("temporary files", Path(tempfile.gettempdir()), BROKEN, "set TMPDIR to another folder"),
    )
    for what, folder, closed, remedy in folders:
        there = next(parent for parent in (folder, *folder.parents) if parent.exists())
        free = shutil.disk_usage(there).free
        facts = f"{folder}, {free / 1e9:.1f} GB free"
        if not os.access(there, os.W_OK):
            yield Finding(closed, what, f"{facts}, cannot be written to", remedy)
        elif free < LITTLE_ROOM:
            yield Finding(OPTIONAL, what, facts, f"that is little: free some or {remedy}")
        else:
            yield Finding(FINE, what, facts)


CHECKS = (_programs, _device, _ffmpeg, _beats, _weights, _backends, _folders)
COMMANDS = {"doctor": doctor}
