"""Exports of annotation tools are read without options, as their tools write them."""

from __future__ import annotations

import csv
import io
import json
import random
from pathlib import Path
from typing import Any

import pytest
from spelled_errors import as_typed

from textmlr.base.errors import InputError
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.reading import read_corpus, scan
from textmlr.corpus.reading_options import ReadingOptions

TEXTS = [
    "the parcel never came",
    "my card was charged twice",
    "error 500 on login",
    "thanks, all good",
]
STUDIO = "a Label Studio export"


def read(folder: Path, rows: Any, name: str = "a.json", **options: Any) -> Corpus:
    """The corpus of a file of rows: an array, or lines where the name ends so."""
    lines = name.endswith(".jsonl")
    text = "\n".join(map(json.dumps, rows)) if lines else json.dumps(rows, indent=1)
    (folder / name).write_text(text, encoding="utf-8")
    return read_corpus(folder / name, ReadingOptions(**options))


def refusal(folder: Path, rows: Any, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        read(folder, rows, **options)
    return as_typed(caught.value).removeprefix(str(folder / "a.json"))


def pairs(corpus: Corpus) -> list[tuple[str, str]]:
    return [(text, label) for text, label in corpus]


def said(corpus: Corpus) -> str:
    (taken,) = corpus.taken
    return taken.sentence()


def task(number: int, choices: list[list[str]], **fields: Any) -> dict[str, Any]:
    """A task of Label Studio's, with an annotation for each list of choices."""
    annotations = [
        {
            "id": 100 * number + i,
            "completed_by": i + 1,
            "result": [
                {
                    "value": {"choices": chosen},
                    "id": f"x{number}{i}",
                    "from_name": "topic",
                    "to_name": "text",
                    "type": "choices",
                    "origin": "manual",
                }
            ]
            if chosen
            else [],
            "was_cancelled": False,
            "ground_truth": False,
            "created_at": "2024-03-09T22:16:08.728353Z",
            "lead_time": 4.288,
            "prediction": {},
            "result_count": 1,
        }
        for i, chosen in enumerate(choices)
    ]
    return {
        "id": number,
        "annotations": annotations,
        "file_upload": "ab12-texts.csv",
        "drafts": [],
        "predictions": [],
        "data": {"text": TEXTS[number % 4], "source": "mail"},
        "meta": {},
        "created_at": "2024-03-09T21:52:49.513742Z",
        "inner_id": number,
        "total_annotations": len(annotations),
        "cancelled_annotations": 0,
        "project": 83,
    } | fields


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_label_studio(tmp_path: Path, name: str) -> None:
    rows = [task(0, [["delivery"]]), task(1, [["billing"]]), task(2, [["tech"]])]
    corpus = read(tmp_path, rows, name)
    assert pairs(corpus) == list(zip(TEXTS, ["delivery", "billing", "tech"], strict=False))
    assert said(corpus) == f"read as {STUDIO}: text data.text, label choices"
    assert corpus.notes == []


def test_label_studio_where_annotators_differ(tmp_path: Path) -> None:
    cancelled = task(0, [["tech"], ["billing"]])
    cancelled["annotations"][0]["was_cancelled"] = True
    certain = task(1, [["tech"], ["billing"]])
    certain["annotations"][1]["ground_truth"] = True
    votes = task(2, [["a"], ["b"], ["b"]])
    nobody, nothing = task(3, []), task(0, [[]])
    rows = [cancelled, certain, votes, nobody, nothing]
    corpus = read(tmp_path, rows)  # nobody has chosen several
    assert [label for _, label in corpus] == ["billing", "billing", "b"]
    assert corpus.notes == ["2 rows have no label, and are left out"]
    rows.append(task(1, [["b", "c"]]))
    corpus = read(tmp_path, rows, multilabel=False)
    assert [label for _, label in corpus] == ["billing", "billing", "b", "b"]
    assert corpus.notes == [
        "2 documents have several labels, of which the first is used",
        "2 rows have no label, and are left out",
    ]
    rows.append(task(1, [["b", "c"], ["c"], ["a", "c"]]))
    for multilabel in (None, True):
        corpus = read(tmp_path, rows, multilabel=multilabel)
        assert [one for _, one in corpus] == [
            *(("billing",), ("billing",), ("b",), ()),  # nothing was chosen, which is no label
            *(("b", "c"), ("c",)),  # what more than half of the annotators chose
        ]
        assert corpus.notes[-1] == "1 row has no label, and is left out"


def test_rows_that_lack_what_others_have(tmp_path: Path) -> None:
    """A task without annotations, a record without responses, a text without cats: no label."""
    unlabelled = task(2, [])
    del unlabelled["annotations"]
    record = argilla_record(2, [])
    record["responses"] = None
    cats: list[Any] = [{"text": TEXTS[i], "cats": {"a": i, "b": 1 - i}} for i in range(2)]
    for rows in (
        [task(0, [["a"]]), unlabelled, task(1, [["b"]])],
        [argilla_record(0, ["a"]), record, argilla_record(1, ["b"])],
        [*cats, {"text": TEXTS[2]}],
        [*cats, {"text": TEXTS[2], "cats": None}],
    ):
        corpus = read(tmp_path, rows)
        assert corpus.labels == ["a", "b"]
        assert corpus.notes == ["1 row has no label, and is left out"]
        assert said(corpus).startswith("read as ")


def test_label_studio_of_other_fields(tmp_path: Path) -> None:
    rows = [
        task(0, [["a"]], data={"id": "7", "review": "the first", "url": "x"}),
        task(1, [["b"]], data={"id": "8", "review": "the second", "url": "x"}),
    ]
    assert said(read(tmp_path, rows)) == f"read as {STUDIO}: text data.review, label choices"
    two = [
        task(0, [["a"]], data={"headline": "the first one here", "words": "it is the text of it"}),
        task(1, [["b"]], data={"headline": "another one there", "words": "it is another text"}),
    ]
    assert refusal(tmp_path, two) == (
        f": {STUDIO}, whose text could be any of data.headline, data.words; say which with "
        "--text-column"
    )
    corpus = read(tmp_path, two, text_column="data.words")
    assert pairs(corpus)[1] == ("it is another text", "b")
    assert corpus.taken[0].left == ("data.headline",)
    spans = task(0, [["a"]])
    spans["annotations"][0]["result"][0] |= {
        "type": "labels",
        "value": {"start": 0, "end": 3, "text": "the", "labels": ["PER"]},
    }
    assert refusal(tmp_path, [spans]) == (
        ": its annotations are labels, not choices; export a project of choices"
    )


def test_label_studio_that_asks_twice(tmp_path: Path) -> None:
    rows = [task(i, [["a" if i else "b"]]) for i in range(4)]
    for row in rows:
        (result,) = row["annotations"][0]["result"]
        other = result | {"from_name": "mood", "value": {"choices": ["glad"]}}
        row["annotations"][0]["result"] = [other, result]
    assert refusal(tmp_path, rows) == (
        ": its annotations choose several things: mood, topic; say which with --label-column mood "
        "or --label-column topic"
    )
    corpus = read(tmp_path, rows, label_column="topic")
    assert corpus.labels == ["a", "b"]
    assert said(corpus) == f"read as {STUDIO}: text data.text, label topic"


def min_row(number: int, choice: Any) -> dict[str, Any]:
    """A row of Label Studio's JSON-MIN."""
    return {
        "text": TEXTS[number],
        "id": number,
        "sentiment": choice,
        "annotator": 1,
        "annotation_id": number,
        "created_at": "2024-03-09T21:52:49.513742Z",
        "updated_at": "2024-03-09T21:52:49.513742Z",
        "lead_time": 3.1,
    }


def test_label_studio_min(tmp_path: Path) -> None:
    rows = [min_row(0, "bad"), min_row(1, {"choices": ["bad", "sad"]}), min_row(2, "good")]
    rows.append({key: value for key, value in min_row(3, 0).items() if key != "sentiment"})
    corpus = read(tmp_path, rows)
    assert [label for _, label in corpus] == [("bad",), ("bad", "sad"), ("good",), ()]
    assert said(corpus) == f"read as {STUDIO}: text text, label sentiment"
    corpus = read(tmp_path, rows, multilabel=False)
    assert [label for _, label in corpus] == ["bad", "bad", "good"]
    assert len(corpus.notes) == 2


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_doccano(tmp_path: Path, name: str) -> None:
    for text, label in (("text", "label"), ("data", "labels"), ("text", "cats")):
        rows = [
            {"id": i + 4, text: TEXTS[i], "source": "mail", label: labels, "Comments": []}
            for i, labels in enumerate([["A"], ["B"], [], ["A", "B"]])
        ]
        corpus = read(tmp_path, rows, name)
        assert [one for _, one in corpus] == [("A",), ("B",), ("A", "B")]
        assert said(corpus) == f"read as a doccano export: text {text}, label {label}"
        assert corpus.notes[1] == "1 row has no label, and is left out"
        every = read(tmp_path, rows, name, multilabel=True)  # then nobody was idle
        assert [one for _, one in every] == [("A",), ("B",), (), ("A", "B")]
        first = read(tmp_path, rows, name, multilabel=False)
        assert [one for _, one in first] == ["A", "B", "A"]
        assert first.notes[1] == "1 row has no label, and is left out"
    spans = [{"id": 1, "text": "x", "label": [[0, 1, "PER"]]}]
    assert refusal(tmp_path, spans) == (
        ", row 1, line 2: the label in 'label' is a list of lists, as spans are, not a name; "
        "write each document's labels in one list, or pass --skip-bad-lines"
    )


def write_csv(path: Path, rows: list[dict[str, Any]], names: list[str]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, names, quoting=csv.QUOTE_NONNUMERIC)
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(text.getvalue(), encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("label", ["sentiment", "choice", "what it is about"])
def test_label_studio_csv(tmp_path: Path, label: str) -> None:
    """Its columns are sorted by name; several choices are JSON, and none are nothing."""
    fields = ["bad", json.dumps({"choices": ["good", "sad"]}), "", '["bad", "bad"]']
    rows = [
        {key: value for key, value in min_row(i, 0).items() if key != "sentiment"} | {label: field}
        for i, field in enumerate(fields)
    ]
    write_csv(tmp_path / "a.csv", rows, sorted(rows[0]))
    corpus = read_corpus(tmp_path / "a.csv")
    own = [(TEXTS[0], ("bad",)), (TEXTS[1], ("good", "sad")), (TEXTS[3], ("bad",))]
    assert pairs(corpus) == own
    assert said(corpus).startswith(f"read as {STUDIO}: text text, label ")
    assert corpus.notes == [
        "documents have several labels: each label is learnt by itself (1.3 labels a document); "
        "--no-multilabel takes the first of each",
        "1 row has no label, and is left out",
    ]
    first = read_corpus(tmp_path / "a.csv", ReadingOptions(multilabel=False))
    assert pairs(first) == [(text, labels[0]) for text, labels in own]
    assert first.notes == [
        "1 document has several labels, of which the first is used",
        "1 row has no label, and is left out",
    ]
    every = read_corpus(tmp_path / "a.csv", ReadingOptions(multilabel=True))
    assert pairs(every) == [*own[:2], (TEXTS[2], ()), own[2]]


def test_doccano_csv(tmp_path: Path) -> None:
    rows = [
        {"id": i, "text": TEXTS[i], "label": label, "Comments": ""}
        for i, label in enumerate(["A", "B#A", "", "B"])
    ]
    write_csv(tmp_path / "a.csv", rows, list(rows[0]))
    corpus = read_corpus(tmp_path / "a.csv")
    assert [label for _, label in corpus] == [("A",), ("A", "B"), ("B",)]
    assert said(corpus) == "read as a doccano export: text text, label label"
    first = read_corpus(tmp_path / "a.csv", ReadingOptions(multilabel=False))
    assert [label for _, label in first] == ["A", "B", "B"]
    plain = [{"text": row["text"], "label": row["label"] or "A"} for row in rows]
    write_csv(tmp_path / "b.csv", plain, ["text", "label"])
    assert read_corpus(tmp_path / "b.csv").labels == ["A", "B", "B#A"]  # no tool is known


def choice(number: int, accept: list[str], answer: str = "accept") -> dict[str, Any]:
    return {
        "text": TEXTS[number],
        "meta": {"pattern": "7"},
        "_input_hash": -1530009927,
        "_task_hash": 340967702,
        "options": [{"id": "A", "text": "First"}, {"id": "B", "text": "Second"}],
        "_view_id": "choice",
        "config": {"choice_style": "single"},
        "accept": accept,
        "answer": answer,
    }


def test_prodigy_choices(tmp_path: Path) -> None:
    rows = [choice(0, ["A"]), choice(1, ["B"]), choice(2, [], "ignore"), choice(3, ["A"], "reject")]
    rows.append(choice(3, ["B", "A"]))
    corpus = read(tmp_path, [*rows, choice(2, [])], "a.jsonl")
    assert [label for _, label in corpus] == [("A",), ("B",), ("A", "B"), ()]
    assert corpus.notes[-1] == "2 rows have no label, and are left out"
    corpus = read(tmp_path, rows, "a.jsonl", multilabel=False)
    assert [label for _, label in corpus] == ["A", "B", "B"]
    assert said(corpus) == "read as a Prodigy export: text text, label accept"
    assert corpus.notes == [
        "1 document has several labels, of which the first is used",
        "2 rows have no label, and are left out",
    ]


def test_prodigy_answers(tmp_path: Path) -> None:
    rows = [
        {"text": text, "label": "TECH", "score": 0.1, "answer": answer}
        for text, answer in zip(TEXTS, ("accept", "reject", "ignore", "accept"), strict=True)
    ]
    assert refusal(tmp_path, rows) == (
        ": a Prodigy export of answers, accept or reject, to one label, 'TECH'; train on the "
        "answers with --label-column answer; the columns are text, label, score, answer"
    )
    corpus = read(tmp_path, rows, label_column="answer")
    assert [label for _, label in corpus] == ["accept", "reject", "accept"]
    assert corpus.notes == ["1 row has no label, and is left out"]
    rows[3]["label"] = "MAIL"
    corpus = read(tmp_path, rows)  # of several labels, those that were accepted
    assert pairs(corpus) == [(TEXTS[0], "TECH"), (TEXTS[3], "MAIL")]
    assert corpus.notes == ["2 rows have no label, and are left out"]


def test_spacy(tmp_path: Path) -> None:
    cats = [{"A": 1.0, "B": 0.0}, {"A": False, "B": True}, {"A": 0, "B": 0}]
    want = [(TEXTS[0], "A"), (TEXTS[1], "B")]
    forms: list[list[Any]] = [
        [{"text": text, "cats": own} for text, own in zip(TEXTS, cats, strict=False)],
        [[text, {"cats": own}] for text, own in zip(TEXTS, cats, strict=False)],
        [
            {
                "id": i,
                "paragraphs": [
                    {
                        "raw": text,
                        "sentences": [{"tokens": [], "brackets": []}],
                        "cats": [{"label": k, "value": float(v)} for k, v in own.items()],
                    }
                ],
            }
            for i, (text, own) in enumerate(zip(TEXTS, cats, strict=False))
        ],
    ]
    for rows in forms:
        for name in ("a.json", "a.jsonl"):
            corpus = read(tmp_path, rows, name)
            assert pairs(corpus) == want
            assert said(corpus) == "read as spaCy's cats: text text, label cats"
            assert corpus.notes == ["1 row has no label, and is left out"]
    (tmp_path / "train.spacy").write_bytes(b"\x78\x9c\x00")
    with pytest.raises(InputError, match="spaCy's binary DocBin"):
        read_corpus(tmp_path / "train.spacy")


def argilla_record(number: int, labels: list[Any], statuses: list[str] | None = None) -> Any:
    """A record of Argilla 2's, as Dataset.records.to_json writes it."""
    return {
        "id": f"{number}f-1",
        "fields": {"text": TEXTS[number]},
        "metadata": {"split": "train"},
        "suggestions": {"label": {"value": "A", "score": None, "agent": "a model"}},
        "responses": {
            "label": [
                {"value": label, "user_id": "u"} | ({"status": statuses[i]} if statuses else {})
                for i, label in enumerate(labels)
            ]
        }
        if labels
        else {},
        "vectors": {},
        "_server_id": "b7",
    }


def test_argilla_2(tmp_path: Path) -> None:
    rows = [
        argilla_record(0, ["A"]),
        argilla_record(1, ["B", "A", "B"]),
        argilla_record(2, []),
        argilla_record(3, ["A", "B"], ["discarded", "submitted"]),
    ]
    corpus = read(tmp_path, rows)
    assert [label for _, label in corpus] == ["A", "B", "B"]
    assert said(corpus) == "read as an Argilla export: text fields.text, label responses.label"
    for row in rows:
        row["responses"]["tone"] = [{"value": "kind", "user_id": "u"}]
    assert [label for _, label in read(tmp_path, rows)] == ["A", "B", "B"]  # label is plain
    assert read(tmp_path, rows, label_column="tone").labels == ["kind"]
    for row in rows:
        row["responses"]["mood"] = row["responses"].pop("label", [])
    assert refusal(tmp_path, rows) == (
        ": it asks several questions: tone, mood; say which with --label-column tone or "
        "--label-column mood"
    )


def test_argilla_1(tmp_path: Path) -> None:
    rows = [
        {
            "text": None if i % 2 else TEXTS[i],
            "inputs": {"text": TEXTS[i]},
            "prediction": [{"label": "A", "score": 0.9}],
            "prediction_agent": "a model",
            "annotation": label,
            "annotation_agent": "me",
            "multi_label": False,
            "explanation": None,
            "id": f"{i}",
            "metadata": {},
            "status": status,
            "event_timestamp": "2023-01-01",
            "metrics": {},
        }
        for i, (label, status) in enumerate(
            [("A", "Validated"), ("B", "Validated"), (None, "Default"), ("A", "Discarded")]
        )
    ]
    rows[0]["text"] = None
    corpus = read(tmp_path, rows)
    assert pairs(corpus) == [(TEXTS[0], "A"), (TEXTS[1], "B")]
    assert said(corpus) == "read as an Argilla export: text inputs.text, label annotation"
    feedback = [
        {
            "fields": {"text": TEXTS[i]},
            "metadata": {},
            "responses": [
                {"user_id": "u", "values": {"label": {"value": label}}, "status": status}
                for label, status in given
            ],
            "suggestions": [{"question_name": "label", "value": "A"}],
            "external_id": None,
        }
        for i, given in enumerate(
            [[("A", "submitted")], [("B", "submitted"), ("A", "discarded")], [], [("A", "draft")]]
        )
    ]
    assert pairs(read(tmp_path, feedback, "a.jsonl")) == pairs(corpus)
    flat = [
        {
            "id": f"{i}",
            "status": "completed",
            "_server_id": "s",
            "text": TEXTS[i],
            "label.responses": labels,
            "label.responses.users": ["u"] * len(labels or []),
            "label.responses.status": ["submitted"] * len(labels or []),
            "label.suggestion": "A",
            "label.suggestion.score": 0.5,
            "label.suggestion.agent": None,
        }
        for i, labels in enumerate([["A"], ["B"], None])
    ]
    again = read(tmp_path, flat)
    assert pairs(again) == pairs(corpus)
    assert said(again) == "read as an Argilla export: text text, label label.responses"


def test_rows_of_no_tool_keep_their_errors(tmp_path: Path) -> None:
    assert refusal(
        tmp_path, [{"text": "x", "label": "a"}, {"text": "y", "label": None}]
    ).startswith(", row 2, line 6: no label: 'label' is null")
    unlabelled = [task(i, []) for i in range(3)]
    assert refusal(tmp_path, unlabelled) == (
        ": none of 3 rows has a label; label some of them first"
    )


def test_texts_without_labels_are_read(tmp_path: Path) -> None:
    """To classify, what nobody has labelled is read too."""
    for rows in ([task(i, []) for i in range(3)], [choice(i, [], "ignore") for i in range(3)]):
        (tmp_path / "a.json").write_text(json.dumps(rows))
        chunks = list(scan(tmp_path / "a.json", labelled=False))
        assert [chunk.batch[i].decode() for chunk in chunks for i in range(len(chunk))] == TEXTS[:3]


def test_a_model_of_an_export_reads_another(tmp_path: Path) -> None:
    """What was taken of one file is found in the next, whose labels are called otherwise."""
    first = read(tmp_path, [task(0, [["a"]]), task(1, [["b"]])])
    again = read_corpus(tmp_path / "a.json", usual=first.taken)
    assert pairs(again) == pairs(first)
    plain = [{"data": {"text": "x"}, "choices": "a"}, {"data": {"text": "y"}, "choices": "b"}]
    (tmp_path / "b.json").write_text(json.dumps(plain))
    assert read_corpus(tmp_path / "b.json", usual=first.taken).labels == ["a", "b"]
    answers = [{"text": t, "label": "T", "answer": "accept"} for t in TEXTS]
    trained = read(tmp_path, answers, label_column="answer")
    assert read_corpus(tmp_path / "a.json", usual=trained.taken).labels == ["accept"]


# ------------------------------------------------------------------ mutations

ODD: list[Any] = [None, True, 0, -1.5, 1e999, "", "x", [], {}, [[]], [{}], {"a": []}, [None], ["x"]]


def _mutated(rng: random.Random, value: Any) -> Any:
    """The value with one of its parts replaced, doubled or left out."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(list(value))
        kind = rng.random()
        if kind < 0.1:
            return {name: one for name, one in value.items() if name != key}
        if kind < 0.15:
            return value | {rng.choice(["text", "label", "fields", "cats", "answer", "id"]): key}
        return value | {key: _mutated(rng, value[key])}
    if isinstance(value, list) and value and rng.random() < 0.9:
        at = rng.randrange(len(value))
        if rng.random() < 0.1:
            return [*value[:at], *value[at:], value[at]]
        return [*value[:at], _mutated(rng, value[at]), *value[at + 1 :]]
    return rng.choice(ODD)


def _samples() -> list[list[Any]]:
    flat = {"text": "a", "label.responses": ["A"], "label.responses.status": ["submitted"]}
    first = {"text": "a", "inputs": {"text": "b"}, "annotation": ["A", "B"], "status": "Default"}
    feedback = {"fields": {"text": "a"}, "responses": [{"values": {"l": {"value": "A"}}}]}
    paragraphs = {"id": 1, "paragraphs": [{"raw": "a", "cats": [{"label": "A", "value": 1}]}]}
    return [
        [task(i, [["a", "b"], ["b"]]) for i in range(3)],
        [min_row(i, {"choices": ["a"]}) for i in range(3)],
        [choice(i, ["A"]) for i in range(3)],
        [{"text": t, "label": t[0], "answer": "accept"} for t in TEXTS],
        [{"id": i, "text": t, "label": ["A"]} for i, t in enumerate(TEXTS)],
        [{"text": t, "cats": {"A": 1, "B": 0.2}} for t in TEXTS],
        [[t, {"cats": {"A": 1}}] for t in TEXTS],
        [paragraphs, paragraphs],
        [argilla_record(i, ["A", "B"]) for i in range(3)],
        [first, first],
        [feedback, feedback],
        [flat, flat],
    ]


def _mutations(folder: Path, seeds: range) -> None:
    """Whatever its parts are, an export is read or refused in one sentence, from files and memory
    alike."""
    samples, fine = _samples(), 0
    for seed in seeds:
        rng = random.Random(seed)
        rows = rng.choice(samples)
        for _ in range(rng.choice((1, 1, 2, 3))):
            rows = _mutated(rng, rows)
        path = folder / "a.json"
        path.write_text(json.dumps(rows))
        options = ReadingOptions("json", skip_bad_lines=bool(rng.randrange(2)))
        told, corpus = "", None
        try:
            corpus = read_corpus(path, options)
        except InputError as error:
            told = as_typed(error)
        assert told.isprintable(), seed
        fine += corpus is not None
        assert corpus is None or corpus.labels, seed
        try:  # rows that nobody has labelled may lack a text, and be refused here
            texts = sum(map(len, scan(path, options, labelled=False)))
        except InputError:
            continue
        assert corpus is None or texts >= len(corpus), seed
    assert fine > len(seeds) // 4


def test_mutations(tmp_path: Path) -> None:
    _mutations(tmp_path, range(250))


@pytest.mark.slow
def test_many_mutations(tmp_path: Path) -> None:
    _mutations(tmp_path, range(250, 3250))
