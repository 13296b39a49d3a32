"""Every type of Arrow as text, label and weight, by every way of reading."""

from __future__ import annotations

import datetime
import decimal
import uuid
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from textmlr import Corpus, InputError, read_corpus
from textmlr.corpus.arrow_types import EXTENSIONS, TYPES, is_list, use_of
from textmlr.corpus.reading import scan
from textmlr.corpus.reading_options import ReadingOptions

TYPE_IDS = sorted(name.removeprefix("Type_") for name in dir(pa.lib) if name.startswith("Type_"))
WRAPPERS = ("DICTIONARY", "RUN_END_ENCODED", "EXTENSION")
UUIDS = [uuid.UUID(int=7), uuid.UUID(int=1 << 100), uuid.UUID(int=7)]
# Of each type three values, the first and the last alike; None in place of the second is a null.
WORDS = ["plain words", "übrige — Worte", "plain words"]
NUMBERS = [3, 1, 3]
_DAY, _NEXT = datetime.date(2024, 1, 31), datetime.date(2024, 2, 1)
_NOON, _LATER = datetime.time(12), datetime.time(12, 30, 1)
_DECIMALS = [decimal.Decimal("1.50"), decimal.Decimal("2.25"), decimal.Decimal("1.50")]
_PAIRS = [[1, 2], [3, 4], [1, 2]]
VALUES: dict[str, tuple[str, list[Any]]] = {  # pyarrow's name of the type, and values
    "NA": ("null", [None, None, None]),
    "BOOL": ("bool_", [True, False, True]),
    **{
        name: (name.lower(), NUMBERS)
        for name in TYPES
        if name.lstrip("U").startswith("INT") and "INTERVAL" not in name
    },
    "HALF_FLOAT": ("float16", [np.float16(1.5), np.float16(2), np.float16(1.5)]),
    "FLOAT": ("float32", [1.5, 2.0, 1.5]),
    "DOUBLE": ("float64", [1.5, 2.0, 1.5]),
    **{name: (name.lower(), WORDS) for name in ("STRING", "LARGE_STRING", "STRING_VIEW")},
    **{
        name: (name.lower(), [word.encode() for word in WORDS])
        for name in ("BINARY", "LARGE_BINARY", "BINARY_VIEW")
    },
    "DATE32": ("date32", [_DAY, _NEXT, _DAY]),
    "DATE64": ("date64", [_DAY, _NEXT, _DAY]),
}
# What takes arguments.
MADE: dict[str, Callable[[], Any]] = {
    "FIXED_SIZE_BINARY": lambda: pa.array([b"abc", b"def", b"abc"], pa.binary(3)),
    **{
        f"DECIMAL{bits}": lambda bits=bits: pa.array(_DECIMALS, getattr(pa, f"decimal{bits}")(5, 2))
        for bits in (32, 64, 128, 256)
    },
    "TIME32": lambda: pa.array([_NOON, _LATER, _NOON], pa.time32("ms")),
    "TIME64": lambda: pa.array([1, 2, 1], pa.time64("ns")),
    "TIMESTAMP": lambda: pa.array([1, 10**9, 1], pa.timestamp("ns", "UTC")),
    "DURATION": lambda: pa.array([1, 2, 1], pa.duration("ns")),
    "INTERVAL_MONTH_DAY_NANO": lambda: pa.array([pa.MonthDayNano([1, 2, 3])] * 3),
    "LIST": lambda: pa.array(_PAIRS, pa.list_(pa.int64())),
    "LARGE_LIST": lambda: pa.array(_PAIRS, pa.large_list(pa.int64())),
    "LIST_VIEW": lambda: pa.array(_PAIRS, pa.list_view(pa.int64())),
    "LARGE_LIST_VIEW": lambda: pa.array(_PAIRS, pa.large_list_view(pa.int64())),
    "FIXED_SIZE_LIST": lambda: pa.array(_PAIRS, pa.list_(pa.int64(), 2)),
    "STRUCT": lambda: pa.array([{"a": 1}] * 3),
    "MAP": lambda: pa.array([[("a", 1)]] * 3, pa.map_(pa.string(), pa.int64())),
    "SPARSE_UNION": lambda: pa.UnionArray.from_sparse(
        pa.array([0, 1, 0], pa.int8()), [pa.array(NUMBERS), pa.array(WORDS)]
    ),
    "DENSE_UNION": lambda: pa.UnionArray.from_dense(
        pa.array([0, 1, 0], pa.int8()),
        pa.array([0, 0, 1], pa.int32()),
        [pa.array([1, 2]), pa.array(["a"])],
    ),
}
# Old ones that nothing in Python makes.
UNMADE = {"INTERVAL_MONTHS", "INTERVAL_DAY_TIME"}
INDICES = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
RUN_ENDS = ("int16", "int32", "int64")
LABELS = {  # of the two values, by how they are named
    "text": WORDS[:2],
    "whole": ["3", "1"],
    "real": ["1.5", "2.0"],
    "truth": ["true", "false"],
}


