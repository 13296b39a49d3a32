"""f(x) of a corpus in files for other programs: their readers get the same numbers."""

from __future__ import annotations

import json
import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse
from conftest import documents, write_tsv
from scipy.sparse import csr_array
from sklearn.datasets import load_svmlight_file
from test_cli import good, run

import textmlr
from textmlr import FeaturizerOptions
from textmlr.base.errors import InputError
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.reading import read_corpus, scan
from textmlr.export.matrices import matrix_parts
from textmlr.export.matrices.matrix_file import MatrixFile
from textmlr.export.matrices.matrix_parts import MatrixPart, cut
from textmlr.export.matrices.row_lines import SvmlightLines, VwLines
from textmlr.features.featurizer import Featurizer
from textmlr.model.model import Model

PAIRS = [*documents(90, 5), ("western", ""), ("scifi", "zzzz: a|b 50% http://x"), ("romance", "x")]
LABELS = ["romance", "scifi", "western"]


@pytest.fixture(scope="module")
def corpus_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tsv(tmp_path_factory.mktemp("corpus") / "corpus.tsv", PAIRS)


def expected(corpus: Corpus, options: FeaturizerOptions) -> tuple[Featurizer, csr_array]:
    featurizer = Featurizer(options)
    return featurizer, featurizer.fit_transform(list(corpus.batches))


def same(found: csr_array, matrix: csr_array) -> bool:
    return found.shape == matrix.shape and (found != matrix).nnz == 0


class TestNpz:
    @pytest.mark.parametrize(
        ("asked", "options"),
        [
            ([], {}),
            (["--ngrams", "1", "--char-ngrams", "3-4"], {"ngrams": (1, 1), "char_ngrams": (3, 4)}),
            (
                ["--no-idf", "--norm", "none", "--term-frequency", "raw", "--no-bias"],
                {"idf": False, "norm": None, "term_frequency": "raw", "bias": False},
            ),
            (["--min-df", "3", "--max-features", "20"], {"min_df": 3, "max_features": 20}),
            (["--hash-bits", "8"], {"hash_bits": 8}),
            (["--hash-bits", "8", "--idf"], {"hash_bits": 8, "idf": True}),
            (
                ["--no-lowercase", "--no-punctuation", "--min-token-length", "2"],
                {"lowercase": False, "punctuation": False, "min_token_length": 2},
            ),
        ],
    )
    def test_is_fit_transform(
        self,
        corpus_file: Path,
        tmp_path: Path,
        asked: list[str],
        options: dict[str, object],
    ) -> None:
        out = tmp_path / "X.npz"
        good("featurize", corpus_file, "-o", out, *asked)
        corpus = read_corpus([corpus_file])
        featurizer, matrix = expected(corpus, FeaturizerOptions(**options))  # type: ignore[arg-type]
        found = scipy.sparse.load_npz(out)
        assert same(found, matrix)
        assert found.dtype == np.float32
        with np.load(out) as file:
            assert file["labels"].tolist() == LABELS
            assert np.array_equal(file["y"], corpus.y)
            if "hash_bits" in options:
                assert "features" not in file
            else:
                assert str(file["features"]).split("\n") == featurizer.feature_names()

    def test_weights_lie_beside(self, tmp_path: Path) -> None:
        corpus = tmp_path / "w.tsv"
        corpus.write_text("a\t1.5\trobot one\nb\t0\tkiss two\n")
        good("featurize", corpus, "--weighted", "-o", tmp_path / "X.npz")
        with np.load(tmp_path / "X.npz") as file:
            assert file["weights"].tolist() == [1.5, 0.0]

    def test_without_labels(self, tmp_path: Path) -> None:
        lines = tmp_path / "lines.txt"
        lines.write_text("robot one\nkiss two\n\n")
        good("featurize", lines, "--no-labels", "-o", tmp_path / "X.npz")
        assert scipy.sparse.load_npz(tmp_path / "X.npz").shape[0] == 3
        with np.load(tmp_path / "X.npz") as file:
            assert "y" not in file
            assert "labels" not in file

    @pytest.mark.parametrize("extra", [[], ["-m"]])
    def test_threads_change_no_bit(
        self, corpus_file: Path, model_file: Path, tmp_path: Path, extra: list[str]
    ) -> None:
        options = [*extra, str(model_file)] if extra else []
        for form in ("npz", "svm", "vw"):
            made = []
            for threads in (1, 2, 4):
                out = tmp_path / f"X.{form}"
                good("featurize", corpus_file, "-o", out, "--threads", str(threads), *options)
                made.append(out.read_bytes())
            assert made[0] == made[1] == made[2]


