"""What there is to say of a corpus that goes by in chunks, and is not kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from textmlr.base.errors import InputError

if TYPE_CHECKING:
    from textmlr.corpus.chunks import Chunk
    from textmlr.corpus.corpus import Corpus


class Heard:
    """Passes chunks on, and remembers what ``read_corpus`` tells of them in a Corpus.

    Raises InputError where every row was skipped.
    """

    def __init__(self, chunks: Iterable[Chunk]) -> None:
        self._chunks = chunks
        self._odd: list[Chunk] = []  # without their documents
        self._documents = self._skipped = 0
        self._examples: list[str] = []

    def __iter__(self) -> Iterator[Chunk]:
        from dataclasses import replace

        from textmlr.corpus.chunks import EXAMPLES
        from textmlr.corpus.in_memory import batches_of

        for chunk in self._chunks:
            self._skipped += chunk.skipped
            self._examples += chunk.examples[: EXAMPLES - len(self._examples)]
            if chunk.several or chunk.header:
                bare = replace(
                    chunk, batch=batches_of([])[0], labels=None, weights=None, make_table=dict
                )
                self._odd.append(bare)
            yield chunk
            self._documents += len(chunk)
        if not self._documents and self._skipped:
            raise InputError(
                f"all {self._skipped:,} rows are bad; the first: {self._examples[0]}",
                mend="give documents that can be read",
            )

    def told(self) -> Corpus:
        """A corpus without documents, of which all this is said."""
        import numpy as np

        from textmlr.corpus.corpus import Corpus
        from textmlr.corpus.reading import notes_of

        return Corpus(
            [],
            np.zeros(0, np.int32),
            [],
            None,
            [],
            self._skipped,
            self._examples,
            notes=notes_of(self._odd),
        )
