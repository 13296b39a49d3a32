"""A model file, changed: it is refused, or it is a model.

Half of the inputs change bytes, which the checksums must notice.  The others change what the file
says (values of its JSON, dtypes, shapes and places of tensors, numbers in them, what is inside the
compressed streams of a small file) and reckon the checksums anew, as whoever wants to do harm
would: then the loader must refuse what cannot be, and whatever it lets through must answer.
"""

from __future__ import annotations

import atexit
import copy
import json
import os
import pickle
import shutil
import tempfile
import tracemalloc
import zlib
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from textmlr import FeaturizerOptions, Model, TrainingOptions, UpdateOptions
from textmlr.base.errors import InputError, ModelFileError
from textmlr.cli import info
from textmlr.cli.training_summary import fit_rows, ngram_rows, update_rows
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.in_memory import batches_of
from textmlr.features.featurizer import Featurizer
from textmlr.features.hashed_columns import DENSE, HashedColumns
from textmlr.model.model_facts import kept_of
from textmlr.model.model_parts import ModelParts
from textmlr.model.postings import Postings
from textmlr.model.postings_file import coded_rows, sparse_form
from textmlr.model.postings_file.settled_parts import settled
from textmlr.model.record import CorpusRecord, Record
from textmlr.model.scoring import Bent, Mixed
from textmlr.model.second_pass import SecondPass
from textmlr.model.small_file import compressed, form
from textmlr.model.small_file.compression import compress
from textmlr.training.corpus_training import train_corpus
from textmlr.training.update.model_update import update_model

from .forgery import Forgery
from .recipe import Recipe, require

WORDS = [b"\xff" * 7 + b"\x7f", bytes(7) + b"\x80", b"\0\0\xc0\x7f", b"\0\0\x80\x7f"]
GUIDED = (
    "textmlr.base.tensor_file",
    "textmlr.model.model_file",
    "textmlr.model.small_file.form",
    "textmlr.model.small_file.front_coding",
    "textmlr.model.small_file.compressed",
    "textmlr.model.small_file.theta_storage",
    "textmlr.model.postings_file.sparse_form",
    "textmlr.model.postings_file.label_streams",
    "textmlr.model.postings_file.feature_streams",
    "textmlr.model.postings_file.symbol_streams",
    "textmlr.features.vocabulary",
    "textmlr.features.hashed_columns",
    "textmlr.features.name_hashes",
    "textmlr.base.featurizer_options",
    "textmlr.base.training_options",
    "textmlr.base.checks",
    "textmlr.model.parameters",
    "textmlr.model.model",
    "textmlr.model.record",
)
MODES: dict[str, dict[str, str]] = {"compiled": {}}

Json = dict[str, Any]
DOCUMENTS = ["a robot in orbit", "the robot — the sheriff", "", "Ω saddle"]
TEXTS = [
    "a robot in orbit",
    "the sheriff rode a horse",
    "robot engine, robot",
    "a saddle, a sheriff",
    "Ω in orbit",
    "the kiss",
    "a kiss and a letter",
    "horse and saddle",
]
GENRES = ["scifi", "western", "scifi", "western", "scifi", "romance", "romance", "western"]
# What a file may take in memory beyond twice its size: Python's objects of a header's JSON, some
# thirty bytes a byte; what comes out of the streams of a small file, _LARGER times (names as
# Python's bytes, weights of 8 bits as float32); and buffers of a fixed size.
SLACK = 1 << 18
_LARGER = 24
_declared = [0]  # bytes
VALUES: tuple[Any, ...] = (
    0, 1, -1, 2, 3, 7, 8, 20, 30, 64, 255, 256, 1 << 16, 1 << 20, (1 << 31) - 1, 1 << 31, 1 << 32,
    (1 << 62), (1 << 63) - 1, 1 << 63, 1 << 64, 10**30, 10**400, -(10**30), 0.0, -0.0, 0.5, 1.0,
    -1.0, 1e-320, 5e-324, 1e300, 1.7e308, float("inf"), True, False, None, "", "a", "auto", "log",
    "l2", "float32", "float16", "int8", "bits", "none", "frequencies", "relu", "tanh", "identity",
    "\ud800", "\0", "x" * 5000, [], {}, [0], [1, 2], [2, 1], [[[]]], [None], {"a": 1}, [1] * 70,
    [0, 1 << 63], [0, 10**30], [1 << 31, 0], [1 << 62, 0],
)  # fmt: skip
DTYPES = ("F64", "F32", "F16", "I64", "U64", "I32", "U8", "BF16", "I8", "", 7, None)
INTEGERS = (0, 1, -1, 2, 127, 128, 255, (1 << 31) - 1, -(1 << 31), (1 << 63) - 1, -(1 << 63))
REALS = (0.0, -1.0, 1.0, 1e-45, 3e38, -3e38, float("inf"), float("-inf"), float("nan"), 1e6)
_PLACE = Path(tempfile.mkdtemp(prefix="textmlr-fuzz-"))
atexit.register(shutil.rmtree, _PLACE, ignore_errors=True)


