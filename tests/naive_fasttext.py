"""fastText in plain Python: its model files written, and its answers, number by number.

It follows what the program does (src/dictionary.cc, loss.cc and productquantizer.cc of fastText
0.9.2) without a thought of speed.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

MAGIC = 793712314
LOSSES = {"hs": 1, "ns": 2, "softmax": 3, "ova": 4}
SPACES = b" \n\r\t\v\f\0"
F32 = NDArray[np.float32]


def fnv(word: bytes) -> int:
    h = 2166136261
    for byte in word:
        h = ((h ^ (byte | (0xFFFFFF00 if byte >= 128 else 0))) * 16777619) & 0xFFFFFFFF
    return h


@dataclass
class Codes:
    """A quantised matrix."""

    codes: NDArray[np.uint8]
    centroids: list[F32]  # (256, width) of each stretch
    width: int
    columns: int
    norms: F32 | None = None
    norm_codes: NDArray[np.uint8] | None = None

    def matrix(self) -> F32:
        rows = []
        for i, codes in enumerate(self.codes):
            row = np.concatenate([c[code] for c, code in zip(self.centroids, codes, strict=True)])
            if self.norms is not None and self.norm_codes is not None:
                row = row * self.norms[self.norm_codes[i]]
            rows.append(row.astype(np.float32))
        return np.array(rows, np.float32).reshape(len(self.codes), self.columns)

    def written(self) -> bytes:
        has_norms = self.norms is not None
        parts = [struct.pack("<?qqi", has_norms, len(self.codes), self.columns, self.codes.size)]
        parts.append(self.codes.tobytes())
        stretches = len(self.centroids)
        last = self.columns - (stretches - 1) * self.width
        parts.append(struct.pack("<4i", self.columns, stretches, self.width, last))
        parts += [own.astype("<f4").tobytes() for own in self.centroids]
        if self.norms is not None and self.norm_codes is not None:
            parts += [self.norm_codes.tobytes(), struct.pack("<4i", 1, 1, 1, 1)]
            parts.append(self.norms.astype("<f4").tobytes())
        return b"".join(parts)


@dataclass
class FastText:
    """A model, whatever its numbers."""

    words: list[bytes]
    labels: list[bytes]
    counts: list[int]  # of labels, falling
    input: F32 | Codes
    output: F32 | Codes
    loss: str = "softmax"
    ngrams: int = 1
    least: int = 0
    most: int = 0
    buckets: int = 0
    kept: dict[int, int] | None = None
    version: int = 12
    model: int = 3
    count_of_words: list[int] = field(default_factory=list)

    def written(self) -> bytes:
        columns = self.input.columns if isinstance(self.input, Codes) else self.input.shape[1]
        loss = LOSSES[self.loss]
        numbers = (columns, 5, 5, 1, 5, self.ngrams, loss, self.model, self.buckets, self.least)
        parts = [struct.pack("<ii", MAGIC, self.version)]
        parts.append(struct.pack("<12id", *numbers, self.most, 100, 1e-4))
        entries, kept = len(self.words) + len(self.labels), self.kept
        pruned = -1 if kept is None else len(kept)
        parts.append(struct.pack("<iiiqq", entries, len(self.words), len(self.labels), 99, pruned))
        counts = self.count_of_words or [1] * len(self.words)
        for word, count in zip(self.words, counts, strict=True):
            parts.append(word + b"\0" + struct.pack("<qb", count, 0))
        for label, count in zip(self.labels, self.counts, strict=True):
            parts.append(label + b"\0" + struct.pack("<qb", count, 1))
        parts += [struct.pack("<ii", *pair) for pair in (kept or {}).items()]
        for matrix in (self.input, self.output):
            quantised = isinstance(matrix, Codes)
            parts.append(struct.pack("<?", quantised))
            if isinstance(matrix, Codes):
                parts.append(matrix.written())
            else:
                parts.append(struct.pack("<qq", *matrix.shape) + matrix.astype("<f4").tobytes())
        return b"".join(parts)

    def _bucket(self, h: int) -> list[int]:
        bucket = h % self.buckets
        if self.kept is None:
            return [len(self.words) + bucket]
        return [len(self.words) + self.kept[bucket]] if bucket in self.kept else []

    def characters(self, word: bytes) -> list[int]:
        """Rows of the character n-grams of a word."""
        own, rows = b"<" + word + b">", []
        for i in range(len(own)):
            if own[i] & 0xC0 == 0x80:
                continue
            j, gram = i, b""
            for n in range(1, (0 if self.version == 11 else self.most) + 1):
                if j >= len(own):
                    break
                gram += own[j : j + 1]
                j += 1
                while j < len(own) and own[j] & 0xC0 == 0x80:
                    gram += own[j : j + 1]
                    j += 1
                if n >= self.least and not (n == 1 and (i == 0 or j == len(own))):
                    rows += self._bucket(fnv(gram))
        return rows

    def rows(self, text: bytes) -> list[int]:
        """The rows of one line, in order."""
        tokens, token = [], b""
        for byte in text.replace(b"\n", b" ") + b" ":
            if byte in SPACES:
                tokens += [token] if token else []
                token = b""
            else:
                token += bytes([byte])
        tokens.append(b"</s>")
        rows: list[int] = []
        hashes = []
        number = {word: i for i, word in enumerate(self.words)}
        for token in tokens:
            is_label = token in self.labels or (
                token not in number and token.startswith(b"__label__")
            )
            if not is_label:
                rows += [number[token]] if token in number else []
                rows += self.characters(token) if token != b"</s>" else []
                h = fnv(token)
                hashes.append(h - (1 << 32) if h >= 1 << 31 else h)
            if token == b"</s>":
                break
        for i, h in enumerate(hashes):
            for other in hashes[i + 1 : i + self.ngrams]:
                h = (h * 116049371 + other) % (1 << 64)
                rows += self._bucket(h)
        return rows

    def theirs(self, text: bytes) -> dict[bytes, float]:
        """P of each label as fastText has it, with the 1e-5 that it adds; none without rows."""
        rows = self.rows(text)
        if not rows:
            return {}
        inputs = self.input.matrix() if isinstance(self.input, Codes) else self.input
        outputs = self.output.matrix() if isinstance(self.output, Codes) else self.output
        hidden = np.zeros(inputs.shape[1], np.float32)
        for row in rows:
            hidden = (hidden + inputs[row]).astype(np.float32)
        hidden = (hidden * np.float32(1 / len(rows))).astype(np.float32)
        scores = []
        for row in outputs:
            score = np.float32(0)
            for own, weight in zip(hidden, row, strict=True):
                score = np.float32(score + np.float32(own * weight))
            scores.append(score)
        return dict(zip(self.labels, self._shares(scores), strict=True))

    def _shares(self, scores: list[np.float32]) -> list[float]:
        if self.loss == "hs":
            return self._down(scores)
        if self.loss in ("ova", "ns"):
            return [_table(score) + 1e-5 for score in scores]
        top = max(scores)
        own = [math.exp(float(score - top)) for score in scores]
        return [share / sum(own) + 1e-5 for share in own]

    def _down(self, scores: list[np.float32]) -> list[float]:
        labels = len(self.labels)
        count = [*self.counts, *[10**15] * (labels - 1)]
        parent, second = [-1] * (2 * labels - 1), [False] * (2 * labels - 1)
        leaf, node = labels - 1, labels
        for own in range(labels, 2 * labels - 1):
            pair = []
            for _ in range(2):
                if leaf >= 0 and count[leaf] < count[node]:
                    pair.append(leaf)
                    leaf -= 1
                else:
                    pair.append(node)
                    node += 1
            count[own] = count[pair[0]] + count[pair[1]]
            parent[pair[0]] = parent[pair[1]] = own
            second[pair[1]] = True
        shares = []
        for label in range(labels):
            share, at = 1.0, label
            while parent[at] >= 0:
                own = 1 / (1 + math.exp(-float(scores[parent[at] - labels])))
                share *= (own if second[at] else 1 - own) + 1e-5
                at = parent[at]
            shares.append(share)
        return shares


def _table(score: np.float32) -> float:
    if score < -8 or score > 8:
        return float(score > 8)
    step = int(np.float32(score + np.float32(8)) * np.float32(32))
    return 1 / (1 + math.exp(-(step / 32 - 8)))


def random_model(rng: np.random.Generator, loss: str, *, quantised: bool = False) -> FastText:
    """A model of random shape and numbers."""
    letters = [*"abcdefg", "é", "ß", "дa", "世", "界", "👩", "\u0301"]
    drawn = {"".join(rng.choice(letters, rng.integers(1, 6))) for _ in range(rng.integers(1, 30))}
    words = [word.encode() for word in sorted(drawn)]
    if rng.random() < 0.8:
        words.insert(int(rng.integers(len(words) + 1)), b"</s>")
    labels = [f"__label__{chr(97 + i)}" for i in range(int(rng.integers(2, 9)))]
    rng.shuffle(labels)
    counts = sorted((int(own) for own in rng.integers(1, 50, len(labels))), reverse=True)
    ngrams, most = int(rng.choice([1, 1, 2, 3])), int(rng.choice([0, 0, 3, 5]))
    buckets = int(rng.integers(1, 60)) if ngrams > 1 or most else 0
    columns, rows, kept = int(rng.integers(1, 9)), len(words) + buckets, None
    if quantised and rng.random() < 0.7:
        own = rng.permutation(max(buckets, 1))[: int(rng.integers(0, buckets + 1))]
        kept = {int(bucket): i for i, bucket in enumerate(own)}
        rows = len(words) + len(kept)
    scale = float(rng.choice([0.1, 2.0, 8.0]))
    make = random_codes if quantised else random_matrix
    return FastText(
        words, [label.encode() for label in labels], counts,
        make(rng, rows, columns, scale),
        (make if rng.random() < 0.5 else random_matrix)(rng, len(labels), columns, scale),
        loss, ngrams, int(rng.integers(0, 4)), most, buckets, kept,
    )  # fmt: skip


def random_matrix(rng: np.random.Generator, rows: int, columns: int, scale: float) -> F32:
    return (scale * rng.standard_normal((rows, columns))).astype(np.float32)


def random_codes(rng: np.random.Generator, rows: int, columns: int, scale: float) -> Codes:
    width = int(rng.integers(1, columns + 1))
    stretches = -(-columns // width)
    sizes = [width] * (stretches - 1) + [columns - (stretches - 1) * width]
    centroids = [random_matrix(rng, 256, size, scale) for size in sizes]
    codes = rng.integers(0, 256, (rows, stretches)).astype(np.uint8)
    own = Codes(codes, centroids, width, columns)
    if rng.random() < 0.5:
        own.norms = rng.random(256).astype(np.float32)
        own.norm_codes = rng.integers(0, 256, rows).astype(np.uint8)
    return own
