"""Vowpal Wabbit's own lines: ``label importance 'tag|namespace word word:2.5 |other word``.

Several labels stand with commas between, as ``--multilabel_oaa`` has them: ``1,4 |f word``.  The
text of a document is the words of all namespaces.  Their values cannot be taken, which is told;
importance weights are taken where weights are asked for.  Of classes with costs the cheapest is the
label.
Source: the Vowpal Wabbit wiki, "Input format" and "Cost sensitive one against all".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from textmlr.corpus.byte_streams import HEAD, Stream
from textmlr.corpus.chunks import Chunk, ScanRequest
from textmlr.corpus.formats.parsed_lines import LineError, LineForm, ParsedLine, parsed_chunks
from textmlr.corpus.labels import LARGEST_WEIGHT
from textmlr.corpus.taken_columns import VW
from textmlr.corpus.text_encodings import BOM

_NUMBER = re.compile(rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_SEVERAL = re.compile(rb"\d+(?:,\d+)+")
# A line that is nothing else: a number, numbers or costs, perhaps a tag, and a namespace.
_SURE = re.compile(
    rb"(?:\d+(?:,\d+)+|[+-]?\d+(?:\.\d+)?)(?::[\d.]+)?(?: +[\d.]+(?::[\d.]+)?)*"
    rb"(?: +'[^\s|]*| +[^\s|']+(?=\|))? *\|(?:[A-Za-z_]\w*(?::[\d.]+)?)?(?: |$)"
)
_LOOKED_AT = 20  # lines


def chunks(stream: Stream, request: ScanRequest) -> Iterator[Chunk]:
    """The documents of a file of Vowpal Wabbit's; see ``parsed_lines``."""
    yield from parsed_chunks(stream, request, WEIGHTED if request.options.has_weights else PLAIN)


def looks_like_vw(head: bytes) -> bool:
    """Whether all of the first lines are Vowpal Wabbit's beyond doubt.

    >>> looks_like_vw(b"1 |f a robot\\\\n2 0.5 'x|f a horse\\\\n")
    True
    """
    lines = head.removeprefix(BOM).splitlines()
    if len(head) >= HEAD:
        lines = lines[:-1]
    lines = [line for line in lines if line.strip()][:_LOOKED_AT]
    return bool(lines) and all(_SURE.match(line) for line in lines)


def parse(raw: bytes) -> ParsedLine:
    """The document of a line.  Raises LineError.

    >>> parse(b"1 2 'first|title a robot:2.5 |body in orbit")[:3]
    (b'1', b'a robot in orbit', 2.0)
    """
    before, bar, features = raw.partition(b"|")
    if not bar:
        raise LineError("no | before the words in ")
    label, weight, several = _label(before)
    more: list[bytes] = []
    if label is not None and _SEVERAL.fullmatch(label):
        label, *more = label.split(b",")
    words, valued = _words(features)
    told = ""
    if valued:
        told = "values of features, such as word:2.5, cannot be taken: words count as they occur"
    return ParsedLine(label, b" ".join(words), weight, several, told, tuple(more))


def _label(before: bytes) -> tuple[bytes | None, float, bool]:
    """The label, the importance weight, and whether there are several labels."""
    tokens = before.split()
    # The last is a tag if it touches the bar or begins with a quote.
    touches = bool(before) and not before[-1:].isspace()
    if tokens and (tokens[-1].startswith(b"'") or (touches and len(tokens) > 1)):
        tokens.pop()
    elif touches and not (_NUMBER.fullmatch(tokens[0]) or _SEVERAL.fullmatch(tokens[0])):
        tokens = []  # a tag alone
    if not tokens:
        return None, 1.0, False
    if tokens[0] == b"shared" or any(token.count(b":") > 1 for token in tokens):
        raise LineError("actions of a bandit, or an example of several lines, in ")
    if any(b":" in token for token in tokens):
        costs = [token.partition(b":") for token in tokens]
        if not all(_NUMBER.fullmatch(cost or b"0") for _, _, cost in costs):
            raise LineError("a cost that is no number in ")
        cheapest = min(costs, key=lambda one: float(one[2] or 0))
        return cheapest[0] or None, 1.0, len(costs) > 1
    if len(tokens) > 3 or not all(map(_NUMBER.fullmatch, tokens[1:])):
        raise LineError("more than a label, a weight and a base before the | in ")
    weight = float(tokens[1]) if len(tokens) > 1 else 1.0
    if not 0 <= weight <= LARGEST_WEIGHT:
        raise LineError("an importance weight that is no finite number >= 0 in ")
    return tokens[0], weight, False


def _words(features: bytes) -> tuple[list[bytes], bool]:
    """The words of all namespaces, and whether any has a value other than 1."""
    words = []
    valued = False
    for space in features.split(b"|"):
        tokens = space.split()
        if tokens and not space[:1].isspace():
            valued |= _value(tokens.pop(0))[1]
        for token in tokens:
            word, own = _value(token)
            valued |= own
            words.append(word)
    return words, valued


def _value(token: bytes) -> tuple[bytes, bool]:
    """The name of a feature, and whether it has a value other than 1."""
    name, colon, value = token.rpartition(b":")
    if not colon or not _NUMBER.fullmatch(value):
        return token, False
    return name, float(value) != 1


def _unweighted(raw: bytes) -> ParsedLine:
    own = parse(raw)
    if own.weight == 1 or own.told:
        return own
    return own._replace(told="importance weights are left out; --weighted takes them")


FORM = "label importance 'tag|namespace words"
PLAIN = LineForm(_unweighted, FORM, VW)
WEIGHTED = LineForm(parse, FORM, VW, weights=True)
