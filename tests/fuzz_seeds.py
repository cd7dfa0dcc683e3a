"""Whole inputs of every kind, small, from which `fuzz_inputs` makes broken ones."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image, ImageCms
from tiny import save_tiny_choreographer
from workbench_tools import dance_file

from dancegen.assets.example import PICTURE, POSE
from dancegen.dances.dance_file import to_text
from dancegen.dances.export import fit, place, write
from dancegen.ffmpeg import ffmpeg_program
from dancegen.production.request import Request

SMALL_HEIC = Path(__file__).parent / "data" / "faults" / "small.heic"


def sounds(folder: Path) -> None:
    """A second of noise and a tone in every container that is read."""
    rng = np.random.default_rng(0)
    samples = (0.3 * np.sin(np.arange(11_025) / 7) + rng.normal(0, 0.02, 11_025)).astype(np.float32)
    for name, how in (("a.wav", "PCM_16"), ("float.wav", "FLOAT"), ("a.flac", None), ("a.ogg", None), ("a.aiff", None)):
        soundfile.write(folder / name, np.stack([samples, samples[::-1]], axis=1), 11_025, subtype=how)
    for name in ("a.mp3", "a.m4a", "a.mka", "a.avi", "a.ts", "a.wma", "a.wv", "a.au", "a.ac3", "a.caf", "a.w64"):
        command = [ffmpeg_program(), "-v", "error", "-y", "-i", folder / "a.wav", folder / name]
        subprocess.run(command, check=True)
    (folder / "list.m3u8").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:3,\na.wav\n")


def pictures(folder: Path) -> None:
    """A figure of a few thousand pixels in every format and mode."""
    figure = Image.open(PICTURE).convert("RGB").resize((60, 90))
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a figure"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    figure.save(folder / "a.png", icc_profile=profile)
    figure.save(folder / "a.jpg", exif=exif, icc_profile=profile)
    figure.convert("CMYK").save(folder / "cmyk.jpg", progressive=True)
    figure.save(folder / "a.webp")
    figure.convert("RGBA").save(folder / "alpha.webp", lossless=True)
    for name in ("a.bmp", "a.ppm", "a.avif", "a.jp2", "a.gif"):
        figure.save(folder / name)
    for compression in ("tiff_lzw", "jpeg", "raw", "tiff_adobe_deflate"):
        figure.save(folder / f"{compression}.tif", compression=compression, exif=exif, icc_profile=profile)
    Image.fromarray(np.asarray(figure.convert("F"))).save(folder / "float.tif")
    Image.fromarray(np.asarray(figure.convert("L"), np.uint16) * 257).save(folder / "deep.png")
    figure.quantize(8).save(folder / "palette.png", transparency=3)
    for name in ("moving.gif", "moving.png", "moving.webp"):
        figure.save(folder / name, save_all=True, append_images=[figure.rotate(9), figure.rotate(20)])
    (folder / "a.heic").write_bytes(SMALL_HEIC.read_bytes())
    (folder / "a.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n%%EndComments\nshowpage\n")


def poses(folder: Path) -> None:
    """Keypoints as OpenPose, COCO's lists and editors write them."""
    stored = json.loads(POSE.read_text())
    (folder / "a.json").write_text(json.dumps(stored))
    body = stored["people"][0]["pose_keypoints_2d"]
    many = [{"image_id": f"{n}.png", "category_id": 1, "keypoints": body[:51], "score": 0.9} for n in range(4)]
    (folder / "coco.json").write_text(json.dumps(many))
    (folder / "frames.json").write_text(json.dumps([stored] * 4))
    editor = {"width": 480, "height": 720, "keypoints": [body[n : n + 2] for n in range(0, 54, 3)]}
    (folder / "editor.json").write_text(json.dumps(editor))


def dances(folder: Path) -> None:
    """Dance files of one take and of two."""
    for takes in (1, 2):
        (folder / f"{takes}.dance.json").write_text(to_text(dance_file(takes, 0.6)))


def tables(folder: Path) -> None:
    """Pairs for a batch, and beats."""
    (folder / "a.csv").write_text("song,picture,seed,style\na.wav,me.png,7,tango\nb.wav,you.png,,\n")
    (folder / "plain.csv").write_text("a.wav;me.png\nb.wav;you.png\n")
    (folder / "beats.txt").write_text("# beats\n" + "".join(f"{beat / 2:.3f}\n" for beat in range(12)))


def checkpoints(folder: Path) -> None:
    """A choreographer of a few thousand numbers."""
    save_tiny_choreographer(folder / "a.safetensors", {"step": 1})


def motions(folder: Path) -> None:
    """What `export` writes and `import` reads again, with depth."""
    dance = replace(dance_file(1, 0.6).takes[0].skeleton, yaw=np.zeros(18, np.float32))
    pixels = place(dance, fit(dance, 200, 300))
    for kind in ("npz", "csv", "bvh"):
        write(folder / f"a.{kind}", kind, dance, [pixels], (200, 300))


def requests(folder: Path) -> None:
    """Whole ones and parts."""
    whole = Request(Path("a.wav"), Path("a.png"), style="tango", canvas="320x240", camera="push,cuts")
    (folder / "whole.json").write_text(json.dumps(whole.to_json()))
    (folder / "part.json").write_text('{"fps": 24, "crf": 20, "turns": 0.5, "people": "1,3", "background": "#00ff00"}')


def pipes(folder: Path) -> None:
    """Names of every kind of file, for pipes that nobody writes into."""
    for name in ("sound.wav", "picture.png", "pose.json", "dance.json", "table.csv", "table.txt", "request.json"):
        (folder / name).write_bytes(b"")
    for name in ("checkpoint.safetensors", "motion.npz", "motion.csv", "motion.bvh", "motion.json"):
        (folder / name).write_bytes(b"")


SEEDS: dict[str, Callable[[Path], None]] = {
    "sound": sounds,
    "picture": pictures,
    "pose": poses,
    "dance": dances,
    "table": tables,
    "checkpoint": checkpoints,
    "motion": motions,
    "request": requests,
    "pipe": pipes,
}
