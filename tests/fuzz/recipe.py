"""Recipe: bytes read as decisions.  Whatever the bytes, there is always a next decision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Recipe:
    """Bytes, read from the first on; where they end, every byte is 0.

    >>> recipe = Recipe(b"\\x05ab")
    >>> recipe.below(3), recipe.rest(), recipe.below(3)
    (2, b'ab', 0)
    """

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def left(self) -> int:
        """Bytes yet to be read."""
        return len(self._data) - self._at

    def byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1] if self._at <= len(self._data) else 0

    def below(self, most: int) -> int:
        """A number from 0 to most − 1, of one byte if that will do, else of three."""
        if most <= 256:
            return self.byte() % most
        return (self.byte() << 16 | self.byte() << 8 | self.byte()) % most

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self.below(len(choices))]

    def flag(self) -> bool:
        return bool(self.byte() & 1)

    def part(self) -> bytes:
        """So many bytes as the next one says."""
        return self.take(self.byte())

    def take(self, most: int) -> bytes:
        part = self._data[self._at : self._at + most]
        self._at += len(part)
        return part

    def rest(self) -> bytes:
        part, self._at = self._data[self._at :], len(self._data)
        return part


class ViolationError(AssertionError):
    """What must hold does not."""


def require(condition: object, problem: str) -> None:
    if not condition:
        raise ViolationError(problem)
