"""Models of fastText: the same answers as its own library's, and as a twin's in plain Python."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import naive_fasttext as naive
import numpy as np
import pytest
from click.testing import CliRunner, Result

import textmlr
import textmlr.corpus.in_memory
from textmlr import InputError, Model, ModelFileError
from textmlr.base import tensor_file
from textmlr.cli import cli
from textmlr.model.fasttext.label_tree import label_tree

FOLDER = Path(__file__).parent / "fasttext"
RECORDED = json.loads((FOLDER / "answers.json").read_text(encoding="utf-8"))
TEXTS = [text.encode("latin-1") for text in RECORDED["texts"]]
MODELS = [*RECORDED["models"]]
ADDED = 1e-5  # fastText adds it to each probability, and on a tree to each branch
ROUNDING = 3e-7  # of its float32


def imported(name: str) -> Model:
    prefix = "__class__" if name.startswith("one") else None
    return textmlr.import_model(FOLDER / name, label_prefix=prefix)


def likeliest(model: Model, text: str | bytes) -> str | None:
    return model.classify(text, top=1)[0].label


def added_on_the_way(model: Model, scores: np.ndarray) -> np.ndarray:
    """P with what fastText adds: (n, L), by scores."""
    own = model.parts.fasttext
    assert own is not None
    if own.loss != "hs":
        log_z = model.parts.head.log_z(scores)
        return np.exp(model.parts.head.log_p(scores.astype(np.float64), log_z)) + ADDED
    labels = len(model.labels)
    below = np.zeros((2 * labels - 1, len(scores)))  # log P of each node
    below[:labels] = scores.T
    for k, (left, right) in enumerate(own.tree):
        below[labels + k] = np.logaddexp(below[left], below[right])
    with_added = np.ones((2 * labels - 1, len(scores)))
    for k in range(labels - 2, -1, -1):
        for child in own.tree[k]:
            share = np.exp(below[child] - below[labels + k])
            with_added[child] = with_added[labels + k] * (share + ADDED)
    return with_added[:labels].T


# ---------------------------------------------------------------- answers
@pytest.mark.parametrize("name", MODELS)
def test_answers_are_those_of_the_library(name: str) -> None:
    """Recorded from fasttext-numpy2 0.10.4: labels, and probabilities within 1e-5 and what it
    adds to them."""
    model = imported(name)
    found = model.probabilities(TEXTS)
    theirs = added_on_the_way(model, model.scores(TEXTS))
    room = ROUNDING if model.parts.fasttext.loss in ("softmax", "hs") else 5e-6  # type: ignore[union-attr]
    for text, p, full, wanted in zip(TEXTS, found, theirs, RECORDED["models"][name], strict=True):
        own = dict(zip(model.labels, full, strict=True))
        if not wanted["p"]:
            np.testing.assert_allclose(p, np.exp(model.parts.base) / np.exp(model.parts.base).sum())
            continue
        assert likeliest(model, text) == wanted["label"], text
        assert own.keys() == wanted["p"].keys()
        for label, share in wanted["p"].items():
            assert own[label] == pytest.approx(share, abs=room), (text, label)


@pytest.mark.parametrize("name", MODELS)
def test_probabilities_are_true(name: str) -> None:
    """Those of a softmax and of a tree sum to 1; none is below 0 or above 1, as theirs are."""
    model = imported(name)
    p = model.probabilities(TEXTS)
    assert ((p > 0) & (p < 1)).all()
    if model.parts.fasttext.loss in ("softmax", "hs"):  # type: ignore[union-attr]
        np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-12)


@pytest.mark.parametrize("loss", naive.LOSSES)
@pytest.mark.parametrize("quantised", [False, True])
def test_random_models_answer_as_their_twins(loss: str, quantised: bool, tmp_path: Path) -> None:
    rng = np.random.default_rng(list(naive.LOSSES).index(loss) + 10 * quantised)
    path = tmp_path / "m.bin"
    for _ in range(25):
        twin = naive.random_model(rng, loss, quantised=quantised)
        twin.version = int(rng.choice([11, 12, 12]))
        path.write_bytes(twin.written())
        model = textmlr.import_model(path)
        texts = [b"", *(random_text(rng, twin) for _ in range(6))]
        found = added_on_the_way(model, model.scores(texts))
        for text, full in zip(texts, found, strict=True):
            wanted = twin.theirs(text)
            for label, share in wanted.items():
                own = full[model.labels.index(label.decode().removeprefix("__label__"))]
                assert own == pytest.approx(share, abs=5e-6), (text, label)


def random_text(rng: np.random.Generator, twin: naive.FastText) -> bytes:
    pieces = [*twin.words, *twin.labels, b"</s>", b"abc", "世界é".encode(), b"\xff", b"\xe4\xb8"]
    pieces += [b"__label__other", b"zzzzzz", b"<", b">"]
    between = [b" ", b"\n", b"\t", b"\0", b"", b"\r\n", b" \x0b\x0c "]
    drawn = rng.choice(len(pieces), rng.integers(0, 12))
    return b"".join(pieces[i] + between[rng.integers(len(between))] for i in drawn)


def test_ties_in_the_table_go_to_the_last_label_of_fasttext(tmp_path: Path) -> None:
    """Scores that differ by less than a step of the table have one probability; fastText's answer
    is then the label that it has last, which is the rarest."""
    output = np.array([[1.01], [1.001], [1.005]], np.float32)
    labels = [b"__label__b", b"__label__c", b"__label__a"]
    for scale in (1.0, 20.0, -20.0):
        twin = naive.FastText(
            [b"x"], labels, [5, 3, 2], np.array([[scale]], np.float32), output, "ova"
        )
        (tmp_path / "m.bin").write_bytes(twin.written())
        model = textmlr.import_model(tmp_path / "m.bin")
        assert likeliest(model, "x") == "a"
        assert np.ptp(model.predict_proba("x")) < 1e-5


def test_a_long_document_is_read_in_pieces(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    twin = naive.random_model(rng, "softmax")
    twin.ngrams, twin.most, twin.least, twin.buckets = 2, 4, 2, 50
    twin.input = naive.random_matrix(rng, len(twin.words) + 50, twin.output.shape[1], 1.0)  # type: ignore[union-attr]
    (tmp_path / "m.bin").write_bytes(twin.written())
    model = textmlr.import_model(tmp_path / "m.bin")
    for text in (b"abcd efg " * 3000, "世界é".encode() * 4000):
        found = dict(zip(model.labels, model.predict_proba(text), strict=True))
        for label, share in twin.theirs(text).items():
            own = found[label.decode().removeprefix("__label__")]
            assert own + ADDED == pytest.approx(share, abs=1e-4)  # of 60,000 sums in float32
    assert model.predict_proba(b"abcd " * 1_000_000).sum() == pytest.approx(1)  # a giant


def test_rows_without_numbers_count_as_nothing(tmp_path: Path) -> None:
    """fastText may leave rows of buckets unset; those that are no numbers are 0, and told."""
    rng = np.random.default_rng(3)
    twin = naive.random_model(rng, "softmax")
    assert isinstance(twin.input, np.ndarray)
    twin.input[0] = np.nan
    twin.input[-1, 0] = 3e38
    (tmp_path / "m.bin").write_bytes(twin.written())
    model = textmlr.import_model(tmp_path / "m.bin")
    assert model.info()["imported"]["unset_rows"] == 1
    p = model.probabilities([b" ".join(twin.words), b" ".join([twin.words[-1]] * 9)])
    assert np.isfinite(p).all()
    np.testing.assert_allclose(p.sum(axis=1), 1)


# ---------------------------------------------------------------- files of textmlr
@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_it_is_saved_and_copied(name: str, tmp_path: Path) -> None:
    model = imported(name)
    size = model.save(tmp_path / "m.textmlr")
    loaded = textmlr.load(tmp_path / "m.textmlr")
    wanted = model.probabilities(TEXTS)
    for other in (loaded, pickle.loads(pickle.dumps(model)), Model.of(model.parts)):
        assert other.labels == model.labels
        np.testing.assert_array_equal(other.probabilities(TEXTS), wanted)
    assert loaded.save(tmp_path / "again") == size
    assert (tmp_path / "again").read_bytes() == (tmp_path / "m.textmlr").read_bytes()
    if name.endswith("ftz"):
        assert size < (FOLDER / name).stat().st_size + 6000
    assert loaded.info() == model.info()


def test_threads_and_forms_of_text_change_no_bit() -> None:
    model = imported("tree.bin")
    texts = [text for text in TEXTS if text.decode("utf-8", "ignore").encode() == text]
    wanted = model.probabilities(texts, threads=1)
    np.testing.assert_array_equal(model.probabilities(texts, threads=3), wanted)
    as_str = [text.decode() for text in texts]
    np.testing.assert_array_equal(model.probabilities(as_str), wanted)
    for text, row in zip(as_str, wanted, strict=True):
        np.testing.assert_array_equal(model.predict_proba(text), row)


def test_features_are_shares_of_rows() -> None:
    model = imported("tree.bin")
    features = model.featurizer.transform(["robot robot orbit", ""])
    assert features.shape == (2, model.featurizer.columns)
    np.testing.assert_allclose(features.sum(axis=1), 1, rtol=1e-6)
    names = model.featurizer.feature_names()
    shares = {names[i]: v for i, v in zip(features[[0]].indices, features[[0]].data, strict=True)}
    assert shares["robot"] == pytest.approx(2 * shares["</s>"])


def test_one_vs_all_is_a_model_of_several_labels(tmp_path: Path) -> None:
    """It is trained on all labels of a line; negative sampling draws one of them, and is a model of
    one label as the softmax is."""
    for name in MODELS:
        assert imported(name).is_multilabel == (name == "one-vs-all.bin")
    model = imported("one-vs-all.bin")
    assert model.parts.thresholds.tolist() == [0.5] * 4  # type: ignore[union-attr]
    for row, own in zip(model.probabilities(TEXTS), model.predict(TEXTS), strict=True):
        assert set(own) == {model.labels[i] for i in np.flatnonzero(row >= 0.5)}
    model.save(tmp_path / "m")
    header, tensors = tensor_file.load(tmp_path / "m")
    del tensors["thresholds"]
    tensor_file.save(tmp_path / "format 5", header, tensors)
    older = textmlr.load(tmp_path / "format 5")
    assert older.parts.thresholds.tolist() == [0.5] * 4  # type: ignore[union-attr]
    assert older.dumps() == model.dumps()


# ---------------------------------------------------------------- labels and their prefix
def test_prefixes() -> None:
    assert textmlr.import_model(FOLDER / "words.bin").labels == [
        "romance", "scifi", "war", "western",
    ]  # fmt: skip
    assert textmlr.import_model(FOLDER / "one-vs-all.bin").labels[0] == "__class__romance"
    with pytest.raises(ModelFileError, match=r"the label '__class__.*does not begin with '__k__'"):
        textmlr.import_model(FOLDER / "one-vs-all.bin", label_prefix="__k__")


def test_the_tree_is_huffmans() -> None:
    assert label_tree([9, 9, 5, 1]).tolist() == [[3, 2], [4, 1], [0, 5]]
    with pytest.raises(ValueError, match="make no tree"):
        label_tree([10**16, 10**16, 10**16])


# ---------------------------------------------------------------- what is refused
def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"holds word vectors \(skipgram\), and no classifier"):
        textmlr.import_model(FOLDER / "vectors.bin")
    for data, problem in (
        (b"", "is not a model of fastText"),
        (b"__label__a text\n", "is not a model of fastText"),
        (b"\xba\x16O/\x0d\0\0\0", "format version 13"),
        (b"\xba\x16O/\x0c\0\0\0", "is cut short"),
    ):
        (tmp_path / "m").write_bytes(data)
        with pytest.raises(ModelFileError, match=problem):
            textmlr.import_model(tmp_path / "m")
    with pytest.raises(ModelFileError, match="no such file"):
        textmlr.import_model(tmp_path / "none")
    with pytest.raises(ModelFileError, match="is not a file"):
        textmlr.import_model(tmp_path)
    imported("words.bin").save(tmp_path / "m")
    with pytest.raises(ModelFileError, match="is a model of textmlr already"):
        textmlr.import_model(tmp_path / "m")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pruned.ftz", "tree.bin", "codes.ftz"])
def test_every_cut_is_refused(name: str, tmp_path: Path) -> None:
    whole = (FOLDER / name).read_bytes()
    for size in (*range(200), *range(200, len(whole), 97)):
        (tmp_path / "m").write_bytes(whole[:size])
        with pytest.raises(ModelFileError):
            textmlr.import_model(tmp_path / "m")
    (tmp_path / "m").write_bytes(whole + b"\0")
    with pytest.raises(ModelFileError, match="1 bytes too many"):
        textmlr.import_model(tmp_path / "m")


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_forged_files_are_refused_or_read(name: str, tmp_path: Path) -> None:
    """Any change of bytes gives a model that answers, or a ModelFileError."""
    whole = (FOLDER / name).read_bytes()
    rng = np.random.default_rng(len(name))
    path = tmp_path / "m"
    for round in range(150):
        data = bytearray(whole)
        most = 100 if round % 2 else len(data)
        for at in rng.integers(0, most, rng.integers(1, 4)).tolist():
            data[at] = int(rng.choice([0, 1, 127, 128, 255, rng.integers(256)]))
        path.write_bytes(data)
        try:
            model = textmlr.import_model(path)
        except ModelFileError:
            continue
        p = model.probabilities(TEXTS[:9])
        assert np.isfinite(p).all()


# ---------------------------------------------------------------- explanations
DOCUMENTS = [
    "a robot in orbit, the Röboter 宇宙船 robot",
    "",
    "the war </s> unread robot",
    "qqq zzz __label__scifi",
    "robot\nrobot\x00saddle",
]


@pytest.mark.parametrize("name", MODELS)
def test_shares_add_up(name: str) -> None:
    """Of features, of words and of words that are the same; a tree's by integrated gradients."""
    model = imported(name)
    for text in DOCUMENTS:
        for label in (None, model.labels[1]):
            why = model.explain(text, label, None if label is None else model.labels[0])
            for parts in (why.features, why.words, why.by_word):
                assert why.bias + sum(p.contribution for p in parts) == pytest.approx(why.score)
                assert why.bias_margin + sum(p.margin for p in parts) == pytest.approx(why.margin)
            assert why.probabilities == dict(
                zip(model.labels, model.predict_proba(text).tolist(), strict=True)
            )
    is_tree = model.parts.fasttext.loss == "hs"  # type: ignore[union-attr]
    assert why.method == ("integrated gradients" if is_tree else "exact")
    assert model.counterfactual(DOCUMENTS[0]).label == likeliest(model, DOCUMENTS[0])


