"""The verbs of the command line as methods of a Model; each calls the function that does it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

import textmlr
from textmlr.base import tensor_file
from textmlr.base.byte_sizes import bytes_of
from textmlr.base.checks import check_kind, check_text, one_text, plain_value
from textmlr.base.errors import InputError
from textmlr.base.option_errors import shown
from textmlr.base.option_keywords import takes_options
from textmlr.base.update_options import UpdateOptions
from textmlr.corpus.given_data import Data, Labels, Weights
from textmlr.corpus.reading_options import ReadingOptions
from textmlr.model.model_file import to_write
from textmlr.model.model_parts import theta_of

if TYPE_CHECKING:
    from textmlr.model.explanation.contributions import ExplainedModel
    from textmlr.model.explanation.counterfactual import Counterfactual
    from textmlr.model.explanation.explanation import Explanation

Path: TypeAlias = str | PathLike[str]


class ModelVerbs:
    """What a Model does by functions of higher rooms, which the package's face hands out."""

    @property
    def theta(self: Any) -> NDArray[np.float32]:
        """The (V, L) parameters of a linear model; with columns they are made anew.

        Raises InputError for a model with hidden layers, which has no weight of a feature for a
        label, and for one with a sparse θ, which is ``parts.postings``.

        >>> import textmlr
        >>> texts = ["a robot in orbit", "the sheriff rode", "robot engine", "a saddle"]
        >>> model = textmlr.train(texts, ["scifi", "western", "scifi", "western"])
        >>> model.theta.shape == (model.featurizer.columns, 2)
        True
        """
        return theta_of(self.parts)

    @property
    def thresholds(self: Any) -> NDArray[np.float64] | None:
        """The least P of each label that is one of a document's: (L,), in the order of ``labels``.

        None for a model that gives a document one label, the likeliest.

        >>> import textmlr
        >>> texts = ["a robot", "a saddle", "a robot in a saddle", "an engine"] * 10
        >>> model = textmlr.train(texts, [["scifi"], ["western"], ["scifi", "western"], []] * 10)
        >>> model.thresholds.shape, model.labels
        ((2,), ['scifi', 'western'])
        >>> textmlr.train(["a robot", "a saddle"], ["scifi", "western"]).thresholds is None
        True
        """
        return None if self._thresholds is None else self._thresholds.copy()

    def evaluate(
        self: Any,
        data: Data,
        labels: Labels | None = None,
        *,
        text: str | None = None,
        label: str | None = None,
        reading: ReadingOptions | None = None,
        min_probabilities: Sequence[float] = (),
        resamples: int = 1000,
        threads: int | None = None,
        verbose: bool = False,
    ) -> textmlr.Evaluation | textmlr.MultilabelEvaluation:
        """How good the answers are on labelled documents; see ``textmlr.evaluate``.

        >>> import textmlr
        >>> model = textmlr.train("data/genres-train.tsv")
        >>> 0.6 < model.evaluate("data/genres-test.tsv").accuracy < 0.9
        True
        >>> model.evaluate(["a robot in orbit"], ["scifi"]).documents
        1
        """
        return textmlr.evaluate(
            self,
            data,
            labels,
            text=text,
            label=label,
            reading=reading,
            min_probabilities=min_probabilities,
            resamples=resamples,
            threads=threads,
            verbose=verbose,
        )

    def compare(
        self: Any,
        other: textmlr.Model,
        data: Data,
        labels: Labels | None = None,
        *,
        text: str | None = None,
        label: str | None = None,
        reading: ReadingOptions | None = None,
        threads: int | None = None,
        verbose: bool = False,
    ) -> textmlr.Comparison | textmlr.MultilabelComparison:
        """Whether this model (A) or another (B) is better on labelled documents; see
        ``textmlr.compare``.

        >>> import textmlr
        >>> model = textmlr.train("data/genres-train.tsv")
        >>> words = textmlr.train("data/genres-train.tsv", ngrams=(1, 1), char_ngrams=None)
        >>> model.compare(words, "data/genres-test.tsv").documents
        144
        """
        return textmlr.compare(
            self,
            other,
            data,
            labels,
            text=text,
            label=label,
            reading=reading,
            threads=threads,
            verbose=verbose,
        )

    @takes_options({"update_options": UpdateOptions})
    def update(
        self: Any,
        data: Data,
        labels: Labels | None = None,
        *,
        text: str | None = None,
        label: str | None = None,
        weights: Weights | str | None = None,
        reading: ReadingOptions | None = None,
        validation: Data | tuple[Any, Any] | None = None,
        threads: int | None = None,
        **options: Any,
    ) -> textmlr.Model:
        """A new model that knows further labelled documents too; this one stays as it is.

        See ``textmlr.update``.

        >>> import textmlr
        >>> texts = ["a robot in orbit", "the sheriff rode", "robot engine", "a saddle"]
        >>> model = textmlr.train(texts, ["scifi", "western", "scifi", "western"])
        >>> newer = model.update(["a wedding kiss"], ["romance"])
        >>> newer.labels, model.labels
        (['romance', 'scifi', 'western'], ['scifi', 'western'])
        """
        return textmlr.update(
            self,
            data,
            labels,
            text=text,
            label=label,
            weights=weights,
            reading=reading,
            validation=validation,
            threads=threads,
            **options,
        )

    def explain(
        self: Any, text: str | bytes, label: str | None = None, against: str | None = None
    ) -> Explanation:
        """Why the document has its score of a label: what each feature and each word adds.

        Without hidden layers these shares are exact; with them integrated gradients from the empty
        document, which add up to the score as well.

        >>> import numpy as np
        >>> from textmlr import Featurizer, FeaturizerOptions, Model
        >>> from textmlr.model.record import Record
        >>> featurizer = Featurizer(FeaturizerOptions(ngrams=(1, 1), idf=False, norm=None))
        >>> featurizer.fit(["good film", "bad film"]).feature_names()
        ['(bias)', 'film', 'good', 'bad']
        >>> theta = np.array([[0, 0.5], [0, 0.25], [0, 2], [0, -1]], np.float32)
        >>> why = Model(["no", "yes"], featurizer, [theta], Record()).explain("A good film!")
        >>> why.label, why.score, why.bias
        ('yes', 2.75, 0.5)
        >>> [(word.text, word.start, word.contribution) for word in why.words]
        [('A', 0, 0.0), ('good', 2, 2.0), ('film', 7, 0.25), ('!', 11, 0.0)]

        label    None for the likeliest
        against  the label to compare with, None for the mean of all others, with more than 1,000
                 labels for the likeliest other one, with a multi-label model for the label's
                 absence
        Raises InputError for labels that the model does not have, and one against itself.
        """
        from textmlr.model.explanation.contributions import explain

        check_text("text", text)
        one_text(text)
        for name, value in (("label", label), ("against", against)):
            check_kind(name, value, str, "give the name of a label", optional=True)
        return explain(self._explained, text, label, against)

    def counterfactual(self: Any, text: str | bytes, label: str | None = None) -> Counterfactual:
        """The fewest words without which the document's likeliest label is another.

        With a multi-label model: without which it has a label no more, or gets it.

        >>> import textmlr
        >>> texts = ["a robot in orbit", "the sheriff rode", "robot engine", "a saddle"]
        >>> model = textmlr.train(texts, ["scifi", "western", "scifi", "western"])
        >>> model.counterfactual("a robot").words
        ('robot',)

        label  of a multi-label model, None for the likeliest
        Raises InputError for a label that the model does not have, and for any if it is not
        multi-label.
        """
        from textmlr.model.explanation.counterfactual import find_counterfactual

        check_text("text", text)
        one_text(text)
        check_kind("label", label, str, "give the name of a label", optional=True)
        return find_counterfactual(self._explained, text, label)

    def _repr_html_(self: Any) -> str:
        """The model as a notebook shows it."""
        from textmlr.model.model_card import card_of

        return card_of(self.parts)

    @property
    def _explained(self: Any) -> ExplainedModel:
        from textmlr.model.explanation.contributions import ExplainedModel

        return ExplainedModel(
            self._answerer,
            self.labels,
            self._layers,
            self._activation,
            self._columns,
            self._calibration,
            self._base,
            self._thresholds,
            self._postings,
            self.record.label_weights(),
        )

    def info(self: Any) -> dict[str, Any]:
        """What the model is and how it was trained, as "textmlr info --json" prints it: labels,
        features, featurizer, storage, and the record's corpus, options and figures.

        >>> import textmlr
        >>> texts = ["a robot in orbit", "the sheriff rode", "robot engine", "a saddle"]
        >>> about = textmlr.train(texts, ["scifi", "western", "scifi", "western"]).info()
        >>> about["labels"], about["corpus"]["documents"]
        (['scifi', 'western'], 4)
        """
        from textmlr.model.model_facts import info_of

        return info_of(self.parts)

    def top(self: Any, label: str | Sequence[str] | None = None, k: int = 20) -> Any:
        """The k features most in favour of a label and most against it: a TopFeatures.

        label  a label gives one TopFeatures; None all labels, or a list of some, gives a list
        Raises InputError for a label that the model does not have, for all of more than 1,000
        labels, and for a model with hidden layers.

        >>> import textmlr
        >>> texts = ["a robot in orbit", "the sheriff rode", "robot engine", "a saddle"]
        >>> model = textmlr.train(texts, ["scifi", "western", "scifi", "western"], ngrams=(1, 1))
        >>> "robot" in [feature.name for feature in model.top("scifi", 5).by_weight.most_for]
        True
        >>> [own.label for own in model.top(k=1)]
        ['scifi', 'western']
        """
        if isinstance(label, str):
            return textmlr._top_features(self, [label], k)[0]
        return textmlr._top_features(self, label, k)

    def compress(
        self: Any,
        size: int | str,
        *,
        dtype: Literal["int8", "float16"] = "int8",
        watch: Callable[[int, int], None] | None = None,
    ) -> textmlr.Model:
        """A new model with nearly the same answers, whose file has at most a size.

        size   bytes, or a text such as "500kB", "1MB" or "1MiB"
        dtype  "int8" rounds weights to whole numbers times a scale of each feature; "float16"
               rounds them alone, and has room for fewer features
        watch  called with the features and bytes of each model that is tried
        A model whose file is small enough already is given back.  A sparse θ has fewer weights:
        those that say least are dropped.
        Raises InputError for no size, and where even one feature takes more.

        >>> import textmlr
        >>> small = textmlr.train("data/genres-train.tsv").compress("100kB")
        >>> 90_000 < small.save("small.textmlr") <= 100_000
        True
        """
        number = bytes_of(size) if isinstance(size, str) else plain_value(size)
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise InputError(
                f"size={shown(size)} is not a size", mend='give bytes, or a text such as "1MB"'
            )
        small: textmlr.Model = textmlr._compress(self, number, dtype=dtype, watch=watch)
        return small

    def export(
        self: Any,
        path: Path,
        format: Literal["json", "onnx"] | None = None,
        *,
        scorer: Path | None = None,
    ) -> int:
        """Write the model in a form that other programs run; return the bytes of the file.

        format  "json" or "onnx"; None: by the ending of the path.  "onnx" needs the package onnx
        scorer  with JSON: also write a JavaScript file there, which answers with it
        Raises InputError for another format, for ONNX of a model with a sparse θ, and if a file
        cannot be written.

        >>> import textmlr
        >>> texts = ["a robot in orbit", "the sheriff rode", "robot engine", "a saddle"]
        >>> model = textmlr.train(texts, ["scifi", "western", "scifi", "western"])
        >>> size = model.export("model.json", scorer="scorer.js")
        """
        size: int = textmlr._export_model(self, path, format, scorer=scorer)
        return size

    def dumps(self: Any) -> bytes:
        """The model as bytes, those of the file that ``save`` writes: textmlr.load reads them.

        >>> import textmlr
        >>> model = textmlr.train(["a robot", "a saddle"], ["scifi", "western"])
        >>> textmlr.load(model.dumps()).predict("a saddle")
        'western'
        """
        written: bytes = tensor_file.dumps(*to_write(self.parts))
        return written

    def classify_files(
        self: Any,
        paths: Path | Sequence[Path],
        output: Path,
        *,
        top: int | None = None,
        min_probability: float | None = None,
        label: str | None = None,
        each_label: bool = False,
        at_least_one: bool = False,
        prefix: str = "",
        reading: ReadingOptions | None = None,
        threads: int | None = None,
    ) -> dict[str, Any]:
        """Answer the documents of files of any size, piece by piece, into a file; return counts.

        paths   as ``textmlr.train`` takes them; they need no labels
        output  its ending says the format: .parquet, .arrow, .csv, .tsv or .jsonl (and .gz, .zst
                or .bz2 after the last three).  It has a row for each of the files', with their
                columns, then the answers: predicted and probability.  A text that is null has a
                null answer
        By a multi-label model predicted and probability are lists, in CSV and TSV joined by the
        separator of the training's labels, or |; predicted_1 and so on are single labels.

        top     also columns predicted_2, probability_2, … to this rank, at most 5,000
        min_probability  predicted is null where no label has this probability
        label   only one column, P(label)
        each_label  also a column P(LABEL) of each of at most 5,000 labels
        at_least_one  by a multi-label model: the likeliest label where there would be none
        prefix  before the names of the new columns
        reading ReadingOptions: how files are read
        Raises InputError for files that cannot be read, and an output that cannot be written.

        >>> import textmlr
        >>> model = textmlr.train("data/genres-train.tsv")
        >>> done = model.classify_files("data/genres-test.tsv", "answers.csv", top=2)
        >>> done["documents"], done["columns"]
        (144, ['predicted', 'probability', 'predicted_2', 'probability_2'])
        """
        check_kind("prefix", prefix, str, "give the beginning of a name")
        choice = prefix, top, min_probability, label, each_label, at_least_one
        done: dict[str, Any] = textmlr._classify_files(
            self, paths, output, choice, reading, threads=threads
        )
        return done
