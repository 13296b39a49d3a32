"""Tokens that a regular expression or a function of the user's finds, in Python.

Kernels read them in a text of their own: the tokens, one after the other, a separator between.
Texts are lower-cased as a whole before tokens are found, as scikit-learn does it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from textmlr.base.arrays import frozen
from textmlr.base.errors import InputError
from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.ngram_lengths import CHAR_PREFIX
from textmlr.base.option_errors import shown
from textmlr.base.token_patterns import compiled
from textmlr.kernels.code_points import SPACE, WORD

SEPARATOR = "\x1f"  # Unicode's unit separator
_FLAG = "\x1e"  # ends the token that stands for a piece of invalid UTF-8
COUNTED = "\ufffd" + _FLAG  # that token, as kernels read it: it is counted but is no feature
_INVALID = re.compile("[\udc80-\udcff]")  # such a piece, as ``prepared_text`` decodes it
# In the name of a token white space does not break, so that names of n-grams show where tokens end;
# and none begins as the names of character n-grams do.
_ODD = re.compile(f"[ \t\n\r\v\f{_FLAG}]|(?:^|{SEPARATOR}){CHAR_PREFIX}")
_UNBROKEN = str.maketrans(dict.fromkeys(f" \t\n\r\v\f{_FLAG}{SEPARATOR}", "\u00a0"))
_COLON = "\ua789"  # a letter that looks like one
_CODE_POINTS = 0x110000
_BEYOND = 0x200  # entries that end the tables of any text, for code points that lie apart

Span = tuple[int, int]
Integers = NDArray[np.int64]


def joined(text: str, options: FeaturizerOptions) -> str:
    """A document as kernels read it: its tokens with separators between, and a token for each piece
    of invalid UTF-8."""
    invalid = [] if text.isascii() else _INVALID.findall(text)
    if invalid:
        text = _INVALID.sub("\ufffd", text)
    lowered = text.lower() if options.lowercase else text
    tokens = _tokens(lowered, options)
    whole = SEPARATOR.join(tokens)
    if _ODD.search(whole) or whole.count(SEPARATOR) >= max(1, len(tokens)):
        tokens = [_named(token) for token in tokens]
        whole = SEPARATOR.join(tokens)
    return SEPARATOR.join([whole, *(piece + _FLAG for piece in invalid)]) if invalid else whole


def aligned(text: str, options: FeaturizerOptions) -> tuple[str, Integers, Integers]:
    """(what ``joined`` makes of a text, starts, stops): character i of it stands for
    text[starts[i]:stops[i]], which is empty where a token is not in the text as it stands."""
    lowered = text.lower() if options.lowercase else text
    places = np.arange(len(text) + 1)
    if len(lowered) != len(text):  # some character has a lower case of several
        places = np.append(np.repeat(places[:-1], [len(sign.lower()) for sign in text]), len(text))
    names: list[str] = []
    at, signs, there = 0, [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for token, (first, last) in _placed(lowered, options):
        here = np.arange(first, last) if last > first else np.full(len(token), at)
        between = here[: bool(names)]
        signs += [between, here]
        there += [np.zeros(len(between), np.int64), np.full(len(token), int(last > first))]
        names.append(_named(token))
        at = max(at, last)
    starts = places[np.concatenate(signs)]
    return SEPARATOR.join(names), starts, starts + np.concatenate(there)


def _tokens(text: str, options: FeaturizerOptions) -> list[str]:
    """The tokens of a text that is lower-cased already, if it is to be."""
    if options.tokenizer is not None:
        return _of_function(text, options.tokenizer)
    assert options.token_pattern is not None
    return [token for token in compiled(options.token_pattern).findall(text) if token]


def _placed(text: str, options: FeaturizerOptions) -> Iterable[tuple[str, Span]]:
    """The tokens of a text and their places, which are empty for those that are not in it."""
    if options.tokenizer is None:
        assert options.token_pattern is not None
        pattern = compiled(options.token_pattern)
        spans = (match.span(pattern.groups) for match in pattern.finditer(text))  # 0: all of it
        return [(text[first:last], (first, last)) for first, last in spans if last > first]
    found, at = [], 0
    for token in _of_function(text, options.tokenizer):
        first = text.find(token, at)
        last = first + len(token)
        found.append((token, (first, last) if first >= 0 else (at, at)))
        at = max(at, last) if first >= 0 else at
    return found


def _named(token: str) -> str:
    """A token as it is named, of as many characters."""
    if token.startswith(CHAR_PREFIX):
        token = token.replace(":", _COLON, 1)
    return token.translate(_UNBROKEN)


def _of_function(text: str, tokenizer: Callable[[str], object]) -> list[str]:
    try:
        made = tokenizer(text)
        if isinstance(made, str) or not isinstance(made, Iterable):
            raise _refused(made)
        found = list(made)
    except InputError:
        raise
    except Exception as error:  # the user's own, which stays the cause
        problem = f"the tokenizer fails at the text {shown(text)}: {type(error).__name__}: {error}"
        raise InputError(problem, mend="mend the function") from error
    tokens = []
    for token in found:
        if not isinstance(token, str):
            raise _refused(token)
        if token:
            tokens.append(token if token.isascii() else token.encode("utf-8", "replace").decode())
    return tokens


def _refused(made: object) -> InputError:
    return InputError(
        f"the tokenizer gives {shown(made)} ({type(made).__name__}), not strings",
        mend="let it give a list of str",
    )


@lru_cache(maxsize=2)
def tables(ascii_only: bool) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """(lower, kind) that kernels read such texts with: all are letters but the separator."""
    size = 128 if ascii_only else _CODE_POINTS + _BEYOND
    kind = np.full(size, WORD, np.uint8)
    kind[ord(SEPARATOR)] = SPACE
    return frozen(np.arange(size, dtype=np.uint32)), frozen(kind)