def _expand(data: Any, lengths: list[int], sizes: list[int], path: Any) -> Any:
    """model.small_file.compressed.expand, which notes how much comes out."""
    _declared[0] = min(sum(sizes), compressed.MOST_RATIO * len(data) + compressed.FREE)
    return compressed.expand(data, lengths, sizes, path)


def _restored_rows(bits: Any, alone: Any, starts: Any, *more: Any) -> Any:
    """model.postings_file.coded_rows.restored_rows, which notes how much comes out."""
    _declared[0] += 4 * int(starts[-1])
    return coded_rows.restored_rows(bits, alone, starts, *more)


form.expand = sparse_form.expand = _expand
sparse_form.restored_rows = _restored_rows


def _model(words: str, **options: Any) -> Model:
    own = {k: options.pop(k) for k in list(options) if k in FeaturizerOptions.__dataclass_fields__}
    training = TrainingOptions(**{"epochs": 2, "learning_rate": 2.0, "idf_power": 1.0} | options)
    labels = [genre if words == "three" else genre[:1] for genre in GENRES]
    if words == "two":
        labels = ["a" if genre == "scifi" else "b" for genre in GENRES]
    return train_corpus(Corpus.of(TEXTS, labels), FeaturizerOptions(**own), training)


def _several(**options: Any) -> Model:
    """A model of label sets, with a bend and a second pass over labels."""
    own = {k: options.pop(k) for k in list(options) if k in FeaturizerOptions.__dataclass_fields__}
    training = TrainingOptions(**{"epochs": 2} | options)
    lists = [[genre, "late"] if i % 3 else [genre] for i, genre in enumerate(GENRES)]
    lists[-1] = []
    model = train_corpus(
        Corpus.of(TEXTS, lists, multilabel=True), FeaturizerOptions(**own), training
    )
    links = np.zeros((4, 4), np.float32)
    links[0, 1], links[2, 3] = 0.5, -1.0
    second = SecondPass(links, np.full(4, 0.9), np.full(4, 0.1), (1.1, 1.0, 0.6))
    bent = Bent(low=1.2, middle=0.9, high=0.5, links=second)
    thresholds = np.array([0.2, 0.5, 0.4, 1.0])
    return Model.of(replace(model.parts, calibration=bent, thresholds=thresholds))


def _smaller(model: Model, dtype: Any) -> Model:
    return compress(model, os.path.getsize(_saved(model)) - 1, dtype=dtype)


def _saved(model: Model) -> str:
    path = _PLACE / "seed"
    model.save(path)
    return str(path)


def _postings(*, sums: bool = True, learnt: float = 0.3, **options: Any) -> Model:
    """A model of a sparse θ: weights where label and feature met."""
    featurizer = Featurizer(FeaturizerOptions(**options)).fit(TEXTS)
    features = featurizer.featurize(batches_of(TEXTS), 1)
    columns = None
    if options.get("hash_bits"):
        columns, _ = HashedColumns.of(features, 1)
        features = columns.renumber(features)
    codes = np.array([sorted(set(GENRES)).index(genre) for genre in GENRES])
    dense = np.zeros((features.columns, 3), np.float32)
    for i, code in enumerate(codes.tolist()):
        own = slice(features.indptr[i], features.indptr[i + 1])
        dense[features.indices[own], code] += features.values[own]
    dense[0] = 0
    rows, labels = np.nonzero(dense)
    added = dense[rows, labels]
    noise = np.random.default_rng(1).normal(size=len(added), scale=learnt)
    row_scales = (1 + np.arange(len(dense)) % 3 / 4).astype(np.float32)
    weights = (row_scales[rows] * np.sqrt(added) + noise).astype(np.float32)
    starts = np.append(0, np.cumsum(np.bincount(rows, minlength=len(dense))))
    counts = np.bincount(codes)
    postings = Postings(
        starts,
        labels.astype(np.int32),
        weights,
        np.log(counts).astype(np.float32),
        np.ones(3, np.float32),
        added if sums else None,
        row_scales if sums else None,
    )
    own = CorpusRecord(files=("a",), documents=8, per_label=tuple(counts.tolist()))
    names = sorted(set(GENRES))
    mixed = Mixed(share=0.1)
    parts = ModelParts(names, featurizer, (), Record(corpus=own), columns, mixed, postings=postings)
    return Model.of(settled(parts))


