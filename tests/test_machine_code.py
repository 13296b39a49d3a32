"""Machine code of kernels, read from disk: refusals, linking, and child processes.

Most of these tests kill a mutant of ``kernels.jit.machine_code``, made by a mutation tool, that the
tests with processes of their own let live or kill slowly.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from conftest import compiled

from textmlr.base.arrays import frozen
from textmlr.kernels import hash_table
from textmlr.kernels.jit import machine_code, trusted_folders

KERNEL: Any = hash_table.partition_sizes
FUNCTION = getattr(KERNEL, "function", KERNEL)
ORIGIN = machine_code.Origin(FUNCTION, ("u81r", "i", "i81w"))
CODE = machine_code.MachineCode("textmlr_entry", "", ("abort",), bytes(range(256)) * 20)


def sealed(head: dict[str, Any], image: bytes) -> bytes:
    """A file whose digest is right, whatever it says."""
    text = json.dumps(head)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json, "dumps", lambda _: text)
        return machine_code.packed(ORIGIN, replace(CODE, image=image))


# Damage --------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [0, 31, 32, 40, -5120, -5119, -1000, -1])
def test_a_byte_that_is_another_anywhere_is_seen(place: int) -> None:
    """In the digest, the head, and above all in the code, which would run."""
    content = bytearray(machine_code.packed(ORIGIN, CODE))
    assert machine_code.unpacked(ORIGIN, bytes(content)) == CODE
    content[place] ^= 1
    assert machine_code.unpacked(ORIGIN, bytes(content)) is None


def test_code_that_is_cut_or_longer_is_seen_under_a_right_digest() -> None:
    content = machine_code.packed(ORIGIN, CODE)
    head = json.loads(content[32:].partition(b"\n")[0])
    assert machine_code.unpacked(ORIGIN, sealed(head, CODE.image)) == CODE
    for image in (CODE.image[:-1], CODE.image + b"\0", b""):
        assert machine_code.unpacked(ORIGIN, sealed(head, image)) is None
    for wrong in ({"bytes": 1}, {"codes": []}, {"name": "x"}, {"result": "x"}, {"more": 1}):
        assert machine_code.unpacked(ORIGIN, sealed(head | wrong, CODE.image)) is None


@pytest.mark.parametrize(
    "symbols",
    [["no_such_function"], ["abort\0"], ["abort\n"], [1], [None], ["abort", "no_such_function"]],
)
def test_code_that_calls_what_is_not_there_is_none(symbols: list[Any]) -> None:
    """LLVM would end the process over it."""
    head = json.loads(machine_code.packed(ORIGIN, CODE)[32:].partition(b"\n")[0])
    assert machine_code.unpacked(ORIGIN, sealed(head | {"symbols": symbols}, CODE.image)) is None
    known = {"symbols": ["exp", "numba_unpickle", "NRT_Free", machine_code.OUT_OF_BOUNDS]}
    found = machine_code.unpacked(ORIGIN, sealed(head | known, CODE.image))
    assert found == replace(CODE, symbols=tuple(known["symbols"]))


def test_the_next_folder_is_looked_into_where_one_has_nothing_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = [(tmp_path / "one", False), (tmp_path / "two", False)]
    monkeypatch.setattr(machine_code.Origin, "folders", property(lambda self: places))
    assert machine_code.find(ORIGIN) is None
    trusted_folders.write(places[0][0], ORIGIN.file_name, b"damaged", shared=False)
    trusted_folders.write(
        places[1][0], ORIGIN.file_name, machine_code.packed(ORIGIN, CODE), shared=False
    )
    assert machine_code.find(ORIGIN) == CODE
    other = replace(CODE, entry="other")
    assert machine_code.keep(ORIGIN, other)
    assert machine_code.find(ORIGIN) == other
    (tmp_path / "file").touch()
    places[:] = [(tmp_path / "file/one", False), *places[1:]]
    assert machine_code.keep(ORIGIN, other)
    assert machine_code.find(ORIGIN) == other
    del places[1:]
    assert not machine_code.keep(ORIGIN, other)
    assert machine_code.find(ORIGIN) is None


# Names ---------------------------------------------------------------------------------------


def test_a_name_tells_what_code_depends_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of it makes another name; the same gives the same."""
    usual = {ORIGIN.file_name}

    def names() -> set[str]:
        machine_code._environment.cache_clear()
        return {ORIGIN.file_name}

    assert names() == usual
    assert ORIGIN.file_name.startswith("hash_table.partition_sizes-")
    assert replace(ORIGIN, checked=True).file_name not in usual
    assert replace(ORIGIN, codes=("u81w", "i", "i81w")).file_name not in usual
    changed = [
        ("textmlr.kernels.jit.machine_code._FORMAT", machine_code._FORMAT + 1),
        ("llvmlite.__version__", "0.1"),
        ("sys.platform", "other"),
        ("textmlr.kernels.jit.machine_code._processor", lambda: ("another", "")),
        (
            "textmlr.kernels.jit.machine_code._processor",
            lambda: (machine_code._processor()[0], "+other"),
        ),
        ("textmlr.kernels.jit.machine_code.source_digest", lambda package: "another"),
    ]
    seen = [usual]
    for number, (target, value) in enumerate(changed):
        before = machine_code._processor()
        with monkeypatch.context() as patch:
            if number == 4:
                value = lambda own=before: (own[0], "+other")  # noqa: E731
            patch.setattr(target, value)
            seen.append(names())
    assert names() == usual
    assert len(set.union(*seen)) == len(changed) + 1


