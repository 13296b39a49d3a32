"""A model is read from a path, from bytes, and from whatever gives bytes, to the same answers; what
is none is told."""

from __future__ import annotations

import array
import gzip
import io
import mmap
import os
import threading
import tracemalloc
import zipfile
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
import pytest

import textmlr
from textmlr import InputError, Model, ModelFileError

TEXTS = ["a robot in orbit", "the sheriff rode", "robot engine", "a saddle, a horse"] * 6
LABELS = ["scifi", "western"] * 12
OLDER = Path(__file__).parent / "models"


def _models() -> dict[str, Model]:
    linear = textmlr.train(TEXTS, LABELS)
    stream = textmlr.StreamTrainer()
    stream.learn(TEXTS, LABELS)
    return {
        "linear": linear,
        "hidden": textmlr.train(TEXTS, LABELS, hidden=(4,)),
        "exact": textmlr.train(TEXTS, LABELS, solver="exact"),
        "sparse": textmlr.train(TEXTS, LABELS, solver="exact", l1=0.001),
        "hashed": textmlr.train(TEXTS, LABELS, hash_bits=8),
        "int8": textmlr.train("data/genres-train.tsv").compress("60kB"),
        "float16": textmlr.train("data/genres-train.tsv").compress("60kB", dtype="float16"),
        "streamed": stream.model(),
        "updated": linear.update(["a wedding kiss"], ["romance"]),
    }


MODELS = ["linear", "hidden", "exact", "sparse", "hashed", "int8", "float16", "streamed", "updated"]


@pytest.fixture(scope="module")
def models() -> dict[str, Model]:
    return _models()


@pytest.mark.parametrize("kind", MODELS)
def test_dumps_gives_the_bytes_of_the_file(
    kind: str, models: dict[str, Model], tmp_path: Path
) -> None:
    model, path = models[kind], tmp_path / "m.textmlr"
    size = model.save(path)
    data = model.dumps()
    assert type(data) is bytes
    assert len(data) == size
    assert data == path.read_bytes()
    again = textmlr.load(data)
    assert again.dumps() == data
    np.testing.assert_array_equal(again.predict_proba(TEXTS), model.predict_proba(TEXTS))


class Unseekable(io.RawIOBase):
    """A file that gives a few bytes at a time, and neither seeks nor tells."""

    def __init__(self, data: bytes, most: int = 7) -> None:
        self._file, self._most = io.BytesIO(data), most

    def readable(self) -> bool:
        return True

    def seek(self, *where: Any) -> int:
        raise io.UnsupportedOperation("seek")

    def read(self, size: int = -1) -> bytes:
        return self._file.read(min(size, self._most) if size >= 0 else self._most)