BASES: dict[str, Callable[[], Model]] = {
    "plain": lambda: _model("three", ngrams=(1, 1), idf=True),
    "binary": lambda: _model("two", ngrams=(1, 2), char_ngrams=(3, 3), norm=None),
    "sparse": lambda: _model(
        "three",
        ngrams=(1, 1),
        solver="exact",
        l1=0.05,
        epochs=None,
        learning_rate=None,
        idf_power=None,
    ),
    "hashed": lambda: _model("three", ngrams=(1, 2), hash_bits=6, idf=True),
    "stateless": lambda: _model("two", ngrams=(1, 1), hash_bits=9, bias=False),
    "hidden": lambda: _model(
        "three", ngrams=(1, 1), hidden=(3, 2), idf_power=None, learning_rate=0.1
    ),
    "int8": lambda: _smaller(_model("three", ngrams=(1, 2), idf=True), "int8"),
    "float16": lambda: _smaller(_model("two", ngrams=(1, 1), bias=False), "float16"),
    "sets": lambda: _several(ngrams=(1, 1)),
    "sets, hashed": lambda: _several(ngrams=(1, 1), hash_bits=7),
    "sets, hidden": lambda: _several(ngrams=(1, 1), hidden=(3,)),
    "sets, int8": lambda: _smaller(_several(ngrams=(1, 2)), "int8"),
    "postings": lambda: _postings(ngrams=(1, 2)),
    "postings, sums alone": lambda: _postings(ngrams=(1, 1), char_ngrams=(2, 3), learnt=0.0),
    "postings, hashed": lambda: _postings(ngrams=(1, 1), hash_bits=7, sums=False, idf=True),
    "hashed int8": lambda: _smaller(_model("three", ngrams=(1, 2), hash_bits=7, idf=True), "int8"),
}


@cache
def base(name: str) -> bytes:
    """The file of one of BASES."""
    model = BASES[name]()
    counts = [1] * len(model.labels)
    corpus = {"files": ["a"], "documents": 8, "per_label": counts}
    model.record = Record.read({"options": {"epochs": 2}, "corpus": corpus}, "record")  # short
    path = _saved(model)
    whole = Path(path).read_bytes()
    Model.load(path)  # so that no compiler takes memory where it is measured
    os.unlink(path)
    return whole


@cache
def _apart(name: str) -> bytes:
    return pickle.dumps(Forgery(base(name)))  # which comes back faster than by copy.deepcopy


def _written(whole: bytes) -> Path:
    """A file of these bytes: a new one, since a model that was loaded maps the old one."""
    path = _PLACE / "model"
    path.unlink(missing_ok=True)
    path.write_bytes(whole)
    return path


@cache
def answers_of(name: str) -> tuple[bytes, tuple[str, ...]]:
    """(P of DOCUMENTS, labels) of one of BASES."""
    model = Model.load(_written(base(name)))
    return model.probabilities(DOCUMENTS, threads=1).tobytes(), tuple(model.labels)


def seeds() -> list[bytes]:
    """Each of the files as it is, and with each kind of change."""
    kinds = range(len(CHANGES) + 3)
    bases = range(len(BASES))
    return [bytes([base, kind, 1, 2, 3, 4, 5, 6]) for base in bases for kind in kinds]


