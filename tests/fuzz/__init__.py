"""Fuzzing: inputs made by chance, guided by the lines of code that they reach.

    python -m tests.fuzz                     60 seconds in all
    python -m tests.fuzz models --seconds 3600 --keep found/

A target is a module with

    check(data)   read any bytes as an input, and raise unless what must hold does
    seeds()       inputs to begin with, made by code
    WORDS         tokens that its inputs have, for the mutator
    GUIDED        modules whose lines guide the search
    MODES         environments to run it in, by name

``recipe`` reads bytes as decisions, so that inputs with a structure (a model file whose checksums
agree, a command line) are found by changing bytes too.  ``worker`` runs a target in a process of
its own, ``__main__`` starts the workers, watches them and tells what they found.  What was ever
found is in ``tests/test_fuzz.py``.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

TESTS = Path(__file__).parent.parent
TARGETS = ("text", "corpora", "models", "commands")

if str(TESTS) not in sys.path:  # where pytest puts it for naive.py and corpora.py
    sys.path.insert(0, str(TESTS))


def target_of(name: str) -> ModuleType:
    """The module of a target."""
    return import_module(f"{__name__}.{name}")
