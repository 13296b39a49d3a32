"""The labels of a stream in the order in which they come, and the record of a model of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from textmlr.base.training_options import TrainingOptions
from textmlr.corpus.label_sets import LabelSets, Targets
from textmlr.model.record import (
    CorpusRecord,
    HeldOutRecord,
    ProgressiveRecord,
    Record,
    SgdRecord,
    StreamRecord,
    VersionsRecord,
)
from textmlr.training.stream.stream_calibration import StreamCalibration
from textmlr.training.stream.stream_learner import StreamLearner
from textmlr.training.training_record import (
    calibration_record,
    thresholds_record,
    written_options,
)


def coded(codes: Targets, names: Sequence[str], known: dict[str, int]) -> Targets:
    """Labels names[codes] as codes in the order in which they came; those that came at once by
    name.

    known  codes of earlier labels; new ones are added
    """
    every = codes.codes if isinstance(codes, LabelSets) else codes
    present, first, inverse = np.unique(every, return_index=True, return_inverse=True)
    documents = codes.rows[first] if isinstance(codes, LabelSets) else first
    own = np.empty(len(present), np.int32)
    order = sorted(range(len(present)), key=lambda i: (documents[i], names[int(present[i])]))
    for i in order:
        own[i] = known.setdefault(names[int(present[i])], len(known))
    if not isinstance(codes, LabelSets):
        return own[inverse]
    new = np.full(int(every.max(initial=-1)) + 1, -1, np.int32)
    new[present] = own
    return codes.recoded(new)


def stream_record(
    options: TrainingOptions, corpus: CorpusRecord, learner: StreamLearner, found: StreamCalibration
) -> Record:
    """The model's record of its training, in the form of ``training.training_record``."""
    so_far = learner.so_far
    return Record(
        versions=VersionsRecord.now(),
        options=written_options(options),
        corpus=corpus,
        held_out=HeldOutRecord(
            documents=0, folds=0, origin="stream", loss=None, accuracy=None, trials=()
        ).without("overlap"),
        final=SgdRecord(
            solver="stream",
            idf_power=learner.power,
            calibration=calibration_record(found.fitted),
            learning_rate=learner.rate,
            epochs=1,
            loss=so_far.loss,
            accuracy=so_far.accuracy,
            halvings=0,
        ),
        stream=StreamRecord(
            columns=learner.used,
            so_far=ProgressiveRecord(**so_far._asdict()),
            lately=ProgressiveRecord(**learner.lately._asdict()),
        ),
        thresholds=thresholds_record(found.thresholds, options, found.second is not None),
    )