class TestSvmlight:
    def test_sklearn_reads_it_back(self, corpus_file: Path, tmp_path: Path) -> None:
        out = tmp_path / "X.svm"
        good("featurize", corpus_file, "-o", out)
        corpus = read_corpus([corpus_file])
        featurizer, matrix = expected(corpus, FeaturizerOptions())
        found, y = load_svmlight_file(
            str(out), n_features=matrix.shape[1], zero_based=False, dtype=np.float32
        )
        assert same(csr_array(found), matrix)
        assert np.array_equal(y, corpus.y)
        assert out.with_suffix(".svm.labels").read_text() == "0\tromance\n1\tscifi\n2\twestern\n"
        rows = out.with_suffix(".svm.features").read_text().splitlines()
        names = featurizer.feature_names()
        assert rows == [f"{index}\t{name}" for index, name in enumerate(names, 1)]

    def test_indices_ascend_from_1_or_0(self, corpus_file: Path, tmp_path: Path) -> None:
        columns = []
        for number, extra in enumerate([[], ["--zero-based"]]):
            out = tmp_path / f"{number}.svm"
            good("featurize", corpus_file, "-o", out, "--hash-bits", "10", *extra)
            rows = [line.split(" ")[1:] for line in out.read_text().splitlines()]
            indices = [[int(entry.split(":")[0]) for entry in row] for row in rows]
            assert all(row == sorted(set(row)) for row in indices)
            columns.append(indices)
        assert min(min(row) for row in columns[0]) == 1
        assert [[i - 1 for i in row] for row in columns[0]] == columns[1]

    def test_a_row_without_entries(self, tmp_path: Path) -> None:
        corpus = tmp_path / "c.tsv"
        corpus.write_text("a\trobot\nb\t\nb\tkiss\n")
        out = tmp_path / "X.svm"
        good("featurize", corpus, "-o", out, "--no-bias", "--norm", "none", "--no-idf")
        assert out.read_text() == "0 1:1\n1\n1 2:1\n"

    def test_without_labels_every_code_is_0(self, tmp_path: Path) -> None:
        (tmp_path / "lines.txt").write_text("robot\nkiss\n")
        out = tmp_path / "X.svm"
        good("featurize", tmp_path / "lines.txt", "--no-labels", "-o", out)
        assert [line.split(" ")[0] for line in out.read_text().splitlines()] == ["0", "0"]
        assert sorted(os.listdir(tmp_path)) == ["X.svm", "X.svm.features", "lines.txt"]

    def test_weights_have_no_place(self, tmp_path: Path) -> None:
        corpus = tmp_path / "w.tsv"
        corpus.write_text("a\t1.5\trobot one\nb\t0\tkiss two\n")
        result = run("featurize", corpus, "--weighted", "-o", tmp_path / "X.svm")
        assert isinstance(result.exception, InputError)
        assert "no place for weights; write .npz or .vw" in str(result.exception)
        assert os.listdir(tmp_path) == ["w.tsv"]

    def test_every_float32_is_read_back(self) -> None:
        rng = np.random.default_rng(1)
        bits = rng.integers(1, 0x7F7FFFFF, 5000, np.int32)  # positive and finite
        matrix = csr_array(bits.view(np.float32).reshape(100, 50))
        features = matrix_parts.Features(
            matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), matrix.data, 50
        )
        rows = SvmlightLines().render(MatrixPart(features)).decode().splitlines()
        read = [[np.float32(entry.split(":")[1]) for entry in row.split()[1:]] for row in rows]
        assert np.array_equal(np.concatenate(read), matrix.data)


