"""The options that a stream takes."""

from __future__ import annotations

from dataclasses import fields, replace

from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.option_errors import OptionError, Sentence
from textmlr.base.training_options import TrainingOptions

STREAM_HASH_BITS = 22  # the default: the vocabulary of a stream has no end
# The training options that a stream takes, and those that it takes with one value alone.
TAKEN = {
    "learning_rate",
    "idf_power",
    "calibration",
    "maximise",
    "cost_false_positive",
    "seed",
}
FIXED = {"solver": "sgd", "theta": "dense"}
CHOSEN = ("idf", "min_df", "max_df", "max_features", "vocabulary")  # of the featurizer: not taken
REASONS = {  # why a stream does not take the others
    "idf": "how many documents will have a feature is not known before the stream ends",
    "min_df": "how many documents will have a feature is not known before the stream ends",
    "max_df": "how many documents will have a feature is not known before the stream ends",
    "vocabulary": "its features are hashed",
    "max_features": "which features are frequent is not known before the stream ends",
    "holdout": "each document judges before it is trained on",
    "epochs": "there is one pass",
    "patience": "there is one pass",
    "class_weight": "how often each label will come is not known",
    "theta": "where features and labels will meet is not known",
    "hidden": "only linear models are trained on a stream",
}


def check_options(
    featurizer_options: FeaturizerOptions, training_options: TrainingOptions
) -> tuple[FeaturizerOptions, TrainingOptions]:
    """The options, decided.  Raises InputError for one that does not go with a stream."""
    wrong = [name for name in CHOSEN if getattr(featurizer_options, name) not in (None, False)]
    for field in fields(TrainingOptions):
        given = getattr(training_options, field.name)
        allowed = field.name in TAKEN or given in (field.default, FIXED.get(field.name))
        if not allowed:
            wrong.append(field.name)
    if wrong:
        name = wrong[0]
        why = f": {REASONS[name]}" if name in REASONS else ""
        raise OptionError(
            name,
            Sentence(f"{{{name}:name}} does not go with a stream{why}"),
            Sentence("leave it out, or do not train on a stream"),
        )
    bits = featurizer_options.hash_bits or STREAM_HASH_BITS
    decided = replace(featurizer_options.decided(), hash_bits=bits, idf=False)
    return decided, replace(training_options, solver="sgd")
