"""What a model's JSON says of itself: how a document becomes scores, and these an answer."""

from __future__ import annotations

from textmlr.model.model_parts import ModelParts

FEATURES = """\
0. Form. With featurizer.strip_accents the text is brought to Unicode's form NFKD, and all
   characters whose combining class is not 0 are dropped. With featurizer.normalize it is brought to
   that form (nfc, nfkc or nfd); and with featurizer.lowercase too, each code point is then
   lower-cased as step 1 says, each U+0307 is dropped that has before it an i and no other character
   of class 0 or 230 since, and the text is brought to the form once more.
1. Tokens. Text is a sequence of code points (a lone surrogate counts as U+FFFD). Each has a
   kind, a letter: unicode.kinds lists the ranges [first, last] of each, all others are O. Tokens
   are the matches of the regular expression unicode.tokens in the string of these letters, of
   kinds word, character and symbol. Code points F are then dropped from it. A word is dropped if
   fewer than featurizer.min_token_length of its letters are other than X, V, K, Z and J; a symbol
   if featurizer.punctuation is false. Kinds are those of the code points as they stand; only
   then is each lower-cased: unicode.lower lists [first, last, step, change], the code points
   first, first + step, ... last become themselves + change, all others stay.
   A token that is in featurizer.stop_words, lower-cased, is dropped.
   (featurizer.token_pattern, lowercase and split_scripts are in unicode already.)
   But where unicode.tokens is null, the text of step 0, which is not lower-cased in it, is made
   lower case as a whole (as Python's str.lower does) if featurizer.lowercase, and its tokens are
   what the regular expression featurizer.token_pattern of Python's re finds in it, its group if it
   has one; white space in a token is U+00A0 then, and char: at its beginning is char and U+A789.
   (scorer.js knows no such expression.)
2. N-grams. With featurizer.ngrams = [low, high] every low to high neighbouring tokens are a
   word n-gram; its name is the tokens with one space between. With featurizer.char_ngrams =
   [low, high] a space is put before and after each token, and every low to high neighbouring
   code points in it are a character n-gram (all of it, once, if it is shorter than low); its
   name is these. null: none of the kind.
3. Features. A word n-gram is a feature if it is in weights.words, a character n-gram if it is
   in weights.characters. Others are ignored, but for weights.unnamed, if present: features
   without weights, by the n-gram's hash in hexadecimal, which count in the length of step 4.
   With featurizer.hash_bits = b each n-gram is a feature: the number bias +
   floor(floor(hash / 2^32) * (2^b - bias) / 2^32), where bias is 1 or 0 as featurizer.bias is
   true or not; a number that is not in weights.columns has no weights. (names gives for some
   numbers the n-gram that most often has it; no answer needs it.)
4. Values. With count, how often a feature occurs in the document: its value is 1, count or 1 +
   ln(count), as featurizer.term_frequency is binary, raw or log; times its idf, if idf is not
   null: it stands in idf where its weights stand in weights, and is idf.rest if it is not there.
   If featurizer.norm is l2, all values are divided by the square root of the sum of their squares
   (if that is not 0).
"""
SCORES = """\
5. Scores. The score of label i is bias[i] (0 if bias is empty) + the sum over features of value
   * weight[i]. Let s be the standard deviation of a document's scores (sqrt of mean of squared
   distance to their mean); all of them are multiplied by (max(s, calibration.least) /
   calibration.spread) ^ calibration.exponent. But where no feature has both a value and a weight
   that are not 0, the score of label i is base[i], the logarithm of its share of training (or
   as above, if base is empty).
"""
SIGMOIDS = """\
5. Scores. The score of label i is bias[i] (0 if bias is empty) + the sum over features of value
   * weight[i]. Let s be the standard deviation of a document's scores (sqrt of mean of squared
   distance to their mean); all of them are multiplied by (max(s, calibration.least) /
   calibration.spread) ^ calibration.exponent. Each score u then becomes bend.middle *
   max(-bend.knot, min(u, bend.knot)) + bend.low * min(u + bend.knot, 0) + bend.high *
   max(u - bend.knot, 0). If second is not null, let z be these scores: the score of label i
   becomes second.scales[i] * z[i] + second.offsets[i] + the sum over labels m with z[m] >
   second.likely of second.links[m][i] / (1 + exp(-z[m])), bent by second.bend. But where no
   feature has both a value and a weight that are not 0, the score of label i is base[i], the
   log-odds of its share of training (or as above, if base is empty).
"""
POSTINGS = """\
5. Scores. The score of label i is bias[i] + t * the sum over features of value * weight, where t
   is (max(h, calibration.least) / calibration.spread) ^ calibration.exponent, and h the largest of
   these sums of the document. A feature has weights only for labels that it met in training; for
   all others it adds 0. They stand in its string, which is Base64 of bytes: numbers in LEB128 (7
   bits a byte, the lowest first; 128 is added to all bytes of a number but the last). Unless powers
   is empty, the first is the feature's own scale: times 8192, its bits are those of a float32. Then
   come, for each label, its distance from the one before (from 0 at first); then, unless powers is
   empty, the number k of a power; then, unless step is 0, a number n, which stands for -(n + 1) / 2
   if it is odd and for n / 2 if not. The weight is own scale * scales[i] * sqrt(idf * bases[i] *
   powers[k]) + step * that; idf is the feature's (1 where it has none, or 0), and the root is 0
   without powers.
   So a label that shares no feature with the document has the score bias[i], and the sum of
   exp(score) over all labels is that over the labels that do share one + (the sum of exp(bias)
   over all labels - the sum of exp(bias) over these), where the second part is the same for all
   documents.
   At last a share of the base rates is mixed in: P becomes (1 - share) * P + share * rate, where
   rate[i] is documents[i], or unseen where that is 0, divided by the sum of these numbers; without
   documents, exp(bias[i]) is in their place. A document of which no feature has both a value that
   is not 0 and a string that is not empty has P = rate.
"""
ANSWER = """\
6. Answer. The labels whose P is at least their number in thresholds; there may be none.
"""
HASHES = """\
Hashes have 64 bits and wrap around. mix(h): h ^= h >> 33; h *= 0xff51afd7ed558ccd; h ^= h >>
33; h *= 0xc4ceb9fe1a85ec53; h ^= h >> 33; 1 if that is 0. fnv(h, c) = (h ^ c) * 0x100000001b3.
A token's hash: from h = 0xcbf29ce484222325, h = fnv(h, c) for each code point, at last mix(h).
A word n-gram's: h = the hash of its last token, then for each token before, backwards, h =
mix(h * 0x9e3779b97f4a7c15 + its hash). A character n-gram's: from h = 0xd6e8feb86659fd93, h =
fnv(h, c) for each code point, backwards, at last mix(h).
"""


def about(parts: ModelParts) -> list[str]:
    """The steps from a document to a model's scores, and of a multi-label model on to its answer,
    in lines of text."""
    scores = SIGMOIDS if parts.head.has_sets else POSTINGS if parts.is_sparse else SCORES
    answer = "" if parts.thresholds is None else ANSWER
    return (FEATURES + scores + answer + HASHES).splitlines()
