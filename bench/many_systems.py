"""The systems that ``many_labels.py`` measures: the scripts that train them and that answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Settings = dict[str, Any]

# A script that trains gets TEXT MODEL SETTINGS: a file or folder of its kind, and settings as JSON.
# It writes MODEL, a file or a folder.  One that answers gets MODEL TEXT TRUTH ANSWERS K: TRUTH
# (.npz) holds the ``names`` of labels by code and the ``codes`` of the documents, and writes to
# ANSWERS (.npz) the codes of the K likeliest labels, ``labels`` (n, K), −1 for none, their
# ``scores`` (n, K), P of the true label, ``of_truth`` (n,), where it is known for any label, and
# the CPU ``seconds`` of answering, without start and loading.
TEXTMLR_TRAIN = """
import json, sys
from textmlr.__main__ import main
text, model, settings = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
given = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
sys.argv[1:] = ["train", text, "-o", model, "--threads", "1", "--quiet", *given]
main()
"""

TEXTMLR_ANSWER = """
import sys, time, numpy
from textmlr import load
from textmlr.corpus.in_memory import batches_of
from textmlr.model.answer_stream import ranked_blocks
path, text, truth, answers, k = sys.argv[1:]
with open(text, encoding="utf-8", newline="\\n") as file:
    texts = [line.removesuffix("\\n").split("\\t", 1)[1] for line in file]
model, told = load(path), numpy.load(truth)
code = {name: number for number, name in enumerate(told["names"].tolist())}
codes, own = told["codes"], numpy.array([code[name] for name in model.labels])
place = numpy.full(len(code), -1)
place[own] = numpy.arange(len(own))
wanted = place[codes].astype(numpy.int64)
for _ in ranked_blocks(model, batches_of(texts[:10]), 1, int(k), wanted[:10]):
    pass  # tables are made with the first documents
began = time.process_time()
found = list(ranked_blocks(model, batches_of(texts), 1, int(k), wanted))
seconds = time.process_time() - began
labels, scores, of_truth = (
    numpy.concatenate([getattr(block, name) for block in found])
    for name in ("labels", "probabilities", "of_truth")
)
numpy.savez(answers, labels=own[labels], scores=scores, of_truth=of_truth, seconds=seconds)
"""

FASTTEXT_TRAIN = """
import json, sys, fasttext
text, model, settings = sys.argv[1:4]
fasttext.train_supervised(
    text, loss="hs", thread=1, verbose=0, wordNgrams=2, **json.loads(settings)
).save_model(model)
"""

# The tree is made of the labels' counts, as in loss.cc of fastText.  A node's P of its right child
# is the sigmoid of its row with the mean of the input rows, which for a model of labels is what
# get_sentence_vector gives; so P is known for any label.
FASTTEXT_ANSWER = """
import sys, time, numpy, fasttext
fasttext.FastText.eprint = lambda *a: None
path, text, truth, answers, k = sys.argv[1:]
model, codes, k = fasttext.load_model(path), numpy.load(truth)["codes"], int(k)
with open(text, encoding="utf-8", newline="\\n") as file:
    texts = [line.removesuffix("\\n") for line in file]
began = time.process_time()
told = model.predict(texts, k=k)
seconds = time.process_time() - began
labels, scores = numpy.full((len(texts), k), -1), numpy.zeros((len(texts), k))
for i, (names, shares) in enumerate(zip(*told)):
    labels[i, : len(names)] = [int(name.removeprefix("__label__")) for name in names]
    scores[i, : len(names)] = shares
names, counts = model.get_labels(include_freq=True)
counts, size = counts.tolist(), len(names)
count = counts + [10**15] * (size - 1)
parent, right = [-1] * (2 * size - 1), [False] * (2 * size - 1)
leaf, node = size - 1, size
for made in range(size, 2 * size - 1):
    both = []
    for _ in range(2):
        if leaf >= 0 and count[leaf] < count[node]:
            both.append(leaf)
            leaf -= 1
        else:
            both.append(node)
            node += 1
    count[made] = count[both[0]] + count[both[1]]
    parent[both[0]] = parent[both[1]] = made
    right[both[1]] = True
leaf_of = {int(name.removeprefix("__label__")): i for i, name in enumerate(names)}
rows = model.get_output_matrix()
of_truth = numpy.zeros(len(texts))
for i, code in enumerate(codes.tolist()):
    if code not in leaf_of:
        continue
    at, path, signs = leaf_of[code], [], []
    while parent[at] >= 0:
        path.append(parent[at] - size)
        signs.append(1.0 if right[at] else -1.0)
        at = parent[at]
    hidden = model.get_sentence_vector(texts[i]).astype(float)
    of_truth[i] = numpy.exp(-numpy.logaddexp(0, -(rows[path] @ hidden) * signs).sum())
    if labels[i, 0] == code:  # fastText adds 1e-5 to each sigmoid, which is all they differ by
        assert abs(of_truth[i] - scores[i, 0]) < 1e-3, (of_truth[i], scores[i, 0])
numpy.savez(answers, labels=labels, scores=scores, of_truth=of_truth, seconds=seconds)
"""

# Features of two files, for those that read no text: TRAIN TEST TRUTH FOLDER, where TRUTH holds the
# codes of TRAIN's documents.
TFIDF = """
import sys, numpy, scipy.sparse
from sklearn.feature_extraction.text import TfidfVectorizer

def read(path):
    with open(path, encoding="utf-8", newline="\\n") as file:
        return [line.removesuffix("\\n").split("\\t", 1)[1] for line in file]

