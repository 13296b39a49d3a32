"""Lines of fastText's form to labels and text: tokens that begin with a prefix are labels."""

from textmlr.kernels.jit import kernel
from textmlr.kernels.tsv_lines import find

SPACE, TAB, RETURN = 32, 9, 13


@kernel
def _is_space(byte):
    return byte == SPACE or TAB <= byte <= RETURN


@kernel
def _token_end(text, at, stop):
    while at < stop and not _is_space(text[at]):
        at += 1
    return at


@kernel
def _space_end(text, at, stop):
    while at < stop and _is_space(text[at]):
        at += 1
    return at


@kernel
def _is_label(text, at, stop, prefix):
    """Whether the token at ``at`` begins with the prefix."""
    if stop - at < prefix.size:
        return False
    same = True
    for i in range(prefix.size):
        same &= text[at + i] == prefix[i]
    return same


@kernel
def find_labels(text, words, starts, stops, prefix, firsts, lasts, begins, counts, inside):
    """Find the labels of each line, and where its text begins.

    text           (bytes,) uint8
    words          (bytes // 8,) uint64   the same memory
    starts, stops  (n,) int64   spans of lines
    prefix         (p,) uint8   of labels, at least a byte
    firsts, lasts  (n,) int64   written: the first label, without its prefix; empty without one
    begins         (n,) int64   written: where the text begins, behind the labels at the beginning
    counts         (n,) int64   written: labels of the line
    inside         (n,) uint8   written: 1 where labels stand within the text, too
    """
    for line in range(starts.size):
        stop = stops[line]
        begin = first = last = starts[line]
        count = inner = 0
        at = _space_end(text, begin, stop)
        while at < stop:
            end = _token_end(text, at, stop) if text[at] == prefix[0] else at
            if not _is_label(text, at, end, prefix):
                break
            if not count:
                first = at + prefix.size
                last = end
            count += 1
            begin = at = _space_end(text, end, stop)
        while True:
            at = find(text, words, prefix[0], at, stop)
            if at == stop:
                break
            end = at + 1
            if at > begin and _is_space(text[at - 1]):
                end = _token_end(text, at, stop)
                if _is_label(text, at, end, prefix):
                    if not count:
                        first = at + prefix.size
                        last = end
                    count += 1
                    inner = 1
            at = end
        firsts[line] = first
        lasts[line] = last
        begins[line] = begin
        counts[line] = count
        inside[line] = inner


@kernel
def label_spans(text, words, starts, stops, prefix, offsets, firsts, lasts):
    """Find all labels of each line, as find_labels counts them.

    text, words, starts, stops, prefix  as in find_labels
    offsets        (n + 1,) int64   the sums of counts, from 0
    firsts, lasts  (m,) int64       written: the labels without their prefixes, those of a line at
                                    offsets[line]:offsets[line + 1]
    """
    for line in range(starts.size):
        out = offsets[line]
        stop = stops[line]
        at = starts[line]
        while out < offsets[line + 1]:
            at = find(text, words, prefix[0], at, stop)
            end = at + 1
            if at == starts[line] or _is_space(text[at - 1]):
                end = _token_end(text, at, stop)
                if _is_label(text, at, end, prefix):
                    firsts[out] = at + prefix.size
                    lasts[out] = end
                    out += 1
            at = end


@kernel
def drop_labels(text, begins, stops, inside, prefix):
    """Leave labels out of the text of lines, each with the space before it.

    text    (bytes,) uint8   what follows a label within the text is moved to the left
    begins  (n,) int64       where the text begins
    stops   (n,) int64       where it ends; overwritten
    inside  (n,) uint8       1 where it holds labels
    prefix  (p,) uint8       as in find_labels
    """
    for line in range(begins.size):
        if not inside[line]:
            continue
        stop = stops[line]
        at = out = begins[line]
        while at < stop:
            word = _space_end(text, at, stop)
            end = _token_end(text, word, stop)
            if not _is_label(text, word, end, prefix):
                for i in range(at, end):
                    text[out] = text[i]
                    out += 1
            at = end
        stops[line] = out
