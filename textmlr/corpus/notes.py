"""Notes for the user on files that were read: rows left out, and how lines were understood."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from textmlr.base.errors import FormatError
from textmlr.base.printable import plural
from textmlr.corpus.byte_streams import Invalid
from textmlr.corpus.chunks import EXAMPLES, Chunk
from textmlr.corpus.label_sets import LabelSets
from textmlr.corpus.taken_columns import Taken

FIRST_USED = "of which the first is used"


def invalid_note(place: str, sample: bytes, *, mixed: bool = False) -> str:
    """The sentence about bytes that are no UTF-8, and what their encoding may be.

    place   of the first of them;  sample  the text there
    mixed   text before it is UTF-8, and more than ASCII
    """
    from textmlr.corpus.likely_encoding import likely_encoding, lines_of

    others, own = lines_of(sample)
    if mixed or others:
        likely = likely_encoding(own)
        return (
            f"{place}: not UTF-8, and read as U+FFFD, though other lines are UTF-8: the file mixes "
            f"UTF-8 and {likely or 'something else'}; convert the lines that are not UTF-8"
        )
    likely = likely_encoding(sample)
    mend = (
        f"it looks like {likely}: --encoding {likely} reads it so"
        if likely
        else "--encoding says in which encoding it is"
    )
    return f"{place}: not UTF-8, and read as U+FFFD; {mend}"


def named_note(place: str, encoding: str) -> str:
    """The sentence about text that is UTF-8, and was read in the encoding that was named."""
    return (
        f"{place}: valid UTF-8, and read as {encoding}, which makes other letters of it; "
        f"leave out --encoding {encoding}"
    )


class ReadingNotes:
    """Collects the notes on a corpus, chunk by chunk.

    documents  number of documents so far
    skipped    lines that were left out
    skipped_examples  what is wrong with the first few of these
    taken      what was read of the files, each once, in order
    """

    def __init__(self) -> None:
        self.documents = self.skipped = 0
        self.skipped_examples: list[str] = []
        self.taken: list[Taken] = []
        self._several = self._unlabelled = 0
        self._sets = ""
        self._headers: list[str] = []
        self._invalid: list[Invalid] = []
        self._told: dict[str, str] = {}  # by file
        self._form = ""

    def add(self, chunk: Chunk) -> None:
        """Take the next chunk into account."""
        self.documents += len(chunk)
        self.skipped += chunk.skipped
        self.skipped_examples += chunk.examples[: EXAMPLES - len(self.skipped_examples)]
        self._several += chunk.several
        self._unlabelled += chunk.unlabelled
        self._headers += [chunk.name] if chunk.header else []
        if chunk.told and len(self._told) < EXAMPLES:
            self._told.setdefault(chunk.name, chunk.told)
        if chunk.invalid is not None and len(self._invalid) < EXAMPLES:
            self._invalid.append(chunk.invalid)
        self._form = self._form or chunk.form
        if chunk.taken is not None and chunk.taken not in self.taken:
            self.taken.append(chunk.taken)

    def watch(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        """Pass chunks on, and take them into account.

        Raises InputError at the end if every row was left out.
        """
        for chunk in chunks:
            self.add(chunk)
            yield chunk
        if not self.documents and self._unlabelled:
            raise self._none_labelled(None)
        if not self.documents and self.skipped:
            raise FormatError(
                f"all {self.skipped:,} rows are bad; the first: {self.skipped_examples[0]}",
                mend="give documents that can be read",
            )

    def chose_sets(self, y: LabelSets) -> None:
        """Note that documents have label sets, unless a separator asked for them."""
        if all(one.separator is None for one in self.taken):
            self._sets = sets_chosen(y)

    def leave_out(self, documents: int) -> None:
        """Count documents that have no label as left out."""
        self.documents -= documents
        self._unlabelled += documents

    def check_documents(self, names: list[str]) -> None:
        """Raise InputError if there is no document.

        names  of the files
        """
        if self.documents:
            return
        if self._unlabelled:
            raise self._none_labelled(", ".join(names))
        if not self.skipped:
            raise FormatError("no documents", place=", ".join(names), mend="write one a row")
        problem = f"all {self.skipped} lines are bad; the first: {self.skipped_examples[0]}"
        raise FormatError(problem, mend=f"write {self._form}")

    def _none_labelled(self, place: str | None) -> FormatError:
        problem = f"none of {plural(self._unlabelled, 'row')} has a label"
        return FormatError(problem, place=place, mend="label some of them first")

    @property
    def took_firsts(self) -> bool:
        """Whether a document has several labels, of which the first was taken."""
        return self._several > 0

    @property
    def notes(self) -> list[str]:
        """Sentences on how the files were read."""
        notes = [self._sets] if self._sets else []
        if self._several:
            notes.append(several_labels(self._several))
        for told in self._told.values():
            notes += told.split("\n")
        notes += [
            named_note(one.name, one.named)
            if one.named
            else invalid_note(f"{one.name}, line {one.line:,}", one.sample, mixed=one.mixed)
            for one in self._invalid
        ]
        if self._unlabelled:
            have = (
                "rows have no label, and are"
                if self._unlabelled > 1
                else "row has no label, and is"
            )
            notes.append(f"{self._unlabelled:,} {have} left out")
        return notes + [
            f"{name}: its first line looks like column names, and was read as a document; "
            "--format csv reads it as names"
            for name in self._headers
        ]


def several_labels(documents: int) -> str:
    """The note on documents that have several labels."""
    have = "documents have" if documents > 1 else "document has"
    return f"{documents:,} {have} several labels, {FIRST_USED}"


def sets_chosen(y: LabelSets) -> str:
    """The note on documents that have several labels, which are all learnt."""
    each = len(y.codes) / max(len(y), 1)
    return (
        f"documents have several labels: each label is learnt by itself ({each:.1f} labels a "
        "document); --no-multilabel takes the first of each"
    )
