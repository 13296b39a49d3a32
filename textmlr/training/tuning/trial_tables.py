"""Trials in a terminal: a live table during a search, and its result."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from textmlr.base.featurizer_options import FeaturizerOptions
from textmlr.base.logs import LOGGER
from textmlr.base.ngram_lengths import show_ngrams
from textmlr.base.printable import bar, plain, plural
from textmlr.base.tuning_options import TuningOptions
from textmlr.training.sgd.trial_run import Progress
from textmlr.training.training_progress import Display, console, is_shown, say
from textmlr.training.tuning.events import (
    Event,
    Phase,
    ResumedSearch,
    Rung,
    TrialStart,
    TuningResult,
)
from textmlr.training.tuning.space import Setting
from textmlr.training.tuning.trial import Figures, Trial

if TYPE_CHECKING:
    from rich.console import Group
    from rich.live import Live
    from rich.table import Table

LIVE_ROWS = 10
OTHER_LINES = 9  # lines of the live table besides its rows: head, what is running, the time
BAR = 20
NO_FIGURES = Figures(0.0, 0.0, 0.0)  # for the head of a table before the first trial ends
PHASES = {
    "default": "the options that train takes by itself",
    "search": "searching",
    "final": "training with the best setting on all documents",
}


class TuningProgress(Display):
    """A table of the best trials in a terminal, elsewhere a line for each trial."""

    def __init__(self, options: TuningOptions, journal: str, *, quiet: bool) -> None:
        self._options, self._journal, self._quiet = options, journal, quiet
        self._began = time.monotonic()
        self._trials: list[Trial] = []
        self._running: dict[int, TrialStart] = {}
        self._phase = "reading the corpus"
        self._epoch = ""
        self._rung: Rung | None = None
        self._ended = 0  # trials of the rung
        self._live: Live | None = None
        if is_shown(quiet=quiet):
            self._live = self._make_live()
        super().__init__(self._live)

    def watch(self, event: Event) -> None:
        """Show an event of the search."""
        if isinstance(event, ResumedSearch):
            if event.torn:
                say(f"Warning: the last line of {self._journal!r} was not whole: dropped")
            self._say(f"resuming from {plural(event.trials, 'trial')} in {plain(self._journal)}")
        elif isinstance(event, Phase):
            self._phase, self._rung, self._epoch = PHASES[event.name], None, ""
            self._say(self._phase)
        elif isinstance(event, Rung):
            self._rung, self._ended = event, 0
            self._say(self._heading())
        elif isinstance(event, TrialStart):
            self._running[event.number] = event
        elif isinstance(event, Trial):
            self._running.pop(event.number, None)
            self._ended += 1
            self._trials.append(event)
            if not event.kept:
                self._say(self._line(event))
        elif isinstance(event, Progress):  # an event of train
            self._epoch = f", epoch {event.epoch.number}/{event.epoch.epochs}"

    def view(self) -> Group:
        """The table of the best trials, what is running, and the time."""
        from rich.console import Group
        from rich.text import Text

        height = LIVE_ROWS if self._live is None else self._live.console.height - OTHER_LINES
        most = max(min(height, LIVE_ROWS), 1)
        table = table_of(list(self._trials), self._options.metric, most, one_line=True)
        parts: list[Table | Text] = [table]
        parts.append(Text(self._heading(), style="bold"))
        for started in list(self._running.values()):
            text = f"  #{started.number}  {describe(started.setting)}"
            parts.append(Text(text, style="dim", no_wrap=True, overflow="ellipsis"))
        parts.append(Text(self._clock()))
        return Group(*parts)

    def _make_live(self) -> Live:
        from rich.live import Live

        return Live(
            get_renderable=self.view, console=console(), refresh_per_second=4, transient=True
        )

    def _say(self, text: str) -> None:
        LOGGER.info(text)
        if self._live is None and not self._quiet:
            say(text)

    def _heading(self) -> str:
        if self._rung is None:
            return self._phase + self._epoch
        rung = self._rung
        ended = f"{self._ended} of " if self._live is not None else ""
        trials = f"{ended}{plural(rung.trials, 'trial')}"
        folds = f" in {rung.level.folds} folds" if rung.level.folds > 1 else ""
        return f"round {rung.round}: {trials} on {plural(rung.level.documents, 'document')}{folds}"

    def _clock(self) -> str:
        spent = time.monotonic() - self._began
        limit, most = self._options.seconds, self._options.trials
        text = f"{plural(len(self._trials), 'trial')}" + (f" of {most:,}" if most else "")
        if limit is None:
            return f"{text}, {_minutes(spent)}"
        left = f"{_minutes(max(limit - spent, 0))} left"
        return f"{bar(min(spent / limit, 1), BAR):<{BAR}}  {text}, {_minutes(spent)}, {left}"

    def _line(self, trial: Trial) -> str:
        """A trial as a line."""
        text = f"#{trial.number}, {trial.seconds:.1f} s, {describe(trial.setting)}: "
        figures = trial.figures
        if figures is None:
            return text + f"failed: {plain(str(trial.problem))}"
        return text + " ".join(f"{title} {figure:.4f}" for _, title, figure in figures.shown())


def describe(setting: Setting) -> str:
    """A setting in few words: n-grams, steps, penalty, and options that are not the default."""
    features, training = setting.featurizer, setting.training
    usual = FeaturizerOptions()
    power = f"·idf^{training.idf_power:g}" if training.idf_power else ""
    words = [
        show_ngrams(features.word_range, features.char_range),
        f"step {training.learning_rate:g}{power} × {plural(training.epochs or 0, 'epoch')}",
        f"l2 {training.l2:.2g}",
    ]
    if features.min_df not in (None, 1):
        words.append(f"min-df {features.min_df}")
    if features.term_frequency != usual.term_frequency:
        words.append(features.term_frequency)
    if features.lowercase != usual.lowercase:
        words.append("cased" if usual.lowercase else "lower-cased")
    if features.norm != usual.norm:
        words.append(f"norm {features.norm or 'none'}")
    return ", ".join(words)


def table_of(trials: Sequence[Trial], metric: str, most: int, *, one_line: bool = False) -> Table:
    """The best trials on all documents, best first, and the default's; one_line: settings are cut
    off where they do not fit."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("trial", justify="right", no_wrap=True)
    full = [trial for trial in trials if trial.rung == 1 and trial.figures is not None]
    one = full[0].figures if full and full[0].figures else NO_FIGURES
    for name, title, _ in one.shown():
        style = "bold" if name == metric else ""
        table.add_column(title, justify="right", style=style, no_wrap=True)
    table.add_column("setting")
    full.sort(key=lambda trial: trial.badness(metric))
    shown = full[:most]
    shown += [trial for trial in full[most:] if trial.number == 0]
    for place, trial in enumerate(shown):
        assert trial.figures is not None
        figures = [figure for _, _, figure in trial.figures.shown()]
        name = "default" if trial.number == 0 else f"#{trial.number}"
        style = "green" if place == 0 else "cyan" if trial.number == 0 else ""
        # Cut off here: rich takes room from every column for one that must not be wrapped.
        setting = Text(describe(trial.setting), no_wrap=one_line, overflow="ellipsis")
        table.add_row(name, *(f"{figure:.4f}" for figure in figures), setting, style=style)
    return table


def what_won(tuned: TuningResult, options: TuningOptions) -> str:
    """The setting that won, and its lead over the default."""
    full = sum(trial.rung == 1 for trial in tuned.trials)
    many = f"{plural(len(tuned.trials), 'trial')}, {full:,} of them on everything"
    if tuned.best is tuned.default:
        return f"The default won ({many})."
    metric = options.metric
    assert tuned.best.figures is not None
    assert tuned.default.figures is not None
    best, default = tuned.best.figures.named(metric), tuned.default.figures.named(metric)
    name = next(title for own, title, _ in tuned.best.figures.shown() if own == metric)
    folds = f" in {tuned.folds} folds" if tuned.folds > 1 else ""
    return (
        f"#{tuned.best.number} won: {name} {best:.4f}, the default's {default:.4f} "
        f"({best - default:+.4f}),\n"
        f"on {plural(tuned.judging, 'document')}{folds}; {many}.\n"
        "The best of many is flattered: only a test file says how good it is."
    )


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
