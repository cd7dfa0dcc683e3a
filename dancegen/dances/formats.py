"""What a dance can be written as, `export --as FORMAT`: one line a format; kits for animators are in `kits.formats`."""

from __future__ import annotations

from dataclasses import dataclass

from dancegen.dances.kits.formats import FORMATS as KITS


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        ending: of the file, by which it is chosen where none is named; empty for a folder.
        says: what is in it.
        single: whether it holds one dancer only.
    """

    ending: str
    says: str
    single: bool = False


FORMATS = {
    "openpose": Format("", "a folder of OpenPose JSON files"),
    "comfyui": Format(".json", "ComfyUI's POSE_KEYPOINT"),
    "video": Format(".mp4", "a pose video for ControlNet"),
    "npz": Format(".npz", "arrays for numpy", single=True),
    "csv": Format(".csv", "a table", single=True),
    "bvh": Format(".bvh", "a skeleton for Blender and other 3D programs", single=True),
}
NAMES = (*FORMATS, *KITS)