class TestVw:
    def test_lines(self, tmp_path: Path) -> None:
        corpus = tmp_path / "c.tsv"
        corpus.write_text("b\ta|b 50%\na\t: x\n")
        out = tmp_path / "X.vw"
        good(
            "featurize",
            corpus,
            "-o",
            out,
            "--no-bias",
            "--norm",
            "none",
            "--no-idf",
            "--ngrams",
            "1-2",
        )
        lines = out.read_text().splitlines()
        assert [line.split(" ")[:2] for line in lines] == [["2", "|"], ["1", "|"]]
        names = {entry.rsplit(":", 1)[0] for line in lines for entry in line.split(" ")[2:]}
        assert {"a", "%7C", "b", "50", "%25", "%3A", "x", "a%20%7C", "%3A%20x"} <= names
        assert all(line.count("|") == 1 for line in lines)
        assert out.with_suffix(".vw.labels").read_text() == "1\ta\n2\tb\n"

    def test_the_numbers_are_the_matrix(self, corpus_file: Path, tmp_path: Path) -> None:
        out = tmp_path / "X.vw"
        good("featurize", corpus_file, "-o", out)
        corpus = read_corpus([corpus_file])
        featurizer, matrix = expected(corpus, FeaturizerOptions())
        special = {"%25": "%", "%20": " ", "%3A": ":", "%7C": "|"}
        names = featurizer.feature_names()
        for i, line in enumerate(out.read_text().splitlines()):
            head, _, body = line.partition("|")
            assert head == f"{corpus.y[i] + 1} "
            entries = [entry.rsplit(":", 1) for entry in body.split()]
            plain = []
            for name, _ in entries:
                for escape in ("%20", "%3A", "%7C", "%25"):
                    name = name.replace(escape, special[escape])
                plain.append(name)
            row = matrix[[i]]
            assert plain == [names[column] for column in row.indices]
            assert np.array_equal(np.array([v for _, v in entries], np.float32), row.data)

    def test_weights_and_hashed_columns(self, tmp_path: Path) -> None:
        corpus = tmp_path / "w.tsv"
        corpus.write_text("a\t1.5\trobot\nb\t0\tkiss\n")
        asked = ("featurize", corpus, "--weighted", "--hash-bits", "6", "--ngrams", "1")
        good(*asked, "-o", tmp_path / "X.vw", "--no-bias")
        lines = (tmp_path / "X.vw").read_text().splitlines()
        assert [line.split(" |")[0] for line in lines] == ["1 1.5", "2 0"]
        assert all(0 <= int(line.split(" ")[3].split(":")[0]) < 64 for line in lines)

    def test_without_labels_nor_names(self) -> None:
        features = matrix_parts.Features(
            np.array([0, 2, 2]), np.array([0, 1], np.int32), np.array([1, 0.5], np.float32), 2
        )
        made = VwLines(["(bias)", ""]).render(MatrixPart(features))
        assert made == b"| (bias):1 %column1:0.5\n|\n"


