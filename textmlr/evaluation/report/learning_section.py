"""The section of a report on training documents: would more of them help?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from textmlr.base.web_page import table
from textmlr.evaluation.curves import CurvePoint
from textmlr.evaluation.report import drawing, plots
from textmlr.evaluation.report.images import Images, figure, spread
from textmlr.model.record import ExactTrialRecord, Record, SgdTrialRecord


def learning_section(
    points: Sequence[CurvePoint] | None, record: Record, images: Images, measure: str = "accuracy"
) -> str:
    """Figures of models of fewer documents; without them the trials of training.

    measure  the figure of answers
    """
    if points is None:
        return (
            "<p>The learning curve needs the training documents: "
            "<code>textmlr evaluate --report DIR --training TRAINING-CORPUS</code> trains models "
            "on a sixteenth, an eighth, a quarter, half and all of them, and shows what each "
            "doubling brings.</p>" + _trials(record, measure)
        )
    unseen = [p for p in points if p.unseen]
    rows = [
        (
            f"{p.documents:,}",
            f"{p.answers:.4f}",
            spread(p.answers_interval),
            f"{p.log_loss:.4f}",
            spread(p.log_loss_interval),
        )
        for p in points
    ]
    text = (
        "<p>Models with the same options are trained on parts of the training documents (each part "
        "holds the one before, and each label in its proportion) and judged on the documents of "
        "this report. A curve that still climbs at its end says that more documents would "
        "help.</p>"
    )
    if unseen:
        text += f"<p>The smallest part lacks {unseen[0].unseen:,} of the labels.</p>"
    drawn = drawing.themed(partial(plots.learning, points, measure))
    caption = f"Learning curve: {measure} and log loss by training documents, with 95 % bands."
    heads = ("training documents", measure, "95 % interval", "log loss", "95 % interval")
    return text + figure(images, "learning", drawn, caption) + table(heads, rows, ())


def _trials(record: Record, measure: str) -> str:
    """The trials of training on held-out documents, from the model's record."""
    trials = () if record.held_out is None else record.held_out.trials
    if not trials:
        return ""
    figures = [(f"{t.accuracy:.4f}", f"{t.loss:.4f}") for t in trials]
    heads: tuple[str, ...] = ("penalty λ",)
    choices: list[tuple[str, ...]] = [
        (f"{t.l2:.3g}",) for t in trials if isinstance(t, ExactTrialRecord)
    ]
    if not choices:
        heads = ("step size", "× idf to the power", "epochs", "factor", "× spread to the power")
        choices = [
            (
                f"{t.learning_rate:g}",
                f"{t.idf_power:g}",
                f"{t.epochs:,}",
                f"{t.calibration.factor:.2f}",
                f"{t.calibration.exponent:.2f}",
            )
            for t in trials
            if isinstance(t, SgdTrialRecord)
        ]
    heads += ("accuracy" if measure == "accuracy" else "likeliest right", "log loss")
    rows = [choice + figure for choice, figure in zip(choices, figures, strict=True)]
    return "<p>The trials of training, on held-out documents:</p>" + table(heads, rows, ())
