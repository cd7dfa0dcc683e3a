"""Models that are a whole repository: pinned, or taken on the user's word, fetched file by file and held against it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Listener, Ran
from fake_hub import COMMIT, REPO, FakeHub, Fault, point_client_at, running_hub

from dancegen.errors import DancegenError
from dancegen.weights import manifest, seal
from dancegen.weights.manifest import load_manifest
from dancegen.weights.repository import load_repositories, repository_from_json, repository_named, taken_repositories
from dancegen.weights.repository_hub import fetch_all, folder_of, look_up

CONTENT = {
    "model_index.json": b'{"_class_name": "Pipeline"}',
    "transformer/part-1.safetensors": bytes(range(256)) * 300,
    "transformer/part-2.safetensors": bytes(range(255, -1, -1)) * 300,
    "vae/weights.bin": b"a pickle",
    "README.md": b"read me",
}
TAKEN = ["model_index.json", "transformer/part-1.safetensors", "transformer/part-2.safetensors"]
MODEL = {
    **{"name": "tiny", "role": "renderer.wan-animate", "repo_id": REPO, "revision": None, "licence": "Apache-2.0"},
    **{"size": 153_627, "card": "assets/weights/wan-animate.md", "files": []},
}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A Hub with one model, and a manifest that lists it unpinned."""
    with running_hub() as running:
        point_client_at(running, tmp_path, monkeypatch)
        running.files = {(REPO, name): content for name, content in CONTENT.items()}
        path = tmp_path / "weights_manifest.json"
        path.write_text(json.dumps({"weights": [], "repositories": [MODEL]}))
        monkeypatch.setattr(manifest, "manifest_file", lambda: path)
        monkeypatch.setattr("dancegen.weights.repository.manifest_file", lambda: path)
        yield running


def test_a_model_that_is_not_pinned_is_taken_on_the_users_word(hub: FakeHub, run_main: Callable[..., Ran]) -> None:
    refused = run_main("weights", "download", "tiny")
    assert refused.status == 1 and "not pinned" in refused.err and "--unpinned" in refused.err and not hub.requests
    assert "not pinned" in run_main("weights", "list").out
    assert run_main("weights", "path", "tiny").status == 1
    done = run_main("weights", "download", "tiny", "--unpinned", "-q")
    assert done.status == 0, done.err
    for name in TAKEN:
        assert f"{hashlib.sha256(CONTENT[name]).hexdigest()}  {name}" in done.out
    assert COMMIT in done.out and "weights.bin" not in done.out
    folder = Path(run_main("weights", "path", "tiny").out.strip())
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()) == TAKEN
    asked = len(hub.requests)
    assert run_main("weights", "download", "tiny").status == 0 and len(hub.requests) == asked  # all is here
    listed = " ".join(run_main("weights", "list").out.split())
    assert f"{REPO} yes" in listed
    assert "tiny/model_index.json: ok" in run_main("weights", "verify", "tiny").out


def test_what_was_taken_is_held_against_later(hub: FakeHub, run_main: Callable[..., Ran]) -> None:
    """A file that is damaged, or another in its place, is not used."""
    assert run_main("weights", "download", "tiny", "--unpinned", "-q").status == 0
    model = repository_named("tiny")
    assert model is not None and model == taken_repositories()["tiny"]
    folder = folder_of(model)
    assert folder is not None
    (folder / TAKEN[1]).resolve().write_bytes(b"another")
    assert "expected sha256" in run_main("weights", "verify", "tiny").err  # which removes it
    assert folder_of(model) is None and run_main("weights", "download", "tiny").status == 0
    (folder / TAKEN[1]).resolve().write_bytes(b"another")
    with pytest.raises(DancegenError, match="not the file of the manifest"):
        folder_of(model)
    hub.files[(REPO, TAKEN[1])] = b"another"  # the Hub has changed too
    assert run_main("weights", "download", "tiny").status == 1


def test_a_model_is_pinned_from_the_hubs_records(hub: FakeHub, run_main: Callable[..., Ran]) -> None:
    done = run_main("weights", "pin", "tiny")
    assert done.status == 0 and "3 files" in done.out
    pinned = load_repositories()[0]
    assert pinned.revision == COMMIT and [file.filename for file in pinned.files] == TAKEN
    assert pinned.size == sum(len(CONTENT[name]) for name in TAKEN)
    assert not [path for method, path, _ in hub.requests if method == "GET" and "safetensors" in path]
    assert run_main("weights", "download", "tiny", "-q").status == 0  # needs no word now
    assert run_main("weights", "pin", "other").status == 1


def test_a_download_that_was_interrupted_goes_on(hub: FakeHub) -> None:
    model = look_up(load_repositories()[0])
    hub.order(Fault("status", status=403), times=100)
    with pytest.raises(DancegenError, match="gated"):
        fetch_all(model)
    hub.faults.clear()
    fetch_all(dataclasses.replace(model, files=model.files[:2]))
    assert folder_of(model) is None  # not whole
    hub.requests.clear()
    fetch_all(model, reporter=(listener := Listener()))
    fetched = {path.rpartition("/")[2] for method, path, _ in hub.requests if method == "GET"}
    assert fetched == {"part-2.safetensors"} and any("1 of 3 files" in note for note in listener.notes)


def test_what_stops_it_is_said(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_repositories()[0]
    with pytest.raises(DancegenError, match="does not exist or is closed"):
        look_up(dataclasses.replace(model, repo_id="nobody/nothing"))
    hub.files = {(REPO, "README.md"): b"read me"}
    with pytest.raises(DancegenError, match="holds no weights"):
        look_up(model)
    huge = dataclasses.replace(model, revision=COMMIT, files=repository_from_json(pinned(), "test").files)
    monkeypatch.setattr("shutil.disk_usage", lambda _folder: type("Usage", (), {"free": 10})())
    with pytest.raises(DancegenError, match=r"30 B, .* has 10 B left"):
        fetch_all(huge)
    monkeypatch.setattr("dancegen.weights.hub.network_is_off", lambda offline: True)
    with pytest.raises(DancegenError, match="offline"):
        look_up(model)


def pinned(**changes: object) -> dict:
    file = {"filename": "a.safetensors", "size": 30, "sha256": "0" * 64}
    return {**MODEL, "revision": COMMIT, "files": [{**file, **changes}]}


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (pinned(filename="../a.json"), "leaves its folder"),
        (pinned(filename="a.bin"), "not of"),
        (pinned(sha256="0"), "no size and sha256"),
        ({**MODEL, "revision": COMMIT}, "pinned and has no files"),
        ({**MODEL, "revision": "main"}, "revision is 'main'"),
        ({**MODEL, "role": "cook"}, "role is 'cook'"),
        ({**MODEL, "colour": 1}, "unknown fields"),
        ([], "unknown fields"),
    ],
)
def test_an_entry_that_is_wrong_is_refused(entry: object, said: str) -> None:
    with pytest.raises(DancegenError, match=said):
        repository_from_json(entry, "manifest")


def test_the_shipped_manifest_lists_wan_animate_and_sealing_keeps_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    listed = load_repositories()
    assert [one.name for one in listed] == ["wan-animate"] and (manifest.PACKAGE_FOLDER / listed[0].card).is_file()
    assert {entry.role for entry in load_manifest()}.isdisjoint({one.role for one in listed})
    written = {}
    monkeypatch.setattr(seal, "write_json", lambda path, content: written.update(content))
    seal.seal()
    assert written["repositories"] == [{**dataclasses.asdict(listed[0]), "files": ()}]
