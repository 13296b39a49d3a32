"""The fuzzer: every target runs and notices errors; then the cases that it has found.

``python -m tests.fuzz`` fuzzes for as long as it is told.
"""

from __future__ import annotations

import io
import json
import os
import random
import sys
import tracemalloc
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fuzz import TARGETS, commands, models, target_of, worker
from fuzz import __main__ as runner
from fuzz.mutation import mutant
from fuzz.recipe import Recipe, ViolationError

from textmlr import FeaturizerOptions, Model
from textmlr.base import tensor_file
from textmlr.base.errors import InputError, ModelFileError
from textmlr.corpus.formats.arrow_table import arrow_refusals
from textmlr.corpus.reading import read_corpus, scan
from textmlr.corpus.reading_options import ReadingOptions

SOME = {"text": 40, "corpora": 120, "models": 300, "commands": 10}


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_every_target_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    target = target_of(name)
    seeds, rng = target.seeds(), random.Random(5)
    for seed in rng.sample(seeds, min(len(seeds), SOME[name])):
        target.check(seed)
    for _ in range(SOME[name]):
        target.check(mutant(rng, seeds, target.WORDS))


@pytest.mark.parametrize("name", TARGETS)
def test_the_worker_knows_what_guides_a_target_without_importing_it(name: str) -> None:
    assert worker._constants(name) == target_of(name).GUIDED


def test_a_recipe_never_ends() -> None:
    recipe = Recipe(b"\x02\x01a")
    assert recipe.pick("xyz") == "z"
    assert recipe.part() == b"a"
    assert (recipe.below(1000), recipe.flag(), recipe.rest(), recipe.left) == (0, False, b"", 0)


def planted(data: bytes) -> None:
    """What a target may be like: some inputs are too much for it."""
    if b"bug" in data:
        raise KeyError("bug")


def test_what_a_target_raises_is_kept_with_its_shortest_input(tmp_path: Path) -> None:
    target = ModuleType("planted")
    target.check = planted
    diary = worker.Diary(tmp_path / "diary", new=True)
    judge = worker.Judge(target, diary, tmp_path)
    for data in (b"fine", b"a bug here", b"bug", b"another bug"):
        judge(data)
    assert diary.begun == 4
    assert diary.last == b"another bug"
    (found,) = tmp_path.glob("*.input")
    assert found.read_bytes() == b"bug"
    assert json.loads(found.with_suffix(".json").read_text())["kind"].startswith("KeyError")


def test_a_worker_that_dies_or_hangs_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = runner.Run("models", "compiled")
    diary = worker.Diary(tmp_path / "diary", new=True)
    monkeypatch.setattr(runner, "TICK", 0.05)
    died = runner._watched([sys.executable, "-c", "import os; os.abort()"], run, diary)
    assert died[1] == "ended with exit code -6"
    assert runner._watched([sys.executable, "-c", ""], run, diary)[1] is None
    monkeypatch.setattr(runner, "STARTING", 0.5)
    hung = runner._watched([sys.executable, "-c", "while True: pass"], run, diary)
    assert (hung[1] or "").startswith("at one input for more than")


# --- found in model files: data, and lies that agree with their checksums


def forged(base: str, change: Any, text: tuple[str, str] | None = None) -> bytes:
    """One of the models that are fuzzed, with what change(forgery) does to it."""
    forgery = models.Forgery(models.base(base))
    change(forgery)
    if text is not None:
        forgery.text.append(text)
    return forgery.whole()


def refused(whole: bytes, tmp_path: Path) -> str:
    path = tmp_path / "m"
    path.write_bytes(whole)
    with pytest.raises(ModelFileError) as caught:
        Model.load(path)
    told = str(caught.value)
    assert told.isprintable()
    assert len(told) < 1000
    return told


def test_a_forgery_without_changes_is_the_model(tmp_path: Path) -> None:
    for base in models.BASES:
        assert models.check_file(forged(base, lambda forgery: None), base)
    with pytest.raises(ViolationError, match="other answers"):
        models.check_file(models.base("plain"), "binary")


