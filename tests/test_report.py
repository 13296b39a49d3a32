"""The report: one page that needs nothing else, whatever stands in labels and texts."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import write_tsv

from textmlr.cli import cli
from textmlr.corpus.in_memory import batches_of
from textmlr.corpus.reading import read_corpus
from textmlr.evaluation.evaluation import judge
from textmlr.evaluation.labelled_answers import LabelledAnswers, answer
from textmlr.model.model import Model
from textmlr.training.corpus_training import train_corpus

pytest.importorskip("matplotlib")

from textmlr.base.web_page import visible
from textmlr.corpus.corpus import Corpus
from textmlr.evaluation.report import drawing, shown_labels
from textmlr.evaluation.report.confusion_section import _clustered, _most_confused, _spread
from textmlr.evaluation.report.page import Findings, write_report
from textmlr.evaluation.report.report_files import FIGURES

PNG = b"\x89PNG\r\n\x1a\n"
HOSTILE = [
    '<script>alert("label")</script>',
    "a&b",
    "$x_1$ \\frac{",
    "\u202eright to left",
    "東京 🤖",
    "tab\x07bell",
    "'\"><img src=x onerror=alert(1)>",
]


class Page(HTMLParser):
    """Tags with their attributes, and the text between them."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "source"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def images(self) -> list[bytes]:
        """The PNGs in the page."""
        found = [a["src"] for tag, a in self.tags if tag == "img"]
        found += [a["srcset"] for tag, a in self.tags if tag == "source"]
        made = []
        for source in found:
            assert source is not None
            assert source.startswith("data:image/png;base64,")
            made.append(base64.b64decode(source.split(",")[1], validate=True))
        return made


def check_self_contained(source: str) -> Page:
    """Nothing is fetched or run, tags are balanced, pictures are whole."""
    page = Page(source)
    assert not page.open
    allowed = {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "h1",
        "h2",
        "p",
        "ul",
        "li",
        "span",
        "b",
        "nav",
        "a",
        "section",
        "figure",
        "picture",
        "source",
        "img",
        "figcaption",
        "details",
        "summary",
        "div",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "bdi",
        "article",
        "header",
        "footer",
        "code",
    }
    for tag, attributes in page.tags:
        assert tag in allowed
        assert not any(name.startswith("on") for name in attributes)
        if tag == "a":
            assert (attributes["href"] or "").startswith("#")
        if tag == "img":
            assert attributes["alt"]
    assert not re.search(r"url\(|@import", source.split("</style>")[0])
    assert all(png.startswith(PNG) and b"IEND" in png[-12:] for png in page.images())
    return page


