"""The cache folder of a training run, without training: stages, checkpoints, damage, owners.

Most of these tests kill a mutant of ``training.on_disk.cache``, made by a mutation tool, that the
tests with training let live.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from textmlr.base.errors import InputError
from textmlr.training.on_disk import cache as caches
from textmlr.training.on_disk import cache_folder, file_identity
from textmlr.training.on_disk.cache import Cache
from textmlr.training.on_disk.cache_errors import CacheError, InUseError, refusals
from textmlr.training.on_disk.stage_progress import Work

CACHE = Path("m.cache")
FILES = {"sources": ["c.tsv"], "files": [["c.tsv", "d1"]]}
OWN = {
    "corpus": FILES,
    "reading": {"format": "tsv"},
    "versions": {"textmlr": "1"},
    "training": {"epochs": 2, "seed": 1},
}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def opened(own: dict[str, Any] = OWN, *, resume: bool = False, watch: Any = None) -> Cache:
    return Cache.open(str(CACHE), own, resume=resume, every=30.0, watch=watch)


def enter(cache: Cache, stage: str, *names: str, key: Any = None, instead: Any = None) -> None:
    """A stage with files of those names, as contents too."""
    for name in names:
        Path(cache.path(name)).write_text(name)
    files = {name: cache.sum_of(name) for name in names}
    cache.enter(stage, {"of": stage}, key, files, instead)


def made(own: dict[str, Any] = OWN) -> Cache:
    cache = opened(own)
    cache.begin("corpus")
    enter(cache, "corpus", "text", "lengths")
    enter(cache, "choice")
    enter(cache, "rows", "rows-00000", "ends", key={"seed": 1})
    enter(cache, "trials")
    return cache


def cut_off(own: dict[str, Any] = OWN) -> None:
    made(own).release()


def kept(own: dict[str, Any] = OWN) -> None:
    made(own).keep()


def names() -> set[str]:
    """The files of the folder, but for the two that it always has."""
    found = set(os.listdir(CACHE))
    assert {"lock", "journal.json"} <= found
    return found - {"lock", "journal.json"}


def stages(cache: Cache) -> list[str]:
    keys = {"rows": {"seed": 1}}
    known = ("corpus", "choice", "counts", "rows", "trials")
    return [name for name in known if cache.has(name, keys.get(name))]


# Who takes over what -------------------------------------------------------------------------


def test_a_new_folder_has_nothing() -> None:
    cache = opened()
    assert not cache.resumed
    assert not cache.begun
    assert cache.damaged == []
    assert not cache.has("corpus")
    cache.begin("corpus")
    enter(cache, "corpus", "text")
    assert cache.begun
    assert cache.values("corpus") == {"of": "corpus"}
    cache.remove()
    assert not CACHE.exists()


def test_a_run_that_was_cut_off_is_gone_on_with() -> None:
    cut_off()
    Path(CACHE, "counts").write_text("half")  # of a stage that was never entered
    Path(CACHE, ".text.0123456789ab.part").touch()
    cache = opened(resume=True)
    assert cache.resumed
    assert cache.begun
    assert stages(cache) == ["corpus", "choice", "rows", "trials"]
    assert not cache.has("rows", {"seed": 2})
    assert not cache.has("rows")
    assert cache.damaged == []
    assert names() == {"text", "lengths", "rows-00000", "ends"}
    cache.release()


def test_one_with_nothing_yet_is_not_resumed() -> None:
    opened().release()
    assert not names()
    cache = opened(resume=True)
    assert not cache.resumed
    cache.release()


def test_without_resume_it_is_emptied_when_the_next_begins() -> None:
    cut_off()
    Path(CACHE, "notes").touch()  # not a cache's
    cache = opened()
    assert cache.begun  # what is there is not to be lost for a corpus that cannot be read
    assert stages(cache) == []
    assert "text" in names()
    cache.begin("corpus")
    assert names() == {"notes"}
    assert not cache.begun
    cache.release()
    again = opened(resume=True)  # the journal knows of nothing any more
    assert stages(again) == []
    again.release()


def test_only_text_and_rows_are_kept() -> None:
    cache = made()
    enter(cache, "counts", "counts", "counted")
    cache.save("final", lambda: ({}, {}), ended=True)
    Path(CACHE, "notes").touch()  # not a cache's
    cache.keep()
    assert names() == {"text", "lengths", "rows-00000", "ends", "notes"}


def test_a_kept_one_serves_other_trainings_of_the_same_text() -> None:
    kept()
    assert names() == {"text", "lengths", "rows-00000", "ends"}
    other = OWN | {"training": {"epochs": 9}}
    for resume in (False, True):
        cache = opened(other, resume=resume)
        assert stages(cache) == ["corpus", "rows"]
        assert not cache.resumed
        assert cache.begun
        cache.release()
    cache = opened(OWN)
    cache.begin("rows")
    assert stages(cache) == ["corpus"]
    enter(cache, "trials")
    cache.release()
    with pytest.raises(InputError, match=r"had another epochs \(2, now 9\)"):
        opened(other, resume=True)  # within that there is a run now
    cache = opened(other)
    assert stages(cache) == ["corpus"]
    assert names() == {"text", "lengths"}
    cache.release()


@pytest.mark.parametrize("part", ["corpus", "reading", "versions"])
def test_a_kept_one_of_another_text_is_stale(part: str) -> None:
    kept()
    values = {"corpus": {"sources": ["c.tsv"], "files": [["c.tsv", "d2"]]}}
    cache = opened(OWN | {part: values.get(part, {"other": 1})})
    assert stages(cache) == []
    assert names()
    cache.begin("corpus")
    assert not names()
    cache.release()


def test_a_kept_one_of_what_cannot_be_known_is_stale() -> None:
    own = OWN | {"corpus": {"sources": ["a", "-"], "files": [["a", "d1"], ["-", None]]}}
    kept(own)
    cache = opened(own)
    assert stages(cache) == []
    cache.release()


def test_a_checkpoint_makes_a_kept_one_a_run() -> None:
    """Which is gone on with, or refused, as any other."""
    kept()
    cache = opened()
    cache.save("final", lambda: ({"epoch": 1}, {}), ended=True)
    cache.release()
    with pytest.raises(InputError, match="another epochs"):
        opened(OWN | {"training": {"epochs": 9}}, resume=True)
    cache = opened(resume=True)
    assert cache.resumed
    header, _ = cache.load("final") or ({}, {})
    assert header["epoch"] == 1
    cache.release()
    opened().release()
    assert "final.checkpoint" not in names()


@pytest.mark.parametrize(
    ("part", "values", "told"),
    [
        ("training", {"epochs": 2, "seed": 3}, r"had another seed \(1, now 3\)"),
        ("training", {"epochs": 2}, r"had another seed \(1, now none\)"),
        ("training", None, r"had another epochs \(2, now none\)"),
        ("more", {"a": 1}, r"had another a \(none, now 1\)"),
        ("validation", FILES, "had another files"),
        ("corpus", {"sources": [], "files": []}, r"had other files \(c.tsv, now none\)"),
        ("corpus", {"sources": ["c.tsv"], "files": [["c.tsv", "d2"]]}, "^m.cache: c.tsv has chang"),
        ("corpus", {"sources": ["c.tsv"], "files": []}, "c.tsv has changed since"),
        (
            "corpus",
            {"sources": ["c.tsv"], "files": [["c.tsv", "d1"], ["b.tsv", None]]},
            "b.tsv has changed since",
        ),
    ],
)
def test_another_run_is_refused(part: str, values: Any, told: str) -> None:
    cut_off()
    with pytest.raises(InputError, match=told) as raised:
        opened(OWN | {part: values}, resume=True)
    assert raised.value.mend == "train without --resume to begin anew"
    opened(resume=True).release()  # nothing of it was lost, and nobody holds it


def test_validation_files_are_told_by_their_option() -> None:
    own = OWN | {"validation": {"sources": ["v.tsv"], "files": [["v.tsv", "d"]]}}
    cut_off(own)
    other = {"sources": ["w.tsv"], "files": [["w.tsv", "d"]]}
    with pytest.raises(InputError, match=r"had other --validation \(v.tsv, now w.tsv\)"):
        opened(own | {"validation": other}, resume=True)


def test_what_is_no_json_of_its_own_is_compared_as_it_comes_back() -> None:
    own = OWN | {"training": {"rates": (1.0, 2.0)}}
    cut_off(own)
    cache = opened(own, resume=True)
    assert cache.resumed
    enter(cache, "trials", key={"a": (1, 2)})
    assert cache.has("trials", {"a": [1, 2]})
    assert cache.has("trials", {"a": (1, 2)})
    cache.release()


# Stages --------------------------------------------------------------------------------------


def test_a_stage_that_is_begun_anew_is_none_until_it_is_entered() -> None:
    cache = made()
    cache.begin("rows")
    cache.release()
    cache = opened(resume=True)
    assert stages(cache) == ["corpus", "choice", "trials"]
    assert names() == {"text", "lengths"}
    cache.release()


def test_a_stage_takes_the_place_of_another_and_of_its_files() -> None:
    cache = made()
    enter(cache, "counts", "counts", "counted")
    assert {"counts", "counted"} <= names()
    enter(cache, "rows", "rows-00000", key={"seed": 1}, instead="counts")
    assert not {"counts", "counted"} & names()
    assert stages(cache) == ["corpus", "choice", "rows", "trials"]
    enter(cache, "trials", instead="never")
    cache.release()


def test_what_is_found_once_is_not_looked_for_again() -> None:
    cache, calls = opened(), []

    def find() -> dict[str, Any]:
        calls.append(1)
        return {"step": (1, 2)}

    assert cache.once("choice", find) == {"step": [1, 2]}
    assert cache.once("choice", find) == {"step": [1, 2]}
    assert len(calls) == 1
    cache.release()


# Damage --------------------------------------------------------------------------------------


def test_a_damaged_file_costs_its_stage() -> None:
    for harm in (b"rows-00001", b"rows-0000", b"rows-000000", b"", None):
        cut_off()
        path = CACHE / "rows-00000"
        path.unlink() if harm is None else path.write_bytes(harm)
        cache = opened(resume=True)
        assert cache.damaged == ["rows-00000"]
        assert stages(cache) == ["corpus", "choice", "trials"]
        assert names() == {"text", "lengths"}
        cache.remove()


@pytest.mark.parametrize("same", [True, False])
def test_a_damaged_corpus_costs_the_rest_unless_it_is_read_again_as_it_was(same: bool) -> None:
    cut_off()
    Path(CACHE, "text").write_text("tent")
    cache = opened(resume=True)
    assert stages(cache) == ["choice", "rows", "trials"]
    cache.begin("corpus")
    enter(cache, "corpus", *(("text", "lengths") if same else ("text", "labels")))
    assert stages(cache) == (["corpus", "choice", "rows", "trials"] if same else ["corpus"])
    enter(cache, "trials")
    cache.begin("corpus")
    enter(cache, "corpus", "labels")  # that was once: nothing is lost a second time
    assert "trials" in stages(cache)
    cache.release()


def test_verifying_is_told_as_it_goes() -> None:
    cut_off()
    seen: list[Work] = []
    opened(resume=True, watch=seen.append).release()
    sizes = [len(name) for name in ("text", "lengths", "rows-00000", "ends")]
    assert {work.what for work in seen} == {"verifying the cache"}
    assert [work.done for work in seen] == np.cumsum(sizes).tolist()
    assert {work.total for work in seen} == {sum(sizes)}


def test_a_file_that_is_damaged_later_is_refused_when_it_is_read() -> None:
    cache = opened()
    cache.put("rows", {"bits": 3}, {"ends": np.arange(3)})
    header, arrays = cache.get("rows")
    assert header == {"bits": 3}
    assert arrays["ends"].tolist() == [0, 1, 2]
    content = bytearray(Path(cache.path("rows")).read_bytes())
    content[-1] ^= 1
    Path(cache.path("rows")).write_bytes(content)
    with pytest.raises(InputError, match=r"m.cache/rows: .*checksum.*; train again, without --res"):
        cache.get("rows")
    cache.release()


def journal(change: Callable[[dict[str, Any]], None]) -> None:
    """Change the journal, and have its checksum be right."""
    content = json.loads(Path(CACHE, "journal.json").read_text())
    del content["digest"]
    change(content)
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    Path(CACHE, "journal.json").write_text(json.dumps(content | {"digest": digest}))


def test_what_a_journal_says_is_under_a_checksum() -> None:
    """Whatever number or letter is another."""
    cut_off()
    path = CACHE / "journal.json"
    right = path.read_text()
    journal(lambda content: None)
    assert json.loads(path.read_text()) == json.loads(right)
    for old, new in (
        ('"seed": 1', '"seed": 2'),
        ('"d1"', '"d2"'),
        ('"text"', '"tent"'),
        ('"kept": false', '"kept": true'),
    ):
        assert old in right
        path.write_text(right.replace(old, new, 1))
        for resume in (True, False):
            with pytest.raises(InputError, match=r"its checksum is wrong.*; remove the folder"):
                opened(resume=resume)


@pytest.mark.parametrize(
    "content", ["", "[]", "null", "{}", "[" * 10_000, '{"version": 2}', '{"version": 1', "\0"]
)
def test_what_is_no_journal(content: str) -> None:
    cut_off()
    Path(CACHE, "journal.json").write_text(content)
    before = names()
    with pytest.raises(
        InputError, match=r"m.cache/journal.json: not the journal of a training run"
    ):
        opened()
    assert names() == before


@pytest.mark.parametrize("part", ["identity", "stages", "kept"])
def test_a_journal_that_lacks_something(part: str) -> None:
    cut_off()
    journal(lambda content: content.pop(part))
    with pytest.raises(InputError, match="it lists no stages"):
        opened()


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink("/dev/zero", path)])
def test_a_journal_that_is_no_file_is_not_opened(make: Callable[[Path], None]) -> None:
    CACHE.mkdir()
    make(CACHE / "journal.json")
    with pytest.raises(InputError, match="it is not a file"):
        opened()


def test_a_dangling_link_is_no_journal() -> None:
    CACHE.mkdir()
    os.symlink("none", CACHE / "journal.json")
    with pytest.raises(InputError, match="it is not a file"):
        opened()


def test_a_run_of_another_version_is_refused_or_stale() -> None:
    cut_off()
    journal(lambda content: content.update(version=1))
    with pytest.raises(InputError, match="another version's of textmlr; train without --resume"):
        opened(resume=True)
    cache = opened()
    assert stages(cache) == []
    cache.begin("corpus")
    assert not names()
    cache.release()


# Checkpoints ---------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(caches.time, "monotonic", lambda: now[0])
    return now


def test_checkpoints_take_little_of_the_time(clock: list[float]) -> None:
    """No sooner than ``every`` after the last, and SHARE times what that took; one that has ended
    always."""
    cache, written = made(), []

    def state() -> Any:
        written.append(clock[0])
        clock[0] += took
        return {}, {"theta": np.zeros(2)}

    def after(seconds: float, *, ended: bool = False) -> bool:
        clock[0] += seconds
        before = len(written)
        cache.save("final", state, ended=ended)
        return len(written) > before

    took = 1.0
    cache.every = 1.0
    assert not after(0.9)  # since the folder was taken
    assert after(0.2)
    cache.release()
    cache = opened(resume=True)
    assert not after(29.9)
    assert after(0.2)
    assert not after(29.9)  # since the last one was written
    took = 7.0
    assert after(0.2)
    assert not after(69.0)  # ten times what it took
    assert after(0.0, ended=True)
    assert not after(69.0)
    assert after(1.0)
    assert caches.SHARE == 10
    cache.release()


def test_a_checkpoint_is_of_a_run_and_its_rows() -> None:
    cache = made()
    assert cache.load("final") is None
    cache.save("final", lambda: ({"epoch": 3}, {"theta": np.arange(2.0)}), ended=True)
    header, arrays = cache.load("final") or ({}, {})
    assert header["epoch"] == 3
    assert arrays["theta"].tolist() == [0, 1]
    os.replace(cache.path("final.checkpoint"), cache.path("twin.checkpoint"))
    assert cache.load("twin") is None  # another run's
    os.replace(cache.path("twin.checkpoint"), cache.path("final.checkpoint"))
    for stage in ("corpus", "choice", "rows", "trials"):
        cache.release()
        cache = opened(resume=True)
        assert cache.load("final") is not None
        kept_as = Path(cache.path("journal.json")).read_bytes()
        cache.enter(stage, {"of": "another"})
        assert cache.load("final") is None
        Path(cache.path("journal.json")).write_bytes(kept_as)
        for name in ("text", "lengths", "rows-00000", "ends"):
            Path(cache.path(name)).write_text(name)
    cache.release()
    cache = opened(resume=True)
    cache.enter("twin", {})  # nothing that it stands on
    assert cache.load("final") is not None
    cache.release()


def test_a_checkpoint_of_others_is_told_of_and_removed() -> None:
    cut_off()
    cache = opened(resume=True)
    cache.save("final", lambda: ({}, {}), ended=True)
    Path(cache.path("twin.checkpoint")).write_bytes(
        Path(cache.path("final.checkpoint")).read_bytes()
    )
    cache.release()
    cache = opened(resume=True)
    assert cache.damaged == ["twin.checkpoint"]
    assert names() == {"text", "lengths", "rows-00000", "ends", "final.checkpoint"}
    cache.release()
    Path(CACHE, "final.checkpoint").write_text("no checkpoint at all")
    cache = opened(resume=True)
    assert cache.damaged == ["final.checkpoint"]
    cache.release()


# Who holds it, and how it goes ---------------------------------------------------------------


def test_one_process_has_it_at_a_time() -> None:
    cache = made()
    for resume in (False, True):
        with pytest.raises(InUseError, match=r"m.cache: another training is writing it; wait"):
            opened(resume=resume)
    cache.release()
    cache.release()  # again is nothing
    cache = opened()
    cache.keep()  # gives it back
    cache = opened()
    cache.remove()
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(cache._lock)


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="this system has no /proc")
def test_no_descriptor_is_left_open() -> None:
    before = len(os.listdir("/proc/self/fd"))
    cut_off()
    cache = opened()
    with pytest.raises(InUseError):
        opened()
    cache.release()
    with pytest.raises(InputError):
        opened(OWN | {"training": {}}, resume=True)
    gone = Path(f"{CACHE}.gone-012345")
    CACHE.rename(gone)
    opened().remove()
    assert not gone.exists()
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("how", ["removed", "another"])
def test_a_folder_that_is_removed_while_it_is_waited_for(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever had it has removed it: a lock without its file holds nothing."""
    flock, tries = fcntl.flock, []

    def late(handle: int, what: int) -> None:
        tries.append(handle)
        if len(tries) == 1:
            os.unlink(CACHE / "lock")
            if how == "removed":
                os.rmdir(CACHE)
            else:
                (CACHE / "lock").touch()
        flock(handle, what)

    monkeypatch.setattr(fcntl, "flock", late)
    cache = opened()
    assert len(set(tries)) > 1
    assert os.path.samestat(os.fstat(cache._lock), os.stat(CACHE / "lock"))
    cache.release()