train, test, truth, folder = sys.argv[1:]
codes, texts = numpy.load(truth)["codes"], read(train)
vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, dtype=numpy.float32)
features = vectorizer.fit_transform(texts)
size = int(codes.max()) + 1
y = scipy.sparse.csr_matrix(
    (numpy.ones(len(codes), numpy.float32), codes, numpy.arange(len(codes) + 1)),
    (len(codes), size),
)
for name, matrix in (("train", features), ("y", y), ("test", vectorizer.transform(read(test)))):
    matrix.sort_indices()
    scipy.sparse.save_npz(f"{folder}/{name}.npz", matrix.tocsr(), compressed=False)
with open(f"{folder}/train.txt", "w") as file:
    print(*features.shape, size, file=file)
    arrays = features.indptr, features.indices, features.data
    edges, columns, values = (array.tolist() for array in arrays)
    for i, code in enumerate(codes.tolist()):
        own = slice(edges[i], edges[i + 1])
        pairs = zip(columns[own], values[own])
        print(code, *(f"{column}:{value:.6g}" for column, value in pairs), file=file)
"""

OMIKUJI_TRAIN = """
import json, sys, omikuji
folder, model, settings = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
parameters = omikuji.Model.default_hyper_param()
for name, value in settings.items():
    if name == "linear_loss_type":
        value = getattr(omikuji.LossType, value.upper()).value
    assert hasattr(parameters, name), name
    setattr(parameters, name, value)
omikuji.Model.train_on_data(f"{folder}/train.txt", parameters, n_threads=1).save(model)
"""

OMIKUJI_ANSWER = """
import sys, time, numpy, scipy.sparse, omikuji
path, folder, truth, answers, k = sys.argv[1:]
features, k = scipy.sparse.load_npz(f"{folder}/test.npz"), int(k)
trees = omikuji.Model.load(path)
trees.init_prediction_thread_pool(1)
rows = [list(zip(row.indices.tolist(), row.data.tolist())) for row in features]
labels, scores = numpy.full((len(rows), k), -1), numpy.zeros((len(rows), k))
began = time.process_time()
told = [trees.predict(row, top_k=k) for row in rows]
seconds = time.process_time() - began
for i, pairs in enumerate(told):
    pairs = sorted(pairs, key=lambda pair: -pair[1])
    labels[i, : len(pairs)] = [code for code, _ in pairs]
    scores[i, : len(pairs)] = [score for _, score in pairs]
numpy.savez(answers, labels=labels, scores=scores, seconds=seconds)
"""

PECOS_TRAIN = """
import json, sys, scipy.sparse
from pecos.xmc import Indexer, LabelEmbeddingFactory
from pecos.xmc.xlinear.model import XLinearModel
folder, model, settings = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
features, y = (scipy.sparse.load_npz(f"{folder}/{name}.npz") for name in ("train", "y"))
places = LabelEmbeddingFactory.create(y, features, method="pifa", threads=1)
chain = Indexer.gen(places, indexer_type="hierarchicalkmeans", threads=1)
XLinearModel.train(features, y, C=chain, threads=1, **settings).save(model)
"""

PECOS_ANSWER = """
import sys, time, numpy, scipy.sparse
from pecos.xmc.xlinear.model import XLinearModel
path, folder, truth, answers, k = sys.argv[1:]
features, k = scipy.sparse.load_npz(f"{folder}/test.npz"), int(k)
model = XLinearModel.load(path, is_predict_only=True)
began = time.process_time()
told = model.predict(features, only_topk=k, threads=1)
seconds = time.process_time() - began
labels, scores = numpy.full((features.shape[0], k), -1), numpy.zeros((features.shape[0], k))
for i in range(len(labels)):
    own = slice(told.indptr[i], told.indptr[i + 1])
    best = numpy.argsort(-told.data[own], kind="stable")
    labels[i, : len(best)], scores[i, : len(best)] = told.indices[own][best], told.data[own][best]
numpy.savez(answers, labels=labels, scores=scores, seconds=seconds)
"""


@dataclass(frozen=True, slots=True)
class System:
    """How a system is trained and asked.

    module    that it cannot do without
    kind      what it reads: tsv, fasttext or tfidf
    settings  those that are measured: its defaults, and one variation
    exact     whether it gives P of any label, and the P of all labels sum to 1
    most      how many of its likeliest labels are asked for
    """

    module: str
    train: str
    answer: str
    kind: str
    settings: tuple[Mapping[str, Any], ...] = ({},)
    exact: bool = False
    most: int = 50


SYSTEMS = {
    "textmlr": System(
        "textmlr",
        TEXTMLR_TRAIN,
        TEXTMLR_ANSWER,
        "tsv",
        ({},),
        exact=True,
        most=5,
    ),
    "fasttext": System(
        "fasttext",
        FASTTEXT_TRAIN,
        FASTTEXT_ANSWER,
        "fasttext",
        ({}, {"lr": 0.5, "epoch": 25}),
        exact=True,
        most=5,
    ),
    "omikuji": System(
        "omikuji",
        OMIKUJI_TRAIN,
        OMIKUJI_ANSWER,
        "tfidf",
        ({}, {"linear_loss_type": "log"}),
    ),
    "pecos": System(
        "pecos",
        PECOS_TRAIN,
        PECOS_ANSWER,
        "tfidf",
        ({}, {"Cp": 10.0, "Cn": 1.0}),
    ),
}
