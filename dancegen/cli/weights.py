"""`dancegen weights ...`: see, fetch, check, choose and publish checkpoints. Commands return what is to be said."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dancegen.cli.context import reporter
from dancegen.cli.options import Offline
from dancegen.errors import DancegenError, one_line

if TYPE_CHECKING:
    from dancegen.weights.manifest import Entry

app = typer.Typer(help="The trained weights: see, fetch, check, choose and publish them.", no_args_is_help=True)
COMMANDS = {"weights": app}


def _names() -> list[str]:
    """What the shell offers where weights are named."""
    from dancegen.weights.manifest import load_manifest

    return sorted({word for entry in load_manifest() for word in (entry.name, entry.role)})


@app.command("list")
def list_() -> Any:
    """All weights: role, size, licence, where they are, and whether their content was checked."""
    from rich.table import Table

    from dancegen.weights.manifest import load_manifest
    from dancegen.weights.repository import load_repositories
    from dancegen.weights.resolve import defaults

    own = defaults()
    table = Table("name", "role", "size", "licence", "where", "verified", box=None, pad_edge=False)
    for entry in load_manifest():
        name = f"{entry.name} (replaced)" if entry.role in own else entry.name
        table.add_row(name, *_row(entry))
    for role, path in own.items():
        table.add_row(f"{path.name} (yours)", *_own_row(role, path))
    for repository in load_repositories():
        table.add_row(repository.name, *_repository_row(repository.name))
    return table


def _row(entry: Entry) -> tuple[str, str, str, str, str]:
    from dancegen.weights import hub
    from dancegen.weights.manifest import readable_size
    from dancegen.weights.verify import known_sha256

    path = hub.find_cached(entry) if entry.source == "hub" else entry.package_path
    here = path is not None and path.is_file()
    where = entry.origin if here or entry.source == "package" else f"{entry.origin}, not downloaded"
    if not path or not here:
        verified = "missing" if entry.source == "package" else "-"
    else:
        known = known_sha256(path)
        verified = "not yet" if known is None else "yes" if known == entry.sha256 else "NO: damaged"
    return entry.role, readable_size(entry.size), entry.licence, where, verified


def _repository_row(name: str) -> tuple[str, str, str, str, str]:
    """A model of many files: its row as it is known here."""
    from dancegen.weights import hub
    from dancegen.weights.manifest import readable_size
    from dancegen.weights.repository import repository_named
    from dancegen.weights.verify import known_sha256

    one = repository_named(name)
    assert one is not None
    paths = [hub.find_cached(entry) for entry in one.entries] if one.pinned else []
    here = bool(paths) and None not in paths
    verified = "-" if one.pinned else "not pinned"
    if here:
        seen = [known_sha256(path) == file.sha256 for path, file in zip(paths, one.files, strict=True) if path]
        verified = "yes" if all(seen) else "not yet"
    where = one.repo_id if here else f"{one.repo_id}, not downloaded"
    return one.role, readable_size(one.size), one.licence, where, verified


def _own_row(role: str, path: Path) -> tuple[str, str, str, str, str]:
    from dancegen.weights.manifest import readable_size

    if not path.is_file():
        return role, "-", "-", str(path), "missing"
    return role, readable_size(path.stat().st_size), "-", str(path), "your own"


@app.command()
def download(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME...", help="Names as in `weights list`.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="All single files that the manifest lists.")] = False,
    unpinned: Annotated[
        bool, typer.Option("--unpinned", help="Take what the manifest has no sha256 of; those seen are printed.")
    ] = False,
    offline: Offline = False,
) -> str:
    """Fetch weights from the Hub (HF_ENDPOINT: a mirror; HF_HOME: where they are kept) and check them."""
    from dancegen.weights.manifest import load_manifest
    from dancegen.weights.repository import load_repositories
    from dancegen.weights.resolve import entry_path

    many = {word for one in load_repositories() for word in (one.name, one.role)}
    large = [name for name in names or () if name in many]
    single = [name for name in names or () if name not in many]
    lines = [_download_repository(name, unpinned, offline) for name in large]
    entries = load_manifest() if all_ else _select_files(single) if single or not large else ()
    paths = [entry_path(entry, offline=offline, reporter=reporter()) for entry in entries]
    return "\n".join([*lines, *(f"{entry.name}: {one_line(path)}" for entry, path in zip(entries, paths, strict=True))])


def _download_repository(name: str, unpinned: bool, offline: bool) -> str:
    """Fetch a model of many files; one that is not pinned only on the user's word, and its hashes are told."""
    from dancegen.weights.manifest import readable_size
    from dancegen.weights.repository import remember, repository_named
    from dancegen.weights.repository_hub import fetch_all, look_up

    known = repository_named(name)
    assert known is not None
    if known.pinned:
        return f"{known.name}: {fetch_all(known, offline=offline, reporter=reporter())}"
    if not unpinned:
        told = f"{readable_size(known.size)} of {known.repo_id}, licence {known.licence}"
        what = f"{known.name} is not pinned: nobody has written down the sha256 of its files ({told})"
        raise DancegenError(
            what, "add --unpinned to take them as the Hub has them now and hold later uses against that"
        )
    seen = look_up(known, reporter())
    folder = fetch_all(seen, offline=offline, reporter=reporter())
    remember(seen)
    hashes = [f"  {file.sha256}  {file.filename}" for file in seen.files]
    return "\n".join([f"{seen.name}: {folder}", f"  commit {seen.revision} of {seen.repo_id}", *hashes])


