"""Names of n-grams among each other: front coding, and the n-grams that are within another one."""

import numpy as np

from textmlr.kernels.hashing import FNV_OFFSET, FNV_PRIME, GOLDEN, MURMUR_1, MURMUR_2, U33
from textmlr.kernels.jit import compiled, prefetch
from textmlr.kernels.ngram_hashes import CHAR_SEED

CHAR_BYTES = np.frombuffer(b"char:", np.uint8)  # as in ``ngram_names``
SPACE = 32
END = 0xFF  # ends the rest of a front-coded name, as in ``small_file.front_coding``
MOST_SHARED = 255
OFFSET, PRIME = FNV_OFFSET, FNV_PRIME
U29 = np.uint64(29)
AHEAD = 16  # names later, what they need is fetched into the cache
LOWER = (1 << 32) - 1
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
        if i + 2 * AHEAD < order.size:
            prefetch(offsets, order[i + 2 * AHEAD])
        if i + AHEAD < order.size:
            prefetch(names, offsets[order[i + AHEAD]])
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
def _hash_parts(names, offsets, hashes, parts):
    """Hash each name, and the n-grams within it that ``find_parents`` seeks.

    hashes (v,) uint64, parts (v, 2) uint64   written; 0 in parts where there is no such n-gram
    """
    prefix = CHAR_BYTES.size
    for i in range(hashes.size):
        first, last = offsets[i], offsets[i + 1]
        is_char = last - first > prefix
        for k in range(prefix):
            is_char = is_char and names[first + k] == CHAR_BYTES[k]
        begin = first + prefix if is_char else first  # of what is cut
        whole = OFFSET
        for at in range(first, begin):
            whole = (whole ^ np.uint64(names[at])) * PRIME
        rest, head = whole, np.uint64(0)
        is_cut = False  # behind the first token, or character
        for at in range(begin, last):
            byte = names[at]
            is_bound = byte & 0xC0 != 0x80 if is_char else byte == SPACE
            if is_bound and at > begin:
                head = whole
            if is_cut or (is_char and is_bound and at > begin):
                is_cut = True
                rest = (rest ^ np.uint64(byte)) * PRIME
            elif is_bound and not is_char:
                is_cut = True
            whole = (whole ^ np.uint64(byte)) * PRIME
        hashes[i] = whole
        parts[i, 0] = head
        parts[i, 1] = rest if is_cut else np.uint64(0)


@compiled
def _fill_slots(hashes, slots):
    """Note the numbers of hashes in slots, as ``find_parents`` has them."""
    mask = np.uint64(slots.size - 1)
    for i in range(hashes.size):
        if i + AHEAD < hashes.size:
            later = hashes[i + AHEAD]
            prefetch(slots, np.int64((later ^ (later >> U29)) & mask))
        h = hashes[i]
        slot = np.int64((h ^ (h >> U29)) & mask)
        for _ in range(PROBES):
            if slots[slot] < 0:
                slots[slot] = np.int64(h >> U33) << 32 | i
                break
            slot = (slot + 1) & np.int64(mask)


@compiled
def find_parents(names, offsets, slots, hashes, parts, parents):
    """Find the n-grams within each n-gram that lack its last or its first token, or character.

    names (bytes,) uint8, offsets (v + 1,) int64
    slots   (s,) int64     scratch, all −1 on entry; s a power of two > 2v
    hashes (v,) uint64, parts (v, 2) uint64   scratch
    parents (v, 2) int64   written: the number of the n-gram without the last and without the first,
                           −1 where there is none before it.  Names are taken for the same where
                           so many bits of their hashes are: nothing but the size of a file hangs
                           on it
    """
    mask = np.uint64(slots.size - 1)
    _hash_parts(names, offsets, hashes, parts)
    _fill_slots(hashes, slots)
    for i in range(hashes.size):
        for side in range(2):
            if i + AHEAD < hashes.size:
                later = parts[i + AHEAD, side]
                prefetch(slots, np.int64((later ^ (later >> U29)) & mask))
            parents[i, side] = -1
            h = parts[i, side]
            if h == np.uint64(0):
                continue
            slot = np.int64((h ^ (h >> U29)) & mask)
            for _ in range(PROBES):
                other = slots[slot]
                if other < 0:
                    break
                if other >> 32 == np.int64(h >> U33):
                    number = other & LOWER
                    if number < i:
                        parents[i, side] = number
                    break
                slot = (slot + 1) & np.int64(mask)


@compiled
def choose_parents(found, sizes, bias, parents):
    """Write the parent of each row: of those found the one that has the fewest labels.

    found (v, 2) int64   of ``find_parents``;  sizes (R,) int64   labels of each row
    bias  rows before those of names;  parents (R,) int64, −1 on entry
    """
    for i in range(found.shape[0]):
        row = bias + i
        if i + AHEAD < found.shape[0]:
            prefetch(sizes, bias + found[i + AHEAD, 0])
            prefetch(sizes, bias + found[i + AHEAD, 1])
        if sizes[row] == 0:
            continue
        fewest = 0
        for side in range(2):
            parent = bias + found[i, side]
            if found[i, side] < 0 or sizes[parent] == 0:
                continue
            if fewest == 0 or sizes[parent] < fewest:
                fewest = sizes[parent]
                parents[row] = parent
