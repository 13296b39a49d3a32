"""Labels by the thousand: read, numbered and compared all at once, as one by one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textmlr import Corpus, InputError, read_corpus
from textmlr.base.string_blobs import blob_of, strings_of
from textmlr.corpus import alike_labels
from textmlr.corpus.formats import lines as line_reader
from textmlr.corpus.reading import recode
from textmlr.corpus.reading_options import ReadingOptions

MANY = 3 * line_reader._MANY


def names_of(seed: int, count: int, *, ascii_only: bool) -> list[str]:
    """Distinct names, in random order."""
    letters = "abcxyz_.-" if ascii_only else "abcäßЖ語🙂"
    rng = np.random.default_rng(seed)
    return [
        f"{''.join(rng.choice(list(letters), rng.integers(0, 5)))}{i}"
        for i in rng.permutation(count).tolist()
    ]


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("count", [20, MANY])
def test_labels_of_a_file_are_those_of_its_lines(
    tmp_path: Path, count: int, ascii_only: bool
) -> None:
    names = names_of(1, count, ascii_only=ascii_only)
    own = [*names, *names_of(1, count, ascii_only=ascii_only)[: count // 2]]
    file = tmp_path / "many.tsv"
    file.write_text("".join(f"{name}\ttext of {name}\n" for name in own), encoding="utf-8")
    corpus = read_corpus(file)
    assert corpus.labels == sorted(names)
    assert corpus.labels_of.tolist() == own


def test_labels_that_are_not_utf8_are_known_among_thousands(tmp_path: Path) -> None:
    # The halves of a character at the end of one label and the beginning of the next.
    rows = [b"a%d\ttext of %d" % (i, i) for i in range(MANY)]
    rows[5:7] = [b"x\xc3\tone", b"\xa9y\ttwo"]
    file = tmp_path / "many.tsv"
    file.write_bytes(b"\n".join(rows) + b"\n")
    with pytest.raises(InputError, match=r"line 6: label .* is not UTF-8"):
        read_corpus(file)
    corpus = read_corpus(file, ReadingOptions(skip_bad_lines=True))
    assert corpus.skipped == 2
    assert corpus.labels == sorted(f"a{i}" for i in range(MANY) if i not in (5, 6))


def test_files_in_parts_have_the_labels_of_one_file(tmp_path: Path) -> None:
    own = [*names_of(2, 200, ascii_only=False), *names_of(2, 100, ascii_only=False)]
    rows = [f"{name}\ttext of {name}\n" for name in own]
    for part, begin in (("whole", 0), ("first", 0), ("second", 130)):
        stop = 130 if part == "first" else len(rows)
        (tmp_path / f"{part}.tsv").write_text("".join(rows[begin:stop]), encoding="utf-8")
    whole = read_corpus(tmp_path / "whole.tsv")
    parts = read_corpus([tmp_path / "first.tsv", tmp_path / "second.tsv"])
    assert parts.labels == whole.labels
    assert parts.y.tolist() == whole.y.tolist()


@given(st.lists(st.text("ab \u00a0é\t\ud800", max_size=3), min_size=1, max_size=12))
def test_labels_in_a_list_are_taken_as_those_of_an_iterator(labels: list[str]) -> None:
    class Own(str):
        """Text that is taken one by one."""

    texts = [f"text {i}" for i in range(len(labels))]
    found: list[object] = []
    for form in (labels, [Own(one) for one in labels]):
        try:
            corpus = Corpus.of(texts, form, multilabel=False)
            found.append((corpus.labels, corpus.y.tolist()))
        except InputError as error:
            found.append(str(error))
    assert found[0] == found[1]


@given(st.lists(st.text(max_size=4), max_size=6))
def test_texts_in_a_list_are_taken_as_those_of_an_iterator(texts: list[str]) -> None:
    from textmlr.corpus.in_memory import batches_of

    (own,), (other,) = batches_of(texts), batches_of(iter(texts))
    assert [own[i] for i in range(len(own))] == [other[i] for i in range(len(other))]


@given(st.lists(st.text("aA |#[ß\u00a0\n\x1c", max_size=4), max_size=8))
def test_all_labels_at_once_are_bare_as_each_is(labels: list[str]) -> None:
    assert alike_labels._all_bare(labels) == [alike_labels._bare(label) for label in labels]


@pytest.mark.parametrize(
    "labels", [["[a", "b"], ["x", "y|x", "y"], ["é", "['a', 'b']"], ["[", "a"]]
)
def test_a_sign_among_thousands_is_seen(labels: list[str]) -> None:
    many = [f"n{i}" for i in range(2000)]
    assert alike_labels.joined_notes(sorted([*many, *labels])) == alike_labels.joined_notes(
        sorted(labels)
    )


@given(st.lists(st.text(max_size=5)))
def test_strings_come_back_from_a_blob(strings: list[str]) -> None:
    own = [one.encode("utf-8", "replace").decode() for one in strings]
    assert strings_of(*blob_of(own)) == own


def test_a_corpus_in_its_own_labels_is_coded_as_it_is() -> None:
    corpus = Corpus.of(["a", "b", "c"], ["x", "z", "y"])
    own, unknown = recode(corpus, corpus.labels)
    other, none = recode(corpus, list(corpus.labels))
    assert own.tolist() == other.tolist() == [0, 2, 1]
    assert unknown == none == {}
