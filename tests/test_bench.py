"""The benches that make corpora, count n-grams and watch processes do as they say."""

from __future__ import annotations

import io
import json
import random
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from conftest import COMMON, WORDS, documents, write_tsv

BENCH = Path(__file__).parent.parent / "bench"
sys.path.append(str(BENCH))  # the benches import each other as scripts do

import pictures  # noqa: E402
import recombined  # noqa: E402
import streaming  # noqa: E402
import vocabulary  # noqa: E402
import watched  # noqa: E402

pytestmark = pytest.mark.slow
LETTERS = re.compile(r"[^\W_]+")


def sentences(seed: int, count: int) -> list[tuple[str, str]]:
    """Documents of two to four sentences, in two paragraphs."""
    rng = random.Random(seed)
    made = []
    for _ in range(count):
        pairs = documents(3 * rng.randrange(1, 3), rng.randrange(1000))
        label = rng.choice(["good", "bad", "bad"])
        parts = [f"{text.rstrip('.!?…')} {label}." for _, text in pairs]
        made.append((label, "<br /><br />".join([" ".join(parts[:-1]), parts[-1]])))
    return made


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two corpora with a train.tsv each: paragraphs and sentences; and Korean without either."""
    folder = tmp_path_factory.mktemp("data")
    korean = ["영화가 정말 재미있어요", "배우들 연기도 좋고", "지루하고 시간이 아까운", "최악"]
    pairs = {
        "english": sentences(1, 200),
        "korean": [("평점", f"{a} {b} {i}") for i, a in enumerate(korean) for b in korean],
    }
    for name, documents_of in pairs.items():
        (folder / name).mkdir()
        for part in ("train", "test"):
            write_tsv(folder / name / f"{part}.tsv", documents_of)
    return folder


@pytest.fixture(scope="module")
def source(data: Path) -> recombined.Source:
    return recombined.read([data / "english", data / "korean"])


def made_by(data: Path, *options: str) -> bytes:
    """What the script writes."""
    script = [sys.executable, BENCH / "recombined.py", "--data", data, *options]
    return subprocess.run(script, capture_output=True, check=True).stdout


def test_lines_are_of_their_label(source: recombined.Source) -> None:
    lines = list(recombined.Recombined(source, new_words=0).lines(200_000))
    assert len(lines) > 500
    shares = Counter()
    for line in lines:
        assert line.endswith(b"\n")
        label, text = line.decode().removesuffix("\n").split("\t")
        shares[label] += 1
        if label.startswith("english/"):
            ends = set(re.findall(r"(\w+)\.", text))
            assert ends == {label.removeprefix("english/")}
    assert shares.keys() == {"english/good", "english/bad", "korean/평점"}
    real = Counter(source.labels[i] for i in source.label)
    for label, count in real.items():
        share = count / real.total()
        assert shares[label] / len(lines) == pytest.approx(share, abs=0.05)


def test_documents_are_of_several_and_as_long_as_real_ones(source: recombined.Source) -> None:
    real = source.passages.offsets[-1] / len(source.count)
    lines = list(recombined.Recombined(source, new_words=0).lines(300_000))
    texts = [line.partition(b"\t")[2] for line in lines]
    assert sum(map(len, texts)) / len(texts) == pytest.approx(real, rel=0.05)
    english = [line for line in lines if line.startswith(b"english/")]
    # Of 200 documents a thousand are made: were they the real ones, at most 200 would differ.
    assert len(set(english)) > 0.9 * len(english)


def test_a_seed_makes_the_same_and_a_longer_file_begins_as_a_shorter_one(
    source: recombined.Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made(limit: int, seed: int = 3) -> bytes:
        return b"".join(recombined.Recombined(source, seed).blocks(limit))

    whole = made(100_000)
    assert whole == made(100_000)
    assert whole != made(100_000, seed=4)
    assert len(whole) >= 100_000
    assert whole.rindex(b"\n", 0, -1) + 1 < 100_000  # without its last line it is too short
    assert whole.startswith(made(30_000))
    monkeypatch.setattr(recombined, "BLOCK", 7)
    assert whole == made(100_000)
    assert whole == b"".join(recombined.Recombined(source, 3).lines(100_000))


@pytest.mark.parametrize("share", [0.05, 0.3])
def test_a_share_of_words_gives_way_to_new_ones(source: recombined.Source, share: float) -> None:
    made = recombined.Recombined(source, new_words=share)
    real = {word for words in WORDS.values() for word in words} | {*COMMON, "good", "bad", "br"}
    words = [
        word
        for line in made.lines(300_000)
        if line.startswith(b"english/")
        for word in LETTERS.findall(line.partition(b"\t")[2].decode())
    ]
    new = Counter(word for word in words if word not in real)
    # Short words never give way, and some places drawn are of one word.
    assert 0.6 * share < new.total() / len(words) < 1.2 * share
    assert len(new) > 100
    assert max(new.values()) > 1  # they recur
    half = Counter(word for word in words[: len(words) // 2] if word not in real)
    assert len(new) > 1.2 * len(half)  # and never come to an end


def test_sorted_has_each_label_once_with_its_share(data: Path, source: recombined.Source) -> None:
    lines = made_by(data, "--bytes", "1e5", "--sorted").removesuffix(b"\n").split(b"\n")
    labels = [line.partition(b"\t")[0].decode() for line in lines]
    assert labels == sorted(labels)
    assert set(labels) == set(source.labels)
    bad = sum(len(line) for line in lines if line.startswith(b"english/bad"))
    good = sum(len(line) for line in lines if line.startswith(b"english/good"))
    assert 1.5 < bad / good < 3


def test_the_script_writes_what_the_function_yields_and_ends_quietly(
    data: Path, source: recombined.Source
) -> None:
    told = made_by(data, "--bytes", "2e4", "--seed", "9")
    assert told == b"".join(recombined.Recombined(source, 9).lines(20_000))
    only = made_by(data, "--bytes", "2e4", "--only", "korean")
    assert {line.partition(b"\t")[0].decode() for line in only.splitlines()} == {"korean/평점"}
    script = [sys.executable, BENCH / "recombined.py", "--data", data, "--bytes", "1e12"]
    with subprocess.Popen(script, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("text", "passages"),
    [
        (b"", [b""]),
        (b"one", [b"one"]),
        (b"one two", [b"one", b" two"]),
        (b"What is it? It is this. ", [b"What is it?", b" It is this. "]),
        (b"a" * 90 + b"<br /><br />" + b"b" * 90, [b"a" * 90, b"<br /><br />" + b"b" * 90]),
        (b"a." + b"a" * 90 + b".  " + b"b" * 90, [b"a." + b"a" * 90 + b".", b"  " + b"b" * 90]),
        # A sentence ends a passage of a text with paragraphs only where it is long.
        (
            b"x" * 100 + b". " + b"y" * 100 + b"  " + b"z" * 99,
            [b"x" * 100 + b". " + b"y" * 100, b"  " + b"z" * 99],
        ),
        (
            b"x" * 500 + b". " + b"y" * 100 + b"  " + b"z" * 99,
            [b"x" * 500 + b".", b" " + b"y" * 100, b"  " + b"z" * 99],
        ),
    ],
)
def test_cut(text: bytes, passages: list[bytes]) -> None:
    assert recombined.cut(text) == passages


def test_text_without_sentences_is_cut_into_stretches() -> None:
    text = b"mln dlrs " * 100
    passages = recombined.cut(text)
    assert b"".join(passages) == text
    assert 5 <= len(passages) <= 8


def test_distinct_ngrams_are_counted() -> None:
    lines = [f"label\t{text}" for _, text in documents(300, 5)]
    file = io.BytesIO("\n".join(lines).encode())
    (row,) = vocabulary.grow(file, float("inf"), share=1)
    texts = [re.findall(r"\w+|[^\w\s]", text) for text in (line.split("\t")[1] for line in lines)]
    for kind, size in (("words", 1), ("pairs", 2)):
        seen = Counter(
            gram
            for words in texts
            for gram in {tuple(words[i : i + size]) for i in range(len(words) - size + 1)}
        )
        assert row.distinct[kind] == (len(seen), sum(count > 1 for count in seen.values()))
    assert row.documents == 300
    assert row.tokens == sum(map(len, texts))


def test_watched(tmp_path: Path) -> None:
    script = (
        "import sys; print(sys.stdin.read()); sys.stderr.write('said')\n"
        "full = bytearray(b'x') * 60_000_000\n"
        "open(sys.argv[1], 'wb').write(full[:5_000_000])\n"
        "import time; time.sleep(0.3); sys.exit(3)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "file")]
    watcher = [sys.executable, BENCH / "watched.py", "60", tmp_path, *command]
    told = json.loads(subprocess.run(watcher, input=b"given", capture_output=True).stdout)
    assert (told["code"], told["told"], told["output"]) == (3, "said", "given\n")
    assert told["folder"] == 5_000_000
    assert 60e6 < told["peak"] < 200e6
    if sys.platform == "linux":
        assert 60e6 < told["anonymous"] < 200e6


def test_watched_stops_at_the_limit(tmp_path: Path) -> None:
    told = watched.watch(0.2, str(tmp_path), [sys.executable, "-c", "import time; time.sleep(60)"])
    assert told["code"] is None


def test_models_are_equal_but_for_the_names_of_files(tmp_path: Path) -> None:
    models = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        file = write_tsv(tmp_path / f"{name}.tsv", documents(60, seed))
        model = tmp_path / f"{name}.model"
        run = [sys.executable, "-m", "textmlr", "train", file, "-o", model, "-q", "--ngrams", "1"]
        subprocess.run(run, check=True, cwd=BENCH.parent)
        models.append(model)
    one, same, other = map(streaming.nameless, models)
    assert models[0].read_bytes() != models[1].read_bytes()
    assert one == same
    assert one != other


@pytest.mark.parametrize("size", [1, 9, 10, 11, 25, 1000])
def test_a_beginning_ends_with_a_line(tmp_path: Path, size: int) -> None:
    whole = tmp_path / "whole"
    whole.write_bytes(b"a\t1234567\n" * 5)
    part = streaming.beginning(whole, size, tmp_path / "part").read_bytes()
    assert part == b"a\t1234567\n" * min(5, -(-size // 10))
    assert streaming.lines_of(tmp_path / "part") == part.count(b"\n")


def test_pictures_are_of_the_figures_and_of_the_document() -> None:
    """README's pictures are what their script draws from the table and from a real explanation."""
    rows = pictures.rows_of((BENCH / "README.md").read_text(encoding="utf-8"))
    assert Counter(row.tool for row in rows) == dict.fromkeys(pictures.TOOLS, 11)
    explanation = pictures.explained()
    for theme in pictures.THEMES:
        drawn = (pictures.FIGURES / f"seconds{theme.ending}.svg").read_text(encoding="utf-8")
        assert drawn == pictures.seconds_picture(rows, theme)
        shown = (pictures.FIGURES / f"explained{theme.ending}.svg").read_text(encoding="utf-8")
        words = re.findall(r'textLength="[^>]*>([^<]*)<', shown)
        document = (BENCH.parent / "data" / "doc.txt").read_text(encoding="utf-8")
        assert "".join(words).replace("&#x27;", "'") == "".join(document.split())
        assert words == re.findall(
            r'textLength="[^>]*>([^<]*)<', pictures.document_picture(explanation, theme)
        )
