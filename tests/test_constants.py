"""The purpose of constants that were tuned or that prevent harm: each of these tests fails where
one is ten times as large or as small.

Others have theirs beside the tests of their module: ``RISE`` in test_training, ``GROWTH`` in
test_explanation, those of files in test_byte_streams and test_tensor_file_limits.
"""

from __future__ import annotations

import lzma
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from conftest import corpus_of, documents, objective_of
from test_network_update import cooking

from textmlr import FeaturizerOptions, Model, UpdateOptions
from textmlr.base.errors import ModelFileError
from textmlr.base.training_options import TrainingOptions
from textmlr.evaluation.comparison import Comparison, Difference, mcnemar
from textmlr.kernels.jit import trusted_folders
from textmlr.model.small_file.compressed import DICTIONARY, expand, squeeze
from textmlr.training.corpus_training import train_corpus
from textmlr.training.sgd.descent import SGD
from textmlr.training.update.forgetting import forgotten_labels
from textmlr.training.update.model_update import update_model

KERNEL = "linear.loss-{:012x}-000000000000-000000000000.textmlr"


def noticed(losses: list[float]) -> list[bool]:
    """Whether each of the losses that one epoch had, the step halved between them, is taken for
    noise."""
    run = cast(SGD, SimpleNamespace(done=1, rises={}))
    return [SGD._rose_in_vain(run, loss) for loss in losses]


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([2.0] * 5, [False, False, False, True, True]),
        # A step that is too large by far: halving it is not in vain, however little it helps first.
        ([2.0 * 0.95**n for n in range(12)], [False] * 12),
        ([2.0 * 0.993**n for n in range(5)], [False, False, False, True, True]),
        ([2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0], [False] * 6 + [True]),
    ],
)
def test_a_rise_is_noise_where_smaller_steps_change_nothing(
    losses: list[float], expected: list[bool]
) -> None:
    """IN_VAIN times on end, by less than ALIKE."""
    assert noticed(losses) == expected


@pytest.mark.parametrize(("rise", "halved"), [(0.004, False), (0.05, True)])
def test_a_loss_near_nothing_may_rise_by_hundredths(rise: float, halved: bool) -> None:
    """RISE_NATS: of a loss of 1e-6 twice as much is noise, and 0.05 are the step's."""
    pairs = [(label, f"{label} word") for label in ("a", "b")] * 20
    options = TrainingOptions(holdout=0.0).decided()
    run, same = (
        SGD.start(objective_of(pairs), np.arange(len(pairs)), 40, 1.0, options) for _ in range(2)
    )
    for _ in range(30):
        run.epoch()
        same.epoch()
    loss = same.epoch().loss
    assert loss < 1
    run.last_loss = (loss - rise) / 1.5
    assert (run.epoch().halved > 0) == halved


def test_a_kernel_of_some_mebibytes_is_kept_and_a_file_that_fills_memory_not_read(
    tmp_path: Path,
) -> None:
    """MOST_BYTES: the largest of ours have a quarter of one."""
    name, content = KERNEL.format(1), bytes(6 << 20)
    trusted_folders.write(tmp_path / "c", name, content, shared=False)
    assert trusted_folders.read(tmp_path / "c", name) == content
    os.truncate(tmp_path / "c" / name, 100 << 20)
    assert trusted_folders.read(tmp_path / "c", name) is None


def test_some_dozen_environments_share_a_folder_but_not_hundreds(tmp_path: Path) -> None:
    """MOST_KEPT: Pythons, processors and releases that one home serves; kernels are compiled anew
    in one whose file another removes."""
    for number in range(150):
        trusted_folders.write(tmp_path / "c", KERNEL.format(number), b"", shared=False)
    assert 10 <= len(os.listdir(tmp_path / "c")) <= 100