class Unknown(pa.ExtensionType):
    """An extension type that nobody here has heard of."""

    def __init__(self, storage: pa.DataType) -> None:
        super().__init__(storage, "tests.unknown")

    def __arrow_ext_serialize__(self) -> bytes:
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage: pa.DataType, serialized: bytes) -> Unknown:
        return cls(storage)


@pytest.fixture(autouse=True, scope="module")
def _registered() -> Iterator[None]:
    pa.register_extension_type(Unknown(pa.string()))
    yield
    pa.unregister_extension_type("tests.unknown")


def sample(name: str) -> Any:
    """Three values of a type that wraps nothing; None where this pyarrow cannot make them."""
    if name in MADE:
        return MADE[name]()
    factory, values = VALUES[name]
    if name.endswith("VIEW") and not hasattr(pa, factory):
        return None
    return pa.array(values, getattr(pa, factory)())


def with_null(array: Any) -> Any:
    """The same with its second value missing."""
    try:
        return array.take(pa.array([0, None, 2]))
    except pa.ArrowNotImplementedError:  # views
        return pa.array([array[0].as_py(), None, array[2].as_py()], array.type)


def wrapped(array: Any) -> dict[str, Any]:
    """The values in each wrapper that Arrow can put them in, by the wrapper's name."""
    made: dict[str, Any] = {}
    made["unknown"] = pa.ExtensionArray.from_storage(Unknown(array.type), array)
    for index in INDICES:
        for nulls in (False, True):
            own = pa.array([0, None if nulls else 1, 2], getattr(pa, index)())
            made[f"{index} {nulls}"] = pa.DictionaryArray.from_arrays(own, array)
    for ends in RUN_ENDS:
        runs = pa.array([1, 2, 3], getattr(pa, ends)())
        made[f"{ends} runs"] = pa.RunEndEncodedArray.from_arrays(runs, array)
    return made


def doors(table: Any, folder: Path) -> Iterator[tuple[str, Any, Callable[..., Any]]]:
    """(name, schema as it comes out, reading) of the ways by which a table comes in, as far as it
    can be written."""
    options = ReadingOptions(None, "text", "label", "weight")
    for ending in ("arrow", "arrows", "feather", "parquet"):
        path = folder / f"a.{ending}"
        path.unlink(missing_ok=True)
        try:
            if ending == "parquet":
                pq.write_table(table, path)
            else:
                new = pa.ipc.new_stream if ending == "arrows" else pa.ipc.new_file
                with new(path, table.schema) as writer:
                    writer.write_table(table)
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid, pa.ArrowTypeError):
            continue  # no such file can be
        # Parquet has not all types, and makes others of some.
        schema = pq.read_schema(path) if ending == "parquet" else table.schema
        yield ending, schema, lambda path=path: read_corpus([path], options)
        yield f"{ending}, scanned", schema, lambda path=path: list(scan([path], options))
    yield "memory", table.schema, lambda: Corpus.of(*(table[name] for name in table.column_names))
    yield "stream in memory", table.schema, lambda: Corpus.of(*map(_Capsule, table.columns))


class _Capsule:
    """A column that is nobody's, and hands out Arrow."""

    def __init__(self, column: Any) -> None:
        self.column = column

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.column.__arrow_c_stream__(requested_schema)


def table_of(role: str, column: Any) -> Any:
    """A table whose column of the role given is this, and the others good."""
    n = len(column)
    own = {
        "text": ["a text", "other", "more"][:n],
        "label": ["a", "b", "a"][:n],
        "weight": [1.0, 2.0, 1.0][:n],
    }
    return pa.table({**{name: pa.array(one) for name, one in own.items()}, role: column})


