"""textmlr train --stream: learning from documents as they come, and what is shown of it."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Self

import click

from textmlr.cli.options import Reading, stage_options

if TYPE_CHECKING:
    from rich.progress import Progress

    from textmlr.options import FeaturizerOptions, TrainingOptions
    from textmlr.streaming import Checkpoints, Event, Run, Streamed, StreamTrainer

EVERY = "5m"
LINE_SECONDS = 10.0  # between lines, where there is no terminal
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def stream(
    corpora: Sequence[str],
    output: str,
    chosen: dict[str, Any],
    reading: Reading,
    *,
    checkpoint_every: str | None,
    resume: bool,
    threads: int | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Learn from documents as they come, until they end or a signal says so."""
    options = stage_options(chosen)
    from textmlr.atomic import check_writable
    from textmlr.cli.progress import Compiling
    from textmlr.parallel import awaited
    from textmlr.streaming import Checkpoints, Run, every, running

    documents, seconds = every(checkpoint_every or EVERY)
    check_writable(output)
    trainer = _trainer(output, *options, resume=resume)
    if resume and not quiet:
        seen = f"{trainer.documents:,} documents" + _and_skipped(trainer.skipped)
        click.echo(f"Going on after {seen}; the input is what follows them.", err=True)
    checkpoints = Checkpoints(output, documents, seconds)
    chunks = reading.scan(corpora, labelled=True, tables=False, live=True)
    compiling = Compiling(quiet=quiet)
    with Stopping() as stopping, Shown(quiet=quiet) as shown:
        run = Run(trainer, checkpoints, shown.watch, stopping.asked, threads)
        try:
            run.learn(awaited(chunks, running.TICK))
        finally:
            shown.end()
            _warn(run)
    _finish(run, options_of_finish := (output, stopping.name, quiet, as_json), compiling.seconds)
    del options_of_finish
    if stopping.number:
        raise click.exceptions.Exit(128 + stopping.number)