def check(data: bytes) -> None:
    """A changed file is refused, or answers; a file with changed bytes answers as before."""
    recipe = Recipe(data)
    name = recipe.pick(list(BASES))
    how = recipe.below(2 + len(CHANGES))
    if how < 2:
        check_file(_damaged(recipe, base(name)), name)
    else:
        forgery = _forged(recipe, name, how - 2)
        check_file(forgery.whole(), None, forgery.columns)


def check_file(made: bytes, name: str | None, columns: int = 0) -> bool:
    """Whether the bytes are a model.

    name     of BASES, whose answers it must give if it is one; None: any
    columns  to which it says that it hashes, each of which takes 4 bytes of a table up to DENSE
    Raises ViolationError for a model that cannot be used, answers otherwise, or takes too much
    memory.
    """
    path = _written(made)
    tracing = tracemalloc.is_tracing()
    if not tracing:
        tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    _declared[0] = 0
    try:
        try:
            model = Model.load(path)
        finally:
            peak = tracemalloc.get_traced_memory()[1] - before
            if not tracing:
                tracemalloc.stop()
            header = min(int.from_bytes(made[:8], "little"), len(made))
            most = 2 * len(made) + 32 * header + _LARGER * _declared[0] + SLACK
            most += 6 * min(columns, DENSE)
            require(peak <= most, f"{peak:,} bytes of memory for a file of {len(made):,}")
    except ModelFileError as error:
        told = str(error)
        require(told.isprintable() and len(told) < 1000, f"not one clear line: {told!r:.300}")
        return False
    found = model.probabilities(DOCUMENTS, threads=1)
    if name is not None:
        require((found.tobytes(), tuple(model.labels)) == answers_of(name), "other answers")
    _use(model, found)
    if zlib.crc32(made) % 8 == 0:  # which takes as long as all the rest
        _save(model, found, path)
    return True


def _use(model: Model, found: np.ndarray) -> None:
    """What anyone does with a model: it must do, or be refused in words."""
    require(np.isfinite(found).all(), "a probability is not finite")
    if model.parts.head.has_sets:
        require(((found >= 0) & (found <= 1)).all(), "a probability is beyond 0 and 1")
    else:
        require((abs(found.sum(axis=1) - 1) < 1e-6).all(), "probabilities do not add up to 1")
    answers = model.classify(DOCUMENTS)
    require(len(answers) == len(DOCUMENTS), "a document has no answers")
    try:
        model.featurizer.feature_names()
    except InputError:
        require(model.featurizer.options.hash_bits is not None, "features without names")
    _ = kept_of(model.parts)
    json.dumps(model.record.as_json(), allow_nan=False)
    explanation = model.explain(DOCUMENTS[1])
    require(np.isfinite(explanation.score), "a score is not finite")
    _tell(model)


def _tell(model: Model) -> None:
    """What ``info`` shows and ``update`` begins from; a forged record must do."""
    featurizer = asdict(model.featurizer.options)
    rows = [
        info.label_row(model.labels, model.record),
        *info.corpus_rows(model.record),
        *update_rows(model.record),
        *ngram_rows(featurizer, model.record),
        *fit_rows(model.record),
    ]
    require(all(isinstance(told, str) for row in rows for told in row), "a row is no text")
    try:
        update_model(model, Corpus.of(["a robot"], [model.labels[0]]), UpdateOptions(holdout=0))
    except InputError as error:
        require(str(error).isprintable(), "not one clear line")


def _save(model: Model, found: np.ndarray, path: Path) -> None:
    """It can be saved, and is the same again."""
    model.save(path)
    again = Model.load(path)
    require(np.array_equal(again.probabilities(DOCUMENTS, threads=1), found), "saved, it differs")


def _damaged(recipe: Recipe, whole: bytes) -> bytes:
    """Some bytes changed, cut out, or put in."""
    made = bytearray(whole)
    for _ in range(1 + recipe.below(4)):
        at = recipe.below(len(made) + 1)
        match recipe.below(6):
            case 0 | 1:
                at = min(at, len(made) - 1)
                made[at] ^= 1 << recipe.below(8)
            case 2:
                del made[at:]
            case 3:
                part = recipe.part()
                made[at : at + len(part)] = part
            case 4:
                del made[at : at + 1 + recipe.byte()]
            case _:
                made[at:at] = recipe.part()
        if not made:
            break
    return bytes(made)