@pytest.mark.parametrize(
    "shape", [[1] * 62 + [19, 3], [1] * 70 + [19, 3], [0, 1 << 62], [0, 1 << 63], [0, 10**30], [[]]]
)
def test_shapes_that_numpy_does_not_take(shape: list[Any], tmp_path: Path) -> None:
    def change(forgery: models.Forgery) -> None:
        forgery.layout["theta.0"]["shape"] = shape

    assert "impossible shape" in refused(forged("plain", change), tmp_path)


@pytest.mark.parametrize("documents", [0, -1, 1 << 62, 10**30, 10**400])
def test_numbers_of_documents(documents: int, tmp_path: Path) -> None:
    for base in ("plain", "int8", "hashed int8"):

        def change(forgery: models.Forgery) -> None:
            forgery.header["documents"] = documents

        assert "number of documents" in refused(forged(base, change), tmp_path)


def test_long_values_are_not_repeated_in_full(tmp_path: Path) -> None:
    for key, value in (("punctuation", "x" * 5000), ("x" * 5000, 1), ("norm", [[1] * 900])):

        def change(forgery: models.Forgery, key: Any = key, value: Any = value) -> None:
            forgery.header["featurizer"][key] = value

        assert "not understood" in refused(forged("plain", change), tmp_path)
    with pytest.raises(InputError) as caught:
        FeaturizerOptions(bias="x" * 5000)  # type: ignore[arg-type]
    assert len(str(caught.value)) < 200


def test_a_header_may_not_be_large(tmp_path: Path) -> None:
    bomb = '"record": [' + "[]," * (tensor_file.MOST_HEADER // 3) + '0], "x": '
    tracemalloc.start()
    refused(forged("plain", lambda forgery: None, ('"record": ', bomb)), tmp_path)
    tracemalloc.reset_peak()
    refused((tmp_path / "m").read_bytes(), tmp_path)
    peak = tracemalloc.get_traced_memory()[1] - tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert peak < 2 * len((tmp_path / "m").read_bytes())


@pytest.mark.parametrize("base", ["plain", "hidden"])
def test_weights_that_would_make_scores_infinite(base: str, tmp_path: Path) -> None:
    def change(forgery: models.Forgery) -> None:
        name = "theta.1" if base == "hidden" else "theta.0"
        array = forgery.array(name)
        array[:] = 3e38
        forgery.data[name] = array.tobytes()

    assert "infinite" in refused(forged(base, change), tmp_path)


@pytest.mark.parametrize("value", [3e38, 65.0, -1.0, float("nan"), float("inf")])
def test_idf_out_of_range(value: float, tmp_path: Path) -> None:
    def change(forgery: models.Forgery) -> None:
        array = forgery.array("idf")
        array[-1] = value
        forgery.data["idf"] = array.tobytes()

    assert "idf is out of range" in refused(forged("plain", change), tmp_path)


def test_a_calibration_that_would_make_scores_infinite(tmp_path: Path) -> None:
    for least, spread in ((5e-324, 1e308), (1e-9, 1.0)):

        def change(forgery: models.Forgery, least: float = least, spread: float = spread) -> None:
            forgery.header["calibration"] |= {"exponent": -1.0, "least": least, "spread": spread}

        assert "calibration is out of range" in refused(forged("plain", change), tmp_path)


def test_numbers_that_are_infinite(tmp_path: Path) -> None:
    """They are JSON to Python's reader, and could not be written again."""
    whole = forged("plain", lambda forgery: None, ('"record": ', '"record": {"a": 1e999}, "x": '))
    assert "too large" in refused(whole, tmp_path)


def test_what_cannot_be_read_again_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="header"):
        tensor_file.save(tmp_path / "m", {"files": ["x" * 100] * 20_000}, {})
    assert os.listdir(tmp_path) == []


def test_a_small_file_needs_no_large_window(tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_bytes(models.base("int8"))
    Model.load(path)
    tracemalloc.start()
    Model.load(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 18


# --- found in corpora


def stream_of(table: pa.Table) -> bytes:
    file = io.BytesIO()
    with pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)
    return file.getvalue()


def parquet_of(table: pa.Table) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, store_schema=False)
    return file.getvalue()


