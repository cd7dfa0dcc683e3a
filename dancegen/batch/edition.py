"""Which dancegen makes a stage: its version, and the content of all the code that the stage can reach.

A version number alone does not tell two states of a checkout apart, and an update may come without a new number. What
a stage reaches is read from the code: imports at the top of files and inside their functions, and the strings that
name a module ("dancegen.room.module:factory", as the registry writes them).
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import dancegen

STAGES = "dancegen.batch.stages"  # a stage is its function `_KIND`
ROLES = frozenset({"beats", "choreographer", "subject", "detector", "renderer", "capture", "engine"})
STAGE_ROLES = {  # those that a stage loads: what a table names under another role is not reached by it
    "dance": frozenset({"beats", "choreographer"}),
    "subject": frozenset({"subject", "detector"}),
    "video": ROLES - {"engine"},
}
_NAMED = re.compile(r"(dancegen(?:\.\w+)+)(?::\w+)?")


@cache
def edition(kind: str) -> str:
    """The version and a hash of the code of one kind of stage, such as `0.1.0+5f0c9a41d2e7`; the same everywhere."""
    return edition_of(Path(dancegen.__file__).parent, dancegen.__version__, kind)


def edition_of(package: Path, version: str, kind: str) -> str:
    """`edition` of the package in a folder."""
    digest = hashlib.sha256()
    for file in list_files(package, kind):
        text = file.read_bytes().replace(b"\r\n", b"\n")  # as Windows checks files out
        digest.update(f"{file.relative_to(package).as_posix()} {len(text)}\n".encode() + text)
    return f"{version}+{digest.hexdigest()[:12]}"


def list_files(package: Path, kind: str) -> list[Path]:
    """The files of the package that a stage can reach, sorted.

    Args:
        package: the folder `dancegen`, in a checkout or where a wheel was unpacked.
        kind: dance, subject or video.
    """
    first = _file(package, STAGES)
    assert first is not None
    found = {first, package / "__init__.py"}
    todo = {(_parent(STAGES), ""), *_modules(_function(ast.parse(first.read_bytes()), f"_{kind}"))}
    seen: set[tuple[str, str]] = set()
    while todo:
        seen.add(named := todo.pop())
        name, role = named
        file = _file(package, name) if not role or role in STAGE_ROLES[kind] else None
        if file is not None and file not in found:
            found.add(file)
            todo |= {(_parent(name), ""), *_modules_of(file.read_bytes())} - seen
    return sorted(found)


def _parent(name: str) -> str:
    """The package of a module, whose __init__.py runs before it."""
    return name.rpartition(".")[0]


def _file(package: Path, name: str) -> Path | None:
    """The file of a module; None where `name` is an attribute, of another package, or dancegen itself (its doors
    lead everywhere)."""
    first, *rest = name.split(".")
    if first != "dancegen" or not rest:
        return None
    place = package.joinpath(*rest)
    files = (place / "__init__.py", place.with_suffix(".py"))
    return next((file for file in files if file.is_file()), None)


@cache
def _modules_of(text: bytes) -> tuple[tuple[str, str], ...]:
    return tuple(_modules(ast.parse(text)))


def _function(module: ast.Module, name: str) -> ast.Module:
    """The part of a module that one function needs: itself, the functions that it names, and what stands outside."""
    functions = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}
    needed, todo = set(), [name]
    while todo:
        needed.add(name := todo.pop())
        names = {node.id for node in ast.walk(functions[name]) if isinstance(node, ast.Name)}
        todo += [other for other in names & functions.keys() if other not in needed]
    body = [node for node in module.body if not isinstance(node, ast.FunctionDef) or node.name in needed]
    return ast.Module(body, type_ignores=[])


def _modules(node: ast.AST, role: str = "") -> Iterator[tuple[str, str]]:
    """(module of dancegen, role) for all that some code names, in imports and in strings; those for type checking not.

    The role is the one under which a table names the module; empty where none does.
    """
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        node = ast.Module(node.orelse, type_ignores=[])
    if isinstance(node, ast.Import):
        yield from ((alias.name, role) for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield node.module, role
        yield from ((f"{node.module}.{alias.name}", role) for alias in node.names)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and (match := _NAMED.fullmatch(node.value)):
        yield match[1], role
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            yield from _modules(value, _role(key) or role)
    else:
        for child in ast.iter_child_nodes(node):
            yield from _modules(child, role)


def _role(key: ast.expr | None) -> str:
    """The role that a table's key names: `renderer` of "renderer.puppet" or "renderers"; "" where it names none."""
    text = key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else ""
    word = text.split(".")[0]
    return next((role for role in (word, word.removesuffix("s")) if role in ROLES), "")