# Linking -------------------------------------------------------------------------------------


def test_symbols_are_looked_for_in_this_process() -> None:
    assert machine_code._address("exp")
    assert machine_code._address("PyErr_Clear")
    assert machine_code._address("no_such_function") is None
    for unreached in ("numba_unpickle", "NRT_Free"):
        assert machine_code._address(unreached) == machine_code._address("abort")
    note = machine_code._address(machine_code.OUT_OF_BOUNDS)
    assert note not in (None, machine_code._address("abort"))
    assert (
        machine_code._address(machine_code.OUT_OF_BOUNDS) == note
    )  # made once, or it would be freed
    ctypes.CFUNCTYPE(None)(note)()
    assert machine_code._outside.found
    machine_code._outside.found = False


def test_code_that_found_an_index_outside_raises_once() -> None:
    def call(found: bool) -> str:
        if found:
            ctypes.CFUNCTYPE(None)(machine_code._address(machine_code.OUT_OF_BOUNDS))()
        return "result"

    checked = machine_code._raising(call, "linear.loss")
    assert checked(False) == "result"
    with pytest.raises(IndexError, match=r"kernel linear.loss: an index is outside its array"):
        checked(True)
    assert checked(False) == "result"


@compiled
def test_code_that_was_kept_is_linked_and_does_what_it_is_for() -> None:
    sizes = np.zeros(2, np.int64)
    hashes = frozen(np.array([1, 2**63, 5], np.uint64))
    KERNEL(hashes, 63, sizes)
    assert sizes.tolist() == [2, 1]
    code = machine_code.find(ORIGIN)
    assert code is not None
    call = machine_code.link(code, ORIGIN.codes)
    assert call(hashes, 63, sizes) is None
    assert sizes.tolist() == [4, 2]  # it adds to them
    machine_code.link(replace(code, symbols=("exp", machine_code.OUT_OF_BOUNDS)), ORIGIN.codes)(
        hashes, 63, sizes
    )
    assert sizes.tolist() == [6, 3]
    with pytest.raises(RuntimeError, match="there is no other in the code"):
        machine_code.link(replace(code, entry="other"), ORIGIN.codes)
    with pytest.raises(RuntimeError, match=f"{code.entry}: this process has no no_such_function"):
        machine_code.link(replace(code, symbols=("no_such_function",)), ORIGIN.codes)


# Forks ---------------------------------------------------------------------------------------


@pytest.fixture
def llvms_lock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What llvmlite guards itself with, one of the test's own."""
    guard = SimpleNamespace(_lock=threading.RLock())
    ffi = SimpleNamespace(lib=SimpleNamespace(_lock=guard))
    monkeypatch.setitem(sys.modules, "llvmlite.binding.ffi", ffi)
    monkeypatch.setattr(machine_code, "_stuck", False)
    cleared: list[int] = []
    monkeypatch.setattr(
        machine_code, "machine", SimpleNamespace(cache_clear=lambda: cleared.append(1))
    )
    guard.cleared = cleared
    return guard