class TestOfModel:
    def test_is_the_models_own_featurizer(
        self, corpus_file: Path, model_file: Path, tmp_path: Path
    ) -> None:
        out = tmp_path / "X.npz"
        good("featurize", corpus_file, "-m", model_file, "-o", out)
        model = Model.load(model_file)
        corpus = read_corpus([corpus_file])
        matrix = scipy.sparse.load_npz(out)
        assert same(matrix, model.featurizer.transform(list(corpus.batches)))
        with np.load(out) as file:
            assert file["labels"].tolist() == model.labels
            assert np.array_equal(file["y"], corpus.y)
        factor = model.parts.calibration
        if factor.exponent == 0:
            assert np.allclose(matrix @ model.theta, model.scores(list(corpus.batches)), rtol=1e-4)

    def test_codes_are_the_models(self, model_file: Path, tmp_path: Path) -> None:
        corpus = tmp_path / "few.tsv"
        corpus.write_text("western\tranch\n")
        good("featurize", corpus, "-m", model_file, "-o", tmp_path / "X.svm")
        assert (tmp_path / "X.svm").read_text().startswith("2 1:1 ")
        assert (tmp_path / "X.svm.labels").read_text().splitlines()[2] == "2\twestern"

    def test_a_stranger_among_labels(self, model_file: Path, tmp_path: Path) -> None:
        corpus = tmp_path / "few.tsv"
        corpus.write_text("opera\tranch\n")
        asked = ("featurize", corpus, "-m", model_file, "-o", tmp_path / "X.svm")
        result = run(*asked)
        assert isinstance(result.exception, InputError)
        assert "few.tsv: label 'opera' is not one of the model's" in str(result.exception)
        assert os.listdir(tmp_path) == ["few.tsv"]

    def test_chunks_are_not_kept(self, corpus_file: Path, model_file: Path) -> None:
        model = Model.load(model_file)
        chunks = scan([corpus_file], chunk_bytes=200)
        drawn = 0

        def counted():  # type: ignore[no-untyped-def]
            nonlocal drawn
            for chunk in chunks:
                drawn += 1
                yield chunk

        parts = matrix_parts.transform(model.featurizer, counted(), model.labels, 2)
        for made, _ in enumerate(parts, 1):
            assert drawn == made
        assert drawn > 20

    def test_options_of_a_featurizer_are_refused(
        self, corpus_file: Path, model_file: Path, tmp_path: Path
    ) -> None:
        for options in (["--ngrams", "1-2"], ["--no-bias"], ["--norm", "l2"], ["--min-df", "1"]):
            result = run(
                "featurize", corpus_file, "-m", model_file, "-o", tmp_path / "X.npz", *options
            )
            assert result.exit_code == 2
            assert "--model exclude each other" in result.stderr


def test_parts_are_cut_between_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix_parts, "PART_ENTRIES", 3)
    indptr = np.array([0, 2, 3, 3, 10, 10, 11])
    features = matrix_parts.Features(
        indptr, np.arange(11, dtype=np.int32), np.arange(11, dtype=np.float32), 11
    )
    made = list(cut([MatrixPart(features, np.arange(6, dtype=np.int32))]))
    assert [len(part) for part in made] == [3, 1, 2]
    assert np.concatenate([part.features.indices for part in made]).tolist() == list(range(11))
    assert np.concatenate([part.y for part in made if part.y is not None]).tolist() == [*range(6)]
    assert all(part.features.indptr[0] == 0 for part in made)