def read(role: str, found: Any) -> list[Any]:
    """What came of the column, a value a row."""
    corpora = found if isinstance(found, list) else [found]
    out: list[Any] = []
    for one in corpora:
        if isinstance(one, Corpus):
            out += {
                "text": lambda c: [c.text(i) for i in range(len(c))],
                "label": lambda c: [c.labels[code] for code in c.y],
                "weight": lambda c: c.weights.tolist(),
            }[role](one)
        elif role == "text":
            out += [one.batch[i].decode() for i in range(len(one))]
        elif role == "label":
            out += [one.labels[1][code] for code in one.labels[0]]
        else:
            out += one.weights.tolist()
    return out


def expected(role: str, array: Any) -> list[Any] | None:
    """What is to come of three values, from Python's own; None if it is not said."""
    values = array.to_pylist()
    if role == "weight":
        return [float(value) for value in values]
    if isinstance(values[0], bytes):
        values = [value.decode() for value in values]
    if isinstance(values[0], str | uuid.UUID) or type(values[0]) is datetime.date:
        return [str(value) for value in values]
    if role == "label" and isinstance(values[0], bool):
        return [str(value).lower() for value in values]
    return (
        [str(value) for value in values]
        if isinstance(values[0], int | float | np.floating)
        else None
    )


def judge(role: str, array: Any, folder: Path) -> None:
    """A column is what use_of says, or is refused in words that name its type, by every door."""
    null = array.to_pylist()[1] is None
    for door, schema, enter in doors(table_of(role, array), folder):
        kind = schema.field(role).type
        fine = getattr(use_of(kind), role)
        memory = "memory" in door
        accepted = bool(fine) and not (memory and role == "label" and fine in ("real", "time"))
        case = f"{role} of {array.type} by {door}"
        if accepted and not null:
            want, got = expected(role, array), read(role, enter())
            assert len(got) == len(array), case
            assert want is None or got == want, case
            assert len(set(got)) == 2, case
            assert got[0] == got[2], case
            continue
        with pytest.raises(InputError) as refused:
            enter()
        told = str(refused.value)
        assert told.isprintable(), case
        assert len(told) < 400, case
        if not fine:
            named = str(kind)[:12] in told or "struct" in str(kind)
            assert "null" in told or named, f"{case}: {told}"
        elif accepted:
            assert "null" in told or "missing" in told or "weight 1 is nan" in told, (
                f"{case}: {told}"
            )


def test_the_table_has_every_type_of_arrow() -> None:
    assert set(TYPE_IDS) <= set(TYPES)
    assert {name for name in TYPES if TYPES[name] is None} == set(WRAPPERS)
    made = set(VALUES) | set(MADE) | set(WRAPPERS) | UNMADE
    assert made == set(TYPES)