def test_bad_rows_of_string_views_are_skipped(tmp_path: Path) -> None:
    table = pa.table(
        {
            "text": pa.array(["one", None, "a text that is longer than a view"], pa.string_view()),
            "label": ["a", "b", "b"],
        }
    )
    path = tmp_path / "c.arrow"
    path.write_bytes(stream_of(table))
    corpus = read_corpus([str(path)], ReadingOptions(skip_bad_lines=True))
    assert [corpus.text(i) for i in range(2)] == ["one", "a text that is longer than a view"]
    (chunk,) = scan([str(path)], ReadingOptions(skip_bad_lines=True))
    assert chunk.table.column("label").to_pylist() == ["a", "b"]


@pytest.mark.parametrize("write", [stream_of, parquet_of])
def test_strings_that_are_not_utf8(write: Any, tmp_path: Path) -> None:
    path = tmp_path / ("c.arrow" if write is stream_of else "c.parquet")
    for column in ("text", "label"):
        table = pa.table({"text": ["a", "bcde"], "label": ["x", "yzyz"], "id": ["1", "2"]})
        value = b"bcde" if column == "text" else b"yzyz"
        written = write(table).replace(value, b"\xff\xfe\xff\xfe")
        path.write_bytes(written)
        with pytest.raises(InputError, match=r"cannot be read as .*UTF8"):
            read_corpus([str(path)])


def test_offsets_beyond_the_text(tmp_path: Path) -> None:
    """They would be read from wherever they point to."""
    offsets = np.array([0, 1, 2], np.int32)
    table = pa.table({"text": ["a", "b"], "label": ["x", "y"]})
    for wrong in ([0, 1, 1 << 30], [0, 1 << 30, 2], [0, -5, 2], [2, 1, 0]):
        lying = stream_of(table).replace(offsets.tobytes(), np.array(wrong, np.int32).tobytes())
        path = tmp_path / "c.arrow"
        path.write_bytes(lying)
        assert lying != stream_of(table)
        with pytest.raises(InputError, match="cannot be read as Arrow"):
            read_corpus([str(path)])


def test_columns_whose_names_are_not_utf8(tmp_path: Path) -> None:
    table = pa.table({"text": ["a"], "label": ["b"], "othername": [1]})
    for write, name in ((stream_of, "c.arrow"), (parquet_of, "c.parquet")):
        path = tmp_path / name
        path.write_bytes(write(table).replace(b"othername", b"other\xff\xfe\xff\xff"))
        with pytest.raises(InputError, match="cannot be read as"):
            read_corpus([str(path)], ReadingOptions(text_column="text"))


def test_what_arrow_says_is_one_clear_line() -> None:
    with pytest.raises(InputError) as caught, arrow_refusals("c.parquet", "Parquet"):
        raise pa.ArrowInvalid("don't know what type: \x0e\x1b[31m\nmore")
    assert str(caught.value).isprintable()


def test_a_buffer_that_no_memory_holds() -> None:
    with pytest.raises(InputError, match="more memory than there is"), arrow_refusals("c", "Arrow"):
        raise MemoryError


def test_a_folder_of_files_with_odd_names(tmp_path: Path) -> None:
    (tmp_path / "a\n\x1b[31mb.t\tt").write_bytes(b"x")
    with pytest.raises(InputError) as caught:
        read_corpus([str(tmp_path)])
    assert caught.value.problem.isprintable()
    assert (caught.value.mend or "").isprintable()


# --- found in command lines


@pytest.mark.parametrize(
    "line",
    [
        ["compress", "m.textmlr", "-o", "out", "--max-size", "9" * 400 + "GB"],
        ["export", "m.textmlr", "--output-format", "json", "-o", "out", "--scorer", "x" * 300],
    ],
)
def test_command_lines(line: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert commands.run(line) == 2


def test_a_name_of_a_file_may_be_as_long_as_names_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert commands.run(["export", "m.textmlr", "--output-format", "json", "-o", "x" * 255]) == 0