def test_a_folder_that_goes_before_it_is_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    real, failed = os.open, []

    def vanish(path: str, flags: int, *more: int) -> int:
        if path.endswith("lock") and not failed:
            failed.append(path)
            os.rmdir(CACHE)
        return real(path, flags, *more)

    monkeypatch.setattr(os, "open", vanish)
    opened().release()
    assert failed


def test_files_of_others_stay() -> None:
    cache = made()
    Path(CACHE, "thesis.txt").touch()
    cache.remove()
    assert names() == {"thesis.txt"}
    cache = opened(resume=True)
    assert not cache.resumed
    os.unlink(CACHE / "thesis.txt")
    cache.remove()
    assert not CACHE.exists()
    CACHE.mkdir()
    (CACHE / "thesis.txt").touch()
    (CACHE / "text").touch()
    with pytest.raises(InputError, match="is not a cache: there are other files in it"):
        opened()
    assert sorted(os.listdir(CACHE)) == ["text", "thesis.txt"]


def test_one_that_cannot_be_renamed_is_emptied(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    cache = made()
    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", refuse)
        cache.remove()
    assert not names()
    cache = opened(resume=True)
    assert not cache.resumed
    cache.release()


def test_what_the_folder_takes() -> None:
    cache = made()
    size = sum(path.stat().st_size for path in CACHE.iterdir())
    assert cache.bytes == size > 0
    cache.release()


def test_what_the_system_refuses_names_the_folder() -> None:
    room = "make room, or name another place with --cache-dir"
    for error in (
        OSError(errno.ENOSPC, "No space left on device"),
        InputError("cannot be written: no space left on device", place="x"),
    ):
        with pytest.raises(CacheError) as raised, refusals("m.cache"):
            raise error
        said = str(raised.value)
        assert said == f"m.cache: cannot be written: no space left on device; {room}"
    with pytest.raises(CacheError, match="cannot be written: some code"), refusals("m.cache"):
        raise OSError("Some code")
    with pytest.raises(InputError) as other, refusals("m.cache"):
        raise InputError("a bad line", place="c.tsv")
    assert not isinstance(other.value, CacheError)
    first = CacheError("cannot be written: a", place="other")
    with pytest.raises(CacheError) as same, refusals("m.cache"):
        raise first
    assert same.value is first


# Leftovers -----------------------------------------------------------------------------------


def test_leftovers_of_removing_a_folder_are_removed_and_nothing_else() -> None:
    Path("sub").mkdir()
    for begin in ("m.cache", "sub/m.cache"):
        for end, files in (
            ("012345", ("text", "journal.json")),
            ("012346", ("text",)),
            ("012347", ("lock", "journal.json", "rows")),
            ("012348", ("journal.json", "thesis.txt")),
            ("012349", ()),
            ("held", ()),
        ):
            folder = Path(f"{begin}.gone-{end}")
            folder.mkdir()
            for name in files:
                (folder / name).write_text(name)
    cache_folder.remove_stale("m.cache")
    left = ["m.cache.gone-012346", "m.cache.gone-012348", "m.cache.gone-held"]
    assert sorted(name for name in os.listdir() if name != "sub") == left
    assert len(os.listdir("sub")) == 6
    cache_folder.remove_stale("sub/m.cache")
    assert sorted(os.listdir("sub")) == left


def test_a_folder_that_another_process_is_removing_is_left_to_it() -> None:
    gone = Path("m.cache.gone-012345")
    gone.mkdir()
    for name in ("lock", "journal.json", "text"):
        (gone / name).touch()
    with open(gone / "lock") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        cache_folder.remove_stale("m.cache")
        assert len(os.listdir(gone)) == 3
    cache_folder.remove_stale("m.cache")
    assert not gone.exists()


def test_files_of_a_cache_are_known_by_name() -> None:
    CACHE.mkdir()
    own = [
        "text",
        "lengths",
        "labels",
        "weights",
        "counts",
        "counted",
        "rows",
        "ends",
        "rows-00000",
        "rows-123456",
        "final.checkpoint",
        "twin.checkpoint",
        ".rows.0123456789ab.part",
        ".final.checkpoint.0123456789ab.part",
    ]
    others = ["rows-0000", "Text", "text2", ".rows.0123456789.part", "other.checkpoint", "rows-x"]
    for name in (*own, *others, "lock", "journal.json"):
        (CACHE / name).touch()
    cache_folder.clear(str(CACHE), {"text"})
    assert set(os.listdir(CACHE)) == {*others, "lock", "journal.json", "text"}
    assert not cache_folder.remove(str(CACHE))
    for name in others:
        (CACHE / name).unlink()
    assert cache_folder.remove(str(CACHE))
    assert not os.listdir()


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ((), True),
        (("lock",), True),
        (("lock", ".journal.json.0123456789ab.part"), True),
        (("lock", "text"), False),
        (("text",), False),
        (("journal.json", "thesis"), True),
        ((".journal.json.0123456789ab.part", "x"), False),
    ],
)
def test_what_may_become_a_cache(files: tuple[str, ...], expected: bool) -> None:
    assert cache_folder.is_cache(str(CACHE))  # it is not there
    CACHE.mkdir()
    for name in files:
        (CACHE / name).touch()
    assert cache_folder.is_cache(str(CACHE)) == expected


