"""A piece as a standard MIDI file, played by fluidsynth with a General MIDI sound font (FluidR3, MIT licence)."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from dancegen.lab.synthetic.songs.piece import RATE, Piece

FONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")  # where Debian's package fluid-soundfont-gm puts it
TICKS = 1000  # a second
SHORTEST = 40  # ticks of a note
VOLUME = 7  # the controller's number


def can_play() -> bool:
    """Whether fluidsynth and its sound font are installed."""
    return bool(shutil.which("fluidsynth")) and FONT.exists()


def play(piece: Piece, seconds: float, levels: dict[int, float]) -> np.ndarray:
    """(N,) float32 mono at RATE; `levels` is the loudness of each part, 0..1."""
    with tempfile.TemporaryDirectory() as folder:
        score, sound = Path(folder) / "piece.mid", Path(folder) / "piece.raw"
        score.write_bytes(midi_bytes(piece, levels))
        command = ["fluidsynth", "-ni", "-q", "-g", "0.5", "-r", str(RATE), "-o", "synth.dynamic-sample-loading=1"]
        command += ["-o", "synth.chorus.active=0", "-o", "synth.reverb.active=0", "-O", "s16", "-T", "raw"]
        subprocess.run([*command, "-F", str(sound), str(FONT), str(score)], check=True, capture_output=True)
        stereo = np.frombuffer(sound.read_bytes(), "<i2").reshape(-1, 2).astype(np.float32) / 32768
    mono = stereo.mean(axis=1)
    out = np.zeros(round(seconds * RATE), np.float32)
    out[: min(len(mono), len(out))] = mono[: len(out)]
    return out


def midi_bytes(piece: Piece, levels: dict[int, float]) -> bytes:
    """One track at TICKS a second."""
    events: list[tuple[int, int, bytes]] = []
    for part, program in piece.programs.items():
        volume = round(127 * min(levels.get(part, 0.8), 1))
        events += [(0, 0, bytes([0xC0 | part, program])), (0, 0, bytes([0xB0 | part, VOLUME, volume]))]
    for note in piece.notes:
        pitch, loud = int(np.clip(note.pitch, 0, 127)), int(np.clip(round(127 * note.loud), 1, 127))
        begin, length = round(note.start * TICKS), max(round(note.seconds * TICKS), SHORTEST)
        events.append((begin, 2, bytes([0x90 | note.part, pitch, loud])))
        events.append((begin + length, 1, bytes([0x80 | note.part, pitch, 0])))
    events.sort(key=lambda event: event[:2])
    body, at = bytearray(b"\x00\xff\x51\x03" + (1_000_000).to_bytes(3, "big")), 0  # a quarter note is a second
    for tick, _, data in events:
        body += _variable_bytes(tick - at) + data
        at = tick
    body += b"\x00\xff\x2f\x00"
    head = b"MThd" + (6).to_bytes(4, "big") + b"".join(number.to_bytes(2, "big") for number in (0, 1, TICKS))
    return head + b"MTrk" + len(body).to_bytes(4, "big") + bytes(body)


def _variable_bytes(value: int) -> bytes:
    """MIDI's number of as many bytes as it needs."""
    out = [value & 0x7F]
    while value := value >> 7:
        out.append(0x80 | (value & 0x7F))
    return bytes(reversed(out))