def _forged(recipe: Recipe, name: str, first: int) -> Forgery:
    """Changed by several of CHANGES, the first given."""
    forgery: Forgery = pickle.loads(_apart(name))
    change = CHANGES[first]
    for number in range(4):
        change(forgery, recipe)
        if number == 3 or not recipe.left:
            break
        change = recipe.pick(CHANGES)
    return forgery


def _values(root: Any) -> list[tuple[Any, Any]]:
    """(container, key) of every value in JSON."""
    found = []
    stack = [root]
    while stack:
        value = stack.pop()
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            found.append((value, key))
            if isinstance(inner, dict | list):
                stack.append(inner)
    return found


def _change_value(forgery: Forgery, recipe: Recipe) -> None:
    """Of the header's JSON, the record's included."""
    root = forgery.header
    if not isinstance(root, dict) or not root:
        return
    part = recipe.pick(list(root))
    places = [(root, part)]
    if isinstance(root[part], dict | list):
        places += _values(root[part])
    place, key = recipe.pick(places)
    match recipe.below(6):
        case 0:
            place.pop(key)
        case 1 if isinstance(place, dict):
            place[recipe.pick(["a", "storage", "widths", "seed", "bias"])] = copy.deepcopy(
                recipe.pick(VALUES)
            )
        case 2 if isinstance(place[key], int | float):
            place[key] += recipe.pick((1, -1, 100, 1 << 20, 1 << 40))
        case _:
            place[key] = copy.deepcopy(recipe.pick(VALUES))


def _change_text(forgery: Forgery, recipe: Recipe) -> None:
    """Of the JSON as it is written: what no JSON writer writes."""
    forgery.text.append(
        recipe.pick(
            [
                ('"documents": 8', '"documents": NaN'),
                ('{"header"', '{"tensors": {}, "header"'),
                ('"record": ', '"record": ' + "[" * 3000 + "]" * 3000 + ', "x": '),
                ('"record": ', '"record": ' + "[" * 100_000),
                ("8", "9" * 4500),
                ("{", " \n{"),
                ('"widths": ', '"widths": [], "widths": '),
                ("}", ",}"),
                ("1", "1e400"),
                ("", "\0"),
                ('"record": ', '"record": [' + "[]," * 20_000 + '0], "x": '),
                ('"record": ', '"record": {' + '"\\ud800": 1,' * 3 + '"y": 0}, "x": '),
            ]
        )
    )


def _change_entry(forgery: Forgery, recipe: Recipe) -> None:
    """What the layout says of a tensor."""
    if not forgery.order:
        return
    entry = forgery.layout.get(recipe.pick(forgery.order))
    if not isinstance(entry, dict):
        return
    shape = entry.get("shape")
    match recipe.below(8):
        case 0:
            entry["dtype"] = recipe.pick(DTYPES)
        case 1 if isinstance(shape, list) and shape:
            shape[recipe.below(len(shape))] = copy.deepcopy(recipe.pick(VALUES))
        case 2:
            entry["shape"] = copy.deepcopy(recipe.pick(VALUES))
        case 3 if isinstance(shape, list):
            shape.insert(recipe.below(len(shape) + 1), recipe.pick((0, 1, 2, 1 << 62)))
        case 4 if isinstance(shape, list):
            entry["shape"] = [1] * recipe.pick((1, 31, 32, 33, 63, 64, 65, 70)) + shape
        case 5 if isinstance(entry.get("data_offsets"), list):
            entry["data_offsets"][recipe.below(2) - 1 :] = [recipe.pick(VALUES)]
        case 6:
            entry[recipe.pick(["dtype", "shape", "data_offsets", "a"])] = copy.deepcopy(
                recipe.pick(VALUES)
            )
        case _:
            entry.pop(recipe.pick(["dtype", "shape", "data_offsets"]), None)


def _change_numbers(forgery: Forgery, recipe: Recipe) -> None:
    """Some of a tensor's numbers."""
    if not forgery.order:
        return
    name = recipe.pick(forgery.order)
    array = forgery.array(name)
    _overwrite(array, recipe)
    forgery.data[name] = array.tobytes() + forgery.data[name][array.nbytes :]


