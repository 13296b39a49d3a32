"""The systems that ``several_labels.py`` measures: the scripts that train them and that answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Settings = dict[str, Any]

# A script that trains gets TEXT MODEL SETTINGS NUMBER: settings as JSON, and the number of labels.
# It writes MODEL, a file or a folder.  One that answers gets MODEL TEXT ANSWERS and writes to
# ANSWERS (.npz) the names ``labels`` (L,), scores ``rows`` (n, L) and, where the system chooses
# labels itself, the chosen ones as ``given`` (n, L).
TEXTMLR_TRAIN = """
import sys
from textmlr.__main__ import main
text, model = sys.argv[1:3]
sys.argv[1:] = ["train", text, "-o", model, "--label-separator", "|", "--multilabel", "--quiet"]
main()
"""

# Columns P(LABEL) hold the probabilities, and the column predicted holds lists of labels.
TEXTMLR_ANSWER = """
import sys, numpy, pyarrow.parquet
from textmlr.__main__ import main
model, text, answers = sys.argv[1:]
told = answers + ".parquet"
sys.argv[1:] = ["classify", "--corpus", text, "-m", model, "--each-label", "-o", told, "--quiet"]
try:
    main()
except SystemExit as ended:
    if ended.code:
        raise
table = pyarrow.parquet.read_table(told)
columns = [name for name in table.column_names if name.startswith("P(") and name.endswith(")")]
labels = [name[2:-1] for name in columns]
rows = numpy.stack([table[name].to_numpy() for name in columns], axis=1)
code = {label: i for i, label in enumerate(labels)}
given = numpy.zeros(rows.shape, bool)
for row, chosen in zip(given, table["predicted"].to_pylist()):
    row[[code[label] for label in chosen or ()]] = True
numpy.savez(answers, labels=labels, rows=rows, given=given)
"""

FASTTEXT_TRAIN = """
import json, sys, fasttext
text, model, settings = sys.argv[1:4]
fasttext.train_supervised(
    text, loss="ova", thread=1, verbose=0, **json.loads(settings)
).save_model(model)
"""

FASTTEXT_ANSWER = """
import sys, numpy, fasttext
fasttext.FastText.eprint = lambda *a: None
model = fasttext.load_model(sys.argv[1])
names = model.get_labels()
column = {name: i for i, name in enumerate(names)}
with open(sys.argv[2], encoding="utf-8", newline="\\n") as file:
    texts = [line.removesuffix("\\n") for line in file]
rows = numpy.zeros((len(texts), len(names)))
for row, labels, shares in zip(rows, *model.predict(texts, k=-1)):
    row[[column[label] for label in labels]] = shares
numpy.savez(sys.argv[3], labels=[name.removeprefix("__label__") for name in names], rows=rows)
"""

VW_TRAIN = """
import json, sys
from vowpalwabbit import Workspace
text, model, settings = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
passes = settings["passes"]
words = f"--quiet -d {text} -f {model} --multilabel_oaa {sys.argv[4]}"
words += f" --loss_function logistic --ngram {settings['ngram']} -b {settings['bits']}"
words += f" -l {settings['rate']}"
if passes > 1:
    words += f" --passes {passes} --holdout_off -k --cache_file {model}.cache"
Workspace(arg_list=words.split()).finish()
"""

# VW writes a line of code:P pairs, then an empty one, for each document.  Version 9.11 mixes up the
# P of documents when it uses a place of its queue again; this queue has a place for each.
VW_ANSWER = """
import sys, numpy
from vowpalwabbit import Workspace
model, text, answers = sys.argv[1:]
told = answers + ".txt"
with open(text, "rb") as file:
    room = sum(1 for _ in file) + 1
words = f"--quiet -t -d {text} -i {model} --probabilities -p {told} --example_queue_limit {room}"
Workspace(arg_list=words.split()).finish()
with open(told, encoding="ascii") as file:
    lines = [line.split() for line in file if not line.isspace()]
rows = numpy.zeros((len(lines), len(lines[0])))
for row, line in zip(rows, lines):
    for pair in line:
        code, _, share = pair.partition(":")
        row[int(code)] = float(share)
numpy.savez(answers, labels=[str(code) for code in range(rows.shape[1])], rows=rows)
"""

TFIDF_TRAIN = """
import json, os, sys, joblib, numpy, threadpoolctl
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import MultiLabelBinarizer
threadpoolctl.threadpool_limits(1, "blas")
source, model, settings = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
with open(source, encoding="utf-8", errors="replace", newline="\\n") as file:
    labels, texts = zip(*(line.split("\\t", 1) for line in file))
