"""The shape of the code base: what may import what, who prints, how long a file may be, what must not be in it."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from conftest import ROOT

PACKAGE = ROOT / "dancegen"
FILES = sorted(PACKAGE.rglob("*.py"))
TEXTS = sorted(
    path
    for path in ROOT.rglob("*")
    if path.is_file()
    and path.suffix in {".py", ".md", ".toml", ".txt", ".json", ".yml", ""}
    and not any((part.startswith(".") and part != ".ci") or part == "venv" for part in path.relative_to(ROOT).parts)
)

PUBLIC = (
    r"[\w.-]*(?:arxiv|github|huggingface|pypi|apache|creativecommons|doi|json-schema|python|pytorch)\.(?:com|org|co)"
)


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in FILES}


@cache
def imports(path: Path, *, everywhere: bool) -> frozenset[str]:
    """The dancegen modules a file imports: at its top only, or anywhere except for type checking."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and not everywhere:
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(tree)
    return frozenset(module for module in found if module in MODULES)


@cache
def reached(module: str, everywhere: bool) -> frozenset[str]:
    seen: set[str] = set()
    todo = [module]
    while todo:
        for target in imports(MODULES[todo.pop()], everywhere=everywhere):
            if target not in seen:
                seen.add(target)
                todo.append(target)
    return frozenset(seen)


def test_there_is_no_import_cycle() -> None:
    assert not [module for module in MODULES if module in reached(module, everywhere=False)]


def test_inference_does_not_import_training() -> None:
    for entry in ("dancegen.pipeline", "dancegen.networks"):
        for module in reached(entry, everywhere=True):
            assert not module.startswith(("dancegen.training", "dancegen.evaluation")), module


STAGES = {  # audio -> choreography -> skeleton -> rendering -> video: which other packages each may know
    "audio": set(),
    "skeleton": set(),
    "weights": set(),
    "choreography": {"audio", "skeleton", "weights"},
    "subject": {"skeleton", "rendering", "weights"},
    "rendering": {"skeleton", "subject", "weights"},
    "video": {"audio"},
}


@pytest.mark.parametrize("stage", STAGES)
def test_stages_know_only_what_lies_before_them(stage: str) -> None:
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    for module in (module for module in MODULES if module.split(".")[1:2] == [stage]):
        known = {name.split(".")[1] for name in imports(MODULES[module], everywhere=True) if "." in name}
        assert known & packages <= {*STAGES[stage], stage}, module


def test_packages_below_do_not_know_those_above() -> None:
    above = ("dancegen.commands", "dancegen.cli", "dancegen.pipeline")
    for module in MODULES:
        if module.startswith(("dancegen.audio", "dancegen.skeleton", "dancegen.choreography", "dancegen.rendering")):
            assert not [name for name in reached(module, everywhere=True) if name.startswith(above)], module


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_are_short_and_say_what_they_are(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400
    assert not text.strip() or ast.get_docstring(ast.parse(text))


def test_only_the_command_line_prints() -> None:
    for path in FILES:
        if path.name == "cli.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            assert called not in {"print", "typer.echo", "typer.secho", "sys.stdout.write", "sys.stderr.write"}, path


def test_nothing_unpickles_or_touches_click() -> None:
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"^\s*(import|from) (click|pickle|dill|joblib)\b", text, re.MULTILINE), path
        assert not re.search(r"\b(torch\.load|np\.load\([^)]*allow_pickle=True)", text), path


def test_no_path_of_a_machine_and_no_private_host() -> None:
    machine = re.compile(r"(?<![\w.])/(?:work|home|root|Users)/\w")
    host = re.compile(
        rf"https?://(?!127\.0\.0\.1|localhost|example|[\w.-]+\.example\b|{PUBLIC})(?:[\w-]+\.[\w.-]+|[a-z-]{{5,}})"
    )
    for path in TEXTS:
        if path.name in {"LICENSE", Path(__file__).name}:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        for pattern in (machine, host):
            found = pattern.search(text)
            assert not found, f"{path}: {found and text[max(0, found.start() - 30) : found.end() + 30]!r}"


def test_every_command_module_imports_light_things_only_at_the_top() -> None:
    heavy = {"torch", "numpy", "librosa", "scipy", "PIL", "safetensors", "huggingface_hub", "soundfile", "mediapipe"}
    for module, path in MODULES.items():
        if not (
            module.startswith("dancegen.commands") or module in {"dancegen.cli", "dancegen.errors", "dancegen.progress"}
        ):
            continue
        for name in {module, *reached(module, everywhere=False)}:
            tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
            for node in tree.body:
                names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                assert heavy.isdisjoint(part.split(".")[0] for part in names), f"{path} through {name}"