def _overwrite(array: np.ndarray, recipe: Recipe) -> None:
    if not len(array):
        return
    for _ in range(1 + recipe.below(3)):
        at = recipe.below(len(array))
        if array.dtype.kind == "f":
            with np.errstate(over="ignore"):
                array[at] = recipe.pick(REALS)
            continue
        low, high = np.iinfo(array.dtype).min, np.iinfo(array.dtype).max
        number = recipe.pick(INTEGERS) if recipe.flag() else int(array[at]) + recipe.byte() - 128
        array[at] = min(max(number, int(low)), int(high))


def _change_data(forgery: Forgery, recipe: Recipe) -> None:
    """A tensor longer or shorter, with the shape that goes with it, or another's bytes."""
    if not forgery.order:
        return
    name = recipe.pick(forgery.order)
    if not isinstance(forgery.layout.get(name), dict):
        return
    data = forgery.data[name]
    match recipe.below(5):
        case 0:
            data = data[: recipe.below(len(data) + 1) // 8 * 8]
        case 1:
            data += bytes(8 * (1 + recipe.below(64)))
        case 2:
            data = forgery.data[recipe.pick(forgery.order)]
        case 3:
            data = b""
        case _:
            at = recipe.below(len(data) + 1) // 8 * 8
            data = data[:at] + recipe.part() + data[at:]
    forgery.set_data(name, data)
    if recipe.flag():
        _place(forgery)


def _place(forgery: Forgery) -> None:
    if all(isinstance(forgery.layout.get(name), dict) for name in forgery.order):
        forgery.place()


def _change_tensors(forgery: Forgery, recipe: Recipe) -> None:
    """Which tensors there are."""
    if not forgery.order:
        return
    name = recipe.pick(forgery.order)
    other = recipe.pick(
        [
            "columns",
            "totals",
            "idf",
            "frequencies",
            "squares.0",
            "squares.1",
            "theta.1",
            "small",
            "sparse.streams",
            "sparse.rows",
            "sparse.learnt",
            "named.columns",
            "named.totals",
            "thresholds",
            "second.links",
            "second.scales",
            "x" * 300,
            "\ud800",
            "",
            "__metadata__ ",
            "theta.0",
        ]
    )
    match recipe.below(4):
        case 0:
            forgery.order.remove(name)
            forgery.layout.pop(name, None)
            forgery.data.pop(name)
        case 1 if other not in forgery.order:
            forgery.layout[other] = forgery.layout.pop(name, {})
            forgery.data[other] = forgery.data.pop(name)
            forgery.order[forgery.order.index(name)] = other
        case 2 if other not in forgery.order:
            forgery.layout[other] = copy.deepcopy(forgery.layout.get(name))
            forgery.data[other] = forgery.data[name]
            forgery.order.append(other)
        case _:
            forgery.order.reverse()
    _place(forgery)


def _change_streams(forgery: Forgery, recipe: Recipe) -> None:
    """What is inside the streams of a small file, or what it says of it."""
    about = forgery.header.get("storage") if isinstance(forgery.header, dict) else None
    if forgery.packed not in forgery.data or not isinstance(about, dict):
        _change_numbers(forgery, recipe)
        return
    try:
        parts = forgery.streams
    except (KeyError, TypeError, ValueError, EOFError, Exception):  # changed before
        return
    if not parts:
        return
    at = recipe.below(len(parts))
    part = np.frombuffer(parts[at], np.uint8).copy()
    match recipe.below(5):
        case 0 | 1:
            _overwrite(part, recipe)
        case 2:
            part = part[: recipe.below(len(part) + 1)]
        case 3:
            part = np.append(part, np.frombuffer(recipe.part(), np.uint8))
        case _:
            part = np.zeros(recipe.pick((1 << 10, 1 << 16, 1 << 18)), np.uint8)
    parts[at] = part.tobytes()
    forgery.streams = parts
    if recipe.flag():
        known = ["rows", "names", "rest", "odd", "labels", "label_names", "entries", "large"]
        key = recipe.pick(known)
        about[key] = len(parts[at]) if recipe.flag() else recipe.below(300)
    _place(forgery)


CHANGES: tuple[Callable[[Forgery, Recipe], None], ...] = (
    _change_value,
    _change_value,
    _change_value,
    _change_entry,
    _change_numbers,
    _change_numbers,
    _change_data,
    _change_tensors,
    _change_text,
    _change_streams,
    _change_streams,
)
