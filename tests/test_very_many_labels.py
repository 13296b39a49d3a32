"""What is typed and called where labels are more than a list can hold, and θ is sparse."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from difflib import SequenceMatcher, get_close_matches
from pathlib import Path
from typing import Any

import click
import numpy as np
import posting_models
import pytest
from click.testing import CliRunner, Result
from conftest import shown_in_terminal

from textmlr import FeaturizerOptions, InputError, Model
from textmlr.base import limits
from textmlr.base.near_names import nearest_name
from textmlr.cli import cli, model_argument
from textmlr.cli.answers import FEW_OF
from textmlr.corpus.in_memory import batches_of
from textmlr.export.json_postings import leb128
from textmlr.export.onnx import onnx_model
from textmlr.export.predictions import prediction_columns
from textmlr.model.explanation.contributions import LIKELIEST
from textmlr.model.explanation.top_features import top_features
from textmlr.model.scoring import Mixed

LABELS = 1_200
TEXTS, NAMES = posting_models.corpus(LABELS)
ASKED = ["w7 c1 c2", "v100 w301 c1 c3 unheard", "c1 c1 c2", "nothing known", "w1199 w3 v2"]
CALIBRATIONS = [Mixed(), Mixed(exponent=-0.9, spread=3.0, least=0.5, share=0.2)]


@pytest.fixture(scope="module", params=CALIBRATIONS)
def model(request: pytest.FixtureRequest) -> Model:
    return posting_models.model_of(TEXTS, NAMES, calibration=request.param)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, Path]:
    """A model and its file."""
    path = tmp_path_factory.mktemp("model") / "many.textmlr"
    return posting_models.saved(posting_models.model_of(TEXTS, NAMES), path), path


def run(*arguments: str | Path, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(cli, [str(a) for a in arguments], input=stdin)


def good(*arguments: str | Path, stdin: bytes | None = None) -> Result:
    result = run(*arguments, stdin=stdin)
    assert result.exit_code == 0, (result.output, result.exception)
    return result


def refused(*arguments: str | Path) -> str:
    result = run(*arguments)
    assert isinstance(result.exception, InputError), (result.output, result.exception)
    return str(result.exception)


def sums_of(model: Model, text: str) -> Any:
    """Σ_f θ[f, ℓ]·f(x)_f of all labels by all of θ, in float64."""
    own, postings = model.parts, model.parts.postings
    assert postings is not None
    f = model.featurizer.featurize(batches_of([text]), 1)
    if own.columns is not None:
        f = own.columns.renumber(f)
    return f.values.astype(np.float64) @ postings.rows(f.indices).astype(np.float64)


def factor(model: Model, text: str) -> float:
    """What multiplies the document's sums."""
    own = model.parts.calibration
    highest = max(float(sums_of(model, text).max()), own.least)
    return float((highest / own.spread) ** own.exponent)


def brute(model: Model, text: str) -> tuple[Any, Any, Any]:
    """(score, P, log z) of all labels by all of θ, in float64."""
    own, postings, sums = model.parts, model.parts.postings, sums_of(model, text)
    assert postings is not None
    s = factor(model, text) * sums + postings.bias.astype(np.float64)
    counts = np.array(own.record.label_weights(), np.float64)
    rates = counts / counts.sum()
    if not sums.any():
        return np.log(rates), rates, 0.0
    log_z = float(np.logaddexp.reduce(s))
    assert isinstance(own.calibration, Mixed)
    share = own.calibration.share
    p = (1 - share) * np.exp(s - log_z) + share * rates
    return (np.log(p) + log_z if share else s), p, log_z


