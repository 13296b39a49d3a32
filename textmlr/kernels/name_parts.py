"""Names of n-grams among each other: front coding, and the n-grams that are within another one."""

import numpy as np

from textmlr.kernels.hashing import FNV_OFFSET, FNV_PRIME, GOLDEN, MURMUR_1, MURMUR_2, U33
from textmlr.kernels.jit import compiled
from textmlr.kernels.ngram_hashes import CHAR_SEED

CHAR_BYTES = np.frombuffer(b"char:", np.uint8)  # as in ``ngram_names``
SPACE = 32
END = 0xFF  # ends the rest of a front-coded name, as in ``small_file.front_coding``
MOST_SHARED = 255
OFFSET, PRIME = FNV_OFFSET, FNV_PRIME
U29 = np.uint64(29)
PROBES = 128  # a name that finds no slot after so many is left out: no file can make it slow


@compiled
def front_code(names, offsets, shared, rest):
    """Write how much each name shares with the one before, and the rest of each; return the bytes
    of all rests.

    names (bytes,) uint8, offsets (v + 1,) int64   in order
    shared (v,) uint8, rest (bytes + v,) uint8     written
    """
    size = 0
    for i in range(shared.size):
        first, last = offsets[i], offsets[i + 1]
        same = 0
        if i > 0:
            before = offsets[i - 1]
            most = min(last - first, first - before, MOST_SHARED)
            while same < most and names[first + same] == names[before + same]:
                same += 1
        shared[i] = same
        for at in range(first + same, last):
            rest[size] = names[at]
            size += 1
        rest[size] = END
        size += 1
    return size


@compiled
def restore_names(shared, rest, names, offsets):
    """Write the names that ``front_code`` coded; return whether they are so many, and fill
    ``names`` exactly.

    shared (v,) uint8, rest (r,) uint8   names (bytes,) uint8, offsets (v + 1,) int64   written
    """
    at, size = 0, 0
    offsets[0] = 0
    for i in range(shared.size):
        same = np.int64(shared[i])
        before = offsets[i - 1] if i > 0 else 0
        if same > size - before or size + same > names.size:
            return False
        for j in range(same):
            names[size + j] = names[before + j]
        size += same
        while at < rest.size and rest[at] != END:
            if size >= names.size:
                return False
            names[size] = rest[at]
            size += 1
            at += 1
        if at >= rest.size:
            return False
        at += 1
        offsets[i + 1] = size
    return at == rest.size and size == names.size


@compiled
def take_names(names, offsets, order, own, out):
    """Write name order[i] as name i.

    names (bytes,) uint8, offsets (v + 1,) int64   order (w,) int64
    own (w + 1,) int64   where each begins in out (bytes,) uint8, written
    """
    for i in range(order.size):
        first = offsets[order[i]]
        for j in range(own[i + 1] - own[i]):
            out[own[i] + j] = names[first + j]


