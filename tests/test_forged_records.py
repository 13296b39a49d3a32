"""Every value of a model's header, replaced by wrong ones, is refused at load or has no effect."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fuzz.forgery import Forgery

from textmlr import (
    Corpus,
    FeaturizerOptions,
    InputError,
    Model,
    ModelFileError,
    StreamTrainer,
    TrainingOptions,
    UpdateOptions,
)
from textmlr.cli.export import export
from textmlr.cli.info import info
from textmlr.cli.top import top
from textmlr.corpus.duplicates import Duplicates, Overlap
from textmlr.model import record
from textmlr.model.record_schema import Part, json_fields
from textmlr.model.scoring import Bent, Mixed, Shrunk
from textmlr.model.small_file.compression import compress
from textmlr.training.corpus_training import train_corpus
from textmlr.training.exact.penalty_path import Penalty
from textmlr.training.ngram_choice import Candidate
from textmlr.training.sgd.trial_run import TrialRun
from textmlr.training.update.model_update import update_model

TEXTS = [
    "a robot in orbit",
    "the sheriff rode a horse",
    "robot engine, robot",
    "a saddle, a sheriff",
    "in orbit",
    "the kiss",
    "a kiss and a letter",
    "horse and saddle",
] * 4
LABELS = ["scifi", "western", "scifi", "western", "scifi", "romance", "romance", "western"] * 4
BINARY = ["a" if label == "scifi" else "b" for label in LABELS]
MORE = Corpus.of(["a wedding kiss", "robots"], ["romance", "scifi"])
WRONG: tuple[Any, ...] = (
    None, True, 0, -1, 3, 0.5, 1e308, (1 << 63) - 1, 1 << 63, 10**400, "x", [], {}, [[1, 2]],
    [-1] * 3, [1 << 62] * 3, ["a"] * 3, {"a": 1},
)  # fmt: skip
GONE = object()
Json = dict[str, Any]


def _of(labels: list[str] = LABELS, **options: Any) -> Model:
    names = {field.name for field in fields(FeaturizerOptions)}
    own = {name: options.pop(name) for name in list(options) if name in names}
    return train_corpus(
        Corpus.of(TEXTS, labels), FeaturizerOptions(**own), TrainingOptions(**options)
    )


def _packed(model: Model, folder: Path, dtype: Any) -> Model:
    size = model.save(folder / "whole")
    return compress(model, size - 300, dtype=dtype)


def _streamed(folder: Path) -> Model:
    trainer = StreamTrainer(FeaturizerOptions(hash_bits=8))
    trainer.learn(TEXTS, LABELS)
    return trainer.model()


MODELS: dict[str, Callable[[Path], Model]] = {
    "linear": lambda folder: _of(),
    "hashed": lambda folder: _of(BINARY, ngrams=(1, 1), hash_bits=7, idf=True),
    "hidden": lambda folder: _of(hidden=(3,)),
    "exact": lambda folder: _of(ngrams=(1, 1), solver="exact"),
    "l1": lambda folder: _of(ngrams=(1, 1), l1=0.01),
    "postings": lambda folder: _of(ngrams=(1, 2), theta="sparse"),
    "packed": lambda folder: _packed(_of(ngrams=(1, 2)), folder, "int8"),
    "packed in halves": lambda folder: _packed(_of(BINARY, ngrams=(1, 1)), folder, "float16"),
    "updated": lambda folder: update_model(
        _of(ngrams=(1, 1)), Corpus.of(["a zoo"] * 3, ["zoo"] * 3)
    ),
    "streamed": _streamed,
}


def paths_in(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value in JSON."""
    if at:
        yield at
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        if isinstance(inner, dict | list):
            yield from paths_in(inner, (*at, key))
        else:
            yield (*at, key)


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def forged(whole: bytes, path: tuple[Any, ...], value: Any) -> bytes:
    """The file with another value there, or none; and checksums that agree."""
    forgery = Forgery(whole)
    place = forgery.header
    for key in path[:-1]:
        place = place[key]
    if value is GONE:
        place.pop(path[-1])
    else:
        place[path[-1]] = copy.deepcopy(value)
    return forgery.whole()


def uses(path: Path) -> dict[str, Callable[[Model], object]]:
    """What is done with a model; commands read the file themselves."""
    out = path.with_name("out")
    return {
        "classify": lambda model: model.classify([*TEXTS[:3], "", "unheard of"], top=None),
        "explain": lambda model: model.explain(TEXTS[0]),
        "update": lambda model: update_model(model, MORE, UpdateOptions(holdout=0)).save(out),
        "compress": lambda model: compress(model, 600).save(out),
        "info": lambda model: command(info, str(path)),
        "info --json": lambda model: command(info, str(path), "--json"),
        "top": lambda model: command(top, str(path)),
        "export": lambda model: command(
            export, str(path), "--output-format", "json", "-o", str(out.with_suffix(".json"))
        ),
    }


def command(verb: Any, *arguments: str) -> None:
    """Run a command; InputErrors and other exceptions come through."""
    result = CliRunner().invoke(verb, arguments, standalone_mode=False)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception


_SEEN: set[str] = set()


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_every_value_of_a_header(name: str, tmp_path: Path) -> None:
    """Files with a wrong value are refused in words, or all verbs do with them.

    What several models say alike is changed in the first.
    """
    path = tmp_path / "model"
    model = MODELS[name](tmp_path)
    model.save(path)
    whole = path.read_bytes()
    actions = uses(path)
    for action in actions.values():  # as it is, everything works, or is refused
        _told(action, model)
    refused = used = 0
    header = Forgery(whole).header
    for at in paths_in(header):
        key = json.dumps([at, _at(header, at)])
        if key in _SEEN:
            continue
        _SEEN.add(key)
        kinds: set[str] = set()
        for value in (*WRONG, GONE):
            path.write_bytes(forged(whole, at, value))
            case = f"{at} is {value!r:.40}"
            loaded = _loaded(path, case)
            if isinstance(loaded, str):
                assert str(path) in loaded, case
                assert loaded.isprintable(), case
                assert len(loaded) < 400 + len(str(path)), case
                refused += 1
                continue
            # Values of a kind that are let through are used alike: one is tried with all verbs.
            kind = type(value).__name__
            tried = actions if kind not in kinds else {"info": actions["info"]}
            kinds.add(kind)
            for verb, action in tried.items():
                try:
                    _told(action, loaded)
                except Exception as error:
                    raise AssertionError(f"{verb}: {case}") from error
            used += 1
    assert refused > 20
    assert used > 1


def _loaded(path: Path, case: str) -> Model | str:
    """The model, or why it is refused."""
    try:
        return Model.load(path)
    except ModelFileError as error:
        return str(error)
    except Exception as error:
        raise AssertionError(case) from error


def _told(action: Callable[[Model], object], model: Model) -> None:
    """The action is done, or refused in words."""
    try:
        action(model)
    except InputError as error:
        if not str(error).isprintable():
            raise


def test_the_kinds_of_a_record_are_those_of_what_writes_it() -> None:
    """Each part has the fields of the class that it is made of."""
    pairs: list[tuple[type[Part], Any]] = [
        (record.OverlapRecord, Overlap),
        (record.SgdTrialRecord, TrialRun),
        (record.ExactTrialRecord, Penalty),
        (record.CandidateRecord, Candidate),
        (record.DuplicatesRecord, Duplicates),
    ]
    for kind, made in pairs:
        assert {field.name for field in fields(made)} - {"sketch", "never_answered"} == {
            *json_fields(kind)
        }, made
    kinds = Shrunk, Bent, Mixed
    own = {field.name for made in kinds for field in fields(made)} - {"links"}
    assert own == {*json_fields(record.CalibrationRecord)}


def test_records_of_older_versions_still_load(tmp_path: Path) -> None:
    """Without the parts and keys that came later, and without any record at all."""
    model = _of(ngrams=(1, 1))
    path = tmp_path / "model"
    whole = json.loads(json.dumps(model.record.as_json()))
    for own in (
        {},
        {
            "options": {"epochs": 2},
            "corpus": {"files": ["a"], "documents": 32, "per_label": [8, 12, 12]},
        },
        {part: values for part, values in whole.items() if part != "final"},
        whole | {"a part of a newer version": {"with": ["anything"]}},
        whole | {"options": whole["options"] | {"unheard_of": 7}},
        whole | {"held_out": {k: v for k, v in whole["held_out"].items() if k != "overlap"}},
    ):
        model.record = record.Record.read(own, "record")
        model.save(path)
        loaded = Model.load(path)
        assert loaded.record.as_json() == own
        assert list(loaded.record.as_json()) == sorted(own)
        result = CliRunner().invoke(info, [str(path)], standalone_mode=False)
        assert result.exception is None, own
        assert "3: romance" in result.output
        update_model(loaded, MORE, UpdateOptions(holdout=0))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"corpus": {"files": [], "documents": 32, "per_label": [32]}},
            r"record.corpus.per_label has 1 numbers for 3 labels",
        ),
        (
            {"corpus": {"files": [], "documents": 32, "per_label": [32, -1, 0]}},
            r"record.corpus.per_label is a list of 3, not a list of whole numbers of at least 0",
        ),
        (
            {"corpus": {"files": [], "documents": True, "per_label": [1, 1, 1]}},
            r"record.corpus.documents is True, not a whole number of at least 0",
        ),
        ({"corpus": {"documents": 3, "per_label": [1, 1, 1]}}, r"record.corpus.files is missing"),
        ({"options": {"epochs": 0}}, r"record.options: epochs=0 is not a whole number from 1 to"),
        ({"final": []}, r"record.final is a list of 0, not an object"),
        ({"final": {"solver": "exact"}}, r"record.final.l2 is missing"),
    ],
)
def test_it_says_what_is_wrong(change: Json, told: str, tmp_path: Path) -> None:
    _of(ngrams=(1, 1)).save(tmp_path / "model")
    forgery = Forgery((tmp_path / "model").read_bytes())
    forgery.header["record"] |= change
    (tmp_path / "model").write_bytes(forgery.whole())
    with pytest.raises(ModelFileError, match=told):
        Model.load(tmp_path / "model")


def test_a_word_may_not_be_longer_than_numbers_of_kernels(tmp_path: Path) -> None:
    for length in (1 << 31, 1 << 63, 1 << 64, 10**30):
        with pytest.raises(InputError, match="min_token_length="):
            FeaturizerOptions(min_token_length=length)