class OnlyRead:
    """A file of a network library, which has read and nothing else; it gives memoryviews."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, size: int) -> memoryview:
        piece, self._data = self._data[:size], self._data[size:]
        return memoryview(piece)


def _member(data: bytes, folder: Path) -> Any:
    with zipfile.ZipFile(folder / "all.zip", "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("in/m.textmlr", data)
    return zipfile.ZipFile(folder / "all.zip").open("in/m.textmlr")


def _mapped(data: bytes, folder: Path) -> Any:
    (folder / "mapped").write_bytes(data)
    with open(folder / "mapped", "rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _opened(data: bytes, folder: Path, **options: Any) -> Any:
    (folder / "opened").write_bytes(data)
    return open(folder / "opened", "rb", **options)


def _zipped(data: bytes, folder: Path) -> Any:
    (folder / "m.gz").write_bytes(gzip.compress(data))
    return gzip.open(folder / "m.gz")


def _after_others(data: bytes, folder: Path) -> Any:
    file = io.BytesIO(b"before" + data)
    file.read(6)
    return file


SOURCES: dict[str, Callable[[bytes, Path], Any]] = {
    "bytes": lambda data, folder: data,
    "bytearray": lambda data, folder: bytearray(data),
    "memoryview": lambda data, folder: memoryview(data),
    "a view that is not aligned": lambda data, folder: memoryview(b"x" + data)[1:],
    "a view of another width": lambda data, folder: memoryview(
        array.array(
            next(code for code in "qihb" if len(data) % array.array(code).itemsize == 0), data
        )
    ),
    "a mapped file": _mapped,
    "BytesIO": lambda data, folder: io.BytesIO(data),
    "a file": _opened,
    "an unbuffered file": lambda data, folder: _opened(data, folder, buffering=0),
    "a file that cannot seek": lambda data, folder: Unseekable(data),
    "a file that only reads": lambda data, folder: OnlyRead(data),
    "a member of a zip": _member,
    "a gzip file": _zipped,
    "the rest of a file": _after_others,
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["linear", "int8", "hidden"])
@pytest.mark.parametrize("source", SOURCES)
def test_a_model_from_anywhere(
    source: str, kind: str, models: dict[str, Model], tmp_path: Path
) -> None:
    data = models[kind].dumps()
    for load in (textmlr.load, Model.load):
        given = SOURCES[source](data, tmp_path)
        model = load(given)
        np.testing.assert_array_equal(model.predict_proba(TEXTS), models[kind].predict_proba(TEXTS))
        if hasattr(given, "close"):
            given.close()


def test_an_answer_of_http(models: dict[str, Model]) -> None:
    data = models["linear"].dumps()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *of: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with urlopen(f"http://127.0.0.1:{server.server_port}/m") as answer:
            assert textmlr.load(answer).labels == ["scifi", "western"]
    finally:
        server.shutdown()
        server.server_close()


def test_a_pipe(models: dict[str, Model]) -> None:
    data = models["linear"].dumps()
    read, write = os.pipe()

    def give() -> None:
        with os.fdopen(write, "wb") as file:
            file.write(data)

    threading.Thread(target=give).start()
    with os.fdopen(read, "rb") as file:
        assert textmlr.load(file).labels == ["scifi", "western"]


def test_later_changes_of_the_bytes_have_no_effect(models: dict[str, Model]) -> None:
    data = bytearray(models["linear"].dumps())
    model = textmlr.load(data)
    before = model.predict_proba(TEXTS)
    data[:] = bytes(len(data))
    np.testing.assert_array_equal(model.predict_proba(TEXTS), before)
    assert data == bytes(len(data))  # and it is not held: a bytearray that is cannot be resized
    data.clear()


@pytest.mark.parametrize("path", sorted(OLDER.glob("*.textmlr")), ids=lambda path: path.name)
def test_older_models_from_bytes(path: Path) -> None:
    np.testing.assert_array_equal(
        textmlr.load(path.read_bytes()).predict_proba(TEXTS),
        textmlr.load(path).predict_proba(TEXTS),
    )


WRONG: dict[str, tuple[Callable[[bytes], Any], str]] = {
    "no bytes": (lambda data: b"", "the bytes: is empty, or cut short"),
    "a few bytes": (lambda data: data[:8], "the bytes: is empty, or cut short"),
    "an empty file": (lambda data: io.BytesIO(), "the file: is empty, or cut short"),
    "other bytes": (lambda data: b"a robot in orbit", "the bytes: is not a textmlr model"),
    "another file": (lambda data: io.BytesIO(b"a robot in orbit"), "the file: is not a textmlr"),
    "bytes cut short": (lambda data: data[:-1], "the bytes: .*size is not what its header|cut"),
    "a file cut short": (lambda data: Unseekable(data[:-9], 99), "the file: "),
    "more bytes": (lambda data: data + b"x", "the bytes: its size is not what its header says"),
    "a changed byte": (lambda data: data[:-1] + b"\x7f", "the bytes: the checksum"),
    "text": (lambda data: io.StringIO("a robot in orbit"), "opened as text.*'rb'"),
    "a broken zip": (lambda data: _broken_zip(data), "m.textmlr: cannot be read: Bad CRC-32"),
    "a closed file": (lambda data: _closed(data), "cannot be read: I/O operation on closed file"),
    "a view with gaps": (lambda data: memoryview(data)[::2], "do not lie one after another"),
    "a file of numbers": (lambda data: _Numbers(), r"its read\(\) gave int, not bytes"),
    "a number": (lambda data: 7, "path takes the path of a model, its bytes, or a file opened"),
    "none": (lambda data: None, "path takes the path of a model, its bytes, or a file opened"),
    "a class": (lambda data: io.BytesIO, "path takes the path of a model, its bytes, or a file"),
}


class _Numbers:
    def read(self, size: int) -> int:
        return size


def _closed(data: bytes) -> Any:
    file = io.BytesIO(data)
    file.close()
    return file


def _broken_zip(data: bytes) -> Any:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as made:
        made.writestr("m.textmlr", data)
    raw = bytearray(whole.getvalue())
    raw[len(raw) // 2] ^= 1
    return zipfile.ZipFile(io.BytesIO(raw)).open("m.textmlr")


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_no_model_is_told(kind: str, models: dict[str, Model]) -> None:
    make, told = WRONG[kind]
    with pytest.raises(InputError, match=told) as refused:
        textmlr.load(make(models["linear"].dumps()))
    if kind not in ("text", "a number", "none", "a class"):
        assert isinstance(refused.value, ModelFileError)


def test_an_opened_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("a robot in orbit")
    with (
        open(path, "rb") as file,
        pytest.raises(ModelFileError, match=r"notes\.txt: is not a text"),
    ):
        textmlr.load(file)
    with open(path) as text, pytest.raises(InputError, match=r"notes\.txt: is opened as text"):
        textmlr.load(text)  # type: ignore[arg-type]


class _Endless:
    """A file without an end that begins as no model does."""

    asked = 0

    def read(self, size: int) -> bytes:
        self.asked += size
        assert self.asked < 1 << 20
        return b"x" * size


def test_what_is_no_model_is_not_read_to_its_end() -> None:
    with pytest.raises(ModelFileError, match="is not a textmlr model"):
        textmlr.load(_Endless())  # type: ignore[arg-type]


def test_memory_is_that_of_one_more_copy_at_most(tmp_path: Path) -> None:
    """Python's own memory, which tracemalloc sees: pages of the model are the system's."""
    texts = [f"word{i} word{i + 1} word{i + 2}" for i in range(60_000)]
    model = textmlr.train(texts, ["a", "b"] * 30_000, epochs=1, calibration=False)
    data = model.dumps()
    assert len(data) > 5_000_000
    for given in (data, io.BytesIO(data)):
        tracemalloc.start()
        textmlr.load(given)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert most < 1.5 * len(data)
