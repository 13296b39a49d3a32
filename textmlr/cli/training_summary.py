"""The summary of a new model: what it was trained on, what was chosen, how good it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from textmlr.base.compiling import COMPILING
from textmlr.base.ngram_lengths import show_ngrams
from textmlr.base.printable import plain, plural, size_of
from textmlr.cli.taken_rows import taken_rows
from textmlr.cli.terminal import show_rows, shown_seconds

if TYPE_CHECKING:
    from textmlr.corpus.corpus import Corpus
    from textmlr.model.model import Model
    from textmlr.model.record import ExactRecord, Record, StreamRecord
    from textmlr.model.support_record import SupportRecord

MOST_UPDATES = 5  # in the list


def ngram_rows(featurizer: dict[str, Any], record: Record) -> list[tuple[str, str]]:
    """The n-grams of the features, and the choice of training among them."""
    rows = [("n-grams", show_ngrams(featurizer["ngrams"], featurizer["char_ngrams"]))]
    candidates = record.ngrams
    tried = [one for one in candidates if one.documents == candidates[-1].documents]
    if tried:
        losses = {show_ngrams(one.ngrams, one.char_ngrams): one.loss for one in tried}
        text = ", ".join(f"{name} {loss:.3f}" for name, loss in losses.items())
        if min(losses, key=losses.__getitem__) != rows[0][1]:
            text += f" ({rows[0][1]} gain from more documents)"
        on = plural(tried[-1].documents, "document")
        rows.append(("", f"tried on {on}, held-out log loss: {text}"))
    return rows


def update_rows(record: Record) -> list[tuple[str, str]]:
    """The updates of a model since it was trained, the last first."""
    rows: list[tuple[str, str]] = []
    for one in record.updates[: -MOST_UPDATES - 1 : -1]:
        text = f"with {plural(one.documents, 'document')} of {plain(', '.join(one.files))}"
        if one.new_labels:
            text += f", {plural(len(one.new_labels), 'new label')}"
        before, after = one.features
        if after > before:
            text += f", {plural(after - before, 'new feature')}"
        rows.append(("" if rows else "updated", text))
    if (more := len(record.updates) - len(rows)) > 0:
        rows.append(("", f"and {plural(more, 'time')} before"))
    return rows


def fit_rows(record: Record) -> list[tuple[str, str]]:
    """The held-out documents, the choices and the figures in a model's record."""
    from textmlr.model.record import ExactRecord
    from textmlr.model.record_chance import held_out_chance
    from textmlr.model.support_record import SupportRecord

    held, final = record.held_out, record.final
    # Of several labels a document, the likeliest is one of its own.
    right = "accuracy" if record.thresholds is None else "precision at 1"
    rows = []
    if hidden := record.option("hidden"):
        widths = ", ".join(map(str, hidden))
        rows.append(("hidden", f"{widths} units, {record.option('activation')}"))
    if held is not None and held.documents:
        source = "validation file" if held.origin == "validation" else "corpus"
        parts = f", each of them once (in {held.folds} parts)" if held.folds else ""
        rows.append(("held out", f"{plural(held.documents, 'document')} of the {source}{parts}"))
        accuracy, loss = f"{held.accuracy:.4f} held out", f"{held.loss:.4f} nats held out"
        if (even := held_out_chance(record)) is not None:
            accuracy += f" (chance {even.accuracy:.4f}: always the commonest label)"
            loss += f" (chance {even.log_loss:.4f}: the labels' shares)"
        rows += [(right, accuracy), ("log loss", loss)]
    judges = "held out"
    if record.stream is not None:
        rows += _stream_rows(record.stream, right)
        judges = f"(last {record.stream.lately.documents:,})"
    rows += _threshold_rows(record, judges)
    if final is None:
        return rows
    if isinstance(final, ExactRecord):
        return rows + _certificate_rows(final)
    if isinstance(final, SupportRecord):
        return rows + _support_rows(final, record.thresholds is not None)
    over = plural(final.epochs, "epoch") + _larger(final.idf_power)
    rows.append(("step size", f"{final.learning_rate:g}, falling to 0 in {over}"))
    if final.averaged:
        rows.append(("", f"averaged with {plural(final.averaged - 1, 'other run')}"))
    calibration = final.calibration
    if calibration.offset is not None:
        rows.append(("calibration", "probabilities fitted to held-out documents, label by label"))
    elif calibration.factor != 1 or calibration.prior:
        bent = f" × spread^{calibration.exponent:.2g}" if calibration.exponent else ""
        added = ""
        if prior := calibration.prior:
            added = f" {'+' if prior > 0 else '−'} {abs(prior):.2g} × log base rates"
        formula = f"{calibration.factor:.3g} × scores{bent}{added}"
        rows.append(("calibration", f"probabilities fitted to held-out documents ({formula})"))
    if final.halvings:
        rows.append(("", f"halved {final.halvings}× because it diverged"))
    return rows


