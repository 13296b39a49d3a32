"""train: a labelled corpus in, a Model out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from textmlr.base.checks import check_callable, check_kind, check_threads
from textmlr.base.errors import InputError
from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.threads import chosen_threads
from textmlr.base.training_options import TrainingOptions
from textmlr.corpus.corpus import Corpus, check_corpus
from textmlr.corpus.duplicates import duplicates_of
from textmlr.model.heads import SOFTMAX, Head, head_of
from textmlr.model.model import Model
from textmlr.model.parameters import LINEAR
from textmlr.training.exact.penalty_path import ExactFit, Penalty, fit_exact
from textmlr.training.exact.solver import Step
from textmlr.training.feature_names import FeatureNames
from textmlr.training.ngram_choice import Candidate, choose
from textmlr.training.on_disk.cache import Work
from textmlr.training.on_disk.disk_store import Store
from textmlr.training.rows import Rows, memory_of
from textmlr.training.sgd.fit import Fit, fit, most_epochs
from textmlr.training.sgd.trial import Progress
from textmlr.training.training_record import training_record


@dataclass(frozen=True, slots=True)
class Stage:
    """Training enters a stage: "features" (with what is read) or "fit" (with the rows made).

    epochs    how many "fit" will run at most, 0 where that is not known
    bytes     of θ while "fit" goes on, its runs side by side
    """

    name: str
    documents: int
    labels: int
    columns: int = 0
    nonzeros: int = 0
    epochs: int = 0
    bytes: int = 0


Event = Stage | Work | Candidate | Progress | Step | Penalty
Watch = Callable[[Event], None]


def train(
    corpus: Corpus,
    featurizer_options: FeaturizerOptions | None = None,
    training_options: TrainingOptions | None = None,
    *,
    validation: Corpus | None = None,
    threads: int | None = None,
    watch: Watch | None = None,
    store: Store | None = None,
    head: str = SOFTMAX.name,
) -> Model:
    """Learn a Model from labelled documents.

    validation  documents to choose by, in place of a held-out part
    threads     None: one a processor.  Their number changes no bit of the model
    watch       called with a Stage, a Candidate, a Progress, or a Step and a Penalty of the exact
                solver, as training goes
    store       where rows and the state of training are kept, of a corpus on disk; None: in memory.
                The model has the same bits, but where its features did not fit in the store's
                memory
    head        the name of the output, see ``textmlr.model.heads``
    Raises InputError if the corpus cannot be learnt from.

    >>> from textmlr import Corpus, train
    >>> texts = ["a robot in orbit", "the sheriff rode", "robot engine", "a saddle, a sheriff"]
    >>> model = train(Corpus.of(texts, ["scifi", "western", "scifi", "western"]))
    >>> model.labels
    ['scifi', 'western']
    >>> model.classify(["my robot"])[0][0].label
    'scifi'
    """
    check_corpus("corpus", corpus)
    check_corpus("validation", validation, optional=True)
    check_kind("featurizer_options", featurizer_options, FeaturizerOptions, optional=True)
    check_kind("training_options", training_options, TrainingOptions, optional=True)
    check_threads(threads)
    check_callable("watch", watch)
    check_kind("store", store, Store, optional=True)
    options = (training_options or TrainingOptions()).decided()
    exact = options.solver == "exact"
    output = head_of(head)
    threads = chosen_threads(threads)

    def tell(event: Event) -> None:
        if watch is not None:
            watch(event)

    if len(corpus.labels) < 2:
        only = f", {corpus.labels[0]!r}" if corpus.labels else ""
        raise InputError(
            f"the corpus has {len(corpus.labels)} label{only}",
            place=", ".join(corpus.names) or None,
            mend="give documents of two labels at least",
        )
    tell(Stage("features", len(corpus), len(corpus.labels)))
    duplicates = duplicates_of(corpus, threads)
    # TF-IDF only if it is asked for: SGD scales steps by idf instead, in rows whose length is 1
    # before rare features are raised (a point of accuracy on some corpora).
    wanted = featurizer_options or FeaturizerOptions()
    if not exact and wanted.idf is None:
        wanted = replace(wanted, idf=False)
    try:
        chosen, candidates, rows = _chosen(
            corpus, wanted, options, validation, threads, tell, store, output
        )
        if rows is None and store is not None:
            rows = store.rows(corpus, chosen, options, threads, tell, output)
        elif rows is None:
            rows = Rows.of(corpus, chosen, options, threads, output)
        names = FeatureNames(corpus, rows, options.seed, threads)
        judge, overlap = None, None
        if validation is not None:
            judge = rows.judge(validation, options, threads)
            overlap = duplicates.sketch.overlap(validation.batches, threads)
        made = rows.objective.columns, rows.objective.nonzeros
        most = (
            0
            if exact
            else most_epochs(rows.objective, rows.idf, options, validated=validation is not None)
        )
        room = memory_of(made[0], len(corpus.labels), options, threads)
        tell(Stage("fit", len(corpus), len(corpus.labels), *made, most, room))
        if exact:
            minimum = fit_exact(
                rows.in_memory,
                options,
                validation=judge,
                threads=threads,
                watch=tell,
                beside=names.collect,
            )
            layers, squares, calibration = [minimum.optimum.theta], [], None
            found: Fit | ExactFit = minimum
        else:
            found = result = fit(
                rows.objective,
                options,
                columns=rows.column_facts,
                validation=judge,
                threads=threads,
                watch=tell,
                beside=names.collect,
                overwrite=True,
                states=None if store is None else store.cache,
                known=rows.trials,
            )
            layers, calibration = result.layers, result.calibration.absorbed()
            squares = result.squares if options.hidden else []
        names.finish(layers[0])
    except ArithmeticError as error:
        raise InputError(str(error), mend="lower the learning rate or the penalty") from error
    record = training_record(corpus, duplicates, rows, candidates, options, found, overlap)
    activation = options.activation or LINEAR
    model = Model(
        corpus.labels,
        rows.featurizer,
        layers,
        record,
        rows.columns,
        calibration,
        activation=activation,
        squares=squares,
        trained_on=duplicates.sketch.beside(layers),
        head=output,
    )
    return _sparse(model) if options.l1 else model


def _chosen(
    corpus: Corpus,
    wanted: FeaturizerOptions,
    options: TrainingOptions,
    validation: Corpus | None,
    threads: int,
    watch: Watch,
    store: Store | None,
    head: Head,
) -> tuple[FeaturizerOptions, list[Candidate], Rows | None]:
    """``choose``, or what it chose before the run was cut off."""

    def find() -> tuple[FeaturizerOptions, list[Candidate], Rows | None]:
        return choose(
            corpus,
            wanted,
            options,
            validation=validation,
            threads=threads,
            watch=watch,
            head=head,
        )

    if store is None:
        return find()

    def found() -> dict[str, object]:
        chosen, candidates, _ = find()
        return {
            "options": asdict(chosen),
            "candidates": [asdict(candidate) for candidate in candidates],
        }

    # Rows that were made in memory to choose by are not those of the store, which may have had to
    # leave features out: whichever run makes them, it makes them there.
    kept = store.cache.once("choice", found)
    candidates = [Candidate.of(values) for values in kept["candidates"]]
    return FeaturizerOptions.of(kept["options"]), candidates, None


def _sparse(model: Model) -> Model:
    """The model without the rows of θ that are 0, its record telling how many are not."""
    model = model.without_zero_rows()
    model.record = model.record.with_kept(model.kept)
    return model
