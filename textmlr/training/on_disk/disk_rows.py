"""Rows of a corpus on disk: what ``Rows.of`` makes in memory, to the same bits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.base.errors import InputError
from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.training_options import TrainingOptions
from textmlr.corpus.corpus import Corpus
from textmlr.corpus.disk_corpus import Sum
from textmlr.features.counting import HashCounts
from textmlr.features.csr_features import Features
from textmlr.features.featurizer import Featurizer
from textmlr.features.fitted_vocabulary import check_some
from textmlr.features.given_vocabulary import given_vocabulary
from textmlr.features.hashed_columns import HashedColumns
from textmlr.features.options_array import TERM_FREQUENCY
from textmlr.features.row_weights import inverse_document_frequency
from textmlr.features.vocabulary import NAMELESS, Vocabulary
from textmlr.kernels import csr_rows
from textmlr.model.heads import usual_head
from textmlr.training.dealt_parts import AnyObjective, Dealing
from textmlr.training.on_disk import part_files, row_counts
from textmlr.training.on_disk.cache import Cache
from textmlr.training.on_disk.cache_errors import refusals
from textmlr.training.on_disk.disk_objective import StoredObjective
from textmlr.training.on_disk.stage_progress import Work
from textmlr.training.rows import Rows, check_memory, document_weights, most_weights
from textmlr.training.support.label_sums import most_of_memory
from textmlr.training.support.theta_choice import penalty_of, starts_from_zero

# The largest shares of the memory of training: the table of distinct n-grams, while there is
# nothing else; later θ in three copies (the run over all documents, its twin without those held
# out, and one that is being written).
TABLE_SHARE = 0.55
THETA_SHARE = 0.6
THETA_COPIES = 3
ENTRY_BYTES = 16  # bytes of an entry in memory, with the exact solver's own arrays
WEIGHT_BYTES = 32  # of a sparse θ that starts from zero, in all copies
BYTES_A_ROW_ENTRY = 48  # beside a sparse θ, an entry of rows is held for each of so many bytes

Json = dict[str, Any]
Arrays = dict[str, NDArray[Any]]


def stored_rows(
    corpus: Corpus,
    featurizer_options: FeaturizerOptions,
    options: TrainingOptions,
    cache: Cache,
    *,
    memory: int | None,
    threads: int,
    watch: Callable[[Work], None],
) -> Rows:
    """Fit a featurizer on a corpus, and write its rows to the cache, unless it has them.

    memory  bytes that training may take, about; features that do not fit are left out.  None: as
            many as it needs
    A sparse θ reads as many rows at a time as fit, all of them where they do.
    Raises InputError where θ, or the rows that the exact solver needs, would not fit in memory.
    """
    featurizer = Featurizer(featurizer_options)
    key = {
        "featurizer": featurizer.options.as_json(),
        "memory": memory,
        "seed": options.seed,
        "row": _row_bytes(corpus, options),
    }
    if not cache.has("rows", key):
        cache.begin("rows")
        if not cache.has("counts", key):
            cache.begin("counts")
            header, arrays, files = _count(
                corpus, featurizer, options, cache, memory, threads, watch
            )
            cache.put("counted", header, arrays)
            files["counted"] = cache.sum_of("counted")
            cache.enter("counts", {}, key, files)
        header, arrays, files = _deal(corpus, featurizer, options, cache, threads)
        cache.put("rows", header, arrays)
        files["rows"] = cache.sum_of("rows")
        cache.enter("rows", {}, key, files, "counts")
    return _restore(corpus, featurizer, options, cache, memory, threads)


def _row_bytes(corpus: Corpus, options: TrainingOptions) -> int:
    """Bytes of a row of θ during training, in all copies; of a weight, where θ is sparse; 0: it is
    cut while its weights are counted."""
    if options.theta == "sparse":
        head = usual_head(corpus.is_multilabel)
        return WEIGHT_BYTES if starts_from_zero(options, corpus, head) else 0
    width = options.hidden[0] if options.hidden else len(corpus.labels)
    return 4 * width * THETA_COPIES * (2 if options.chosen_step == "adagrad" else 1)


def _count(
    corpus: Corpus,
    featurizer: Featurizer,
    options: TrainingOptions,
    cache: Cache,
    memory: int | None,
    threads: int,
    watch: Callable[[Work], None],
) -> tuple[Json, Arrays, dict[str, Sum]]:
    """Write rows of counts; return which columns are features, and the sum of the file."""
    own = featurizer.options
    most, table, weights = own.max_features, None, None
    width = _row_bytes(corpus, options)
    if memory is not None:
        table = int(TABLE_SHARE * memory)
        room = max(1, int(THETA_SHARE * memory) // max(width, 1) - own.bias)
        if options.theta != "sparse":
            most = room if most is None else min(room, most)
        elif width:
            weights = room
    with refusals(cache.folder):
        counts = row_counts.write_counts(
            corpus, featurizer, cache.folder, memory=table, most=most, threads=threads, watch=watch
        )
    header: Json = {"invalid": counts.invalid, "cut": None}
    arrays: Arrays = {"records": counts.records}
    files = {row_counts.FILE: counts.sum}
    counted = counts.counted
    if counted is None:
        columns = HashedColumns.counted(counts.frequencies)
        frequencies = counts.frequencies[columns.kept].astype(np.int64)
        none = np.zeros(0, np.int32)
        arrays |= {
            "frequencies": frequencies,
            "numbers": columns.numbers,
            "born": none,
            "kept": columns.kept,
        }
        return header, arrays, files
    if not len(counted.hashes):
        any_ngram = counted.distinct > 0 or not corpus.text_bytes
        check_some(own, len(corpus), any_ngram=any_ngram)
    if weights is not None:
        counted = _with_weights(counted, weights, len(corpus.labels))
    wanted = min(counted.eligible, own.max_features or counted.eligible)
    if counted.missed or len(counted.hashes) < wanted:
        header["cut"] = {"kept": len(counted.hashes), "of": wanted, "missed": counted.missed}
    always = np.full(int(own.bias), len(corpus))
    numbers = counted.numbers
    numbers[numbers >= 0] += int(own.bias)
    arrays |= {
        "frequencies": np.concatenate([always, counted.frequencies]),
        "numbers": numbers,
        "born": counted.born,
        "hashes": counted.hashes,
    }
    return header, arrays, files


def _with_weights(counted: HashCounts, most: int, labels: int) -> HashCounts:
    """The most frequent hashes, as many as have so many weights in a sparse θ, at most."""
    size = int(np.searchsorted(np.cumsum(most_weights(counted.frequencies, labels)), most, "right"))
    numbers = counted.numbers
    numbers[numbers >= size] = -1
    own = counted.hashes[:size], counted.frequencies[:size]
    return replace(counted, hashes=own[0], frequencies=own[1], numbers=numbers)


def _deal(
    corpus: Corpus, featurizer: Featurizer, options: TrainingOptions, cache: Cache, threads: int
) -> tuple[Json, Arrays, dict[str, Sum]]:
    """Write rows of features, by the counts; return the sums of the files."""
    header, found = cache.get("counted")
    frequencies = found["frequencies"]
    dealing = Dealing.of(len(corpus), int(frequencies.sum()), options.seed)
    with refusals(cache.folder):
        dealt = part_files.deal(
            cache.folder,
            found["records"],
            found["numbers"],
            found["born"],
            len(frequencies),
            dealing,
            bias=featurizer.options.bias and "hashes" in found,
            threads=threads,
        )
    kept = {name: found[name] for name in ("frequencies", "hashes", "kept") if name in found}
    own = {"words": dealt.words, "sizes": dealt.sizes, "first": dealt.first}
    return header | {"bits": dealt.bits}, kept | own, dealt.sums


def _restore(
    corpus: Corpus,
    featurizer: Featurizer,
    options: TrainingOptions,
    cache: Cache,
    memory: int | None,
    threads: int,
) -> Rows:
    """The rows that the cache has, with the featurizer fitted to them."""
    header, mapped = cache.get("rows")
    arrays = {name: array.copy() for name, array in mapped.items()}
    del mapped
    own, frequencies, n = featurizer.options, arrays["frequencies"], len(corpus)
    columns = _fit(featurizer, arrays, n, header["invalid"])
    first = None  # the documents that names are read from
    if columns is None and own.vocabulary is None:
        first = arrays["first"][int(own.bias) :]
    featurizer.labels = corpus.labels
    weights_met = int(most_weights(frequencies, len(corpus.labels)).sum())
    if memory is not None:
        weights_met = min(weights_met, most_of_memory(memory))
    check_memory(len(frequencies), len(corpus.labels), options, threads, weights=weights_met)
    idf = None
    if options.idf_power is not None or not own.uses_idf:
        idf = inverse_document_frequency(frequencies, n)
    weights = (
        featurizer.idf
        if columns is None or featurizer.idf is None
        else (featurizer.idf[columns.kept])
    )
    unit_from = int(own.bias) if own.norm == "l2" and columns is None else None
    stored = StoredObjective(
        cache.folder,
        Dealing.of(n, int(frequencies.sum()), options.seed),
        arrays["words"],
        arrays["sizes"],
        header["bits"],
        frequencies.astype(np.int32),
        _weigher(own, weights),
        corpus.y,
        _weights(corpus, options),
        len(corpus.labels),
        penalty_of(options),
        unit_from,
        threads,
        1 << 62 if memory is None else memory // BYTES_A_ROW_ENTRY,
    )
    objective: AnyObjective = stored
    if len(stored.dealing) == 1:
        objective = stored.part(0)
    elif options.theta == "sparse":
        objective = stored if stored.nonzeros > stored.room else stored.in_memory()
    elif options.solver == "exact":
        objective = _in_memory(stored, memory)
    return Rows(
        featurizer, columns, objective, idf, frequencies, header["invalid"], first, header["cut"]
    )


def _fit(
    featurizer: Featurizer, arrays: Arrays, documents: int, invalid: int
) -> HashedColumns | None:
    """Fit a featurizer to the rows of a cache; with hashing, the columns that are in use."""
    own, frequencies = featurizer.options, arrays["frequencies"]
    if "hashes" in arrays:
        vocabulary = Vocabulary(arrays["hashes"], frequencies[int(own.bias) :], *NAMELESS)
        if own.vocabulary is not None:
            given = given_vocabulary(own)
            vocabulary = replace(given, frequencies=vocabulary.frequencies)
        featurizer.adopt(vocabulary, frequencies, documents, invalid)
        return None
    assert own.hash_bits is not None
    columns = HashedColumns.restore(arrays["kept"], 1 << own.hash_bits, frequencies)
    whole = np.zeros(1 << own.hash_bits, np.int64)
    whole[columns.kept] = frequencies
    featurizer.adopt(None, whole, documents, invalid)
    return columns


def _in_memory(stored: StoredObjective, memory: int | None) -> AnyObjective:
    """The objective over all documents.  Raises InputError where it takes more than memory."""
    needed = ENTRY_BYTES * stored.nonzeros
    if memory is not None and needed > memory:
        raise InputError(
            f"the exact solver needs all rows in memory, {needed / 1e9:.1f} GB of them",
            mend="give it that much (--memory), or leave it out: sgd trains from the disk",
        )
    return stored.in_memory()


def _weights(corpus: Corpus, options: TrainingOptions) -> NDArray[np.float32]:
    """(n,) of each document; where all are 1 they take no memory."""
    if corpus.weights is None and options.class_weight is None:
        return np.broadcast_to(np.ones(1, np.float32), len(corpus))
    return document_weights(corpus, options.class_weight)


def _weigher(
    options: FeaturizerOptions, idf: NDArray[np.float32] | None
) -> Callable[[Features], Features]:
    """Counts → f(x), in place; see ``Featurizer.weigh``.

    idf  (V,) of each column, None where it is not in use
    """
    weights = frozen(np.zeros(0, np.float32) if idf is None else idf)
    term_frequency = TERM_FREQUENCY[options.term_frequency]

    def weigh(counts: Features) -> Features:
        csr_rows.weigh(
            frozen(counts.indices),
            counts.values,
            frozen(counts.indptr),
            options.bias,
            term_frequency,
            weights,
            options.norm == "l2",
        )
        return counts

    return weigh