def test_a_small_model_may_declare_what_real_ones_do_and_no_more(tmp_path: Path) -> None:
    """MOST_RATIO and FREE: real ones come to fifty times their bytes, weights of which nearly all
    are 0 to some hundreds, and a bomb of zeros to five thousand and more."""

    def declared(size: int, content: Any, path: str = "m") -> int:
        stream = np.frombuffer(content, np.uint8)
        return sum(map(len, expand(stream, [len(stream)], [size], path)))

    few = np.zeros(30_000, np.uint8)
    streams, lengths = squeeze([few])
    assert declared(len(few), streams.tobytes()) == len(few)
    many = np.zeros(1 << 21, np.uint8)
    many[:: 1 << 10] = np.arange(1 << 11) % 251  # one in a thousand is not 0
    streams, lengths = squeeze([many])
    assert len(many) > 500 * lengths[0]
    assert declared(len(many), streams.tobytes()) == len(many)
    with pytest.raises(ModelFileError, match="it declares more than so few bytes can hold"):
        declared(400_000, bytes(20))
    with pytest.raises(ModelFileError, match="it declares more than so few bytes can hold"):
        declared(10_000 * 30_000, bytes(30_000))


def test_a_stream_is_read_with_the_window_that_it_was_written_with() -> None:
    """DICTIONARY: rows that come back at some distance are written once, and memory is bounded."""
    rows = np.random.default_rng(1).integers(0, 256, 1 << 20, np.uint8)
    streams, lengths = squeeze([np.concatenate([rows, rows])])
    assert lengths[0] < 1.1 * rows.size
    assert DICTIONARY <= 1 << 26
    decoder = lzma.LZMADecompressor(
        lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 24}]
    )
    assert len(decoder.decompress(streams.tobytes())) == 2 * rows.size


# What is told -------------------------------------------------------------------------------


@pytest.mark.parametrize(("p", "shown"), [(0.04, True), (0.06, False), (0.3, False)])
def test_a_difference_is_told_as_one_below_the_usual_level(p: float, shown: bool) -> None:
    """SIGNIFICANT: one in twenty differences of models that are alike."""
    difference = Difference(0.02, (0.01, 0.03), p)
    compared = cast(
        Comparison, SimpleNamespace(accuracy=difference, log_loss=difference, resamples=4000)
    )
    told = list(Comparison.verdict(compared))
    assert [("better by" in one, "no difference" in one) for one in told] == [
        (shown, not shown)
    ] * 2


def test_of_few_documents_the_exact_test_is_taken() -> None:
    """FEW: chi-square is good from about 25 on."""
    assert [mcnemar(10, n - 10).statistic is None for n in (24, 25)] == [True, False]


@pytest.mark.parametrize(
    ("lost", "won", "told"),
    [(4, 0, False), (5, 0, True), (8, 2, False), (60, 40, False), (65, 35, True), (0, 9, False)],
)
def test_a_label_got_worse_where_chance_would_not_explain_it(
    lost: int, won: int, told: bool
) -> None:
    """NOTABLE: two standard deviations of as many answers that changed by chance."""
    before = np.array([True] * lost + [False] * won + [True] * 50)
    after = np.array([False] * lost + [True] * won + [True] * 50)
    known, y = np.array([True, True]), np.zeros(len(before), np.int32)
    found = forgotten_labels(["a", "b"], known, y, before, after)
    assert found == (
        [{"label": "a", "documents": len(before), "right": [50 + lost, 50 + won]}] if told else []
    )


# Updates of networks ------------------------------------------------------------------------


def test_an_update_by_one_label_unlearns_none_and_learns_a_new_one() -> None:
    """MOST_RARER and YET: labels that no new document has stay what they were, and one that all
    have is not held back until it is never the answer."""

    def right(model: Model, pairs: list[tuple[str, str]]) -> float:
        answers = model.classify([text for _, text in pairs])
        return float(np.mean([a[0].label == y for a, (y, _) in zip(answers, pairs, strict=True)]))

    features = FeaturizerOptions(ngrams=(1, 1), char_ngrams=None)
    first = train_corpus(corpus_of(documents(150, 1)), features, TrainingOptions(hidden=(16,)))
    of_one = [pair for pair in documents(180, 5) if pair[0] == "scifi"]
    test, all_new = documents(90, 2), UpdateOptions(holdout=0.0)
    least = right(first, test) - 0.1
    assert least > 0.8
    assert right(update_model(first, corpus_of(of_one), all_new), test) > least
    with_new = update_model(first, corpus_of(cooking(40, 1)), all_new)
    assert right(with_new, test) > least
    assert right(with_new, cooking(60, 9)) > 0.3