def test_a_share_is_that_of_the_word_and_its_pieces() -> None:
    model = imported("one-vs-all.bin")
    why = model.explain("the robots rode")
    assert [word.text for word in why.words] == ["the", "robots", "rode"]
    names = [name for feature in why.features for name in feature.names]
    assert {"char:<the", "char:the>", "char:rob", "char:obots"} <= set(names)
    upper, theta = model.parts.layers[1][:-1], model.parts.layers[0]
    rows = model.featurizer.featurize(textmlr.corpus.in_memory.batches_of(["the robots rode"]))
    y = (rows.values @ theta[rows.indices]) @ upper
    assert why.score == pytest.approx(y[model.labels.index(why.label)], rel=1e-5)


def test_integrated_gradients_of_a_tree_are_the_integral() -> None:
    """Against the mean of slopes at many places of the path, each by finite differences."""
    from textmlr.model.fasttext.tree_path import TreePath

    rng = np.random.default_rng(4)
    tree = label_tree([9, 7, 3, 2, 1])
    layers = [np.zeros((1, 3), np.float32), rng.normal(size=(4, 5)).astype(np.float32)]
    wanted = rng.normal(size=(5, 2))
    start, stop = rng.normal(size=3), 3 * rng.normal(size=3)
    path = TreePath.through(layers, tree, start, stop, wanted)
    found = path.mean_slopes()
    places = (np.arange(2000) + 0.5) / 2000
    for unit in range(3):
        step = 1e-4 * np.eye(3)[unit]
        up, down = (
            TreePath.through(layers, tree, start + s, stop + s, wanted).scores(places) @ wanted
            for s in (step, -step)
        )
        np.testing.assert_allclose(((up - down) / 2e-4).mean(axis=0), found[unit], rtol=1e-4)
    np.testing.assert_allclose(np.exp(path.scores(places)).sum(axis=1), 1)


