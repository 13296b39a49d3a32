"""From rows and labels to θ: hold out, choose step size and epochs, fit on everything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from textmlr.base.threads import map_blocks
from textmlr.base.training_options import DEFAULT_IDF_POWER, DEFAULT_L2, TrainingOptions
from textmlr.model.scoring import Calibration, Shrunk
from textmlr.training.calibration import Scored, calibrate
from textmlr.training.held_out import FOLDS, are_few, check_labels
from textmlr.training.objective import Objective
from textmlr.training.on_disk.disk_objective import AnyObjective
from textmlr.training.sgd.cross_fitting import plans_of
from textmlr.training.sgd.epochs import of_theta
from textmlr.training.sgd.training_state import Checkpoints, follow
from textmlr.training.sgd.trials import Progress, Search, Trial, Tried, Watch, best_of

# The choice of n-grams holds out this share of the documents, and tries these learning rates.
CHOICE_HELD_OUT = 0.25
CHOICE_RATES = (2.0, 4.0)


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """θ and how it was found.

    layers        θ, finite float32: (V, L), or with hidden layers (V, W1), (W1 + 1, W2), ...
    squares       of Adagrad, of each row of each layer the mean over its columns of the sums of
                  squared gradients, with respect to θ: (V,), (W1 + 1,), ... float32; else none
    idf_power, learning_rate, epochs   of the final run (the rate as halved, if it diverged)
    calibration   of its scores, that of the run ``judged``; its factor is in the last layer already
    loss, accuracy          of the final run's last epoch, before each document's own step
    held_out      documents held out, 0 for none
    folds         0, or the number of parts that all documents were held out in, to calibrate, or
                  where they are few to choose as well
    judged        the run without them that is most like the final one: the best trial, or, where
                  trials saw only some of the documents, a twin of the final run; with folds, the
                  figures of all parts
    trials        every run tried; the best has the least held-out loss
    halvings      times the final run's step diverged and was halved
    averaged      0, or how many runs θ is the average of: of few documents one of each
                  trial's plan, where there are several
    """

    layers: list[NDArray[np.float32]]
    squares: list[NDArray[np.float32]]
    idf_power: float
    calibration: Calibration
    learning_rate: float
    epochs: int
    loss: float
    accuracy: float
    held_out: int
    folds: int
    judged: Trial | None
    trials: tuple[Trial, ...]
    halvings: int
    averaged: int = 0


def fit(
    objective: AnyObjective,
    options: TrainingOptions,
    *,
    idf: NDArray[np.float64] | None = None,
    bias: int | None = None,
    validation: Objective | None = None,
    threads: int = 1,
    watch: Watch | None = None,
    beside: Callable[[], object] | None = None,
    overwrite: bool = False,
    checkpoints: Checkpoints | None = None,
    tried: Tried | None = None,
) -> Fit:
    """Minimise the objective by SGD, stopping early.

    The step size falls to 0 over a run, so how far θ gets depends on how large the steps begin
    and on how many epochs they fall over.  Held-out documents choose the step size, and the
    power of idf it is scaled by for each feature (``TrainingOptions.idf_power``), in trial runs
    over the other documents (of many, over some drawn at random, see ``trial_documents``), one
    thread a run.  The final run, on all documents, has what the best trial had, its number of
    epochs too; where trials saw only some documents, a twin of it goes on meanwhile, without
    those held out, since the factor of θ depends on how many there are.  The number of threads
    changes no bit.  Fewer than FEW_DOCUMENTS all judge each trial, in FOLDS parts, each scored by a
    run over the others; runs of all plans are averaged, and the calibration shrinks towards the
    base rates.

    idf         (V,) of each feature; None: all steps alike
    bias        the column that is always 1, None for none
    validation  documents that judge, None to hold some out
    beside      called once, by a thread of its own if there are two, while the final run goes on
    overwrite   scale the objective's features in place, where they are not needed any more
    checkpoints where the state is kept, and gone on from if there is one; None: nowhere
    tried       what ``probe`` found of the same objective, if that lasts; None: nothing
    Raises InputError where there is nothing to learn from.
    """
    check_labels(objective)
    options = options.decided()
    search = Search(
        objective,
        validation,
        idf,
        options,
        watch,
        biased=bias is not None,
        checkpoints=checkpoints,
        tried=tried,
    )
    best = search.run(threads)
    everything = np.arange(len(objective.y), dtype=np.int32)
    epochs = search.epochs if best is None else best.epochs
    power = search.powers[0] if best is None else best.idf_power
    middle = options.middle_rate
    rate = options.learning_rate or middle if best is None else best.learning_rate
    folds = [] if best is None else search.folds()
    shares = [] if best is None else search.parts()
    in_place = overwrite and not folds and not shares
    chosen = search.scaled(objective, power, threads, in_place=in_place)
    final = search.start(chosen, everything, epochs, rate)
    follow(final, "final", checkpoints, dict)
    judged = best
    parts: dict[int, Scored] = {}
    added: list[NDArray[np.float32]] = []

    def run_final() -> None:
        while final.done < final.epochs:
            search.tell(Progress("final", power, final.epoch(), None))
            if final.keep is not None:
                final.keep(final)

    def run_twin() -> None:
        nonlocal judged
        assert best is not None
        judged = search.twin(chosen, best)

    def run_fold(number: int) -> None:
        assert best is not None
        parts[number] = search.fold(chosen, best, folds[number])

    jobs: list[Callable[[], object]] = [run_final]
    if best is not None and search.sampled and not folds:
        jobs.append(run_twin)
    jobs += [partial(run_fold, number) for number in range(len(folds))]
    if shares:
        jobs.append(lambda: added.append(search.other_plans()))
    if beside is not None:
        jobs.append(beside)
    for _ in map_blocks(lambda job: job(), jobs, threads):
        pass
    if best is not None and folds:
        scored = Scored.joined([parts[number] for number in range(len(folds))])
        calibration, loss = calibrate(scored)
        judged = replace(best, calibration=calibration, loss=loss, accuracy=scored.accuracy)
    calibration = Calibration() if judged is None else judged.calibration
    told, layers, factor = final.told, final.network.layers, np.float32(calibration.factor)
    squares = final.row_squares()
    if (scale := search.scale_of(power)) is not None:
        layers[0] *= scale[:, None]
        squares = of_theta(squares, 0, scale)
    for rest in added:
        layers[0] *= np.float32(shares[search.trials.index(best_of(search.trials))])
        layers[0] += rest
    if factor != 1:
        layers[-1] *= factor
        squares = of_theta(squares, -1, factor)
    if isinstance(calibration, Shrunk) and calibration.prior:
        assert search.crossed is not None
        row = layers[-1][-1 if options.hidden else bias]
        row += calibration.offsets(search.crossed.counts).astype(np.float32)
    return Fit(
        layers,
        squares,
        power,
        calibration,
        final.learning_rate,
        epochs,
        told[-1].loss,
        told[-1].accuracy,
        sum(map(len, folds)) or search.held_out,
        len(folds) or (FOLDS if best is not None and search.crossed is not None else 0),
        judged,
        tuple(search.trials),
        sum(epoch.halved for epoch in told),
        len(shares) if len(shares) > 1 else 0,
    )


def probe(
    objective: Objective,
    options: TrainingOptions,
    *,
    idf: NDArray[np.float64] | None = None,
    validation: Objective | None = None,
    threads: int = 1,
    bias: int | None = None,
) -> Tried | None:
    """How well rows can be learnt from, about: a few short trials; of few documents, those that
    ``fit`` makes.

    For choosing between rows of the same documents; None where there is nothing to judge by.
    The parameters are as in ``fit``; more documents are held out than there.
    """
    held, given = max(options.holdout, CHOICE_HELD_OUT), options.decided()
    if options.chosen_solver == "exact":  # whose minimum takes longer to find, and tells no more
        options = TrainingOptions(class_weight=options.class_weight, seed=options.seed)
        objective = replace(objective, l2=DEFAULT_L2)
    options = replace(options.linear().decided(), holdout=held)
    search = Search(
        objective, validation, idf, options, None, sample=False, biased=bias is not None
    )
    if not search.held_out:
        return None
    if search.crossed is not None:
        lasting = replace(options, holdout=given.holdout) == given
        return Tried(search.cross(threads), tuple(search.trials), lasting)
    power = search.powers[0] if len(search.powers) == 1 else DEFAULT_IDF_POWER
    rates = CHOICE_RATES if options.learning_rate is None else (options.learning_rate,)
    search.run_all([(power, rate) for rate in rates], threads)
    return Tried(best_of(search.trials), tuple(search.trials), False)


def most_epochs(
    objective: AnyObjective, idf: object, options: TrainingOptions, *, validated: bool = False
) -> int:
    """How many epochs ``fit`` will tell of, trials included, if none of them ends early.

    validated  whether documents of their own judge
    """
    if options.holdout and not validated and are_few(objective):
        # Told of once each.
        own = plans_of(options.decided(), idf=idf is not None)
        return len(own) + max(epochs for _, _, epochs in own)
    trials = 0
    powers = 1 if idf is None else len(options.idf_powers(choose=True))
    if options.holdout:
        rates = 1 if options.learning_rate is not None else len(options.decided().learning_rates)
        trials = powers + rates - 1
    return (trials + 1) * options.epochs_of(len(objective.y))