# Identity ------------------------------------------------------------------------------------


def test_files_are_told_by_their_bytes() -> None:
    content = bytes(range(256)) * (5 << 10)  # more than is read at a time
    Path("a.tsv").write_bytes(content)
    Path("b.tsv").write_bytes(b"b")
    Path("texts/x").mkdir(parents=True)
    Path("texts/x/1.txt").write_bytes(b"one")
    os.mkfifo("pipe")
    seen: list[Work] = []
    sources = ["a.tsv", "b.tsv", "texts", "a.tsv", "-", "pipe", "none", "https://example.org/c"]
    found = file_identity.contents(sources, seen.append)

    def digest(data: bytes) -> str:
        return hashlib.blake2b(data, digest_size=16).hexdigest()

    assert found["sources"][:4] == ["a.tsv", "b.tsv", "texts", "a.tsv"]
    assert found["files"][:4] == [
        ["a.tsv", digest(content)],
        ["b.tsv", digest(b"b")],
        ["texts/x/1.txt", digest(b"one")],
        ["a.tsv", digest(content)],
    ]
    assert [own for _, own in found["files"][4:]] == [None] * 4
    assert file_identity.undigested(found) == [name for name, _ in found["files"][4:]]
    assert seen[-1] == Work("taking the files' checksums", len(content) + 4, len(content) + 4)
    done = [work.done for work in seen]
    assert done == sorted(done)
    assert len(done) >= 4
    assert file_identity.contents(sources[:3])["files"] == found["files"][:3]


def test_a_file_that_is_written_to_is_seen_by_size_or_time() -> None:
    Path("a.tsv").write_bytes(b"one")
    os.mkfifo("pipe")
    names = ["a.tsv", "pipe", "-", "none", "https://example.org/c", "a\0b"]
    before = file_identity.states(names)
    assert list(before.values())[1:] == [None] * 5
    assert before["a.tsv"] == [3, os.stat("a.tsv").st_mtime_ns]
    Path("-").touch()
    Path("https:/example.org").mkdir(parents=True)
    Path("https:/example.org/c").touch()
    assert set(file_identity.states(names[2:]).values()) == {
        None
    }  # files of such names are not read
    os.utime("a.tsv", ns=(0, os.stat("a.tsv").st_mtime_ns + 1))
    assert file_identity.states(["a.tsv"]) != before["a.tsv"]