vectorizer = TfidfVectorizer(
    ngram_range=(1, 2), sublinear_tf=True, min_df=2, dtype=numpy.float32
)
features = vectorizer.fit_transform(texts)
binarizer = MultiLabelBinarizer(sparse_output=True)
y = binarizer.fit_transform([set(filter(None, label.split("|"))) for label in labels])
names = binarizer.classes_.tolist()
"""

TFIDF_ANSWER = """
import os, sys, joblib, numpy
model, source, answers = sys.argv[1:]
with open(source, encoding="utf-8", errors="replace", newline="\\n") as file:
    texts = [line.split("\\t", 1)[1] for line in file]
"""

# To be filled in with a module and an estimator's expression.
SKLEARN_TRAIN = """
from sklearn.multiclass import OneVsRestClassifier
from sklearn.{} import *
estimator = OneVsRestClassifier({}).fit(features, y)
joblib.dump((vectorizer, names, estimator), model)
"""

SKLEARN_ANSWER = """
vectorizer, names, estimator = joblib.load(model)
features = vectorizer.transform(texts)
if hasattr(estimator, "predict_proba"):
    rows = estimator.predict_proba(features)
else:
    rows = estimator.decision_function(features)
numpy.savez(answers, labels=names, rows=rows)
"""

# Omikuji reads a file: a line of counts, then "code,code column:value column:value" for each
# document.
OMIKUJI_TRAIN = """
import omikuji
with open(model + ".txt", "w") as file:
    print(*features.shape, len(names), file=file)
    for i in range(len(texts)):
        pairs = zip(features[i].indices.tolist(), features[i].data.tolist())
        codes = ",".join(map(str, y[i].indices.tolist()))
        print(codes, *(f"{column}:{value:.6g}" for column, value in pairs), file=file)
parameters = omikuji.Model.default_hyper_param()
parameters.linear_c = settings["c"]
parameters.linear_loss_type = getattr(omikuji.LossType, settings["loss"].upper()).value
omikuji.Model.train_on_data(model + ".txt", parameters, n_threads=1).save(model)
os.remove(model + ".txt")
joblib.dump((vectorizer, names), model + "/vectorizer.joblib")
"""

OMIKUJI_ANSWER = """
import omikuji
vectorizer, names = joblib.load(model + "/vectorizer.joblib")
trees = omikuji.Model.load(model)
trees.init_prediction_thread_pool(1)
features = vectorizer.transform(texts)
rows = numpy.zeros((len(texts), len(names)))
for row, document in zip(rows, features):
    pairs = list(zip(document.indices.tolist(), document.data.tolist()))
    for code, share in trees.predict(pairs, beam_size=len(names), top_k=len(names)):
        row[code] = share
numpy.savez(answers, labels=names, rows=rows)
"""

PECOS_TRAIN = """
from pecos.xmc import Indexer, LabelEmbeddingFactory
from pecos.xmc.xlinear.model import XLinearModel
y = y.astype(numpy.float32)
features.sort_indices()
places = LabelEmbeddingFactory.create(y, features, method="pifa", threads=1)
chain = Indexer.gen(places, indexer_type="hierarchicalkmeans", threads=1)
solver, combined = {
    "hinge": ("L2R_L2LOSS_SVC_DUAL", "l3-hinge"), "log": ("L2R_LR_DUAL", "sigmoid")
}[settings["loss"]]
XLinearModel.train(
    features, y, C=chain, Cp=settings["c"], Cn=settings["c"], solver_type=solver, threads=1
).save(model)
joblib.dump((vectorizer, names, combined), model + "/vectorizer.joblib")
"""

PECOS_ANSWER = """
from pecos.xmc.xlinear.model import XLinearModel
vectorizer, names, combined = joblib.load(model + "/vectorizer.joblib")
features = vectorizer.transform(texts)
features.sort_indices()
rows = XLinearModel.load(model).predict(
    features, beam_size=len(names), only_topk=len(names), post_processor=combined, threads=1
)
numpy.savez(answers, labels=names, rows=rows.toarray())
"""

SPACY_TRAIN = """
import json, random, sys, spacy
from spacy.training import Example
source, model, settings = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
with open(source, encoding="utf-8", errors="replace", newline="\\n") as file:
    pairs = [line.rstrip("\\n").split("\\t", 1) for line in file]
