"""The report of label sets: whatever stands in labels and texts, of few labels and of many."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("matplotlib")

from test_multilabel_evaluation import SETS, TEXTS, folder, model_of
from test_multilabel_figures import random_sets
from test_report import HOSTILE, check_self_contained

from textmlr.cli import cli
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.label_sets import LabelSets
from textmlr.evaluation.multilabel.multilabel_evaluation import judge_sets
from textmlr.evaluation.multilabel.ranked_labels import ranked_labels
from textmlr.evaluation.multilabel.set_answers import SetAnswers, answer_sets
from textmlr.evaluation.report.page import write_report
from textmlr.evaluation.report.report_files import SET_FIGURES
from textmlr.evaluation.report.set_label_section import curve_of
from textmlr.evaluation.report.set_page import SetFindings

__all__ = ["folder"]
OWN = {"reliability", "precision-recall", *SET_FIGURES}


def findings_of(names: list[str], true, p, cuts, texts: list[str] | None = None) -> SetFindings:
    sets = LabelSets.of([np.flatnonzero(row).tolist() for row in true])
    own = SetAnswers(names, sets, p, cuts)
    corpus = Corpus.of(
        texts or [f"document {i}" for i in range(len(p))],
        [[names[code] for code in codes] for codes in sets.tolist()],
        multilabel=True,
    )
    return SetFindings("m.textmlr", model_of(), corpus, own, judge_sets(own, resamples=5), None)


@pytest.mark.slow
@pytest.mark.parametrize("labels", [1, 2, 28, 150])
def test_few_and_many_labels(labels: int, tmp_path: Path) -> None:
    names, true, p, cuts = random_sets(300, labels, labels)
    names = [f"a rather long name of a label {i}" for i in range(labels)]
    write_report(tmp_path, findings_of(names, true, p, cuts))
    source = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = check_self_contained(source)
    assert "http" not in source
    figures = {path.stem for path in tmp_path.glob("*.png")}
    assert figures <= OWN
    if labels > 2:
        assert figures == OWN
        assert len(page.images()) == 2 * len(OWN)
    for part in ("micro-F1", "Said A where B was", "Labels that stand together", "P ≥", "wrong: "):
        assert part in page.text


@pytest.mark.slow
def test_the_command_line_writes_the_report(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "coverage.png").write_bytes(b"of an earlier report")
    arguments = ["evaluate", "-m", folder / "a.textmlr", folder / "test.tsv", "--json"]
    more = ["--label-separator", "|", "--report", tmp_path]
    done = CliRunner().invoke(cli, [str(one) for one in [*arguments, *more]])
    assert done.exit_code == 0, (done.output, done.exception)
    assert json.loads(done.stdout)["report"] == str(tmp_path / "report.html")
    assert not (tmp_path / "coverage.png").exists()
    text = check_self_contained((tmp_path / "report.html").read_text(encoding="utf-8")).text
    numbers = re.findall(r"document (\d+) of test\.tsv", text)
    assert numbers
    for number in numbers:
        assert TEXTS[int(number) - 1] in text


@pytest.mark.slow
def test_the_same_answers_make_the_same_page(tmp_path: Path) -> None:
    model, corpus = model_of(), Corpus.of(TEXTS, SETS)
    pages = []
    for name in ("a", "b"):
        own = answer_sets(model, corpus)
        write_report(tmp_path / name, SetFindings("m", model, corpus, own, judge_sets(own), None))
        pages.append((tmp_path / name / "report.html").read_bytes())
    assert pages[0] == pages[1]


@pytest.mark.slow
def test_hostile_labels_and_texts(tmp_path: Path) -> None:
    """Nothing in a label or a text becomes markup."""
    _, true, p, cuts = random_sets(80, len(HOSTILE), 5)
    true[0], p[0] = True, 0.001
    texts = ["fine"] * 80
    texts[0] = "</div><script>alert('text')</script>\x1b[31m"
    write_report(tmp_path, findings_of(sorted(HOSTILE), true, p, cuts, texts))
    source = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = check_self_contained(source)
    assert "<script" not in source
    assert "\x07" not in source
    assert "\x1b" not in source
    assert HOSTILE[0] in page.text
    assert "</div><script>alert('text')</script>\\x1b[31m" in page.text


@pytest.mark.slow
def test_labels_that_are_not_known_and_no_fault(tmp_path: Path) -> None:
    true = np.array([[1, 0, 1], [0, 1, 0]], bool)
    p = np.array([[0.9, 0.1], [0.2, 0.8]])
    write_report(tmp_path / "a", findings_of(["a", "b", "odd"], true, p, np.full(2, 0.5)))
    page = check_self_contained((tmp_path / "a" / "report.html").read_text(encoding="utf-8"))
    assert "1 document with labels the model does not know (odd)" in page.text
    write_report(tmp_path / "b", findings_of(["a", "b"], true[:, :2], p, np.full(2, 0.5)))
    page = check_self_contained((tmp_path / "b" / "report.html").read_text(encoding="utf-8"))
    assert "No answer on a label that the model knows was wrong." in page.text
    assert "There is no such document." in page.text
    assert "No document has two labels." in page.text
    nothing = findings_of(["a", "b"], true[:, :2] & False, p * 0.01, np.full(2, 0.5))
    write_report(tmp_path / "c", nothing)
    page = check_self_contained((tmp_path / "c" / "report.html").read_text(encoding="utf-8"))
    assert "No label has 5 % in any document." in page.text


def test_curves_by_hand() -> None:
    names, true, p, cuts = random_sets(120, 6, 1)
    findings = findings_of(names, true, p, cuts)
    for label, ranked in enumerate(ranked_labels(findings.answered)[:5]):
        curve = curve_of(names[label], ranked)
        own, shares = true[:, label], p[:, label]
        for place in range(0, len(curve.recall), 2):
            said = shares >= curve.thresholds[place]
            assert curve.recall[place] == pytest.approx(said[own].mean())
            assert curve.precision[place] == pytest.approx(own[said].mean())
        for place in range(1, len(curve.recall), 2):
            said = shares > curve.thresholds[place + 1]  # just before the next that has the label
            assert curve.recall[place] == curve.recall[place - 1]
            assert curve.precision[place] == pytest.approx(own[said].mean())