class TestCommand:
    def test_summary(self, corpus_file: Path, tmp_path: Path) -> None:
        result = good("featurize", corpus_file, "-o", tmp_path / "X.svm")
        assert result.stdout == ""
        told = " ".join(result.stderr.split())
        for part in (
            "documents 93",
            "the first always 1",
            "n-grams words 1-2",
            "beside it",
            "X.svm.labels",
            "labels 0 romance, 1 scifi, 2 western",
        ):
            assert part in told

    def test_json(self, corpus_file: Path, tmp_path: Path) -> None:
        out = tmp_path / "X.vw"
        summary = json.loads(good("featurize", corpus_file, "-o", out, "--json").stdout)
        assert summary["documents"] == 93
        assert summary["first_code"] == 1
        assert summary["labels"] == LABELS
        assert summary["files"] == [str(out), f"{out}.labels"]
        assert summary["nonzeros"] == sum(line.count(":") for line in out.read_text().splitlines())

    def test_standard_output(self, corpus_file: Path, tmp_path: Path) -> None:
        piped = good("featurize", corpus_file, "-o", "-", "--output-format", "svmlight")
        good("featurize", corpus_file, "-o", tmp_path / "X.svm")
        assert piped.stdout_bytes == (tmp_path / "X.svm").read_bytes()
        assert "0 romance" in piped.stderr

    def test_tables_and_their_columns(self, tmp_path: Path) -> None:
        corpus = tmp_path / "c.data"
        corpus.write_text("stars,review\n5,a robot\n1,a kiss\n")
        good(
            "featurize",
            corpus,
            "--format",
            "csv",
            "--text-column",
            "review",
            "--label-column",
            "stars",
            "-o",
            tmp_path / "X.npz",
        )
        with np.load(tmp_path / "X.npz") as file:
            assert file["labels"].tolist() == ["1", "5"]
            assert file["y"].tolist() == [1, 0]

    def test_a_label_of_two_lines_stays_on_one(self, tmp_path: Path) -> None:
        corpus = tmp_path / "c.jsonl"
        corpus.write_text('{"label": "a\\nb", "text": "robot"}\n{"label": "c", "text": "kiss"}\n')
        good("featurize", corpus, "-o", tmp_path / "X.svm")
        assert (tmp_path / "X.svm.labels").read_text() == "0\ta\\nb\n1\tc\n"

    def test_what_was_skipped_is_told(self, tmp_path: Path) -> None:
        corpus = tmp_path / "c.tsv"
        corpus.write_bytes(b"a\trobot caf\xe9\nbad\nb\tkiss\n")
        result = good("featurize", corpus, "--skip-bad-lines", "-o", tmp_path / "X.npz")
        assert "skipped 1 bad line" in result.stderr
        assert "1 piece of invalid UTF-8" in result.stderr

    def test_endings(self) -> None:
        assert MatrixFile.of("X.NPZ") == MatrixFile("X.NPZ", "npz")
        assert MatrixFile.of("X.txt", "svmlight", zero_based=True).first_index == 0
        for path, form, zero, problem in (
            ("X.txt", None, False, "format is not known; let its name end in .npz"),
            ("-", "npz", False, "cannot be written to a pipe"),
            ("X.npz", None, True, "leave out --zero-based"),
        ):
            with pytest.raises(InputError, match=problem):
                MatrixFile.of(path, form, zero_based=zero)

    def test_usage(self, corpus_file: Path, tmp_path: Path) -> None:
        for options, told in (
            ([], "--output"),
            (["-o", "-", "--output-format", "vw", "--json"], "both write to stdout"),
            (["-o", "x.npz", "--no-labels", "--label-column", "y"], "exclude each other"),
            (["-o", "x.npz", "--corpus-format", "csv"], "--corpus-format is --format now"),
        ):
            result = run("featurize", corpus_file, *options)
            assert result.exit_code == 2, options
            assert told in result.stderr

    def test_refusals(self, corpus_file: Path, tmp_path: Path) -> None:
        (tmp_path / "bad.tsv").write_text("no tab\n")
        for arguments, told in (
            ([str(corpus_file), "-o", "x.txt"], "its format is not known"),
            (
                [str(corpus_file), "-o", "x.npz", "--format", "svmlight"],
                "give --output-format svmlight",
            ),
            ([str(tmp_path / "bad.tsv"), "-o", str(tmp_path / "X.npz")], "line 1"),
        ):
            result = run("featurize", *arguments)
            assert isinstance(result.exception, InputError)  # told without a traceback, exit 2
            assert told in str(result.exception)
        assert os.listdir(tmp_path) == ["bad.tsv"]


def test_large_strings_are_not_joined_past_their_part() -> None:
    """The buffers that lines are cut from may be slices of larger ones."""
    names = pa.array(["a", "b", "c"], pa.large_string())
    features = matrix_parts.Features(
        np.array([0, 1, 3]), np.array([2, 0, 1], np.int32), np.ones(3, np.float32), 3
    )
    lines = VwLines(names.to_pylist())
    whole = lines.render(MatrixPart(features, np.array([0, 1], np.int32)))
    assert whole == b"1 | c:1\n2 | a:1 b:1\n"
    part = MatrixPart(features, np.array([0, 1], np.int32)).rows(1, 2)
    assert lines.render(part) == b"2 | a:1 b:1\n"


