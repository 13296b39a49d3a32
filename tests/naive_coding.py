"""The coding of a sparse θ in a file, as plainly as can be: the twins of its kernels."""

from __future__ import annotations

from typing import Any

import numpy as np


def rice_parameter(possible: int, count: int) -> int:
    b = 0
    while count and count * 2**b * 3 < (possible - count) * 2:
        b += 1
    return b


def row_bits(places: list[int], possible: int) -> str:
    """The bits of a row, in order, of ascending places below ``possible``."""
    if 2 * len(places) > possible:
        places = [place for place in range(possible) if place not in places]
    b, bits, before = rice_parameter(possible, len(places)), "", -1
    for place in places:
        gap, before = place - before - 1, place
        low = f"{gap % 2**b:0{b}b}"[::-1] if b else ""
        bits += "1" * (gap // 2**b) + "0" + low
    return bits


def rows_bytes(rows: list[list[int]], parents: list[int], most: int) -> bytes:
    """All rows of labels, those with a parent by their places in it."""
    bits = ""
    for row, parent in zip(rows, parents, strict=True):
        if parent < 0:
            bits += row_bits(row, most)
        else:
            bits += row_bits([rows[parent].index(label) for label in row], len(rows[parent]))
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i : i + 8][::-1], 2) for i in range(0, len(bits), 8))


def links(rows: list[list[int]], parents: list[int]) -> tuple[list[int], list[int]]:
    """(number of the parent's entry of each entry, whether each row is alone)."""
    starts = np.cumsum([0, *map(len, rows)])
    found: list[int] = []
    alone = []
    for row, parent in zip(rows, parents, strict=True):
        own = parent >= 0 and set(row) <= set(rows[parent])
        alone.append(int(parent >= 0 and not own))
        for label in row:
            found.append(int(starts[parent]) + rows[parent].index(label) if own else -1)
    return found, alone


def contexts(
    symbols: list[int], linked: list[int], labels: list[int], classes: list[int], most: int
) -> list[int]:
    """The context of each symbol."""
    return [
        min(symbols[link], most - 1) if link >= 0 else most + classes[label]
        for link, label in zip(linked, labels, strict=True)
    ]


def words(symbols: list[int], own: list[int], frequencies: Any, total: int) -> list[int]:
    """Words of asymmetric numeral systems, by whole numbers without a bound."""
    state, out = 1 << 16, []
    for symbol, context in zip(reversed(symbols), reversed(own), strict=True):
        row = [int(one) for one in frequencies[context]]
        frequency, start = row[symbol], sum(row[:symbol])
        if state >= frequency * (1 << 32) // total:
            out.append(state & 0xFFFF)
            state >>= 16
        state = state // frequency * total + state % frequency + start
    return [state >> 16, state & 0xFFFF, *reversed(out)]


def parents(names: list[bytes]) -> list[tuple[int, int]]:
    """Numbers of the n-grams without the last and without the first token or character."""
    numbers: dict[bytes, int] = {}
    for number, name in enumerate(names):
        numbers.setdefault(name, number)
    out = []
    for i, name in enumerate(names):
        if name.startswith(b"char:") and len(name) > 5:
            text = name[5:].decode()
            pair = [f"char:{part}".encode() if part else b"" for part in (text[:-1], text[1:])]
        else:
            pair = [name.rpartition(b" ")[0], name.partition(b" ")[2]]
        found = [numbers.get(part, -1) if part else -1 for part in pair]
        first, last = (one if one < i else -1 for one in found)
        out.append((first, last))
    return out
