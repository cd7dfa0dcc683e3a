"""What an option is called and means is the same in every command, in `Request` and in README."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest
import typer
from conftest import ROOT

from dancegen.cli.main import _build
from dancegen.cli.options import OF_REQUEST
from dancegen.production.request import Request

DEFAULTS = {one.name: None if one.default is MISSING else one.default for one in fields(Request)}
# Where a command's option has the name of an attribute of `Request` and another help or default, and why.
OWN = {
    "subject": {"picture", "people"},  # several people; all of them, as nobody is to be chosen yet
    "dance": {"style", "take", "force", "picture"},  # styles by bars; with --redo; of who dances
    "export": {"dance", "take", "people", "canvas", "picture", "pose", "fps", "song"},  # of poses, not of a video
    "import": {"song", "start", "fps", "canvas"},
    "style learn": {"people", "steps"},  # in a clip; of the training
    "capture": {"start", "duration", "fps", "people", "song"},  # of a clip
    "bench": {"picture"},
}
SAME = ("people", "formation", "background", "canvas", "fit", "camera", "turns", "style_amount", "detector", "renderer")


def walk(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    if hasattr(command, "commands"):
        for word, inner in command.commands.items():
            yield from walk(inner, (*words, word))
    else:
        yield " ".join(words), command


COMMANDS = dict(walk(typer.main.get_command(_build())))
RENDER = {one.name: one for one in COMMANDS["render"].params}
VIDEOS = {"render": (), "check": (), "batch": ("song", "picture", "beats", "dance", "take", "force", "pose", "mask")}


def test_render_has_an_option_for_every_attribute_of_a_request() -> None:
    assert set(OF_REQUEST) == set(DEFAULTS) <= set(RENDER)
    for name, default in DEFAULTS.items():
        assert RENDER[name].default == (None if name == "weights" else default), name
        if name not in ("song", "picture"):
            assert RENDER[name].opts == [f"--{name.replace('_', '-')}"] and RENDER[name].help


@pytest.mark.parametrize("command", [name for name in COMMANDS if name.split()[0] not in ("train", "evaluate")])
def test_an_option_of_a_request_means_the_same_in_every_command(command: str) -> None:
    own = OWN.get(command, set())
    for one in COMMANDS[command].params:
        if one.name not in OF_REQUEST:
            continue
        reference = RENDER[one.name]
        alike = (getattr(one, "help", ""), one.default) == (getattr(reference, "help", ""), reference.default)
        assert one.name in own or alike, f"{command} --{one.name}"
        if one.name in SAME:
            assert one.opts == reference.opts
    assert own <= {one.name for one in COMMANDS[command].params}, "what is listed above is there"


@pytest.mark.parametrize(("command", "without"), VIDEOS.items())
def test_who_makes_videos_has_all_options(command: str, without: tuple[str, ...]) -> None:
    names = {one.name for one in COMMANDS[command].params}
    assert set(OF_REQUEST) - set(without) <= names


@pytest.mark.parametrize("name", ["renderer", "choreographer", "detector"])
def test_trainings_and_evaluations_have_the_registrys_names(name: str) -> None:
    """`train NAME` and `evaluate NAME` know what `--choreographer NAME` and `--renderer NAME` name."""
    from dancegen.registry import ALIASES, BACKENDS

    words = {command.split()[1] for command in COMMANDS if command.split()[0] in ("train", "evaluate")}
    trained = {backend: line for backend, line in BACKENDS[name].items() if line.config}
    for backend, line in trained.items():
        short = {old for old, full in ALIASES.items() if full == line.weights}
        assert words & {backend, line.weights, *short}, backend


def test_readme_lists_every_option_of_a_request() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text[text.index("| option | what it does |") : text.index("The output's ending chooses")]
    lacking = [name for name in DEFAULTS if name not in ("song", "picture")]
    lacking = [name for name in lacking if f"--{name.replace('_', '-')}" not in text]
    assert not lacking
    assert all(f"`--{name.replace('_', '-')}" in table for name in SAME)


def test_export_lists_its_formats_from_one_table() -> None:
    from dancegen.dances.export import kind_of
    from dancegen.dances.formats import FORMATS, KITS, NAMES

    kind = next(one for one in COMMANDS["export"].params if "--as" in one.opts)
    assert all(name in kind.help for name in NAMES) and set(NAMES) == {*FORMATS, *KITS}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(name in readme for name in NAMES)
    for name, one in FORMATS.items():
        assert kind_of(Path(f"x{one.ending}"), None) == name == kind_of(Path("x.other"), name)
