"""`dancegen train ...`: the training loops, one module each, so that inference never imports them."""

from __future__ import annotations

import importlib
import importlib.util

import typer

NAMES = ("frames", "choreographer", "subject", "limbs", "renderer")


def assemble(family: str, names: tuple[str, ...], text: str) -> typer.Typer:
    """A sub-program of the functions `command` in cli/FAMILY_NAME.py."""
    app = typer.Typer(help=text, no_args_is_help=True)
    for name in names:
        module = f"dancegen.cli.{family}_{name}"
        if importlib.util.find_spec(module) is not None:
            app.command(name)(importlib.import_module(module).command)
    return app


COMMANDS = {"train": assemble("train", NAMES, "Make training data and train the networks.")}