given = [set(filter(None, label.split("|"))) for label, _ in pairs]
names = sorted(set().union(*given))
nlp = spacy.blank("en")
bag = {
    "@architectures": "spacy.TextCatBOW.v3", "exclusive_classes": False, "ngram_size": 2,
    "no_output_layer": False, "length": settings["length"],
}
nlp.add_pipe("textcat_multilabel", config={"model": bag})
docs = [nlp.make_doc(text) for _, text in pairs]

def example(i):
    truth = docs[i].copy()
    truth.cats = {name: float(name in given[i]) for name in names}
    return Example(docs[i], truth)

for name in names:
    nlp.get_pipe("textcat_multilabel").add_label(name)
optimizer = nlp.initialize(lambda: [example(i) for i in range(10)])
optimizer.learn_rate = settings["rate"]
order, size = list(range(len(docs))), 128
rng = random.Random(1)
for _ in range(settings["epochs"]):
    rng.shuffle(order)
    for start in range(0, len(order), size):
        nlp.update([example(i) for i in order[start : start + size]], sgd=optimizer)
nlp.to_disk(model)
"""

SPACY_ANSWER = """
import sys, numpy, spacy
nlp = spacy.load(sys.argv[1])
with open(sys.argv[2], encoding="utf-8", errors="replace", newline="\\n") as file:
    texts = [line.rstrip("\\n").split("\\t", 1)[1] for line in file]
names = list(nlp.get_pipe("textcat_multilabel").labels)
rows = numpy.array([[doc.cats[name] for name in names] for doc in nlp.pipe(texts)])
numpy.savez(sys.argv[3], labels=names, rows=rows)
"""


@dataclass(frozen=True, slots=True)
class System:
    """How a system is trained and asked.

    module    that it cannot do without
    kind      of the text files that it reads: tsv, fasttext or vw
    grid      the values of each option of its training; tuning begins with the first of each
    probable  whether its answers are probabilities
    """

    module: str
    train: str
    answer: str
    kind: str = "tsv"
    grid: Mapping[str, Sequence[Any]] | None = None
    probable: bool = True


def sklearn_system(
    module: str, estimator: str, grid: Mapping[str, Sequence[Any]], probable: bool = True
) -> System:
    train = TFIDF_TRAIN + SKLEARN_TRAIN.format(module, estimator)
    return System("sklearn", train, TFIDF_ANSWER + SKLEARN_ANSWER, "tsv", grid, probable)


TREES = {"c": (3.0, 1.0, 10.0), "loss": ("hinge", "log")}
SYSTEMS = {
    "textmlr": System("textmlr", TEXTMLR_TRAIN, TEXTMLR_ANSWER),
    "fasttext": System(
        "fasttext",
        FASTTEXT_TRAIN,
        FASTTEXT_ANSWER,
        "fasttext",
        {
            "dim": (20, 100),
            "wordNgrams": (1, 2),
            "lr": (0.5, 0.25, 1.0),
            "epoch": (25, 5, 50),
        },
    ),
    "vw": System(
        "vowpalwabbit",
        VW_TRAIN,
        VW_ANSWER,
        "vw",
        {"ngram": (1, 2), "rate": (0.5, 0.2), "passes": (5, 1, 15), "bits": (26,)},
    ),
    "sklearn-logreg": sklearn_system(
        "linear_model",
        "LogisticRegression(C=settings['C'], solver='liblinear')",
        {"C": (10.0, 1.0, 100.0)},
    ),
    "sklearn-sgd": sklearn_system(
        "linear_model",
        "SGDClassifier(loss='log_loss', alpha=settings['alpha'], random_state=0)",
        {"alpha": (1e-5, 3e-6)},
    ),
    "sklearn-svc": sklearn_system(
        "svm", "LinearSVC(C=settings['C'])", {"C": (1.0, 0.3, 3.0)}, probable=False
    ),
    "omikuji": System(
        "omikuji", TFIDF_TRAIN + OMIKUJI_TRAIN, TFIDF_ANSWER + OMIKUJI_ANSWER, "tsv", TREES
    ),
    "pecos": System("pecos", TFIDF_TRAIN + PECOS_TRAIN, TFIDF_ANSWER + PECOS_ANSWER, "tsv", TREES),
    "spacy": System(
        "spacy",
        SPACY_TRAIN,
        SPACY_ANSWER,
        "tsv",
        {"epochs": (10,), "rate": (0.01, 0.001), "length": (65536,)},
    ),
}