def held_by_another(lock: Any) -> None:
    thread = threading.Thread(target=lock.acquire)
    thread.start()
    thread.join()


def test_a_child_frees_llvms_lock_if_another_thread_had_it(llvms_lock: SimpleNamespace) -> None:
    own = llvms_lock._lock
    machine_code.renew()
    assert llvms_lock._lock is own
    assert own.acquire(blocking=False)
    own.release()
    held_by_another(own)
    machine_code.renew()
    assert llvms_lock._lock is not own
    assert llvms_lock._lock.acquire(blocking=False)
    assert llvms_lock.cleared == [1, 1]
    assert not machine_code._stuck


def test_a_child_that_cannot_free_it_compiles_nothing(llvms_lock: SimpleNamespace) -> None:
    """It says so; waiting for that lock would have no end."""
    for strange in (None, "lock", threading.Lock()):
        llvms_lock._lock = strange
        machine_code.renew()
        assert machine_code._stuck
        with pytest.raises(RuntimeError, match="forked while llvmlite's lock may have been taken"):
            machine_code.link(CODE, ORIGIN.codes)
    assert not llvms_lock.cleared
    llvms_lock._lock = threading.RLock()
    machine_code.renew()
    assert not machine_code._stuck


# What the source is --------------------------------------------------------------------------


def test_of_the_compiler_only_what_decides_on_code_counts() -> None:
    """Where files are kept, and how they are looked for, may change without compiling anew."""
    package = Path(machine_code.__file__).parent
    found = list(machine_code._modules("textmlr.kernels.jit", ("row_loops", "compiler")))
    assert found == [
        f"{name}.py".encode() + b"\0" + (package / f"{name}.py").read_bytes()
        for name in ("compiler", "row_loops")
    ]
    every = list(machine_code._modules("textmlr.kernels.jit"))
    assert len(every) == len(list(package.glob("*.py")))
    assert set(found) < set(every)


def test_without_source_what_was_compiled_of_it_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / "package_without_source"
    package.mkdir()
    assert list(machine_code._modules(package.name)) == []
    for content in (b"1", b"2"):
        (package / "a.pyc").write_bytes(content)
        assert list(machine_code._modules(package.name)) == [b"a.pyc\0" + content]
    (package / "a.py").write_bytes(b"x = 1")
    assert list(machine_code._modules(package.name)) == [b"a.py\0x = 1"]


def test_numbas_own_cache_has_a_folder_for_each_state_of_the_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = [(tmp_path / "file/one", False), (tmp_path / "two", False)]
    (tmp_path / "file").touch()
    monkeypatch.setattr(machine_code.Origin, "folders", property(lambda self: places))
    usual = machine_code.numbas_folder(ORIGIN)
    assert usual is not None
    assert usual.parent == tmp_path / "two"
    assert usual.is_dir()
    assert machine_code.numbas_folder(ORIGIN) == usual
    monkeypatch.setattr(machine_code, "source_digest", lambda package: "another")
    assert machine_code.numbas_folder(ORIGIN) not in (None, usual)
    del places[1]
    assert machine_code.numbas_folder(ORIGIN) is None


# Folders -------------------------------------------------------------------------------------


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="this system has no /proc")
def test_folders_leave_no_descriptor_open(tmp_path: Path) -> None:
    before, name = len(os.listdir("/proc/self/fd")), ORIGIN.file_name
    place = tmp_path / "cache"
    trusted_folders.write(place, name, b"content", shared=False)
    assert trusted_folders.read(place, name) == b"content"
    assert trusted_folders.read(place, "none") is None
    assert trusted_folders.read(tmp_path / "none", name) is None
    (place / name).chmod(0o666)
    assert trusted_folders.read(place, name) is None
    assert trusted_folders.own_folder(place / "numba-0123456789ab", shared=False)
    place.chmod(0o777)
    assert trusted_folders.read(place, name) is None
    assert len(os.listdir("/proc/self/fd")) == before


def test_numbas_folders_that_are_not_used_any_more_go_with_time(tmp_path: Path) -> None:
    old, new = (tmp_path / "cache" / f"numba-{digit * 12}" for digit in "01")
    for folder in (old, new):
        assert trusted_folders.own_folder(folder, shared=False)
    os.utime(old, (0, 0))
    assert trusted_folders.own_folder(new, shared=False)
    assert not old.exists()
    assert new.exists()