@pytest.fixture(scope="module")
def noisy_tsv(test_tsv: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Documents of which the last ten have a wrong label."""
    path = tmp_path_factory.mktemp("noisy") / "noisy.tsv"
    path.write_bytes(test_tsv.read_bytes() + b"western\tkiss wedding vows\n" * 10)
    return path


@pytest.fixture(scope="module")
def report(
    model_file: Path, train_tsv: Path, noisy_tsv: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("report") / "deep" / "report"
    arguments = ["evaluate", "-m", model_file, noisy_tsv, "--report", folder]
    done = CliRunner().invoke(cli, [str(a) for a in [*arguments, "--training", train_tsv]])
    assert done.exit_code == 0, (done.output, done.exception)
    assert f"Report: {folder / 'report.html'}" in done.stdout
    assert "learning curve: training on 19 documents" in done.stderr
    return folder


@pytest.mark.slow
def test_the_page_is_self_contained(report: Path) -> None:
    source = (report / "report.html").read_text(encoding="utf-8")
    page = check_self_contained(source)
    assert "http" not in source
    figures = [name for name in FIGURES if name != "confusion-most"]  # for many labels
    assert sorted(p.name for p in report.iterdir()) == sorted(
        ["report.html", *(f"{name}.png" for name in figures)]
    )
    images = page.images()
    assert len(images) == 2 * len(figures)  # for light and for dark pages
    for name in figures:
        assert (report / f"{name}.png").read_bytes() in images
    assert "prefers-color-scheme: dark" in source


@pytest.mark.slow
def test_the_page_has_what_is_asked_for(report: Path, noisy_tsv: Path) -> None:
    text = Page((report / "report.html").read_text(encoding="utf-8")).text
    for part in (
        "accuracy",
        "macro-F1",
        "log loss",
        "left to a person",
        "taken for",
        "western",
        "average precision",
        "training documents",
        "300",
        "labelled",
    ):
        assert part in text
    wrong = re.findall(r"document (\d+) of noisy\.tsv", text)
    lines = noisy_tsv.read_text().splitlines()
    assert len(wrong) >= 10
    for number in wrong:
        assert lines[int(number) - 1].split("\t")[1] in text


@pytest.mark.slow
def test_the_same_answers_make_the_same_page(
    model_file: Path, test_tsv: Path, tmp_path: Path
) -> None:
    model, corpus = Model.load(model_file), read_corpus([test_tsv])
    pages = []
    for name in ("a", "b"):
        answered = answer(model, corpus)
        write_report(tmp_path / name, Findings("m", model, corpus, answered, judge(answered), None))
        pages.append((tmp_path / name / "report.html").read_bytes())
    assert pages[0] == pages[1]
    assert b"--training" in pages[0]
    assert b"The trials of training" in pages[0]


@pytest.mark.slow
def test_an_old_learning_curve_does_not_stay(
    model_file: Path, test_tsv: Path, tmp_path: Path
) -> None:
    (tmp_path / "learning.png").write_bytes(b"old")
    (tmp_path / "mine.png").write_bytes(b"mine")
    command = ["evaluate", "-m", str(model_file), str(test_tsv), "--report", str(tmp_path)]
    assert CliRunner().invoke(cli, command).exit_code == 0
    assert not (tmp_path / "learning.png").exists()
    assert (tmp_path / "mine.png").exists()


@pytest.mark.slow
def test_hostile_labels_and_texts(tmp_path: Path) -> None:
    """Nothing in a label, a text or a file's name becomes markup."""
    rng = np.random.default_rng(1)
    words = [f"w{i}" for i in range(30)]
    texts, labels = [], []
    for i in range(140):
        own = i % len(HOSTILE)
        labels.append(HOSTILE[own])
        texts.append(" ".join([words[own], *rng.choice(words, 4)]))
    texts[-1] = "</div><script>alert('text')</script>\x1b[31m" + "<b>long</b> " * 400
    names = sorted(set(labels))
    y = np.array([names.index(label) for label in labels], np.int32)
    corpus = Corpus(batches_of(texts), y, names, None, ["<i>corpus.tsv"])
    model = train_corpus(corpus)
    # The last document is the one most confidently wrong.
    p = model.probabilities(texts)
    p[-1] = np.where(np.arange(len(names)) == (y[-1] + 1) % len(names), 1.0, 0.0)
    answered = LabelledAnswers(model.labels, y.astype(np.int64), p)
    findings = Findings("<u>m.textmlr", model, corpus, answered, judge(answered), None)
    write_report(tmp_path, findings)
    source = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = check_self_contained(source)
    assert "<script" not in source
    assert "\x07" not in source
    assert "\x1b" not in source
    assert HOSTILE[0] in page.text
    assert "</div><script>alert('text')</script>\\x1b[31m<b>long</b>" in page.text
    assert "left out" in page.text
    assert "<i>corpus.tsv" in page.text
    assert "How good is <u>m.textmlr?" in page.text


def many_labels(labels: int, n: int, seed: int) -> LabelledAnswers:
    """Answers right half the time, errors mostly to the label's neighbour."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, labels, n)
    chosen = np.where(rng.random(n) < 0.5, codes, codes ^ 1) % labels
    p = np.full((n, labels), 0.2 / labels)
    p[np.arange(n), chosen] += 0.8
    return LabelledAnswers([f"a rather long name of a label {i}" for i in range(labels)], codes, p)


@pytest.mark.slow
@pytest.mark.parametrize("labels", [2, 40, 150])
def test_confusions_of_few_and_many_labels(labels: int, model_file: Path, tmp_path: Path) -> None:
    answered = many_labels(labels, 600, labels)
    model = Model.load(model_file)
    corpus = Corpus(
        batches_of(["text"] * 600), answered.codes.astype(np.int32), answered.names, None, ["x.tsv"]
    )
    write_report(tmp_path, Findings("m", model, corpus, answered, judge(answered), None))
    check_self_contained((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert (tmp_path / "confusion-most.png").exists() == (labels > 25)


def test_confused_labels_lie_side_by_side() -> None:
    answered = many_labels(150, 6000, 1)
    order = _clustered(answered, np.arange(150)).tolist()
    assert sorted(order) == list(range(150))
    place = {label: i for i, label in enumerate(order)}
    assert all(abs(place[i] - place[i + 1]) == 1 for i in range(0, 150, 2))
    most = _most_confused(answered)
    assert len(most) == 24
    assert {label ^ 1 for label in most} == most


def test_named_labels_are_apart() -> None:
    errors = np.random.default_rng(2).integers(0, 99, 150)
    places = _spread(errors, 60)
    assert int(errors.argmax()) in places
    assert min(np.diff(places)) >= 3
    assert len(places) > 30


def test_names_in_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no font has a character, the label is numbered; figures never show empty boxes."""
    monkeypatch.setattr(shown_labels, "_fonts_for", lambda characters: (["Some Font"], {"東"}))
    names = shown_labels.ShownLabels(["plain", "a" * 40, "line\nend", "\U0010fffd", "東京"])
    assert names["plain"] == "plain"
    assert names["a" * 40] == "a" * 25 + "…"
    assert names["line\nend"] == "line end"
    assert names["\U0010fffd"] == "label 4"
    assert names["東京"] == "label 5"
    assert names.numbered == ["\U0010fffd", "東京"]
    assert [drawing.short(n) for n in (0, 999, 1000, 1234, 45678, 2_100_000)] == [
        "0",
        "999",
        "1k",
        "1.2k",
        "46k",
        "2.1M",
    ]


def test_what_is_visible() -> None:
    assert visible("a\nb\x00<&>\"'") == "a\\nb\\x00&lt;&amp;&gt;&quot;&#x27;"
    assert visible("a\nb", "\n") == "a\nb"


@pytest.mark.slow
def test_no_wrong_answers(model_file: Path, tmp_path: Path) -> None:
    corpus = read_corpus([write_tsv(tmp_path / "one.tsv", [("scifi", "robot orbit laser")])])
    model = Model.load(model_file)
    answered = answer(model, corpus)
    write_report(tmp_path, Findings("m", model, corpus, answered, judge(answered), None))
    page = check_self_contained((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "No answer was wrong." in page.text


@pytest.mark.slow
def test_labels_without_a_font_are_in_a_key(
    model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shown_labels, "_fonts_for", lambda characters: ([], {"東"}))
    answered = LabelledAnswers(["<東京>", "b"], np.array([0, 1, 0]), np.array([[0.7, 0.3]] * 3))
    corpus = Corpus(
        batches_of(["x"] * 3), answered.codes.astype(np.int32), answered.names, None, ["x.tsv"]
    )
    findings = Findings("m", Model.load(model_file), corpus, answered, judge(answered), None)
    write_report(tmp_path, findings)
    page = check_self_contained((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "label 1 is <東京>." in page.text


@pytest.mark.slow
def test_json_says_where_the_report_is(
    model_file: Path, train_tsv: Path, test_tsv: Path, tmp_path: Path
) -> None:
    arguments = ["evaluate", "-m", model_file, test_tsv, "--report", tmp_path, "--json"]
    done = CliRunner().invoke(cli, [str(a) for a in [*arguments, "--training", train_tsv]])
    told = json.loads(done.stdout)
    assert told["report"] == str(tmp_path / "report.html")
    curve = told["learning_curve"]
    assert [point["documents"] for point in curve] == [19, 38, 75, 150, 300]
    assert curve[-1]["log_loss"] == told["log_loss"]


def test_without_matplotlib_it_says_what_to_install(
    model_file: Path, test_tsv: Path, tmp_path: Path
) -> None:
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from textmlr.__main__ import main\n"
        f"sys.argv = ['textmlr', 'evaluate', '-m', {str(model_file)!r}, {str(test_tsv)!r},"
        f" '--report', {str(tmp_path / 'r')!r}]\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert "pip install matplotlib" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "r").exists()


def test_a_folder_that_cannot_be(model_file: Path, test_tsv: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    command = ["evaluate", "-m", str(model_file), str(test_tsv), "--report", str(tmp_path / "file")]
    result = CliRunner().invoke(cli, command)
    assert "cannot be made a folder" in str(result.exception)