def _threshold_rows(record: Record, judges: str) -> list[tuple[str, str]]:
    """How well the thresholds of labels do, and how they were chosen;  judges  the documents."""
    own = record.thresholds
    if own is None:
        return []
    if own.micro_f1 is None:
        by_costs = own.maximise == "utility"
        how = "by the costs" if by_costs else "0.5 for all labels: no documents to choose by"
        return [("thresholds", how)]
    each = "one for each label" if own.by_label else "one for all labels"
    figures = f"micro {own.micro_f1:.4f}, macro {own.macro_f1:.4f} {judges}"
    rows = [("F1", figures), ("thresholds", f"{each}, for the greatest {own.maximise}")]
    if own.second_pass:
        rows.append(("second pass", "likely labels speak for others and against them"))
    return rows


def summary_of(
    path: str, corpus: Corpus, model: Model, size: int, seconds: float
) -> dict[str, Any]:
    """The summary of a model that was trained and written to a file (JSON values)."""
    return {
        "model": path,
        "documents": len(corpus),
        "labels": len(model.labels),
        "features": model.featurizer.columns,
        "featurizer": model.featurizer.options.as_json(),
        "bytes": size,
        "seconds": round(seconds, 3),
        "compile_seconds": round(COMPILING.seconds, 3),
        **model.record.as_json(),
    }


def _stream_rows(streamed: StreamRecord, right: str) -> list[tuple[str, str]]:
    """The figures of a stream's documents, each predicted before it was trained on."""
    so_far, lately = streamed.so_far, streamed.lately
    last = f"last {lately.documents:,}"
    return [
        (
            right,
            f"{lately.accuracy:.4f} ({last}), {so_far.accuracy:.4f} (all), "
            "each before it was trained on",
        ),
        ("log loss", f"{lately.loss:.4f} nats ({last}), {so_far.loss:.4f} (all)"),
    ]


def _certificate_rows(final: ExactRecord) -> list[tuple[str, str]]:
    """The certificate of the exact solver."""
    gap = final.gap
    penalty = f"on squared weights (λ = {final.l2:.6g})"
    rows = []
    if final.l1:
        penalty = f"on absolute weights (l1 = {final.l1:.6g})"
        if final.l2:
            penalty += f" and squared ones (λ = {final.l2:.6g})"
        features, weights = final.features_kept or 0, final.weights_kept or 0
        kept = f"{plural(features, 'feature')}, {plural(weights, 'weight')} not 0"
        rows.append(("kept", kept))
    rows += [
        ("penalty", penalty),
        (
            "objective",
            f"{final.value:.12g} nats of loss and penalty, "
            f"after {plural(final.iterations, 'iteration')}",
        ),
        ("gradient", f"{final.gradient_norm:.3g} long, 0 at the minimum (‖gradient‖)"),
    ]
    if gap is not None:
        relative = f", {gap / final.value:.2g} of it" if final.value else ""
        rows.append(("certificate", f"at most {gap:.3g} nats above the minimum{relative}"))
    return rows


def _support_rows(final: SupportRecord, several: bool) -> list[tuple[str, str]]:
    """How a sparse θ was found;  several  whether documents have sets of labels."""
    over, share = plural(final.epochs, "epoch"), final.calibration.share or 0
    steps = f"{final.learning_rate:g}, falling to 0 in {over}"
    if final.idf_power is not None and not final.attraction:
        steps += f"{_larger(final.idf_power)}, from weights of 0"
    elif not final.epochs:
        steps = "no steps: weights are those of the sums of each label's documents"
    calibration = f"the labels' shares are {share:.3g} of each answer"
    if several or not share:
        factor, power = final.calibration.factor, final.calibration.exponent
        bent = f" × (the highest of the document)^{power:.2g}" if power else ""
        calibration = f"scores times {factor:.3g}{bent}"
    return [("step size", steps), ("calibration", calibration)]


def _larger(idf_power: float) -> str:
    """That steps are larger for rare features."""
    return f", larger for rare features (× idf^{idf_power:g})" if idf_power else ""


def _met(record: Record) -> str:
    """Where the weights of a sparse θ are, and how many; nothing of a dense one."""
    from textmlr.model.support_record import SupportRecord

    if not isinstance(record.final, SupportRecord):
        return ""
    weights = record.final.weights
    return f": weights where label and feature met, {_in_millions(weights)}"


def _in_millions(count: int) -> str:
    """8.8 M, or the number itself where it is smaller."""
    return f"{count / 1e6:,.1f} M" if count >= 1_000_000 else f"{count:,}"


def show_summary(summary: dict[str, Any], record: Record) -> None:
    """Print the summary, and what to do next."""
    model = summary["model"]
    click.secho(f"Trained {plain(model)}", bold=True)
    show_rows(
        [
            *taken_rows(record.taken, summary["labels"]),
            ("documents", f"{summary['documents']:,}"),
            ("labels", f"{summary['labels']:,}{_met(record)}"),
            ("features", f"{summary['features']:,}"),
            *ngram_rows(summary["featurizer"], record),
            *fit_rows(record),
            *([("trained from", summary["storage"])] if "storage" in summary else []),
            ("file size", size_of(summary["bytes"])),
            ("seconds", shown_seconds(summary)),
        ]
    )
    option = "" if model == "model.textmlr" else f" -m {plain(model)}"
    click.echo(f'Next: textmlr classify{option} --text "…"')
