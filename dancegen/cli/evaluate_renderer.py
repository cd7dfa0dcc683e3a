"""`dancegen evaluate renderer`: copy, puppet, avatar and networks, measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def command(
    frames: Annotated[Path | None, typer.Option(help="Training frames; their validation scenes are rendered.")] = None,
    pairs: Annotated[
        list[Path] | None, typer.Option(help="A folder of pictures of one person in one place, or a video; repeatable.")
    ] = None,
    turned: Annotated[
        Path | None,
        typer.Option(help="The folder of characters, backgrounds and dances: held-out people from every side."),
    ] = None,
    weights: Annotated[
        list[str] | None,
        typer.Option(help="Weights of the puppet or the avatar, a name or a file; repeatable. The default if none."),
    ] = None,
    scenes: Annotated[int, typer.Option(help="How many validation scenes.", min=1)] = 24,
    every: Annotated[float, typer.Option(help="Seconds between the frames taken from a video.", min=0.01)] = 1.0,
    judge: Annotated[bool, typer.Option(help="Let mediapipe judge the poses, where it is installed.")] = True,
    json: Annotated[Path | None, typer.Option(help="Write all figures here.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Write a contact sheet here.")] = None,
) -> Any:
    """Compare copying the picture, the puppet, the avatar and networks, on synthetic people and on real pairs, at 256.

    PSNR and SSIM over the frame; L1 and sharpness (gradient energy, made / real) inside the person; ghost: error where
    the person stood; PCK by mediapipe; flicker of the background, made / real.
    """
    import torch
    from rich.console import Group

    from dancegen.cli.context import reporter
    from dancegen.cli.outputs import check_file
    from dancegen.errors import DancegenError
    from dancegen.lab.evaluate import renderer as evaluation
    from dancegen.renderers.avatar.renderer import load as load_avatar
    from dancegen.renderers.puppet.renderer import PuppetRenderer
    from dancegen.renderers.retouch.generator import load_generator
    from dancegen.weights.checkpoint import CONFIG_KEY, read_metadata
    from dancegen.weights.resolve import weights_path

    inputs: list[Path | str | None] = [frames, turned, *(pairs or []), *(weights or [])]
    if json is not None:
        check_file(json, "--json", True, inputs=inputs)
    if plot is not None:
        check_file(plot, "--plot", True, inputs=inputs, others=[json])
    if frames is None and not pairs and turned is None:
        raise DancegenError("there is nothing to evaluate on", "give --frames, --pairs or --turned")
    methods = {"copy": evaluation.copy_method(), "puppet": evaluation.renderer_method(PuppetRenderer())}
    methods["avatar"] = evaluation.renderer_method(load_avatar(None, torch.device("cpu")))
    for name in weights or ["renderer"]:
        path = Path(name) if Path(name).is_file() else weights_path(name, offline=False, reporter=reporter())
        is_avatar = read_metadata(path).get(CONFIG_KEY, {}).get("class") == "ShellConfig"
        drawer = load_avatar(path, torch.device("cpu")) if is_avatar else PuppetRenderer(load_generator(path))
        methods[Path(name).stem] = evaluation.renderer_method(drawer)
    groups: dict[str, list[evaluation.Clip]] = {}
    if frames is not None:
        groups["synthetic validation people"] = evaluation.synthetic_clips(frames, scenes)
    real = [clip for path in pairs or [] for clip in evaluation.real_clips(path, every=every, reporter=reporter())]
    groups |= {clip.name: [clip] for clip in real}
    if len(real) > 1:
        groups |= evaluation.split_clips(real)
    if turned is not None:
        from dancegen.lab.evaluate.turned import mirror_method, turned_clips
        from dancegen.lab.synthetic.make import start_painter

        methods["mirrored puppet"] = mirror_method(methods["puppet"])
        for band, clips in turned_clips(turned, start_painter(), scenes).items():
            groups[f"turned by {band} degrees"] = clips
    tables: list[Any] = []
    everything: dict[str, Any] = {}
    for title, clips in groups.items():
        results = evaluation.evaluate(methods, clips, evaluation.mediapipe_judge() if judge else None, reporter())
        everything |= results
        tables.append(_table(title, results, {clip.name: len(clip.pairs) for clip in clips}))
    if len(real) > 1:
        counts = {clip.name: len(clip.pairs) for clip in real}
        tables.append(_table("all real pairs", {name: everything[name] for name in counts}, counts))
    if json is not None:
        evaluation.write_json(json, everything)
    if plot is not None:
        evaluation.contact_sheet(methods, [clip for clips in groups.values() for clip in clips], plot)
    return Group(*tables)


def _table(title: str, results: dict[str, dict[str, dict[str, float]]], pairs: dict[str, int]) -> Any:
    """Means over the pairs of a group, one row a method; `pairs` says how many each clip has."""
    from rich.table import Table

    from dancegen.lab.evaluate.renderer import MEASURES

    table = Table("", *MEASURES, title=title)
    for method in next(iter(results.values())):
        row = []
        for measure in MEASURES:
            values = [(clip[method][measure], pairs[name]) for name, clip in results.items() if measure in clip[method]]
            row.append(f"{sum(v * n for v, n in values) / sum(n for _, n in values):.4f}" if values else "")
        table.add_row(method, *row)
    return table