@compiled
def hash_names(names, offsets, hashes):
    """Write the hash of each n-gram by its name, as ``features.name_hashes.hashes_of`` does.

    names (bytes,) uint8, offsets (v + 1,) int64   valid UTF-8;  hashes (v,) uint64, written
    """
    prefix = CHAR_BYTES.size
    for i in range(hashes.size):
        first, at = offsets[i], offsets[i + 1]
        is_char = at - first >= prefix
        for k in range(prefix):
            is_char = is_char and names[first + k] == CHAR_BYTES[k]
        if is_char:
            first += prefix
        whole, tokens = np.uint64(0), 0
        while True:  # from the last token to the first; all characters are one, from the last on
            stop = at
            if is_char:
                at = first
            else:
                while at > first and names[at - 1] != SPACE:
                    at -= 1
            h = CHAR_SEED if is_char else OFFSET
            j = stop if is_char else at
            while (j > at) if is_char else (j < stop):
                lead = j - 1 if is_char else j
                if is_char:
                    while names[lead] & 0xC0 == 0x80:
                        lead -= 1
                    j = lead
                code = np.uint64(names[lead])
                more = 0
                if code >= np.uint64(0xF0):
                    code, more = code & np.uint64(0x07), 3
                elif code >= np.uint64(0xE0):
                    code, more = code & np.uint64(0x0F), 2
                elif code >= np.uint64(0xC0):
                    code, more = code & np.uint64(0x1F), 1
                for k in range(more):
                    low = np.uint64(names[lead + 1 + k]) & np.uint64(0x3F)
                    code = (code << np.uint64(6)) | low
                if not is_char:
                    j += 1 + more
                h = (h ^ code) * PRIME
            for turn in range(2 if tokens > 0 else 1):
                if turn == 1:
                    h = whole * GOLDEN + h
                h = h ^ (h >> U33)
                h = h * MURMUR_1
                h = h ^ (h >> U33)
                h = h * MURMUR_2
                h = h ^ (h >> U33)
                h = h + np.uint64(h == np.uint64(0))
            whole = h
            tokens += 1
            if at <= first:
                break
            at -= 1  # the space before the token
        hashes[i] = whole


@compiled
def _fill_slots(names, offsets, slots, hashes):
    """Hash all names, and note their numbers in slots, as ``find_parents`` has them."""
    mask = np.uint64(slots.size - 1)
    for i in range(hashes.size):
        h = OFFSET
        for at in range(offsets[i], offsets[i + 1]):
            h = (h ^ np.uint64(names[at])) * PRIME
        hashes[i] = h
        slot = (h ^ (h >> U29)) & mask
        for _ in range(PROBES):
            if slots[np.int64(slot)] < 0:
                slots[np.int64(slot)] = i
                break
            slot = (slot + np.uint64(1)) & mask


@compiled
def find_parents(names, offsets, slots, hashes, parents):
    """Find the n-grams within each n-gram that lack its last or its first token, or character.

    names (bytes,) uint8, offsets (v + 1,) int64
    slots   (s,) int32     scratch, all −1 on entry; s a power of two > 2v
    hashes  (v,) uint64    scratch
    parents (v, 2) int64   written: the number of the n-gram without the last and without the first,
                           −1 where there is none before it.  Names are taken for the same where
                           their hashes are: nothing but the size of a file hangs on it
    """
    mask = np.uint64(slots.size - 1)
    prefix = CHAR_BYTES.size
    _fill_slots(names, offsets, slots, hashes)
    for i in range(hashes.size):
        first, last = offsets[i], offsets[i + 1]
        is_char = last - first > prefix
        for k in range(prefix):
            is_char = is_char and names[first + k] == CHAR_BYTES[k]
        for side in range(2):
            parents[i, side] = -1
            head, begin, end = 0, first, last  # the name sought: names[first:first + head], then
            if is_char:  # names[begin:end]
                head, begin = prefix, first + prefix
                if side == 0:
                    end -= 1
                    while end > begin and names[end] & 0xC0 == 0x80:
                        end -= 1
                else:
                    begin += 1
                    while begin < end and names[begin] & 0xC0 == 0x80:
                        begin += 1
            elif side == 0:
                end -= 1
                while end > begin and names[end] != SPACE:
                    end -= 1
            else:
                while begin < end and names[begin] != SPACE:
                    begin += 1
                begin += 1
            if end <= begin:
                continue
            h = OFFSET
            for at in range(first, first + head):
                h = (h ^ np.uint64(names[at])) * PRIME
            for at in range(begin, end):
                h = (h ^ np.uint64(names[at])) * PRIME
            slot = (h ^ (h >> U29)) & mask
            for _ in range(PROBES):
                other = slots[np.int64(slot)]
                if other < 0:
                    break
                if hashes[other] == h:
                    if other < i:
                        parents[i, side] = other
                    break
                slot = (slot + np.uint64(1)) & mask
