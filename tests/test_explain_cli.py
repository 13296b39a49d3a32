"""textmlr explain: what it prints, and the page it writes."""

from __future__ import annotations

import json
import math
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from conftest import corpus_of, documents, shown_in_terminal, write_tsv

from textmlr.base.training_options import TrainingOptions
from textmlr.cli import cli
from textmlr.corpus.reading import read_corpus
from textmlr.model.explanation.explanation_page import write_page
from textmlr.model.model import Model
from textmlr.training.corpus_training import train_corpus

TEXT = "A robot in orbit,\r\na kiss\tand dust: the ROBOT rides. \x1b[31m\u202e<script>alert(1)"
HOSTILE = "<img src=\"x\" onerror='alert(1)'>&"


def run(*arguments: str | Path, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(cli, ["explain", *map(str, arguments)], input=stdin)


def good(*arguments: str | Path, stdin: bytes | None = None) -> Result:
    result = run(*arguments, stdin=stdin)
    assert result.exit_code == 0, (result.output, result.exception)
    return result


@pytest.fixture(scope="module")
def network_file(train_tsv: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with hidden layers, trained on train_tsv."""
    path = tmp_path_factory.mktemp("model") / "network.textmlr"
    options = TrainingOptions(hidden=(12, 8))
    train_corpus(read_corpus([str(train_tsv)]), training_options=options).save(path)
    return path


@pytest.fixture(params=["linear", "network"])
def any_file(request: pytest.FixtureRequest, model_file: Path, network_file: Path) -> Path:
    """A model of either kind."""
    return model_file if request.param == "linear" else network_file


@pytest.fixture
def doc(tmp_path: Path) -> Path:
    path = tmp_path / "doc.txt"
    path.write_bytes(TEXT.encode())
    return path


def test_text_table_and_sum(any_file: Path, doc: Path) -> None:
    told = good("-m", any_file, doc, "--ngrams").stdout
    model = Model.load(any_file)
    why = model.explain(TEXT)
    robots = [word for word in why.words if word.text.lower() == "robot"]
    marked = re.escape(f"robot[{robots[0].margin:+.2f}]")
    assert re.search(marked + r" in(\[[+-]\d\.\d\d\])? orbit\[\+", told)
    assert f"ROBOT[{robots[1].margin:+.2f}]" in told
    assert f"{why.label} {100 * why.probability:.1f} %" in told
    lines = told.rstrip().splitlines()
    assert lines[-2].startswith(f"bias {why.bias:+.4f}, {len(why.features):,} features ")
    share = lines[-1].split()[-1]
    answer = CliRunner().invoke(
        cli, ["classify", "-m", str(any_file), "--label", why.label, str(doc)]
    )
    assert f"{float(answer.stdout):.10g}" == share
    table = [line.split() for line in lines if re.search(r"[+-]\d\.\d{4} +[+-]\d+\.\d{4} *$", line)]
    *rows, together = table
    for column, whole in ((-2, why.score), (-1, why.margin)):
        assert sum(float(row[column]) for row in rows) == pytest.approx(whole, abs=2e-3)
        assert float(together[column]) == pytest.approx(whole, abs=1e-4)
    assert "others" in told


def test_labels_can_be_chosen(any_file: Path, doc: Path) -> None:
    told = good(
        "-m", any_file, doc, "--label", "romance", "--against", "western", "-k", "2", "--ngrams"
    )
    assert "nats against western" in told.stdout
    assert "vs western" in told.stdout
    assert "The likeliest label is scifi" in told.stdout
    assert told.stdout.count(" 1   0.") <= 4


def test_json_adds_up(any_file: Path, doc: Path) -> None:
    why = json.loads(good("-m", any_file, doc, "--json", "--flip").stdout)
    assert why["text"] == TEXT
    assert why["document"] == str(doc)
    assert why["bias"] + sum(f["contribution"] for f in why["features"]) == pytest.approx(
        why["score"], abs=1e-4
    )
    assert why["bias_margin"] + sum(w["margin"] for w in why["words"]) == pytest.approx(
        why["margin"], abs=1e-4
    )
    assert math.exp(why["score"] - why["log_z"]) == pytest.approx(why["probability"], abs=1e-6)
    for word in why["words"]:
        assert TEXT[word["start"] : word["stop"]] == word["text"]
    for feature in why["features"]:
        assert len(feature["spans"]) == feature["count"]
    assert why["flip"]["words"]
    assert why["flip"]["new_label"] != why["answer"]
    assert "text" not in why["flip"]


def test_flip_says_what_changes_the_label(any_file: Path, doc: Path) -> None:
    found = Model.load(any_file).counterfactual(TEXT)
    told = good("-m", any_file, doc, "--flip").stdout.rstrip().splitlines()[-1]
    assert told == found.sentence()
    assert all(f"“{word}”" in told for word in found.words)


def test_how_shares_were_found_is_said(
    model_file: Path, network_file: Path, doc: Path, tmp_path: Path
) -> None:
    at = tmp_path / "why.html"
    for path, method, told, weight in (
        (model_file, "exact", "Shares are exact: the score is a sum over features.", "θ"),
        (network_file, "integrated gradients", "from the bias alone to this document", "mean θ"),
    ):
        shown = good("-m", path, doc, "--ngrams", "--html", at).stdout
        assert told in shown
        assert f"f(x)   {weight}   score" in re.sub(" {3,}", "   ", shown)
        page = Page(at.read_text(encoding="utf-8")).text
        assert told in page
        assert f"f(x){weight} of scifi" in page
        assert json.loads(good("-m", path, doc, "--json").stdout)["method"] == method


def test_standard_input_and_invalid_bytes(model_file: Path) -> None:
    for extra in ([], ["-"]):
        result = good("-m", model_file, *extra, stdin=b"a robot \xff \xef\xbf\xbd")
        assert result.stdout.startswith("standard input\n")
        assert "1 piece of invalid UTF-8" in result.stderr


def test_nothing_known_is_said(any_file: Path) -> None:
    result = good("-m", any_file, "--ngrams", stdin=b"Q")
    assert "no known word; the answer is the base rates of training" in result.stderr
    assert "No known word: the answer is the base rates of training.\n" in result.stdout
    assert " = ln of the base rate\nP = exp(" in result.stdout
    assert "base rate" in result.stdout.split("together")[0]
    assert json.loads(good("-m", any_file, "--json", stdin=b"Q").stdout)["method"] == "base rates"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--label", "nonsense"], "no label 'nonsense'; the labels are romance, scifi, western"),
        (["--against", "nonsense"], "no label 'nonsense'"),
        (["--label", "scifi", "--against", "scifi"], "label 'scifi' against itself"),
        (["--number", "0"], "--number 0 is not the number of a document, counted from 1"),
        (["--number", "1.5"], "--number 1.5 is not the number of a document"),
        (["--html", "/nowhere/at/all.html"], "/nowhere/at/all.html: cannot be written"),
    ],
)
def test_wrong_arguments(model_file: Path, doc: Path, arguments: list[str], told: str) -> None:
    result = run("-m", model_file, doc, *arguments)
    assert told in str(result.exception)
    assert result.stdout == ""


@pytest.mark.parametrize("text", [b"", b" \n\t\r\n", b"\xef\xbb\xbf"])
def test_an_empty_document_is_refused(model_file: Path, text: bytes) -> None:
    result = run("-m", model_file, stdin=text)
    assert "standard input: is empty; give a document" in str(result.exception)


def test_errors_end_with_2(model_file: Path, doc: Path) -> None:
    command = [sys.executable, "-m", "textmlr", "explain", "-m", str(model_file), str(doc)]
    told, code = shown_in_terminal([*command, "--label", "nonsense"], Path(__file__).parent.parent)
    assert code == 2
    assert told.startswith("Error: no label 'nonsense'")


def test_a_terminal_has_colours_and_no_escapes_of_the_document(model_file: Path, doc: Path) -> None:
    command = [sys.executable, "-m", "textmlr", "explain", "-m", str(model_file), str(doc)]
    told, code = shown_in_terminal(command, Path(__file__).parent.parent)
    assert code == 0
    assert "\x1b[31m" not in told.replace("\x1b[0m", "")
    assert "\u202e" not in told
    plain = re.sub(r"\x1b\[[\d;]*m", "", told)
    assert "\\x1b[31m\\u202e<script>" in plain.replace("\r\n", "")
    assert "robot[" not in plain
    assert plain != told


def test_without_colours_words_carry_numbers(
    model_file: Path, doc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    command = [sys.executable, "-m", "textmlr", "explain", "-m", str(model_file), str(doc)]
    told, _ = shown_in_terminal(command, Path(__file__).parent.parent)
    assert "robot[+" in told


def test_long_documents_are_cut(any_file: Path) -> None:
    text = ("the night " * 700 + "robot kiss " + "the night " * 700).encode()
    cut = good("-m", any_file, "--label", "scifi", stdin=text).stdout
    assert re.search(r"robot\[[+-]", cut)
    assert f"of {len(text):,} characters; --whole shows all)" in cut
    whole = good("-m", any_file, "--whole", stdin=text).stdout
    assert len(whole) > len(text) > 2 * len(cut)
    assert "--whole" not in whole


class Page(HTMLParser):
    """Tags, texts, and what is told of each word."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.document = ""
        self.text = ""
        self.words: list[tuple[str, str]] = []  # (word, what is told of it)
        self.tip: str | None = None
        self.inside = 0  # depth within the document, 0 outside
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        own = dict(attrs)
        self.tags.append((tag, own))
        if tag != "meta":
            self.open.append(tag)
            if own.get("class") == "document":
                self.inside = len(self.open)
        self.tip = own.get("data-tip")

    def handle_endtag(self, tag: str) -> None:
        if len(self.open) == self.inside:
            self.inside = 0
        assert self.open.pop() == tag
        self.tip = None

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.inside:
            self.document += data
            if self.tip is not None:
                self.words.append((data, self.tip))


HIDDEN = [(), (8,)]


def hostile_model(hidden: tuple[int, ...]) -> Model:
    pairs = [({"scifi": HOSTILE}.get(label, label), text) for label, text in documents(120, 4)]
    options = TrainingOptions(epochs=2, holdout=0.0, hidden=hidden)
    return train_corpus(corpus_of(pairs), training_options=options)


@pytest.mark.parametrize("hidden", HIDDEN)
def test_the_page_is_whole_and_harmless(tmp_path: Path, hidden: tuple[int, ...]) -> None:
    model = hostile_model(hidden)
    why = model.explain(TEXT, HOSTILE)
    at = tmp_path / "why.html"
    removal = model.counterfactual(TEXT)
    write_page(at, why, removal, document="<b>doc</b>", model="a&b", most=5)
    source = at.read_text(encoding="utf-8")
    page = Page(source)
    assert page.open == []
    assert not {"script", "img", "link", "iframe", "b>doc<"} & {tag for tag, _ in page.tags}
    for tag, attributes in page.tags:
        assert not {"src", "href", "srcset"} & set(attributes), tag
        assert not any(name.startswith("on") for name in attributes), tag
    assert "url(" not in source
    assert "@import" not in source
    assert "prefers-color-scheme: dark" in source
    assert "<b>doc</b>" in page.text
    assert HOSTILE in page.text
    shown = why.text.replace("\x1b", "\\x1b").replace("\r\n", "\n").replace("\u202e", "\\u202e")
    assert page.document == shown
    assert removal.sentence().replace("\x1b", "\\x1b") in page.text


@pytest.mark.parametrize("hidden", HIDDEN)
def test_words_of_the_page_tell_their_numbers(tmp_path: Path, hidden: tuple[int, ...]) -> None:
    model = hostile_model(hidden)
    why = model.explain(TEXT)
    write_page(tmp_path / "why.html", why, None, document="doc", model="m", most=5)
    page = Page((tmp_path / "why.html").read_text(encoding="utf-8"))
    robots = [tip for word, tip in page.words if word.lower() == "robot"]
    own = [word for word in why.words if word.text.lower() == "robot"]
    assert len(robots) == len(own) == 2
    for tip, word in zip(robots, own, strict=True):
        head, *features = tip.splitlines()
        assert head.startswith(f"{word.text}: {word.margin:+.4f} against ")
        assert f"{word.contribution:+.4f} of the score" in head
        shares = [float(line.split()[0]) for line in features]
        assert sum(shares) == pytest.approx(word.margin, abs=1e-3)
        assert any(line.split(maxsplit=1)[1] == "robot" for line in features)
    focused = [attributes for tag, attributes in page.tags if "data-tip" in attributes]
    assert focused
    assert all(attributes.get("tabindex") == "0" for attributes in focused)
    assert "Words that decide the label" not in page.text
    strongest = max(why.words, key=lambda word: abs(word.margin))
    alphas = [float((a["style"] or "").removeprefix("--a:")) for a in focused]
    told = [word for word, _ in page.words]
    assert told[int(np.argmax(alphas))] == strongest.text


def test_the_page_is_written_whole_or_not(any_file: Path, doc: Path, tmp_path: Path) -> None:
    at = tmp_path / "why.html"
    told = good("-m", any_file, doc, "--html", at, "--flip").stdout
    assert told.endswith(f"Page: {at}\n")
    page = Page(at.read_text(encoding="utf-8"))
    assert "Words that decide the label" in page.text
    before = at.read_bytes()
    assert run("-m", any_file, doc, "--html", at, "--label", "nonsense").exception is not None
    assert at.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["doc.txt", "why.html"]
    told = good("-m", any_file, doc, "--html", at, "--json").stdout
    json.loads(told)


@pytest.mark.parametrize("more", [[], ["--hidden", "8"]])
def test_hashed_models_name_features(tmp_path: Path, more: list[str]) -> None:
    pairs = write_tsv(tmp_path / "train.tsv", documents(120, 4))
    model = tmp_path / "m.textmlr"
    command = [
        "train",
        str(pairs),
        "-o",
        str(model),
        "-q",
        "--hash-bits",
        "5",
        "--ngrams",
        "1-2",
        "--char-ngrams",
        "none",
        *more,
    ]
    assert CliRunner().invoke(cli, command).exit_code == 0
    told = good("-m", model, "--ngrams", stdin=b"the robot kiss in the orbit laser dust").stdout
    assert "≡" in told
    assert "robot" in told.split("feature")[1]


def words_told(told: str) -> list[float]:
    """What the words of the table add, others and the bias among them."""
    return [float(figure) for figure in re.findall(r"([+-]\d+\.\d{4})(?=\s)", told)]


def test_the_table_is_by_word(any_file: Path, doc: Path) -> None:
    why = Model.load(any_file).explain(TEXT)
    told = good("-m", any_file, doc, "-k", "3").stdout
    assert "times" not in told
    assert "times" in good("-m", any_file, doc, "--ngrams").stdout
    table = told.split("for scifi")[1].split("Numbers are nats")[0]
    strong = [word for word in why.by_word if word.margin > 0][:3]
    for word in strong:
        figure = re.escape(f"{word.margin:+.4f}")
        assert re.search(rf"^{re.escape(word.text)}\b.* {figure} ", table, re.MULTILINE)
    assert f"{len(why.by_word) - 6} other word" in table
    assert f"bias_margin {why.bias_margin:+.4f}".split()[1] in table
    assert sum(words_told(table)) == pytest.approx(why.margin, abs=1e-3)


def test_phrases_are_named_where_they_matter(tmp_path: Path) -> None:
    lines = [f"good\tnot bad at {i}\nbad\tbad at {i}\nbad\tnot at {i}\n" for i in range(30)]
    (tmp_path / "t.tsv").write_text("".join(lines))
    model = tmp_path / "m.textmlr"
    more = ["--ngrams", "1-2", "--char-ngrams", "none", "-q"]
    arguments = ["train", str(tmp_path / "t.tsv"), "-o", str(model), *more]
    assert CliRunner().invoke(cli, arguments).exit_code == 0
    assert "“not bad”" in good("-m", model, "--text", "not bad").stdout


def test_several_documents(any_file: Path, doc: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("a kiss")
    both = good("-m", any_file, doc, other).stdout
    assert both == good("-m", any_file, doc).stdout + "\n" + good("-m", any_file, other).stdout
    rows = good("-m", any_file, doc, other, "--json").stdout.splitlines()
    assert [json.loads(row)["document"] for row in rows] == [str(doc), str(other)]
    texts = good("-m", any_file, "--text", "a kiss", "--text", "robot", "--json").stdout
    assert [json.loads(row)["text"] for row in texts.splitlines()] == ["a kiss", "robot"]
    told = good(any_file, "--text", "a kiss").stdout
    assert told.splitlines()[0] == "“a kiss”"


def test_lines_by_number(any_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("a kiss\n\nrobot in orbit\nscifi\tlaser\n")
    told = good("-m", any_file, "--lines", path, "--number", "3", "--number", "1", "--json")
    rows = [json.loads(row) for row in told.stdout.splitlines()]
    assert [row["text"] for row in rows] == ["robot in orbit", "a kiss"]
    assert [row["document"] for row in rows] == [f"{path}:3", f"{path}:1"]
    assert "own_label" not in rows[0]
    result = good("-m", any_file, "--lines", path, "--number", "4")
    assert "begins with a label and a tab" in result.stderr
    stdin = good("-m", any_file, "--lines", "-", "--number", "2", "--json", stdin=b"x\nrobot\n")
    assert json.loads(stdout := stdin.stdout)["text"] == "robot", stdout
    failed = run("-m", any_file, "--lines", path, "--number", "5")
    assert "has 4 lines, and none of number 5; give --number from 1 to 4" in str(failed.exception)
    assert "is empty" in str(run("-m", any_file, "--lines", path, "--number", "2").exception)


def test_documents_of_a_corpus_say_their_own_label(any_file: Path, tmp_path: Path) -> None:
    model = Model.load(any_file)
    text = "a robot in orbit"
    answer = model.classify([text])[0][0].label
    other = next(label for label in model.labels if label != answer)
    path = tmp_path / "c.csv"
    path.write_text(f"kind,body\n{answer},{text}\n{other},{text}\nnone of them,{text}\n")
    command = ["-m", any_file, "--corpus", path, "--text-column", "body", "--label-column", "kind"]
    numbers = ["--number", "1", "--number", "2", "--number", "3"]
    told = good(*command, *numbers).stdout
    share = 100 * float(model.probabilities([text])[0, model.labels.index(other)])
    assert f"Its own label is {answer}: the model is right." in told
    assert f"Its own label is {other}, {share:.1f} %: the model is wrong." in told
    assert "Its own label is none of them, which the model does not know." in told
    assert f"{path}, document 2" in told
    rows = [json.loads(row) for row in good(*command, *numbers, "--json").stdout.splitlines()]
    assert [(row["own_label"], row["right"]) for row in rows] == [
        (answer, True),
        (other, False),
        ("none of them", False),
    ]
    failed = run(*command, "--number", "4")
    assert "has 3 documents, and none of number 4; give --number from 1 to 3" in str(
        failed.exception
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--lines", "t"], "--lines FILE needs --number N"),
        (["--corpus", "t"], "--corpus CORPUS needs --number N"),
        (["--number", "1"], "--number is for --lines FILE or --corpus CORPUS"),
        (["DOC", "--number", "1"], "--number is for --lines FILE or --corpus CORPUS"),
        (["DOC", "--text", "a"], "documents and --text exclude each other"),
        (["--text", "a", "--lines", "t", "--number", "1"], "--text and --lines FILE exclude"),
        (["--lines", "t", "--corpus", "t", "--number", "1"], "--corpus CORPUS exclude each other"),
        (["DOC", "--format", "csv"], "--format is for --corpus CORPUS"),
        (["--text", "a", "--label-column", "x"], "--label-column is for --corpus CORPUS"),
        (["a robot in orbit"], "no such file; if that is the text itself: textmlr explain"),
        (["--lines", "t", "--number", "0"], "0"),
        (["DOC", "DOC", "--html", "x.html"], "--html writes the page of one document"),
    ],
)
def test_wrong_mixes_are_told_with_the_mend(
    model_file: Path, doc: Path, arguments: list[str], told: str
) -> None:
    given = [str(doc) if one == "DOC" else one for one in arguments]
    result = run("-m", model_file, *given)
    assert result.exit_code
    assert told in result.output + str(result.exception)
    assert result.stdout == "" or "Usage" in result.output


def test_label_sets_of_a_corpus_are_refused(model_file: Path, tmp_path: Path) -> None:
    """By a model of one label a document."""
    path = tmp_path / "c.jsonl"
    path.write_text('{"text": "a robot", "label": ["scifi", "western"]}\n')
    command = ["-m", model_file, "--corpus", path, "--number", "1"]
    said = "--multilabel: each document has one label by this model; leave --multilabel out"
    assert str(run(*command, "--multilabel").exception) == f"{model_file}: {said}"
    assert "Its own label is scifi" in good(*command).stdout


@pytest.mark.parametrize("named", [["--label-column", "c"], ["--label-columns", "a,c"]])
def test_a_wrong_column_of_labels_is_told(
    model_file: Path, tmp_path: Path, named: list[str]
) -> None:
    path = tmp_path / "c.csv"
    path.write_text("text,a,b\na robot in orbit,1,0\n")
    failed = run("-m", model_file, "--corpus", path, "--number", "1", *named)
    assert "no column 'c'; the columns are text, a, b" in str(failed.exception)


def test_a_corpus_in_place_of_a_document(any_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    path.write_text("scifi\ta robot\nromance\ta kiss\nscifi\torbit\n")
    failed = run("-m", any_file, path)
    assert "is a corpus, not one document" in str(failed.exception)
    assert f"--corpus {path} --number 1" in str(failed.exception)


def test_a_short_document_fits_a_screen(model_file: Path) -> None:
    root = Path(__file__).parent.parent
    command = [sys.executable, "-m", "textmlr", "explain", "-m", str(model_file)]
    told, code = shown_in_terminal([*command, "data/doc.txt"], root)
    assert code == 0
    lines = re.sub(r"\x1b\[[\d;]*m", "", told).splitlines()
    assert sum(max(1, math.ceil(len(line.rstrip()) / 80)) for line in lines) <= 24