@app.command()
def pin(name: Annotated[str, typer.Argument(help="A model of many files, such as wan-animate.")]) -> str:
    """For maintainers: write commit, sizes and sha256 of a model's files, by the Hub's records, into the manifest."""
    from dancegen.weights.manifest import PACKAGE_FOLDER, manifest_file
    from dancegen.weights.repository import load_repositories, write_pin
    from dancegen.weights.repository_hub import look_up

    listed = {one.name: one for one in load_repositories()}
    if name not in listed:
        raise DancegenError(f"there is no model {name!r} to pin", f"choose one of {', '.join(listed)}")
    if manifest_file().parent == PACKAGE_FOLDER:
        raise DancegenError(f"{manifest_file()} belongs to an installed wheel", "pin in a checkout of the repository")
    pinned = look_up(listed[name], reporter())
    return f"{write_pin(pinned)}: {name} is commit {pinned.revision}, {len(pinned.files)} files"


def _select_files(names: list[str] | None) -> tuple[Entry, ...]:
    from dancegen.weights.manifest import entries_named, load_manifest

    if not names:
        raise DancegenError("no weights named", "give names from `dancegen weights list`, or --all")
    return tuple(entry for name in names for entry in entries_named(name, load_manifest()))


@app.command()
def verify(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME...]", help="Default: all that are here.")] = None,
) -> str:
    """Hash every file anew and compare it with the manifest; damaged downloads are deleted."""
    from dancegen.weights import hub

    lines, faults = [], []
    for entry in _files_to_verify(names):
        path = hub.find_cached(entry) if entry.source == "hub" else entry.package_path
        if path is None:
            lines.append(f"{entry.name}: not downloaded")
            continue
        if fault := _fault(entry, path):
            faults.append(f"{entry.name}: {fault}")
        else:
            lines.append(f"{entry.name}: ok, {one_line(path)}")
    if faults:
        remedy = "run `dancegen weights download NAME`, or install dancegen again where it is the package's"
        raise DancegenError("; ".join(faults), remedy)
    return "\n".join(lines)


def _files_to_verify(names: list[str] | None) -> tuple[Entry, ...]:
    """The files that `verify` looks at: those named, or all; those of models of many files that were downloaded too."""
    from dancegen.weights.manifest import load_manifest
    from dancegen.weights.repository import load_repositories, repository_named

    models = {word: one.name for one in load_repositories() for word in (one.name, one.role)}
    wanted = {models[name] for name in names or () if name in models} if names else set(models.values())
    known = [one for name in sorted(wanted) if (one := repository_named(name)) and one.pinned]
    many = tuple(entry for one in known for entry in one.entries)
    single = [name for name in names or () if name not in models]
    return (*(_select_files(single) if single else () if names else load_manifest()), *many)