class TestSeveralLabels:
    TEXTS = ("red fox runs", "blue dog runs", "red dog", "red dog sits")
    SETS = (("b", "a"), (), ("c",), ("a",))
    CODES = ([0, 1], [], [2], [0])

    @pytest.fixture
    def corpus(self, tmp_path: Path) -> Path:
        rows = zip(self.TEXTS, self.SETS, strict=True)
        path = tmp_path / "a.jsonl"
        path.write_text("".join(json.dumps({"text": a, "labels": b}) + "\n" for a, b in rows))
        return path

    def test_svmlight(self, corpus: Path) -> None:
        out = corpus.with_suffix(".svm")
        good("featurize", corpus, "-o", out, "--min-df", "1")
        matrix, y = load_svmlight_file(str(out), multilabel=True)
        assert [list(map(int, own)) for own in y] == list(self.CODES)
        _, wanted = expected(read_corpus(corpus), FeaturizerOptions(min_df=1))
        assert np.allclose(matrix.toarray(), wanted.toarray())
        assert Path(f"{out}.labels").read_text() == "0\ta\n1\tb\n2\tc\n"

    def test_vw(self, corpus: Path, tmp_path: Path) -> None:
        out = corpus.with_suffix(".vw")
        good("featurize", corpus, "-o", out, "--min-df", "1")
        lines = out.read_text().splitlines()
        assert [line.split("|")[0] for line in lines] == ["0,1 ", " ", "2 ", "0 "]
        assert Path(f"{out}.labels").read_text() == "0\ta\n1\tb\n2\tc\n"
        weighted = tmp_path / "w.tsv"
        weighted.write_text("a,b\t2\tone\nb\t1\ttwo\n")
        own = ("--label-separator", ",", "--weighted", "--min-df", "1")
        done = run("featurize", weighted, "-o", out, *own)
        assert "vw has no place for weights beside several labels" in str(done.exception)
        good("featurize", weighted, "-o", tmp_path / "w.npz", *own)

    def test_npz_and_python(self, corpus: Path) -> None:
        out = corpus.with_suffix(".npz")
        found = textmlr.featurize(str(corpus), path=out, min_df=1)
        assert isinstance(found.y, csr_array)
        wanted = [[int(code in own) for code in range(3)] for own in self.CODES]
        assert found.y.toarray().tolist() == wanted
        with np.load(out) as file:
            indptr, indices = file["y_indptr"].tolist(), file["y_indices"].tolist()
            assert "y" not in file
        assert [indices[i:j] for i, j in pairwise(indptr)] == list(self.CODES)
        single = textmlr.featurize(
            str(corpus), reading=textmlr.ReadingOptions(multilabel=False), min_df=1
        )
        assert single.y.tolist() == [1, 2, 0]

    @pytest.mark.parametrize("labels", [["c"], ["c", "a"]])
    def test_documents_that_are_left_out_are_told(self, labels: list[str], tmp_path: Path) -> None:
        """A document without a label is left out where each has one label."""
        rows = [{"text": "red fox", "labels": ["a"]}, {"text": "blue dog", "labels": []}]
        rows.append({"text": "red dog", "labels": labels})
        path, out = tmp_path / "a.jsonl", tmp_path / "a.svm"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        told = good("featurize", path, "-o", out, "--min-df", "1").stderr
        left = len(labels) == 1
        assert len(out.read_text().splitlines()) == 3 - left
        assert ("1 row has no label, and is left out" in told) == left

    def test_of_models(self, corpus: Path, tmp_path: Path) -> None:
        """A model reads labels as those that it was trained on."""
        model = tmp_path / "m.textmlr"
        good("train", corpus, "-o", model, "--no-holdout", "--min-df", "1", "-q")
        one = tmp_path / "one.jsonl"
        one.write_text('{"text": "a red dog", "labels": ["c"]}\n')
        out = tmp_path / "one.svm"
        good("featurize", one, "-m", model, "-o", out)
        assert out.read_text().startswith("2 ")
        one.write_text('{"text": "a red dog", "labels": []}\n')
        good("featurize", one, "-m", model, "-o", out)
        assert out.read_text().startswith(" ")
