"""`dancegen train ...`: the training loops, one module each, so that inference never imports them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

import typer

# What is trained, by the names of the registry where it has one -> the module cli/train_MODULE.py.
NAMES = {
    **{"frames": "frames", "stg-mamba": "choreographer", "subject": "subject"},
    **{
        "limbs": "limbs",
        "puppet": "renderer",
        "songs": "songs",
        "beats": "beats",
        "vimo": "vimo",
        "hotdance": "hotdance",
    },
}


def assemble(family: str, names: Mapping[str, str], text: str) -> typer.Typer:
    """A sub-program of the functions `command` in cli/FAMILY_MODULE.py; it takes their names of version 0.1.0 too."""
    app = typer.Typer(help=text, no_args_is_help=True)
    for name, module in names.items():
        command = importlib.import_module(f"dancegen.cli.{family}_{module}").command
        app.command(name)(command)
        if module != name:
            app.command(module, hidden=True)(command)
    return app


COMMANDS = {"train": assemble("train", NAMES, "Make training data and train the networks.")}
