"""Several labels a document, in every form that a corpus has: read as sets, as the first of each,
and where each document has but one; in memory, on disk and in parts."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from conftest import mostly_slow
from test_cli import good

import textmlr
from textmlr import Corpus, InputError, ReadingOptions, read_corpus
from textmlr.corpus.alike_labels import joined_notes
from textmlr.corpus.disk_corpus import CorpusWriter, restore
from textmlr.corpus.given_data import as_corpus
from textmlr.corpus.label_sets import LabelSets
from textmlr.corpus.reading import scan

Lists = Sequence[Sequence[str]]
SETS = [["b", "a"], ["c"], [], ["a"], ["a", "c", "b"], ["b"]]
ONE_EACH = [["b"], ["c"], [], ["a"], ["a"], ["b"]]
TEXTS = [f"the words of document {i}, and more" for i in range(len(SETS))]
NAMES = ["a", "b", "c"]


def _lines(path: Path, rows: Sequence[Any]) -> None:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")


def fasttext(path: Path, lists: Lists) -> None:
    lines = ["".join(f"__label__{one} " for one in own) for own in lists]
    rows = zip(lines, TEXTS, strict=True)
    path.write_text("".join(f"{labels}{text}\n" for labels, text in rows))


def fasttext_within(path: Path, lists: Lists) -> None:
    rows = []
    for own, text in zip(lists, TEXTS, strict=True):
        first, *rest = text.split()
        rows.append(" ".join([first, *(f"#{one}" for one in own), *rest]))
    path.write_text("\n".join(rows))


def tsv(path: Path, lists: Lists) -> None:
    rows = zip(("|".join(own) for own in lists), TEXTS, strict=True)
    path.write_text("".join(f"{labels}\t{text}\n" for labels, text in rows))


def with_weights(path: Path, lists: Lists) -> None:
    rows = zip(("|".join(own) for own in lists), TEXTS, strict=True)
    path.write_text("".join(f"{labels}\t1.5\t{text}\n" for labels, text in rows))


def table(path: Path, lists: Lists) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "label"])
        writer.writerows([i, TEXTS[i], " , ".join(own)] for i, own in enumerate(lists))


def indicators(path: Path, lists: Lists) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", *NAMES])
        for i, own in enumerate(lists):
            writer.writerow([TEXTS[i], *(int(name in own) for name in NAMES)])


def truth_columns(lists: Lists) -> dict[str, Any]:
    columns: dict[str, Any] = {"text": TEXTS}
    return columns | {name: [name in own for own in lists] for name in NAMES}


def json_lists(path: Path, lists: Lists) -> None:
    _lines(path, [{"text": TEXTS[i], "label": own} for i, own in enumerate(lists)])


def json_array(path: Path, lists: Lists) -> None:
    path.write_text(json.dumps([{"label": own, "text": TEXTS[i]} for i, own in enumerate(lists)]))


def json_joined(path: Path, lists: Lists) -> None:
    _lines(path, [{"text": TEXTS[i], "label": ";".join(own)} for i, own in enumerate(lists)])


def json_indicators(path: Path, lists: Lists) -> None:
    columns = truth_columns(lists)
    _lines(path, [{name: own[i] for name, own in columns.items()} for i in range(len(lists))])


def parquet_of(kind: pa.DataType) -> Callable[[Path, Lists], None]:
    def write(path: Path, lists: Lists) -> None:
        labels = pa.array(list(lists), kind)
        pq.write_table(pa.table({"text": TEXTS, "label": labels}), path)

    return write


def arrow(path: Path, lists: Lists) -> None:
    kind = pa.large_list(pa.dictionary(pa.int32(), pa.string()))
    labels = pa.array(list(lists), pa.large_list(pa.string())).cast(kind)
    pa.feather.write_feather(pa.table({"text": TEXTS, "label": labels}), path)


def of_classes(path: Path, lists: Lists) -> None:
    """Hugging Face's Sequence(ClassLabel): numbers, whose names are in the file's metadata."""
    names = ["c", "b", "a"]
    labels = pa.array([[names.index(one) for one in own] for own in lists], pa.list_(pa.int64()))
    feature = {"feature": {"names": names, "_type": "ClassLabel"}, "_type": "Sequence"}
    features = {"text": {"dtype": "string", "_type": "Value"}, "label": feature}
    told = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(pa.table({"text": TEXTS, "label": labels}).replace_schema_metadata(told), path)


def parquet_joined(path: Path, lists: Lists) -> None:
    labels = ["|".join(own) for own in lists]
    pq.write_table(pa.table({"text": TEXTS, "label": labels}), path)


def parquet_indicators(path: Path, lists: Lists) -> None:
    pq.write_table(pa.table(truth_columns(lists)), path)


def cats(path: Path, lists: Lists) -> None:
    # The first label has the highest score.
    rows = [
        {
            "text": TEXTS[i],
            "cats": {name: 1 - own.index(name) / 10 if name in own else 0 for name in NAMES},
        }
        for i, own in enumerate(lists)
    ]
    _lines(path, rows)


def label_studio(path: Path, lists: Lists) -> None:
    def task(i: int, own: Sequence[str]) -> dict[str, Any]:
        result = [{"from_name": "kind", "type": "choices", "value": {"choices": list(own)}}]
        annotation = {"id": i, "result": result if own else [], "was_cancelled": False}
        return {"id": i, "data": {"text": TEXTS[i]}, "annotations": [annotation]}

    path.write_text(json.dumps([task(i, own) for i, own in enumerate(lists)]))


def label_studio_min(path: Path, lists: Lists) -> None:
    def row(i: int, own: Sequence[str]) -> dict[str, Any]:
        chosen: dict[str, Any] = {}
        if own:
            chosen = {"kind": own[0] if len(own) == 1 else {"choices": list(own)}}
        ends = {"annotator": 1, "annotation_id": i, "lead_time": 2.5}
        return {"text": TEXTS[i], "id": i, **chosen, **ends}

    path.write_text(json.dumps([row(i, own) for i, own in enumerate(lists)]))


def prodigy(path: Path, lists: Lists) -> None:
    options = [{"id": name, "text": name} for name in NAMES]
    rows = [
        {"text": TEXTS[i], "options": options, "accept": own, "answer": "accept"}
        for i, own in enumerate(lists)
    ]
    _lines(path, rows)


def argilla(path: Path, lists: Lists) -> None:
    rows = [
        {
            "fields": {"text": TEXTS[i]},
            "responses": [{"status": "submitted", "values": {"kind": {"value": own}}}],
        }
        for i, own in enumerate(lists)
    ]
    _lines(path, rows)


def mallet(path: Path, lists: Lists) -> None:
    rows = zip(("|".join(own) or "|" for own in lists), TEXTS, strict=True)
    path.write_text("".join(f"d{i} {one} {text}\n" for i, (one, text) in enumerate(rows)))


PLAIN = ReadingOptions()


@dataclass(frozen=True)
class Form:
    """A form of corpora.

    write    writes one
    options  that it needs
    always   it has label sets whatever its documents have
    """

    name: str
    write: Callable[[Path, Lists], None]
    options: ReadingOptions = PLAIN
    always: bool = False


LIST = pa.list_(pa.string())
COLUMNS = ReadingOptions(label_columns=("a", "b", "c"))
FORMS = {
    f"{form.write.__name__} in {form.name}": form
    for form in (
        Form("a.tsv", tsv, ReadingOptions(label_separator="|")),
        Form("b.tsv", with_weights, ReadingOptions(label_separator="|", weighted=True)),
        Form("a.csv", table, ReadingOptions(label_separator=",")),
        Form("a.csv", indicators, COLUMNS, always=True),
        Form("a.jsonl", json_lists),
        Form("a.json", json_array),
        Form("a.jsonl", json_joined, ReadingOptions(label_separator=";")),
        Form("a.jsonl", json_indicators, COLUMNS, always=True),
        Form("a.parquet", parquet_of(LIST)),
        Form("large.parquet", parquet_of(pa.large_list(pa.large_string()))),
        Form("a.feather", arrow),
        Form("a.parquet", of_classes),
        Form("a.parquet", parquet_joined, ReadingOptions(label_separator="|")),
        Form("a.parquet", parquet_indicators, COLUMNS, always=True),
        Form("a.jsonl", cats),
        Form("a.json", label_studio),
        Form("a.json", label_studio_min),
        Form("a.jsonl", prodigy),
        Form("a.jsonl", argilla),
        Form("a.mallet", mallet, ReadingOptions(label_separator="|")),
    )
}
SEVERAL = (
    "documents have several labels: each label is learnt by itself ({} labels a document); "
    "--no-multilabel takes the first of each"
)
LEFT_OUT = "1 row has no label, and is left out"


def pairs(corpus: Corpus) -> list[tuple[str, Any]]:
    return [(text, label) for text, label in corpus]


def of_sets(lists: Lists) -> list[tuple[str, Any]]:
    return [(text, tuple(sorted(own))) for text, own in zip(TEXTS, lists, strict=True)]


def on_disk(folder: Path, path: Path, options: ReadingOptions) -> Corpus:
    folder.mkdir()
    writer = CorpusWriter(str(folder), weighted=options.has_weights)
    for chunk in scan([path], options, tables=False, chunk_bytes=40):
        writer.add(chunk, 0)
    header = json.loads(json.dumps(writer.finish([str(path)])))
    sizes = {name: size for name, (size, _) in writer.sums.items()}
    assert sizes == {one.name: one.stat().st_size for one in folder.iterdir()}
    return restore(str(folder), header)


def agree(a: Corpus, b: Corpus) -> None:
    assert pairs(a) == pairs(b)
    assert (a.is_multilabel, a.labels, a.notes, a.taken) == (
        b.is_multilabel,
        b.labels,
        b.notes,
        b.taken,
    )
    assert np.array_equal(a.weights, b.weights) if a.weights is not None else b.weights is None


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
class TestForms:
    def test_sets_where_a_document_has_several(self, tmp_path: Path, form: Form) -> None:
        path = tmp_path / form.name
        form.write(path, SETS)
        corpus = read_corpus(path, form.options)
        assert pairs(corpus) == of_sets(SETS)
        assert isinstance(corpus.y, LabelSets)
        assert corpus.labels == NAMES
        asked_for = form.always or form.options.label_separator is not None
        assert corpus.notes == ([] if asked_for else [SEVERAL.format("1.3")])
        agree(corpus, on_disk(tmp_path / "disk", path, form.options))
        asked = replace(form.options, multilabel=True)
        every = read_corpus(path, asked)
        assert pairs(every) == of_sets(SETS)
        assert not every.notes
        agree(every, on_disk(tmp_path / "asked", path, asked))

    def test_the_first_of_each(self, tmp_path: Path, form: Form) -> None:
        lists = [sorted(own) if form.always else own for own in SETS if own]
        texts = [text for text, own in zip(TEXTS, SETS, strict=True) if own]
        path = tmp_path / form.name
        form.write(path, SETS)
        options = replace(form.options, multilabel=False, skip_bad_lines=True)
        corpus = read_corpus(path, options)
        assert pairs(corpus) == [(text, own[0]) for text, own in zip(texts, lists, strict=True)]
        assert corpus.notes[0] == "2 documents have several labels, of which the first is used"
        assert corpus.skipped + (LEFT_OUT in corpus.notes) == 1
        agree(corpus, on_disk(tmp_path / "disk", path, options))

    def test_one_label_each(self, tmp_path: Path, form: Form) -> None:
        """Then nothing is learnt by itself, unless that is asked for."""
        path = tmp_path / form.name
        form.write(path, ONE_EACH)
        corpus = read_corpus(path, form.options)
        asked = read_corpus(path, replace(form.options, multilabel=True))
        assert pairs(asked) == of_sets(ONE_EACH)
        if form.always:
            agree(corpus, asked)
            return
        whole = zip(TEXTS, ONE_EACH, strict=True)
        assert pairs(corpus) == [(text, own[0]) for text, own in whole if own]
        assert corpus.notes == [LEFT_OUT]
        agree(corpus, on_disk(tmp_path / "disk", path, form.options))

    def test_every_part_has_what_is_asked_for(self, tmp_path: Path, form: Form) -> None:
        path = tmp_path / form.name
        form.write(path, SETS)
        for multilabel in (True, False):
            options = replace(form.options, multilabel=multilabel, skip_bad_lines=not multilabel)
            parts = list(scan([path], options, chunk_bytes=40))
            kinds = {isinstance(one.labels[0], LabelSets) for one in parts if one.labels}
            assert kinds == {multilabel}
            assert all(part.table.num_rows == len(part) for part in parts)
            assert sum(map(len, parts)) == len(read_corpus(path, options))

    def test_as_in_training(self, tmp_path: Path, form: Form) -> None:
        """Columns and the separator are those of training, where nothing is said."""
        path = tmp_path / form.name
        form.write(path, SETS)
        corpus = read_corpus(path, form.options)
        bare = ReadingOptions(weighted=form.options.weighted, multilabel=True)
        again = read_corpus(path, bare, usual=corpus.taken)
        assert pairs(again) == pairs(corpus)
        assert again.taken == corpus.taken


class TestLines:
    def test_fasttext(self, tmp_path: Path) -> None:
        """A line has a label, unless it is said that documents may have none."""
        path = tmp_path / "a.ft"
        for write, options in (
            (fasttext, ReadingOptions()),
            (fasttext_within, ReadingOptions("fasttext", label_prefix="#")),
        ):
            write(path, SETS)
            with pytest.raises(InputError, match=r"line 3: no label .*multilabel=True"):
                read_corpus(path, options)
            assert pairs(read_corpus(path, replace(options, multilabel=True))) == of_sets(SETS)
            skipped = replace(options, skip_bad_lines=True)
            corpus = read_corpus(path, skipped)
            assert pairs(corpus) == [one for one in of_sets(SETS) if one[1]]
            assert corpus.notes == [SEVERAL.format("1.6")]
            agree(corpus, on_disk(tmp_path / write.__name__, path, skipped))
        path.write_text("__label__a one\n\n__label__b __label__ two\n__label__ three\n")
        asked = ReadingOptions(multilabel=True, skip_bad_lines=True)
        assert pairs(read_corpus(path, asked)) == [("one", ("a",)), ("two", ("b",))]

    def test_vw(self, tmp_path: Path) -> None:
        path = tmp_path / "a.vw"
        path.write_text("2,1 |f a b\n1 |f c\n| d\n1,3|f e\n")
        asked = read_corpus(path, ReadingOptions(multilabel=True))
        assert pairs(asked) == [
            ("a b", ("1", "2")),
            ("c", ("1",)),
            ("d", ()),
            ("e", ("1", "3")),
        ]
        first = read_corpus(path, ReadingOptions(multilabel=False, skip_bad_lines=True))
        assert pairs(first) == [("a b", "2"), ("c", "1"), ("e", "1")]
        corpus = read_corpus(path, ReadingOptions(skip_bad_lines=True))
        assert corpus.is_multilabel
        assert len(corpus) == 3

    def test_nothing_stands_apart(self, tmp_path: Path) -> None:
        """Spaces around labels, separators without labels and labels twice are no labels."""
        path = tmp_path / "a.tsv"
        path.write_text(" b , a ,,b\tone\n , \ttwo\n\tthree\n")
        corpus = read_corpus(path, ReadingOptions(label_separator=","))
        assert pairs(corpus) == [("one", ("a", "b")), ("two", ()), ("three", ())]
        path.write_text("b - a\tone\nc-d\ttwo\n")
        corpus = read_corpus(path, ReadingOptions(label_separator=" - "))
        assert pairs(corpus) == [("one", ("a", "b")), ("two", ("c-d",))]

    def test_faults_name_the_line(self, tmp_path: Path) -> None:
        path = tmp_path / "a.tsv"
        path.write_bytes(b"a|\xff\tone\n")
        with pytest.raises(InputError, match=r"a.tsv, line 1: label .* is not UTF-8"):
            read_corpus(path, ReadingOptions(label_separator="|"))
        path.write_bytes(b"a\t1\tone\n\ttwo\n")
        options = ReadingOptions(label_separator="|", weighted=True)
        with pytest.raises(InputError, match="line 2: "):
            read_corpus(path, options)


def test_verbs_with_a_model_read_as_it_was_trained(tmp_path: Path) -> None:
    """Documents may lack labels, fields hold several, and nobody has to say so again."""
    labels = ["a|b", "", "b", "a"] * 10
    rows = [f"{label}\tdocument {i} is {label or 'none'}\n" for i, label in enumerate(labels)]
    path, model = tmp_path / "a.tsv", tmp_path / "m.textmlr"
    path.write_text("".join(rows))
    for given in (("--label-separator", "|"), ("--multilabel",)):
        good("train", path, "-o", model, "-q", "--epochs", "1", *given)
        out = tmp_path / "out.jsonl"
        good("classify", "-m", model, "--corpus", path, "-o", out)
        assert len(out.read_text().splitlines()) == 40
        assert json.loads(good("evaluate", model, path, "--json").stdout)["documents"] == 40
        good("update", model, path, "-o", tmp_path / "n.textmlr", "--no-holdout", "-q")
        found = textmlr.load(str(model)).evaluate(str(path))
        assert found.documents == 40
        textmlr.load(str(model)).classify_files([str(path)], str(out))


class TestIndicators:
    @pytest.mark.parametrize("yes", ["1", "1.0", "true", "True", "yes"])
    def test_words(self, tmp_path: Path, yes: str) -> None:
        path = tmp_path / "a.csv"
        path.write_text(f"text,a,b\none,{yes},0\ntwo,0.0,no\nthree,FALSE, {yes} \n")
        corpus = read_corpus(path, ReadingOptions(label_columns="b,a"))  # type: ignore[arg-type]
        assert pairs(corpus) == [("one", ("a",)), ("two", ()), ("three", ("b",))]
        (taken,) = corpus.taken
        assert taken.sentence(2) == "text: column text, labels: columns b and a (2 labels)"

    def test_columns_by_number(self, tmp_path: Path) -> None:
        path = tmp_path / "a.csv"
        path.write_text("one,1,0\ntwo,1,1\n")
        options = ReadingOptions(header=False, text_column="1", label_columns=("2", "3"))
        assert pairs(read_corpus(path, options)) == [("one", ("2",)), ("two", ("2", "3"))]

    @pytest.mark.parametrize("value", ["", "2", "maybe", None])
    def test_what_is_no_truth(self, tmp_path: Path, value: str | None) -> None:
        mend = "write 1 where a document has the label and 0 where not"
        options = ReadingOptions(label_columns=("a", "b"))
        path = tmp_path / "a.csv"
        path.write_text(f"text,a,b\none,1,0\ntwo,1,{value or ''}\n")
        with pytest.raises(InputError, match=f"line 3: column 'b' is a label, .*{mend}"):
            read_corpus(path, options)
        assert len(read_corpus(path, replace(options, skip_bad_lines=True))) == 1
        columns = {"text": ["one", "two"], "a": ["1", "1"], "b": ["0", value]}
        pq.write_table(pa.table(columns), tmp_path / "a.parquet")
        with pytest.raises(InputError, match=f"row 2: column 'b' is a label, .*{mend}"):
            read_corpus(tmp_path / "a.parquet", options)
        _lines(tmp_path / "a.jsonl", [{k: v[i] for k, v in columns.items()} for i in range(2)])
        with pytest.raises(InputError, match=r"line 2: .*'b' is (a label|null)"):
            read_corpus(tmp_path / "a.jsonl", options)
        with pytest.raises(InputError, match=f"the dict, row 1: column 'b' is a label, .*{mend}"):
            as_corpus(columns, reading=options)

    @pytest.mark.parametrize("multilabel", [None, True, False])
    def test_labels_of_bad_rows_alone_are_none(
        self, tmp_path: Path, multilabel: bool | None
    ) -> None:
        columns = {"text": ["one", "two", "three"], "a": ["1", "1", "0"], "b": ["0", "1", "0"]}
        columns["c"] = ["0", "maybe", "0"]
        rows = zip(*columns.values(), strict=True)
        (tmp_path / "a.csv").write_text("\n".join(map(",".join, [[*columns], *rows])))
        pq.write_table(pa.table(columns), tmp_path / "a.parquet")
        options = replace(COLUMNS, skip_bad_lines=True, multilabel=multilabel)
        for name in ("a.csv", "a.parquet"):
            corpus = read_corpus(tmp_path / name, options)
            assert (corpus.labels, corpus.skipped) == (["a"], 1)
            assert corpus.text(0) == "one"

    def test_yes_and_no_are_those_of_files(self) -> None:
        columns = {"text": ["one", "two"], "a": [" Yes ", "0.0"], "b": [" no", "TRUE "]}
        options = ReadingOptions(label_columns=("a", "b"))
        assert pairs(as_corpus(columns, reading=options)) == [("one", ("a",)), ("two", ("b",))]

    def test_they_are_in_the_table_and_apart(self, tmp_path: Path) -> None:
        path = tmp_path / "a.csv"
        path.write_text("text,a,b\none,1,0\n")
        with pytest.raises(InputError, match="no column 'c'; the columns are text, a, b"):
            read_corpus(path, ReadingOptions(label_columns=("a", "c")))
        with pytest.raises(InputError, match="cannot be both the text and the label"):
            read_corpus(path, ReadingOptions(label_columns=("a", "text")))
        for other in ({"label_column": "a"}, {"label_separator": "|"}):
            with pytest.raises(InputError, match=r"label_columns and .* exclude each other"):
                ReadingOptions(label_columns=("a",), **other)  # type: ignore[arg-type]
        with pytest.raises(InputError, match="label_columns has 'a' twice"):
            ReadingOptions(label_columns=("a", "b", "a"))


class TestInMemory:
    def test_lists_tuples_and_sets(self) -> None:
        wanted = of_sets(SETS)
        lists = [("b", "a"), {"c"}, [], np.array(["a"]), frozenset("abc"), ("b",)]
        corpus = Corpus.of(TEXTS, lists)
        assert pairs(corpus) == wanted
        assert corpus.notes == [SEVERAL.format("1.3")]
        joined = Corpus.of(TEXTS, ["|".join(one) for one in SETS], label_separator="|")
        assert pairs(joined) == wanted
        assert joined.notes == []
        with pytest.raises(InputError, match=r"label 2 is empty; .*multilabel=True"):
            Corpus.of(TEXTS, lists, multilabel=False)
        with pytest.raises(InputError, match="label 2 is empty; give each document a label"):
            Corpus.of(TEXTS, ONE_EACH)
        fields = ["a", "b", ""]
        with pytest.raises(InputError, match="label 2 is empty; "):
            Corpus.of(TEXTS[:3], fields, label_separator="|", multilabel=False)
        with pytest.raises(InputError, match="label 2 is empty; "):
            as_corpus(truth_columns(SETS), reading=replace(COLUMNS, multilabel=False))
        assert pairs(Corpus.of(TEXTS, ONE_EACH, multilabel=True)) == of_sets(ONE_EACH)
        with pytest.raises(InputError, match=r"label 1 is missing \(None\)"):
            Corpus.of(TEXTS[:2], [["a"], None], multilabel=True)
        with pytest.raises(InputError, match=r"label 1 is missing \(None\)"):
            Corpus.of(TEXTS[:2], [["a"], ["b", None]])  # type: ignore[list-item]
        numbers = Corpus.of(TEXTS[:2], [[2, 1], [True and 2]])
        assert numbers.labels == ["1", "2"]

    def test_no_documents(self) -> None:
        empty: dict[str, list[str]] = {"text": [], "a": [], "b": [], "c": []}
        for corpus in (Corpus.of([], [], multilabel=True), as_corpus(empty, reading=COLUMNS)):
            assert (len(corpus), corpus.labels, corpus.is_multilabel) == (0, [], True)

    def test_data_of_every_kind(self) -> None:
        wanted = of_sets(SETS)
        labels = pa.array(SETS, LIST)
        rows = [{"text": text, "label": own} for text, own in zip(TEXTS, SETS, strict=True)]
        for data in (
            pa.table({"text": TEXTS, "label": labels}),
            {"text": TEXTS, "label": SETS},
            rows,
        ):
            assert pairs(as_corpus(data)) == wanted
            with pytest.raises(InputError, match="label 2 is empty; "):
                as_corpus(data, multilabel=False)
        some = {"text": TEXTS[:2], "label": pa.array(SETS[:2], LIST)}
        assert pairs(as_corpus(some, multilabel=False)) == [(TEXTS[0], "b"), (TEXTS[1], "c")]
        assert pairs(as_corpus(TEXTS, SETS)) == wanted
        joined = {"text": TEXTS, "label": ["|".join(own) for own in SETS]}
        assert pairs(as_corpus(joined, reading=ReadingOptions(label_separator="|"))) == wanted
        columns = as_corpus(truth_columns(SETS), reading=COLUMNS)
        assert pairs(columns) == wanted
        assert pairs(as_corpus(truth_columns(SETS), usual=columns.taken)) == wanted

    def test_frames(self) -> None:
        pandas = pytest.importorskip("pandas")
        frame = pandas.DataFrame({"text": TEXTS, "label": SETS})
        corpus = as_corpus(frame)
        assert pairs(corpus) == of_sets(SETS)
        again = corpus.to_pandas()
        assert list(again.columns) == ["text", "labels"]
        assert pairs(as_corpus(again, label="labels")) == pairs(corpus)
        truths = pandas.DataFrame(truth_columns(SETS)).astype({"a": int, "b": float})
        assert pairs(as_corpus(truths, reading=COLUMNS)) == pairs(corpus)

    def test_sequences_of_class_labels(self, tmp_path: Path) -> None:
        datasets = pytest.importorskip("datasets")
        names = ["c", "b", "a"]
        kind = datasets.ClassLabel(names=names)
        numbers = [[names.index(one) for one in own] for own in SETS]
        for lists in filter(None, (datasets.Sequence, getattr(datasets, "List", None))):
            features = {"text": datasets.Value("string"), "label": lists(kind)}
            columns = {"text": TEXTS, "label": numbers}
            data = datasets.Dataset.from_dict(columns, datasets.Features(features))
            data.save_to_disk(tmp_path / lists.__name__)
            for corpus in (
                as_corpus(data),
                Corpus.of(data["text"], data["label"]),
                read_corpus(tmp_path / lists.__name__),
            ):
                assert pairs(corpus) == of_sets(SETS)
            assert pairs(as_corpus(data.select([4, 0]))) == [of_sets(SETS)[i] for i in (4, 0)]


class TestCorpus:
    def test_a_document_has_a_tuple(self) -> None:
        corpus = Corpus.of(TEXTS, SETS)
        assert corpus[0].label == ("a", "b")
        assert corpus[2].label == ()
        assert corpus[-1] == (TEXTS[-1], ("b",))
        assert corpus.labels_of.tolist() == [tuple(sorted(own)) for own in SETS]
        assert repr(corpus).splitlines()[:2] == [
            f"Corpus of 6 documents with 3 labels (1.3 a document), {corpus.text_bytes} bytes of "
            "text",
            "labels: a 3, b 3, c 2",
        ]
        assert "<bdi>a</bdi>, <bdi>b</bdi></td>" in corpus._repr_html_()

    def test_parts_have_the_labels_of_their_documents(self) -> None:
        corpus = Corpus.of(TEXTS, SETS)
        part = corpus.subset(np.array([0, 2, 3]))
        assert part.labels == ["a", "b"]
        assert part.y.tolist() == [[0, 1], [], [0]]
        assert pairs(corpus[1:3]) == of_sets(SETS)[1:3]

    def test_a_split_leaves_each_label_in_training(self) -> None:
        rng = np.random.default_rng(3)
        often = 1 / (1 + np.arange(40))
        drawn = [rng.choice(40, 3, p=often / often.sum()) for _ in range(150)]
        lists = [[f"l{j}" for j in own] for own in drawn]
        corpus = Corpus.of([f"text {i}" for i in range(150)], lists)
        for seed in range(20):
            train, test = corpus.split(0.4, seed)
            assert train.labels == corpus.labels
            assert len(train) + len(test) == len(corpus)
            assert 40 <= len(test) <= 60
            again = corpus.split(0.4, seed)[1]
            assert pairs(again) == pairs(test)

    def test_with_and_without_sets(self) -> None:
        single = Corpus.of(["x", "y"], ["a", "b"])
        sets = single.with_sets(True)
        assert sets.labels_of.tolist() == [("a",), ("b",)]
        assert single.with_sets(False) is single
        assert pairs(as_corpus(single, multilabel=True)) == pairs(sets)
        with pytest.raises(InputError, match="several labels, and here each has one"):
            as_corpus(sets, multilabel=False)


LISTS = {
    "json": '["a", "b"]',
    "python": "['a', 'b']",
    "numpy": "['a' 'b']",
    "tuple": "('a', 'b')",
    "set": "{'a', 'b'}",
}


@pytest.mark.parametrize("form", mostly_slow(LISTS, ["python"]))
@pytest.mark.parametrize("ending", ["csv", "tsv"])
def test_lists_in_one_field(tmp_path: Path, form: str, ending: str) -> None:
    """A field that holds a list, as pandas, JSON or NumPy write it, is a list of labels."""
    empty = "()" if form == "tuple" else "[]"
    one = LISTS[form].replace("b", "c")
    rows = [(LISTS[form], "w x"), (empty, "y"), (one, "z"), (LISTS[form], "x z")]
    path = tmp_path / f"lists.{ending}"
    if ending == "csv":
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([("label", "text"), *rows])
    else:
        path.write_text("".join(f"{label}\t{text}\n" for label, text in rows))
    corpus = read_corpus(path)
    assert corpus.is_multilabel
    assert list(corpus.labels) == ["a", "b", "c"]
    assert [corpus[i].label for i in range(4)] == [("a", "b"), (), ("a", "c"), ("a", "b")]
    firsts = read_corpus(path, options=ReadingOptions(multilabel=False, skip_bad_lines=True))
    assert not firsts.is_multilabel
    assert list(firsts.labels) == ["a"]
    assert len(firsts) == 3


def test_some_fields_are_lists(tmp_path: Path) -> None:
    """Where only some labels are lists, each is a label as it stands, and a sentence says so."""
    path = tmp_path / "some.tsv"
    path.write_text("a\tw x\n['a', 'b']\ty\nb\tz\n[a\tw\n")
    corpus = read_corpus(path)
    assert list(corpus.labels) == ["['a', 'b']", "[a", "a", "b"]
    (note,) = joined_notes(corpus.labels)
    assert note.startswith("1 label looks like a list of labels: \"['a', 'b']\", and it is")


def test_a_first_line_of_fasttext_without_a_label(tmp_path: Path) -> None:
    """The first lines together, not the first alone, show what a file is."""
    path = tmp_path / "f.txt"
    path.write_text("a robot\n__label__a __label__b a fox\n__label__a a horse\n")
    with pytest.raises(InputError, match=r"no label .*multilabel=True"):
        read_corpus(path)
    corpus = read_corpus(path, ReadingOptions(multilabel=True))
    assert [corpus[i].label for i in range(3)] == [(), ("a", "b"), ("a",)]
