"""The headings that options stand under in help, and which of them a newcomer needs first."""

from __future__ import annotations

from typing import NamedTuple


class Heading(NamedTuple):
    """A heading of help.

    first  --help shows its options; those of the others are for --help-all
    """

    title: str
    first: bool = True


READ = Heading("What to read")
MODEL = Heading("Which model")
SEARCH = Heading("How to search")
LEARN = Heading("What to learn")
COUNTED = Heading("What counts as a feature")
ANSWER = Heading("What to answer")
SHOW = Heading("What to show")
SHRINK = Heading("How small")
WRITE = Heading("Where to write")
RUN = Heading("How to run")
FILES = Heading("How files are read", first=False)
FEATURES = Heading("How text becomes features", first=False)
STEPS = Heading("How weights are found", first=False)
HIDDEN = Heading("Hidden layers", first=False)
HELD_OUT = Heading("Documents that are held out", first=False)
LARGE = Heading("Corpora larger than memory", first=False)
STREAM = Heading("Streams without end", first=False)
SPEED = Heading("How fast", first=False)
FURTHER = Heading("Further options", first=False)

# In the order of help.
HEADINGS = (
    READ,
    MODEL,
    SEARCH,
    LEARN,
    COUNTED,
    ANSWER,
    SHOW,
    SHRINK,
    WRITE,
    RUN,
    FILES,
    FEATURES,
    STEPS,
    HIDDEN,
    HELD_OUT,
    LARGE,
    STREAM,
    SPEED,
    FURTHER,
)