# ---------------------------------------------------------------- what it cannot do
def test_what_needs_a_model_of_textmlr_is_refused(tmp_path: Path) -> None:
    model = imported("pruned.ftz")
    for run, problem in (
        (lambda: model.compress(5000), "cannot be compressed here; make it small by fasttext quan"),
        (lambda: model.export(tmp_path / "m.json"), "cannot be exported, since other programs do"),
        (lambda: model.export(tmp_path / "m.onnx"), "cannot be exported, since other programs do"),
        (lambda: model.update(["a"], ["war"]), "cannot be updated; train a model on all documents"),
        (lambda: model.top("war"), "has no weight of a feature for a label; ask textmlr explain"),
        (lambda: model.featurizer.fit(["a"]), "a dictionary of fastText cannot be fitted"),
    ):
        with pytest.raises(InputError, match=problem):
            run()
    with pytest.raises(ModelFileError, match="is a model of fastText; import it: textmlr import"):
        textmlr.load(FOLDER / "pruned.ftz")


# ---------------------------------------------------------------- the command line
def typed(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def test_the_verb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = typed("import", FOLDER / "pruned.ftz", "-o", "m.textmlr")
    assert said.exit_code == 0, said.output
    for part in ("Imported", "quantised, 2 numbers a code", "characters 2-5", "loss       softmax"):
        assert part in said.output
    about = json.loads(typed("import", FOLDER / "tree.bin", "-o", "t.textmlr", "--json").stdout)
    assert about["imported"] == {
        "program": "fastText", "version": 12, "loss": "hs", "unset_rows": 0,
    }  # fmt: skip
    assert typed("import", FOLDER / "codes.ftz", "-q").output == ""
    said = typed("info", "t.textmlr")
    assert "imported from  fastText, format version 12" in said.output
    assert "not known" in said.output
    labels = typed(
        "import", FOLDER / "one-vs-all.bin", "--label-prefix", "__class__", "-o", "o.textmlr"
    )
    assert "4: romance" in labels.output
    Path("lines.txt").write_text("a robot in orbit\nthe sheriff rode\n", encoding="utf-8")
    answers = typed("classify", "-m", "m.textmlr", "--lines", "lines.txt", "--json")
    model = imported("pruned.ftz")
    own = [json.loads(line) for line in answers.stdout.splitlines()]
    wanted = model.predict(["a robot in orbit", "the sheriff rode"]).tolist()
    assert [one["label"] if "label" in one else one["labels"][0]["label"] for one in own] == wanted


@pytest.mark.parametrize("verb", ["classify", "evaluate", "explain", "info", "compress", "update"])
def test_a_model_of_fasttext_in_a_models_place_is_told_to_be_imported(verb: str) -> None:
    path = FOLDER / "words.bin"
    said = typed(verb, "-m", path)
    assert said.exit_code in (1, 2)
    error = said.exception if isinstance(said.exception, InputError) else None
    if error is not None:
        assert str(error) == (
            f"{path}: is a model of fastText; import it: textmlr import {path} -o words.textmlr"
        )
    else:  # an argument is missing besides
        assert verb in ("compress", "evaluate", "update")


def test_bad_files_end_in_a_sentence(tmp_path: Path) -> None:
    for data in (b"", b"text", (FOLDER / "tree.ftz").read_bytes()[:3000]):
        (tmp_path / "m.bin").write_bytes(data)
        said = typed("import", tmp_path / "m.bin", "-o", tmp_path / "m.textmlr")
        assert isinstance(said.exception, ModelFileError)
        assert not (tmp_path / "m.textmlr").exists()


# ---------------------------------------------------------------- forged files of textmlr
ODD = [None, "x", True, -1, 0, 1, 2, 10**6, 2**31, 10**18, 1.5, [], [0], [1, 2], [2, 2**40], {}]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tree.bin", "codes.ftz"])
def test_forged_headers_are_refused_or_answer(name: str, tmp_path: Path) -> None:
    imported(name).save(tmp_path / "m")
    header, tensors = tensor_file.load(tmp_path / "m")
    for key in header["fasttext"]:
        for value in ODD:
            own = header | {"fasttext": header["fasttext"] | {key: value}}
            answers_or_is_refused(tmp_path / "f", own, tensors)
        less = {k: v for k, v in header["fasttext"].items() if k != key}
        answers_or_is_refused(tmp_path / "f", header | {"fasttext": less}, tensors)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tree.bin", "pruned.ftz"])
def test_forged_tensors_are_refused_or_answer(name: str, tmp_path: Path) -> None:
    imported(name).save(tmp_path / "m")
    header, tensors = tensor_file.load(tmp_path / "m")
    rng = np.random.default_rng(1)
    for key, array in tensors.items():
        forged = [array[:-1], array[:0], array[::-1].copy(), array.astype(np.float64)]
        for value in (0, 1, 255, -1, 2**31 - 1, np.nan, np.inf, 3e38):
            with np.errstate(all="ignore"):
                own = array.copy()
                if own.size:
                    number = np.array(value).astype(own.dtype)
                    own.reshape(-1)[rng.integers(own.size, size=1 + own.size // 9)] = number
                    forged.append(own)
        for own in forged:
            answers_or_is_refused(tmp_path / "f", header, tensors | {key: own})
        left = {k: v for k, v in tensors.items() if k != key}
        answers_or_is_refused(tmp_path / "f", header, left)


def answers_or_is_refused(path: Path, header: dict[str, Any], tensors: dict[str, Any]) -> None:
    tensor_file.save(path, header, tensors)
    try:
        model = textmlr.load(path)
    except ModelFileError:
        return
    p = model.probabilities(TEXTS)
    assert np.isfinite(p).all()
    model.featurizer.transform(["a robot in the war"])


def test_a_text_without_a_known_word_is_told(tmp_path: Path) -> None:
    """It has the answer of </s>, or the shares of labels where that is no row."""
    imported("words.bin").save(tmp_path / "m")
    (tmp_path / "d.txt").write_text("qqqq zzzz", encoding="utf-8")
    said = typed("classify", "-m", tmp_path / "m", tmp_path / "d.txt")
    assert "no known word; the answer is the bias's distribution" in said.output
    ones = np.ones((1, 1), np.float32), np.ones((2, 1), np.float32)
    twin = naive.FastText([b"x"], [b"__label__a", b"__label__b"], [3, 1], *ones)
    (tmp_path / "m.bin").write_bytes(twin.written())
    model = textmlr.import_model(tmp_path / "m.bin")
    np.testing.assert_allclose(model.predict_proba("y"), [0.75, 0.25])
    assert model.explain("y").method == "base rates"
    model.save(tmp_path / "m")
    said = typed("classify", "-m", tmp_path / "m", tmp_path / "d.txt")
    assert "no known word; the answer is the base rates of training" in said.output