class TestExplain:
    @pytest.mark.parametrize("text", [ASKED[i] for i in (0, 1, 2, 4)])
    @pytest.mark.parametrize(("label", "against"), [(None, None), (5, None), (301, 7), (9, 10)])
    def test_shares_add_up_to_the_score_that_counts(
        self, model: Model, text: str, label: int | None, against: int | None
    ) -> None:
        name = None if label is None else model.labels[label]
        other = None if against is None else model.labels[against]
        why = model.explain(text, name, other)
        scores, p, log_z = brute(model, text)
        chosen = int(np.argmax(p)) if label is None else label
        assert why.label == model.labels[chosen]
        if against is None:  # with so many labels the likeliest other one
            against = int(np.argmax(np.where(np.arange(LABELS) == chosen, -1, p)))
        assert why.against == model.labels[against]
        rest = scores[against]
        assert why.score == pytest.approx(scores[chosen], abs=1e-6)
        assert why.margin == pytest.approx(scores[chosen] - rest, abs=1e-6)
        assert why.log_z == pytest.approx(log_z, abs=1e-6)
        assert why.probability == pytest.approx(p[chosen], rel=1e-5)
        assert math.exp(why.score - why.log_z) == pytest.approx(why.probability, rel=1e-5)
        mixed = why.by_base or (0.0, 0.0)
        assert (why.by_base is None) == (model.parts.calibration == Mixed())
        for parts in (why.features, why.words, why.by_word):
            score = why.bias + sum(one.contribution for one in parts) + mixed[0]
            margin = why.bias_margin + sum(one.margin for one in parts) + mixed[1]
            assert score == pytest.approx(why.score, abs=1e-9)
            assert margin == pytest.approx(why.margin, abs=1e-9)

    def test_each_feature_has_its_weight_and_the_centroid_its_part(self, model: Model) -> None:
        postings, chosen = model.parts.postings, 7
        assert postings is not None
        assert postings.sums is not None
        assert postings.row_scales is not None
        why = model.explain(ASKED[0], model.labels[chosen])
        names = model.featurizer.feature_names()
        column, centroid = postings.column(chosen), 0.0
        t = factor(model, ASKED[0])
        for one in why.features:
            row = names.index(one.names[0])
            assert one.weight == pytest.approx(column[row], rel=1e-6)
            assert one.contribution == pytest.approx(t * column[row] * one.value, rel=1e-6)
            entries = slice(postings.starts[row], postings.starts[row + 1])
            of_label = postings.labels[entries] == chosen
            sums = float(postings.sums[entries][of_label].sum())
            scale = postings.row_scales[row] * postings.scales[chosen]
            centroid += t * one.value * math.sqrt(sums) * scale
        assert why.centroid == pytest.approx(centroid, rel=1e-6)

    def test_a_document_without_a_known_word_has_the_base_rates(self, model: Model) -> None:
        why = model.explain("nothing known")
        assert why.method == "base rates"
        assert why.score == pytest.approx(math.log(why.probability), abs=1e-5)
        assert why.by_base is None
        assert not any(one.contribution for one in why.features)

    def test_of_very_many_labels_the_likeliest_are_told(self, model: Model) -> None:
        why = model.explain(ASKED[0], model.labels[600], model.labels[900])
        p = model.probabilities(ASKED[0])
        likely = {model.labels[i] for i in np.argsort(-p, kind="stable")[:LIKELIEST]}
        assert set(why.probabilities) == likely | {model.labels[600], model.labels[900]}
        assert why.left_out == LABELS - len(why.probabilities)
        for label, own in why.probabilities.items():
            assert own == p[model.labels.index(label)]

    def test_json_page_and_screen_have_all_parts(
        self, saved: tuple[Model, Path], tmp_path: Path
    ) -> None:
        model, path = saved
        page = tmp_path / "why.html"
        shown = good("explain", path, "--text", ASKED[0], "--html", page, "--ngrams").stdout
        why = model.explain(ASKED[0])
        assert why.by_base is not None
        assert why.centroid is not None
        assert f"base rates {why.by_base[0]:+.4f} = score {why.score:.4f}" in shown
        assert f"{why.centroid:+.4f} by the words of the label's own documents" in shown
        html = page.read_text("utf-8")
        assert f"{LABELS - 12:,} others" in html
        assert "base rates" in html
        assert f"{why.centroid:+.4f} by the words" in html
        assert f"{LABELS - 5:,} others" in why._repr_html_()
        about = json.loads(good("explain", path, "--text", ASKED[0], "--json").stdout)
        assert (about["base_rates"], about["base_rates_margin"]) == why.by_base
        assert about["centroid"] == why.centroid
        assert about["labels_left_out"] == why.left_out

    def test_the_own_label_of_a_document_need_not_be_likely(
        self, saved: tuple[Model, Path], tmp_path: Path
    ) -> None:
        model, path = saved
        corpus = tmp_path / "corpus.tsv"
        corpus.write_text(f"{model.labels[900]}\t{ASKED[0]}\nlabel zzz\t{ASKED[0]}\n")
        shown = good("explain", path, "--corpus", corpus, "--number", "1").stdout
        assert f"none of the {LIKELIEST} likeliest: the model is wrong" in shown
        shown = good("explain", path, "--corpus", corpus, "--number", "2").stdout
        assert "which the model does not know" in shown

    def test_words_without_which_the_label_is_another(self, model: Model) -> None:
        text = "w7 w301 c1 c2"
        found = model.counterfactual(text)
        answers = model.classify(text, top=1)
        assert (found.label, found.probability) == answers[0]
        assert found.words
        assert found.proved
        left = " ".join(word for word in text.split() if word not in found.words)
        label, p = model.classify(left, top=1)[0]
        assert (found.new_label, found.new_probability) == (label, pytest.approx(p))
        assert label != found.label
        own = model.labels.index(found.label)
        assert found.remaining == pytest.approx(model.probabilities(left)[own])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(a sparse model, its dense twin)."""
    folder = tmp_path_factory.mktemp("twins")
    model = posting_models.model_of(TEXTS, NAMES, calibration=Mixed())
    own = posting_models.saved(model, folder / "sparse.textmlr")
    posting_models.dense_twin(own).save(folder / "dense.textmlr")
    return folder / "sparse.textmlr", folder / "dense.textmlr"


class TestDenseTwin:
    """A dense θ of as many labels, with the same weights."""

    @pytest.mark.parametrize(
        "words", [[], ["--top", "2"], ["--top", "1"], ["--min-probability", "0.4"]]
    )
    def test_lines_are_alike(self, files: tuple[Path, Path], words: list[str]) -> None:
        asked = [word for text in ASKED for word in ("--text", text)]
        sparse, dense = (good("classify", path, *asked, *words).stdout for path in files)
        for one, other in zip(sparse.split("\n"), dense.split("\n"), strict=True):
            label, _, p = one.partition("\t")
            assert other.partition("\t")[0] == label
            if p:
                assert float(other.partition("\t")[2]) == pytest.approx(float(p), rel=1e-4)

    def test_explanations_are_alike(self, files: tuple[Path, Path]) -> None:
        sparse, dense = (Model.load(path).explain(ASKED[1]) for path in files)
        assert (sparse.label, sparse.method) == (dense.label, dense.method)
        assert sparse.score == pytest.approx(dense.score, abs=1e-4)
        for one, other in zip(sparse.words, dense.words, strict=True):
            assert one.contribution == pytest.approx(other.contribution, abs=1e-5)
            assert one.margin == pytest.approx(other.margin, abs=1e-5)
        assert sparse.probabilities == pytest.approx(dense.probabilities, rel=1e-4)

    def test_words_to_remove_are_alike(self, files: tuple[Path, Path]) -> None:
        sparse, dense = (Model.load(path).counterfactual("w7 w301 c1 c2") for path in files)
        assert (sparse.words, sparse.new_label) == (dense.words, dense.new_label)


class TestTop:
    @pytest.mark.parametrize("label", [0, 7, 1199])
    def test_as_by_all_of_theta(self, model: Model, label: int) -> None:
        postings = model.parts.postings
        assert postings is not None
        (found,) = top_features(model, [model.labels[label]], 5)
        theta = postings.dense().astype(np.float64)
        weights = theta[:, label] - theta.mean(axis=1)
        names = model.featurizer.feature_names()
        best = np.argsort(-weights, kind="stable")[:5]
        assert [one.name for one in found.by_weight.most_for] == [names[i] for i in best]
        for one in (*found.by_weight.most_for, *found.by_weight.most_against):
            assert one.weight == pytest.approx(weights[names.index(one.name)], abs=1e-6)
        bias = postings.bias.astype(np.float64)
        assert found.bias == pytest.approx(bias[label] - bias.mean(), abs=1e-6)

    def test_what_the_corpus_held_is_known_by_the_sums(self) -> None:
        texts, names = posting_models.corpus(100)
        model = posting_models.model_of(texts, names)
        (found,) = top_features(model, [model.labels[7]], 5)
        assert found.by_contribution is not None
        one = found.by_contribution.most_for[0]
        rows = model.featurizer.featurize(batches_of(texts), 1)
        own = rows.indices == model.featurizer.feature_names().index(one.name)
        total = float(rows.values[own].sum())
        assert one.contribution == pytest.approx(one.weight * total, rel=1e-5)

    def test_of_very_many_labels_the_order_is_by_weight(self, saved: tuple[Model, Path]) -> None:
        model, path = saved
        (found,) = top_features(model, [model.labels[7]], 5)
        assert found.by_contribution is None
        assert found.words.most_for[0].text in ("w7", "v2", "w7 v2", "v2 w7")
        arguments = ["top", path, "--label", model.labels[7]]
        assert "weight" in good(*arguments).stdout
        assert not good(*arguments).stderr
        assert "give --by weight" in refused(*arguments, "--by", "contribution")

    def test_all_labels_at_once_are_refused(self, saved: tuple[Model, Path]) -> None:
        model, path = saved
        with pytest.raises(InputError, match="too many to list"):
            model.top()
        assert "name some of them: --label LABEL" in refused("top", path)
        shown = good("top", path, "--label", model.labels[7], "-k", "3").stdout
        assert "w7" in shown


class TestClassify:
    def test_a_pipe_gets_the_five_likeliest(self, saved: tuple[Model, Path]) -> None:
        model, path = saved
        lines = good("classify", path, "--text", ASKED[0], "--text", ASKED[3]).stdout
        blocks = [block.splitlines() for block in lines.split("\n\n")]
        for block, text in zip(blocks, (ASKED[0], ASKED[3]), strict=True):
            answers = model.classify(text, top=limits.FEW_SHOWN)
            assert [line.split("\t")[0] for line in block] == [one.label for one in answers]
            assert [float(line.split("\t")[1]) for line in block] == [
                one.probability for one in answers
            ]

    @pytest.mark.parametrize("top", [1, 2, 100, LABELS // FEW_OF, LABELS // FEW_OF + 1, LABELS])
    def test_as_many_as_are_asked_for(self, saved: tuple[Model, Path], top: int) -> None:
        model, path = saved
        lines = good("classify", path, "--text", ASKED[1], "--top", str(top)).stdout.splitlines()
        p = model.probabilities(ASKED[1])
        order = np.argsort(-p, kind="stable")[:top]
        assert [line.split("\t")[0] for line in lines] == [model.labels[i] for i in order]

    def test_all(self, saved: tuple[Model, Path]) -> None:
        _, path = saved
        lines = good("classify", path, "--text", ASKED[1], "--top", "all").stdout.splitlines()
        assert len(lines) == LABELS
        assert sum(float(line.split("\t")[1]) for line in lines) == pytest.approx(1, abs=1e-6)

    def test_json(self, saved: tuple[Model, Path]) -> None:
        model, path = saved
        arguments = ["classify", path, "--text", ASKED[0], "--json"]
        about = json.loads(good(*arguments).stdout)
        answers = model.classify(ASKED[0], top=5)
        assert about["label"] == answers[0].label
        assert about["probabilities"] == dict(answers)
        about = json.loads(good(*arguments, "--min-probability", "1").stdout)
        assert about["label"] is None
        own = model.labels[900]
        about = json.loads(good(*arguments, "--label", own).stdout)
        assert about["label"] == answers[0].label
        assert about["probabilities"] == {own: pytest.approx(model.probabilities(ASKED[0])[900])}
        about = json.loads(good(*arguments, "--top", "all").stdout)
        assert len(about["probabilities"]) == LABELS

    def test_one_label(self, saved: tuple[Model, Path], tmp_path: Path) -> None:
        model, path = saved
        lines = tmp_path / "lines.txt"
        lines.write_text("\n".join(ASKED) + "\n")
        shown = good("classify", path, "--lines", lines, "--label", model.labels[7]).stdout
        wanted = model.probabilities(ASKED)[:, 7]
        assert [float(line) for line in shown.split()] == pytest.approx(wanted)

    def test_unsure(self, saved: tuple[Model, Path]) -> None:
        model, path = saved
        arguments = ["classify", path, "--text", ASKED[3], "--min-probability", "0.9"]
        best = model.classify(ASKED[3], top=1)[0]
        assert good(*arguments, "--top", "1").stdout.startswith(f"unsure\t{best.probability}"[:14])
        lines = good(*arguments).stdout.splitlines()
        assert [line.split("\t")[0] for line in lines][:2] == ["unsure", best.label]
        assert len(lines) == 1 + limits.FEW_SHOWN

    def test_a_terminal_says_how_many_there_are(
        self, saved: tuple[Model, Path], tmp_path: Path
    ) -> None:
        model, path = saved
        command = [sys.executable, "-m", "textmlr", "classify", str(path), "--text", ASKED[0]]
        shown, code = shown_in_terminal(command, tmp_path)
        assert code == 0
        assert f"{LABELS - 5:,} more: --top all" in shown.replace("\r", "")
        assert model.classify(ASKED[0], top=5)[4].label in shown  # type: ignore[operator]
        assert model.classify(ASKED[0], top=6)[5].label not in shown  # type: ignore[operator]
        shown, code = shown_in_terminal([*command, "--text", ASKED[1]], tmp_path)
        assert code == 0
        assert f"{LABELS - 3:,} more labels of each document: --top all" in shown

    def test_a_mistyped_label(self, saved: tuple[Model, Path]) -> None:
        _, path = saved
        for verb in (["classify"], ["explain"], ["top"]):
            words = [] if verb == ["top"] else ["--text", "w1"]
            said = refused(*verb, path, *words, "--label", "lable 000123")
            assert "did you mean label 000123?" in said


class TestCorpora:
    @pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
    def test_the_likeliest(self, saved: tuple[Model, Path], tmp_path: Path, ending: str) -> None:
        model, path = saved
        corpus, output = tmp_path / "c.jsonl", tmp_path / f"out.{ending}"
        rows = [{"text": text} for text in ASKED] + [{"text": None}]
        corpus.write_text("".join(json.dumps(row) + "\n" for row in rows))
        arguments = ["classify", path, "--corpus", corpus, "-o", output, "--top", "3"]
        about = json.loads(good(*arguments, "--json").stdout)
        table = read_rows(output)
        for row, text in zip(table, ASKED, strict=False):
            first, second, third = model.classify(text, top=3)
            assert (row["predicted"], row["predicted_3"]) == (first.label, third.label)
            assert float(row["probability_2"]) == second.probability
        assert table[-1]["predicted"] in (None, "")
        assert sum(about["predicted"].values()) == len(ASKED)
        assert 0 not in about["predicted"].values()

    def test_least_probability_and_one_label(
        self, saved: tuple[Model, Path], tmp_path: Path
    ) -> None:
        model, _ = saved
        corpus, output = tmp_path / "c.txt", tmp_path / "out.csv"
        corpus.write_text("\n".join(ASKED) + "\n")
        done = model.classify_files(corpus, output, min_probability=0.3, top=2)
        for row, text in zip(read_rows(output), ASKED, strict=True):
            best = model.classify(text, top=1)[0]
            assert row["predicted"] == (best.label if best.probability >= 0.3 else "")
            assert row["predicted_1"] == best.label
        assert done["unsure"] > 0
        model.classify_files(corpus, output, label=model.labels[7])
        own = [float(row[f"P({model.labels[7]})"]) for row in read_rows(output)]
        assert own == pytest.approx(model.probabilities(ASKED)[:, 7].tolist())

    def test_a_column_of_each_label_is_refused(
        self, saved: tuple[Model, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        model, path = saved
        monkeypatch.setattr(prediction_columns, "MOST_COLUMNS", 1000)
        corpus, output = tmp_path / "c.txt", tmp_path / "out.csv"
        corpus.write_text("w1\n")
        for words in (["--each-label"], ["--top", "all"], ["--top", "1001"]):
            said = refused("classify", path, "--corpus", corpus, "-o", output, *words)
            assert f"{' '.join(words)}: the model has 1,200 labels" in said
            assert "take the likeliest by --top 5" in said
        for options in ({"each_label": True}, {"top": 1001}):
            with pytest.raises(InputError, match="columns"):
                model.classify_files(corpus, output, **options)
        assert not output.exists()


def read_rows(path: Path) -> list[dict[str, Any]]:
    import pyarrow.csv as pa_csv
    import pyarrow.parquet as pq

    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()  # type: ignore[no-any-return]
    return pa_csv.read_csv(path).to_pylist()  # type: ignore[no-any-return]


RUN = """
const fs = require("fs");
const { Scorer } = require(process.argv[2]);
const scorer = new Scorer(JSON.parse(fs.readFileSync(process.argv[3], "utf8")));
const texts = JSON.parse(fs.readFileSync(0, "utf8"));
console.log(JSON.stringify(texts.map((text) => [scorer.scores(text), scorer.probabilities(text),
  scorer.likeliest(text, 4), scorer.answer(text)])));