def _fault(entry: Entry, path: Path) -> str:
    """What is wrong with a file that is here, "" if nothing; a damaged download is deleted."""
    from dancegen.weights import hub
    from dancegen.weights.verify import rechecked_sha256

    if not path.is_file():
        return f"{path} is missing"
    found = rechecked_sha256(path, reporter())
    if found == entry.sha256:
        return ""
    if entry.source == "hub":
        hub.discard(entry, path, found, reporter())
    return f"expected sha256 {entry.sha256}, found {found}"


@app.command()
def path(
    name: Annotated[str, typer.Argument(help="A name or a role as in `weights list`.", autocompletion=_names)],
) -> str:
    """Where the checked file of these weights lies; downloads nothing."""
    from dancegen.registry import config_of, full_role
    from dancegen.weights import hub
    from dancegen.weights.manifest import ROLES, entries_named, load_manifest
    from dancegen.weights.repository import repository_named
    from dancegen.weights.repository_hub import folder_of
    from dancegen.weights.resolve import entry_path, weights_path

    role = full_role(name)
    if role in ROLES and config_of(role):
        return str(weights_path(role, offline=True))
    if repository := repository_named(name):
        if (folder := folder_of(repository, reporter())) is None:
            raise DancegenError(
                f"{repository.name} is not downloaded", f"run `dancegen weights download {repository.name}`"
            )
        return str(folder)
    entries = [entry for entry in load_manifest() if entry.role == role] or entries_named(name, load_manifest())
    for entry in entries:
        if entry.source == "hub" and hub.find_cached(entry) is None:
            raise DancegenError(f"{entry.name} is not downloaded", f"run `dancegen weights download {entry.name}`")
    return "\n".join(str(entry_path(entry, offline=True)) for entry in entries)


@app.command()
def use(
    file: Annotated[Path | None, typer.Argument(help="Your own checkpoint, a .safetensors file.")] = None,
    shipped: Annotated[str, typer.Option(metavar="ROLE", help="Go back to the shipped weights of this role.")] = "",
) -> str:
    """Make your own checkpoint the default of its role, which is read from its metadata."""
    from dancegen.registry import config_of, full_role, weights_roles
    from dancegen.weights.own import forget_default, set_default

    if shipped:
        ours = [role for role in weights_roles() if config_of(role)]
        if full_role(shipped) not in ours:
            raise DancegenError(f"there is no role {shipped!r}", f"choose one of {', '.join(ours)}")
        forget_default(full_role(shipped))
        return f"the {shipped} is the shipped one"
    if file is None:
        raise DancegenError("no checkpoint named", "give a .safetensors file, or --shipped ROLE")
    role = set_default(file)
    return f"the {role} is {file.resolve()} (back: `dancegen weights use --shipped {role}`)"


@app.command()
def publish(
    name: Annotated[str, typer.Argument(metavar="NAME_OR_FILE", help="Shipped weights, or a checkpoint of yours.")],
    repo: Annotated[str, typer.Option(metavar="ORG/NAME", help="The repository on the Hub; made if there is none.")],
    card: Annotated[Path | None, typer.Option(help="The model card. Default: the .md beside the file.")] = None,
    licence: Annotated[str | None, typer.Option(help="Of your own file, as an SPDX name.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent, send nothing.")] = False,
    offline: Offline = False,
) -> str:
    """Send a checkpoint and its card to the Hub and print the manifest entry to paste."""
    from dancegen.weights.publish import describe, entry_json, prepare
    from dancegen.weights.publish import publish as send

    publication = prepare(name, repo, card=card, licence=licence)
    if dry_run:
        return describe(publication)
    return entry_json(send(publication, offline=offline, reporter=reporter()))


@app.command(hidden=True)
def seal() -> str:
    """For maintainers: write sha256 and size of the checkpoints in the checkout into the manifest."""
    from dancegen.weights.seal import seal as write

    changed = write()
    return "\n".join(f"sealed {entry.name}: {entry.sha256}" for entry in changed) or "all sealed already"