@pytest.mark.slow
@pytest.mark.parametrize("role", ["text", "label", "weight"])
@pytest.mark.parametrize("name", [name for name in TYPE_IDS if name not in (*WRAPPERS, *UNMADE)])
def test_every_type_is_taken_or_refused(name: str, role: str, tmp_path: Path) -> None:
    array = sample(name)
    assert array is not None or name.endswith("VIEW")
    if array is None:
        return
    assert use_of(array.type) == TYPES[name]
    if role == "label" and is_list(array.type):
        return  # its first member is the label: tests/test_tables_in_memory.py
    judge(role, array, tmp_path)
    judge(role, pa.concat_arrays([array.slice(0, 1), array]).slice(1), tmp_path)
    if name == "NA" or "UNION" in name:  # which have no nulls of their own
        return
    judge(role, with_null(array), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("role", ["text", "label", "weight"])
@pytest.mark.parametrize(
    "name",
    [
        "STRING",
        "LARGE_STRING",
        "STRING_VIEW",
        "BINARY",
        "BINARY_VIEW",
        "INT64",
        "UINT64",
        "BOOL",
        "DOUBLE",
        "DATE32",
    ],
)
def test_every_wrapper_is_what_it_wraps(name: str, role: str, tmp_path: Path) -> None:
    array = sample(name)
    if array is None:
        return
    for nulls, one in product((False, True), (array, with_null(array))):
        for how, outer in wrapped(one).items():
            assert use_of(outer.type) == TYPES[name], how
            judge(role, outer, tmp_path)
            if not nulls:
                inner = pa.concat_arrays([outer, outer]).slice(3) if "runs" in how else outer
                judge(role, inner, tmp_path)


@pytest.mark.parametrize("role", ["text", "label", "weight"])
def test_extension_types_of_arrow(role: str, tmp_path: Path) -> None:
    made = {}
    if hasattr(pa, "uuid"):
        storage = pa.array([one.bytes for one in UUIDS], pa.binary(16))
        made["arrow.uuid"] = pa.ExtensionArray.from_storage(pa.uuid(), storage)
    if hasattr(pa, "bool8"):
        made["arrow.bool8"] = pa.ExtensionArray.from_storage(
            pa.bool8(), pa.array([1, 0, 1], pa.int8())
        )
    if hasattr(pa, "json_"):
        made["arrow.json"] = pa.ExtensionArray.from_storage(pa.json_(), pa.array(WORDS))
    tensors = pa.fixed_shape_tensor(pa.int64(), [2])
    made["tensor"] = pa.ExtensionArray.from_storage(
        tensors, pa.array(_PAIRS, pa.list_(pa.int64(), 2))
    )
    for name, array in made.items():
        assert name not in EXTENSIONS or use_of(array.type) == EXTENSIONS[name]
        judge(role, array, tmp_path)
    if role == "label" and "arrow.uuid" in made:
        corpus = Corpus.of(["a", "b", "c"], made["arrow.uuid"])
        assert corpus.labels == sorted({str(one) for one in UUIDS})


def test_empty_columns(tmp_path: Path) -> None:
    for name in TYPE_IDS:
        array = None if name in (*WRAPPERS, *UNMADE) else sample(name)
        if array is None:
            continue
        none = array.slice(0, 0)
        for role in ("text", "label", "weight"):
            for door, _, enter in doors(table_of(role, none), tmp_path):
                refused = _refusal(enter)
                assert refused is None or refused.isprintable(), door


def _refusal(enter: Callable[[], Any]) -> str | None:
    """What is said where something is refused."""
    try:
        enter()
    except InputError as error:
        return str(error)
    return None


def test_chunks_with_other_dictionaries(tmp_path: Path) -> None:
    views = [pa.string_view()] if hasattr(pa, "string_view") else []
    for index, kind in product(INDICES, [pa.string(), pa.large_string(), *views]):
        labels = [["b", "a"], ["c"], ["a", "d"]]
        chunks = [
            pa.DictionaryArray.from_arrays(
                pa.array(range(len(own)), getattr(pa, index)()), pa.array(own, kind)
            )
            for own in labels
        ]
        column = pa.chunked_array(chunks)
        table = pa.table({"text": list("vwxyz"), "label": column})
        with pa.ipc.new_stream(tmp_path / "a.arrows", table.schema) as writer:
            writer.write_table(table)
        corpora = [Corpus.of(table["text"], column), read_corpus([tmp_path / "a.arrows"])]
        if kind not in views:
            pq.write_table(table, tmp_path / "a.parquet")
            corpora.append(read_corpus([tmp_path / "a.parquet"]))
        for corpus in corpora:
            assert corpus.labels == ["a", "b", "c", "d"]
            assert corpus.y.tolist() == [1, 0, 2, 0, 3]


def test_bad_rows_are_skipped_whatever_the_columns_are(tmp_path: Path) -> None:
    """Rows of some types cannot be chosen by Arrow: those of views and of runs."""
    for name in ("STRING", "STRING_VIEW", "BINARY_VIEW", "INT64"):
        array = sample(name)
        if array is None:
            continue
        for other in (array, *wrapped(array).values()):
            texts = pa.array(["a", None, "c"])
            table = pa.table({"text": texts, "label": ["x", "y", "x"], "other": other})
            with pa.ipc.new_file(tmp_path / "a.arrow", table.schema) as writer:
                writer.write_table(table)
            (chunk,) = scan([tmp_path / "a.arrow"], ReadingOptions(skip_bad_lines=True))
            assert (len(chunk), chunk.skipped) == (2, 1)
            assert chunk.table.num_rows == 2
            assert read_corpus(
                [tmp_path / "a.arrow"], ReadingOptions(skip_bad_lines=True)
            ).labels == ["x"]


def test_times_are_named_without_nanoseconds_of_zero(tmp_path: Path) -> None:
    times = pa.array([0, 1, 5 * 10**8], pa.timestamp("ns"))
    pq.write_table(pa.table({"text": ["a", "b", "c"], "label": times}), tmp_path / "a.parquet")
    assert read_corpus([tmp_path / "a.parquet"]).labels == [
        "1970-01-01 00:00:00",
        "1970-01-01 00:00:00.000000001",
        "1970-01-01 00:00:00.500000000",
    ]


def test_whole_numbers_beyond_those_of_floats_are_weights(tmp_path: Path) -> None:
    for number in ((1 << 53) + 1, (1 << 63) - 1):
        table = pa.table({"text": ["a", "b"], "label": ["x", "y"], "weight": [number, 1]})
        pq.write_table(table, tmp_path / "a.parquet")
        corpus = read_corpus([tmp_path / "a.parquet"], ReadingOptions(weighted=True))
        assert corpus.weights is not None
        assert corpus.weights.tolist() == [float(np.float32(number)), 1.0]


def test_polars_categories_and_enums(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    words = ["b", "a", "b", "c"]
    for kind in (polars.Categorical, polars.Enum(["c", "b", "a", "never"])):
        series = polars.Series("label", words, dtype=kind)
        frame = polars.DataFrame({"text": list("wxyz"), "label": series})
        corpora = [Corpus.of(frame["text"], series)]
        frame.write_parquet(tmp_path / "a.parquet")
        frame.write_ipc(tmp_path / "a.arrow")
        frame.write_ipc_stream(tmp_path / "a.arrows")
        corpora += [read_corpus([tmp_path / f"a.{e}"]) for e in ("parquet", "arrow", "arrows")]
        for corpus in corpora:
            assert [corpus.labels[code] for code in corpus.y] == words
        missing = polars.Series("label", ["b", None], dtype=kind)
        with pytest.raises(InputError, match=r"label 1 is missing \(null\)"):
            Corpus.of(["a", "b"], missing)


def test_pandas_columns_of_every_kind() -> None:
    pandas = pytest.importorskip("pandas")
    words = ["b", "a", "b"]
    for labels in (
        pandas.Series(words, dtype="category"),
        pandas.Series(words, dtype="string"),
        pandas.Series(words, dtype=pandas.ArrowDtype(pa.dictionary(pa.uint8(), pa.string()))),
        pandas.Series(words, dtype=object),
        pandas.Categorical(words),
    ):
        corpus = Corpus.of(["x", "y", "z"], labels)
        assert [corpus.labels[code] for code in corpus.y] == words
    for labels in (
        pandas.Series(pandas.period_range("2020", periods=3)),
        pandas.Series(pandas.interval_range(0, 3)),
        pandas.Series(pandas.date_range("2020", periods=3)),
        pandas.Series(pandas.timedelta_range(0, periods=3)),
        pandas.Series([1.5, 2.5, 1.5], dtype="Sparse[float]"),
        pandas.Series(["a", pandas.NA, "b"], dtype=object),
        ["a", pandas.NA, "b"],
        ["a", pandas.NaT, "b"],
        np.array(["a", pandas.NA, "b"], object),
        pandas.Series(["a", pandas.NA, "b"], dtype="string"),
        pandas.Series(["a", None, "b"], dtype="category"),
        pandas.array([1, pandas.NA, 2], dtype="Int64"),
    ):
        # An extension type means what it stores: of a period, a number.
        taken = "period" in str(getattr(labels, "dtype", ""))
        refused = _refusal(lambda labels=labels: Corpus.of(["x", "y", "z"], labels))
        assert (refused is None) == taken, labels
        assert refused is None or refused.isprintable()


def test_the_columns_of_a_data_set() -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {
            "text": datasets.Value("large_string"),
            "label": datasets.ClassLabel(names=["no", "yes"]),
            "small": datasets.Value("uint8"),
            "lists": datasets.Sequence(datasets.Value("int64")),
        }
    )
    rows = {"text": ["a", "b"], "label": [1, 0], "small": [7, 8], "lists": [[1], [2]]}
    own = datasets.Dataset.from_dict(rows, features=features)
    assert Corpus.of(own["text"], own["label"]).labels == ["no", "yes"]
    assert Corpus.of(own["text"], own["small"]).labels == ["7", "8"]
    assert Corpus.of(own["text"], own["lists"]).labels == ["1", "2"]


@pytest.mark.parametrize(("place", "end"), [(0, -(2**30)), (2, -(2**30)), (2, 2**30), (2, 1)])
def test_offsets_outside_the_text_are_refused(place: int, end: int) -> None:
    """Arrow takes such an array, and kernels would read memory that is not its own."""
    ends = np.array([0, 2, 4, 6, 8], np.int32)
    ends[place] = end
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"a b c d ")]
    try:
        array = pa.Array.from_buffers(pa.string(), 4, buffers)
    except pa.ArrowInvalid:
        assert place == 0
        return
    with pytest.raises(InputError, match="offsets are not within its text"):
        Corpus.of(array, ["a", "b", "a", "b"])
