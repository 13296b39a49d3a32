"""Check the genre corpus: python data/check.py [FILE...]  (by default both files beside this).

Prints near-duplicates (pairs of texts that share much of their wording, sentences that stand
twice) and label-giving words (words that alone almost decide the genre), with the counts of
documents and words; exits with 1 if there is any near-duplicate, repeated sentence, bad length,
or word that gives a genre away.
"""

from __future__ import annotations

import re
import sys
from collections import Counter, defaultdict
from itertools import combinations
from pathlib import Path

HERE = Path(__file__).parent
FEWEST_WORDS, MOST_WORDS = 30, 80
SHINGLE = 4  # words
NEAR = 0.10  # share of the shorter text's shingles that another text also has
# A word gives a genre away if it stands in so many of its documents, and they are so large a
# share of all documents it stands in.
GIVING_DOCUMENTS = 0.25
GIVING_SHARE = 0.8


def words(text: str) -> list[str]:
    """Lower-cased words."""
    return re.findall(r"\w+", text.lower())


def read(paths: list[Path]) -> list[tuple[str, str, str]]:
    """(where, genre, text) of each line."""
    documents = []
    for path in paths:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            genre, _, text = line.partition("\t")
            documents.append((f"{path.name}:{number}", genre, text))
    return documents


def near_duplicates(documents: list[tuple[str, str, str]]) -> list[str]:
    """Pairs that share at least NEAR of the shorter one's shingles."""
    shingles = []
    holders: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, (_, _, text) in enumerate(documents):
        listed = words(text)
        own = {tuple(listed[i : i + SHINGLE]) for i in range(len(listed) - SHINGLE + 1)}
        shingles.append(own)
        for shingle in own:
            holders[shingle].append(number)
    shared = Counter(pair for held in holders.values() for pair in combinations(held, 2))
    found = []
    for (a, b), count in shared.most_common():
        share = count / min(len(shingles[a]), len(shingles[b]))
        if share >= NEAR:
            found.append(f"{documents[a][0]} and {documents[b][0]} share {share:.0%}")
    return found


def repeated_sentences(documents: list[tuple[str, str, str]]) -> list[str]:
    """Sentences of four words and more that stand twice."""
    places: dict[str, list[str]] = defaultdict(list)
    for where, _, text in documents:
        for sentence in re.split(r"(?<=[.!?])\s+", text):
            if len(words(sentence)) >= SHINGLE:
                places[" ".join(words(sentence))].append(where)
    return [f"{', '.join(at)}: {sentence}" for sentence, at in places.items() if len(at) > 1]


def bad_lengths(documents: list[tuple[str, str, str]]) -> list[str]:
    """Texts shorter or longer than the card says."""
    sizes = [(where, len(text.split())) for where, _, text in documents]
    return [f"{w}: {n} words" for w, n in sizes if not FEWEST_WORDS <= n <= MOST_WORDS]


def giving_words(documents: list[tuple[str, str, str]]) -> tuple[list[str], list[str]]:
    """(words that give a genre away, the ten that come nearest to it)."""
    genres = Counter(genre for _, genre, _ in documents)
    frequency: Counter[str] = Counter()
    joint: Counter[tuple[str, str]] = Counter()
    for _, genre, text in documents:
        own = set(words(text))
        frequency.update(own)
        joint.update((word, genre) for word in own)
    scored = []
    for (word, genre), count in joint.items():
        coverage, share = count / genres[genre], count / frequency[word]
        scored.append((coverage * share, coverage, share, word, genre))
    scored.sort(reverse=True)
    lines = [
        (
            f"{word}: in {coverage:.0%} of {genre}, which is {share:.0%} of its documents",
            coverage >= GIVING_DOCUMENTS and share >= GIVING_SHARE,
        )
        for _, coverage, share, word, genre in scored
    ]
    return [line for line, giving in lines if giving], [line for line, _ in lines[:10]]


def main() -> int:
    """Print what was found; 1 if anything is amiss."""
    paths = [Path(name) for name in sys.argv[1:]]
    documents = read(paths or [HERE / "genres-train.tsv", HERE / "genres-test.tsv"])
    lengths = [len(text.split()) for _, _, text in documents]
    print(
        f"{len(documents)} documents, {sum(lengths)} words, {min(lengths)} to {max(lengths)} each"
    )
    for genre, count in sorted(Counter(genre for _, genre, _ in documents).items()):
        print(f"  {genre:<12}{count:>4}")
    giving, nearest = giving_words(documents)
    findings = {
        "near-duplicates": near_duplicates(documents),
        "repeated sentences": repeated_sentences(documents),
        "bad lengths": bad_lengths(documents),
        "words that give a genre away": giving,
    }
    for name, found in findings.items():
        print(f"{name}: {len(found)}")
        for line in found:
            print("  " + line)
    print("the words nearest to giving a genre away:")
    for line in nearest:
        print("  " + line)
    return int(any(findings.values()))


if __name__ == "__main__":
    sys.exit(main())
