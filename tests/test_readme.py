"""What README shows exists: its pictures, its commands and their options."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

README = Path(__file__).resolve().parents[1] / "README.md"
pytestmark = pytest.mark.skipif(not README.is_file(), reason="README.md lies in a checkout")


def blocks() -> list[list[str]]:
    """The words after `dancegen` of every command in README's blocks, in their order."""
    text = README.read_text(encoding="utf-8")
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    return _words(lines)


def commands() -> list[list[str]]:
    """The same of every command in README, in blocks and in lines."""
    text = README.read_text(encoding="utf-8").replace("\n", " ")
    return blocks() + _words(re.findall(r"`((?:HF_\w+=\S+ )?dancegen [^`]+)`", text))


def _words(lines: list[str]) -> list[list[str]]:
    found = [re.search(r"(?:^|[ /])dancegen (.*)", line.split(" #")[0].strip()) for line in lines]
    return [shlex.split(hit[1]) for hit in found if hit and "pip install" not in hit[0]]


def test_links_lead_somewhere() -> None:
    text = README.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    assert len(links) >= 6
    for link in links:
        assert "://" in link or (README.parent / link).is_file(), link


def test_commands_and_options_exist() -> None:
    from dancegen.cli.main import _build

    root = typer.main.get_command(_build())
    assert len(commands()) > 25
    for words in commands():
        command, names = root, list(words)
        while names and not names[0].startswith("-") and names[0] in getattr(command, "commands", {}):
            command = command.commands[names.pop(0)]  # type: ignore[attr-defined]
        assert command is not root or words[0].startswith("-"), f"dancegen {shlex.join(words)}: no such command"
        known = {name for option in command.params for name in option.opts} | {"--help", "-h"}
        for word in names:
            if re.match(r"--?[a-z]", word):
                assert word.split("=")[0] in known, f"dancegen {shlex.join(words)}: no option {word}"


def test_no_command_finds_what_an_earlier_one_wrote() -> None:
    written = [words[words.index("-o") + 1] for words in commands() if "-o" in words and "--redo" not in words]
    files = [name for name in written if "." in name]
    assert len(files) > 10 and sorted(files) == sorted(set(files))
    assert all("-o" in words for words in commands() if words[0] == "render" and "..." not in words)