"""
EXPORTED = [
    posting_models.OPTIONS,
    FeaturizerOptions(ngrams=(1, 1), char_ngrams=(2, 3), min_df=1, idf=True),
    FeaturizerOptions(hash_bits=12, ngrams=(1, 2), bias=False),
    FeaturizerOptions(hash_bits=10, ngrams=(1, 1), idf=True),
]


class TestExport:
    @pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")
    @pytest.mark.parametrize("options", EXPORTED)
    @pytest.mark.parametrize("calibration", CALIBRATIONS)
    def test_javascript_answers_by_the_identity(
        self, tmp_path: Path, options: FeaturizerOptions, calibration: Mixed
    ) -> None:
        texts, names = posting_models.corpus(300)
        model = posting_models.model_of(texts, names, options=options, calibration=calibration)
        model = posting_models.saved(model, tmp_path / "m.textmlr")
        path, script, run = tmp_path / "m.json", tmp_path / "scorer.js", tmp_path / "run.js"
        model.export(path, scorer=script)
        run.write_text(RUN)
        asked = [*ASKED, " ".join(f"w{i}" for i in range(300))]
        done = subprocess.run(
            ["node", run, script, path], input=json.dumps(asked).encode(), capture_output=True
        )
        assert done.returncode == 0, done.stderr.decode()
        for text, (scores, p, likeliest, answer) in zip(
            asked, json.loads(done.stdout), strict=True
        ):
            wanted = model.probabilities(text)
            assert p == pytest.approx(wanted.tolist(), rel=1e-5, abs=1e-12)
            assert sum(p) == pytest.approx(1, abs=1e-9)
            assert scores == pytest.approx(model.scores(text).tolist(), abs=1e-5)
            best = model.classify(text, top=4)
            assert [share for _, share in likeliest] == pytest.approx([b.probability for b in best])
            assert answer == [likeliest[0][0]]

    def test_the_file_tells_how_and_is_whole(self, tmp_path: Path) -> None:
        model = posting_models.model_of(*posting_models.corpus(300))
        path = tmp_path / "m.json"
        model.export(path)
        own = json.loads(path.read_text("utf-8"))
        assert own["format"] == "textmlr-json 5"
        about = "\n".join(own["about"])
        assert all(len(line) <= 100 for line in own["about"])
        for key in (
            "scales",
            "bases",
            "powers",
            "step",
            "share",
            "documents",
            "unseen",
            *own["calibration"],
            "bias",
        ):
            assert key in about, key
        assert len(own["labels"]) == len(own["bias"]) == len(own["documents"]) == 300

    def test_the_command_tells_the_size(self, saved: tuple[Model, Path], tmp_path: Path) -> None:
        model, path = saved
        output = tmp_path / "m.json"
        told = json.loads(good("export", path, "-o", output, "--json").stdout)
        assert (told["labels"], told["bytes"]) == (LABELS, output.stat().st_size)
        assert told["features"] == model.parts.rows

    def test_info_tells_weights_and_few_labels(self, saved: tuple[Model, Path]) -> None:
        model, path = saved
        postings = model.parts.postings
        assert postings is not None
        shown = good("info", path).stdout
        assert f"{len(postings):,}, where label and feature met" in shown
        assert f"and {LABELS - 12:,} more" in shown
        assert len(json.loads(good("info", path, "--json").stdout)["labels"]) == LABELS

    def test_what_cannot_be_is_refused(self, saved: tuple[Model, Path], tmp_path: Path) -> None:
        model, path = saved
        with pytest.raises(InputError, match="sparse theta"):
            onnx_model(model)
        with pytest.raises(InputError, match="does not say which sums its weights are made of"):
            model.update(["w1"], [model.labels[1]])
        said = refused("export", path, "-o", tmp_path / "m.onnx")
        assert "sparse theta" in said
        assert "JSON" in said
        small = tmp_path / "small.textmlr"
        said = refused("compress", path, "-o", small, "--max-size", "9kB", "--dtype", "float16")
        assert "sparse theta" in said
        assert not list(tmp_path.iterdir())


def test_numbers_in_seven_bits() -> None:
    numbers = np.array([0, 1, 127, 128, 300, 16383, 16384, 2**31 - 1])
    data, bounds = leb128(numbers)
    for i, number in enumerate(numbers.tolist()):
        own, value = data[bounds[i] : bounds[i + 1]].tolist(), 0
        for place, byte in enumerate(own):
            value += (byte & 127) << 7 * place
            assert (byte >= 128) == (place < len(own) - 1)
        assert value == number


class TestNames:
    @pytest.mark.parametrize(
        "name", ["lable 000123", "label 00123", "LABEL 002999", "label000777", "abel 001000"]
    )
    def test_the_nearest_of_many_is_as_near_as_of_few(self, name: str) -> None:
        names = [f"label {i:06}" for i in range(3000)] + ["with\nline end", "", "é" * 30]
        found = nearest_name(name, names)
        assert found is not None
        plain = {one.casefold(): one for one in names}
        (best,) = get_close_matches(name.casefold(), plain, 1)

        def ratio(other: str) -> float:
            return SequenceMatcher(None, other.casefold(), name.casefold()).ratio()

        assert ratio(found) == pytest.approx(ratio(best), abs=0.05)

    def test_none_is_near(self) -> None:
        names = [f"label {i:06}" for i in range(3000)]
        assert nearest_name("xyz", names) is None
        assert nearest_name("Saw", ["hammer", "saw"]) == "saw"

    def test_a_shell_gets_no_list_that_nobody_reads(
        self, saved: tuple[Model, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        model, path = saved
        monkeypatch.setenv(model_argument.VARIABLE, str(path))
        context = click.Context(click.Command("classify"))

        def completed(begun: str) -> list[str]:
            return model_argument.complete_labels(context, click.Option(["--label"]), begun)

        monkeypatch.setattr(model_argument, "MOST_COMPLETED", 100)
        assert completed("label 0003") == model.labels[300:400]
        assert completed("label 000") == []
        assert completed("x") == []
