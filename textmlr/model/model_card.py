"""A model as a notebook shows it: labels, features, documents, figures, how to use it."""

from __future__ import annotations

from textmlr.base import tensor_file
from textmlr.base.ngram_lengths import show_ngrams
from textmlr.base.notebook_page import fragment
from textmlr.base.printable import plural, size_of
from textmlr.base.web_page import name_of, visible
from textmlr.corpus.taken_columns import sentences
from textmlr.model.model_file import pack
from textmlr.model.model_parts import ModelParts
from textmlr.model.record import Record
from textmlr.model.record_chance import held_out_chance

LABELS = 12
STYLE = """.textmlr td.text { text-align: left; overflow-wrap: anywhere; min-width: 8rem; }
.textmlr .card .name { color: var(--soft); min-width: 5rem; vertical-align: top; }
.textmlr code { background: var(--panel); color: var(--ink); padding: .1rem .3rem;
  border-radius: .2rem; white-space: normal; overflow-wrap: anywhere; }
"""
USES = ("predict(texts)", "evaluate(data)", "explain(text)", "top(label)", 'save("m.textmlr")')


def card_of(parts: ModelParts) -> str:
    """The HTML of a model."""
    options, record = parts.featurizer.options, parts.record
    features = plural(parts.rows - int(options.bias), "feature")
    rows = [("labels", _labels(parts)), ("features", f"{features}: {visible(_words(parts))}")]
    if record.corpus is not None:
        files = ", ".join(record.corpus.files)
        documents = plural(record.corpus.documents, "document")
        rows.append(("trained on", documents + (f" of {visible(files)}" if files else "")))
        rows += [("", visible(said)) for said in sentences(record.taken)]
    rows += _figures(record)
    if parts.postings is None:
        rows.append(("file size", size_of(tensor_file.size_of(*pack(parts)))))
    else:  # to write them would take seconds
        rows.append(("weights", f"{len(parts.postings):,}, where label and feature met"))
    uses = " ".join(f"<code>model.{use}</code>" for use in USES)
    rows.append(("use it", uses))
    cells = "".join(
        f'<tr><td class="name">{name}</td><td class="text">{value}</td></tr>\n'
        for name, value in rows
    )
    kind = "Model" if parts.thresholds is None else "Multi-label model"
    title = f"<p><b>{kind}</b> of {plural(len(parts.labels), 'label')}</p>\n"
    return fragment(f'{title}<table class="card"><tbody>{cells}</tbody></table>', STYLE)


def _labels(parts: ModelParts) -> str:
    names = [name_of(label) for label in parts.labels[:LABELS]]
    if parts.record.corpus is not None:
        counts = parts.record.corpus.per_label
        names = [f"{name} ({count:,})" for name, count in zip(names, counts, strict=False)]
    more = len(parts.labels) - LABELS
    return ", ".join(names) + (f" and {more:,} more" if more > 0 else "")


def _words(parts: ModelParts) -> str:
    options = parts.featurizer.options
    ngrams, characters = options.ngrams, options.char_ngrams
    assert ngrams != "auto"  # a fitted featurizer has chosen
    assert characters != "auto"
    words = show_ngrams(ngrams, characters)
    hidden = [str(layer.shape[1]) for layer in parts.layers[:-1]]
    return words + (f"; hidden units {', '.join(hidden)}" if hidden else "")


def _figures(record: Record) -> list[tuple[str, str]]:
    """Held-out figures beside those of chance."""
    held, even = record.held_out, held_out_chance(record)
    if held is None or not held.documents:
        return []
    accuracy, loss = f"<b>{held.accuracy:.4f}</b>", f"<b>{held.loss:.4f}</b> nats"
    if even is not None:
        accuracy += f" (chance {even.accuracy:.4f}: always the commonest label)"
        loss += f" (chance {even.log_loss:.4f}: the labels’ shares)"
    documents = plural(held.documents, "document")
    name = "accuracy" if record.thresholds is None else "precision at 1"
    rows = [(name, f"{accuracy}, {documents} held out")]
    if (own := record.thresholds) is not None and own.micro_f1 is not None:
        macro = "" if own.macro_f1 is None else f", {own.macro_f1:.4f} macro"
        rows.append(("F1", f"<b>{own.micro_f1:.4f}</b> micro{macro}"))
    return [*rows, ("log loss", loss)]
