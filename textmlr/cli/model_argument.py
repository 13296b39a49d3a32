"""The model of a verb, which goes the same way in all of them.

-m MODEL names it; without -m, a first argument that is a model file is the model; without either,
the environment variable TEXTMLR_MODEL does, and else it is model.textmlr.  What is mixed up is
refused with the command that would work.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Collection, Sequence
from typing import Any, NoReturn, TypeVar

import click
from click.core import ParameterSource

from textmlr.base.errors import InputError, ModelFileError
from textmlr.base.magic_bytes import FASTTEXT, SIZE_BYTES, first_bytes, is_model_file, models_in
from textmlr.base.option_headings import MODEL, SHOW
from textmlr.cli.verb import verb_option

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_MODEL = "model.textmlr"
VARIABLE = "TEXTMLR_MODEL"
ENDING = ".textmlr"
TYPED = "textmlr.typed"  # where a context's meta holds the words after the verb
MOST_NAMED = 4  # models of a folder
MOST_WORDS = 8  # of a command in a message
MOST_COMPLETED = 2_000  # labels: bash shows these in a tenth of a second, zsh in one
HELP = "Model to use; the first argument may be one, too."
TRAIN_ONE = "train one first (textmlr train CORPUS), or name one with -m"


def takes_model(
    rest: str | None = None,
    metavar: str = "",
    *,
    required: bool = False,
    usual: bool = True,
    help: str = HELP,
) -> Callable[[F], F]:
    """The model and the other arguments of a verb: its function is called with ``model``, the path
    of a file that is none but a model, and with the others as a tuple of the name ``rest``.

    rest      None for a verb that takes a model alone
    metavar   the others' name in help, such as "CORPUS..."
    required  one of them must be given
    usual     TEXTMLR_MODEL or model.textmlr is the model where none is named; False: it is None
    """

    def call(command: Callable[..., Any], named: tuple[str, ...], words: tuple[str, ...]) -> Any:
        given = _Given(named, words, metavar if required else "")
        model = given.one_model(alone=rest is None, usual=usual)
        return command(model=model, **({} if rest is None else {rest: given.words}))

    return _with_model(call, f"[MODEL] {metavar}".strip(), usual, help, 1 if rest is None else 0)


def takes_two_models(rest: str, metavar: str) -> Callable[[F], F]:
    """The two models and the other arguments of a verb, as ``takes_model`` has them: its function
    is called with ``models``, a pair; -m names the first of them."""

    def call(command: Callable[..., Any], named: tuple[str, ...], words: tuple[str, ...]) -> Any:
        given = _Given(named, words, metavar)
        models = given.two_models()
        return command(models=models, **{rest: given.words})

    return _with_model(call, f"A B {metavar}", False, "The model A; then B comes first.", 2)


def _with_model(
    call: Callable[[Callable[..., Any], tuple[str, ...], tuple[str, ...]], Any],
    metavar: str,
    usual: bool,
    help: str,
    models: int,
) -> Callable[[F], F]:
    """The decorator;  models  so many of the arguments at first are completed as models."""

    def first(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
        begun = len(context.params.get("words") or ()) < models
        return complete_models(context, parameter, incomplete) if begun else []

    def decorate(command: F) -> F:
        @functools.wraps(command)
        def with_model(
            *args: Any, named_models: tuple[str, ...], words: tuple[str, ...], **own: Any
        ) -> Any:
            return call(functools.partial(command, *args, **own), named_models, words)

        decorated: Any = click.argument(
            "words", nargs=-1, metavar=metavar, shell_complete=first if models else None
        )(with_model)
        return verb_option(  # type: ignore[no-any-return]
            "-m",
            "--model",
            "named_models",
            heading=MODEL,
            multiple=True,  # so that a second one is told of, not lost
            metavar="MODEL",
            show_default=f"${VARIABLE}, or {DEFAULT_MODEL}" if usual else None,
            shell_complete=complete_models,
            help=help,
        )(decorated)

    return decorate


def complete_models(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    """The models that a shell may put in, in the folder that was typed."""
    folder = incomplete[: incomplete.rfind("/") + 1]
    return [
        name for one in models_in(folder or ".") if (name := folder + one).startswith(incomplete)
    ]


def complete_labels(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    """The labels that a shell may put in: of the model that was typed, or the usual one.

    None where more begin so than anybody would read: a shell would take long to show them.
    """
    from textmlr.model.label_list import labels_in

    # Click stops at an option whose value is not yet there, before it has found the arguments.
    words = [*(context.params.get("named_models") or ()), *context.meta.get(TYPED, ())]
    usual = os.environ.get(VARIABLE) or DEFAULT_MODEL
    model = next((word for word in words if is_model_file(word)), usual)
    found = [label for label in labels_in(model) if label.startswith(incomplete)]
    return found if len(found) <= MOST_COMPLETED else []


def labels_option(help: str) -> Callable[[F], F]:
    """--label, which may be given again: ``labels`` of the model."""
    return verb_option(
        "--label",
        "labels",
        heading=SHOW,
        multiple=True,
        metavar="LABEL",
        shell_complete=complete_labels,
        help=help,
    )


class _Given:
    """The models and words of a command line.

    named   after -m
    words   arguments: at first all, in the end those that are no models
    wanted  the name of those in help where one is needed, else empty
    """

    def __init__(self, named: Sequence[str], words: Sequence[str], wanted: str) -> None:
        self.named, self.words, self.wanted = tuple(named), tuple(words), wanted
        context = click.get_current_context()
        if context.get_parameter_source("named_models") is ParameterSource.DEFAULT_MAP:
            # A model of a file of options: one that is typed wins.
            self.named = () if self.words and _is_meant(self.words[0]) else self.named
        self._verb = context.info_name or ""
        self._typed = typed_words()

    def one_model(self, *, alone: bool, usual: bool) -> str | None:
        """The model, which is a file that begins as models do.

        alone, usual  the verb takes nothing else; see takes_model
        Raises InputError or UsageError for what is mixed up.
        """
        model = self._named_model(alone=alone)
        source: str | None = ""
        later = [word for word in self.words if is_model_file(word)]
        if alone and self.words and not later:
            raise click.UsageError(f"{self._verb} takes a model alone, not {self.words[0]}")
        if model is not None and is_model_file(model) and later:
            raise InputError(
                f"{model} and {later[0]} are both models, and {self._verb} takes one",
                mend=self.command([model], {model, *later}),
            )
        if later:  # a model stands where something else belongs
            self._refuse_order(model, later[0], alone=alone)
        if self.wanted and not self.words:
            raise click.UsageError(f"Missing argument '{self.wanted}'.")
        if model is None and usual:
            set_model = os.environ.get(VARIABLE)
            model, source = (set_model, f"{VARIABLE}=") if set_model else (DEFAULT_MODEL, None)
        if model is not None:
            self._check(model, source)
        return model

    def two_models(self) -> tuple[str, str]:
        """Two models, which are files that begin as models do.

        Raises InputError or UsageError for what is mixed up.
        """
        models, words = list(self.named), list(self.words)
        while len(models) < 2 and words and _is_meant(words[0]):
            models.append(words.pop(0))
        later = [word for word in words if is_model_file(word)]
        self.words = tuple(words)
        if len(models) > 2 or (len(models) == 2 and later):
            third = (models[2:] + later)[0]
            mend = self.command(models[:2], {*models, *later})
            raise InputError(f"{third} is a third model, and compare takes two", mend=mend)
        for model in models:
            self._check(model, "", models)
        if len(models) < 2:
            raise self._too_few(models, later)
        if not words:
            raise click.UsageError(f"Missing argument '{self.wanted}'.")
        return models[0], models[1]

    def command(
        self, models: Sequence[str], without: Collection[str], others: Sequence[str] = ()
    ) -> str:
        """The command line as it should have been: with these models, without these words, and
        with others."""
        import shlex

        words = [word for word in _without_option(self._typed) if word not in without]
        words += others
        if self.wanted and not others and all(word in without for word in self.words):
            words.append(self.wanted.strip("[]."))
        first = ["-m", *models] if len(models) == 1 else [*models]
        cut = " …" if len(words) > MOST_WORDS else ""
        return shlex.join(["textmlr", self._verb, *first, *words[:MOST_WORDS]]) + cut

    def _named_model(self, *, alone: bool) -> str | None:
        """The model of -m or the first word, which then is no longer one of the words."""
        if len(self.named) > 1:
            mend = self.command(self.named[:1], self.named[1:])
            raise InputError(f"-m names several models, and {self._verb} takes one", mend=mend)
        if self.named:
            return self.named[0]
        if self.words and (alone or _is_meant(self.words[0])):
            model, *rest = self.words
            self.words = tuple(rest)
            return model
        return None

    def _refuse_order(self, wrong: str | None, model: str, *, alone: bool) -> NoReturn:
        problem = f"{model} is a model, and comes first or after -m"
        others = []
        if wrong is not None:
            problem = f"{wrong} is not a model of textmlr, but {model} is"
            others = [] if alone or wrong not in self.named else [wrong]
        raise InputError(problem, mend=self.command([model], {model}, others))

    def _too_few(self, models: list[str], later: list[str]) -> InputError:
        """The error where compare has fewer models than two in their places;  later  misplaced."""
        if self.words and not os.path.exists(self.words[0]):
            self._check(self.words[0], "", [*models, self.words[0], *later])
        models = [*models, *later]
        if len(models) >= 2:
            problem = f"{models[0]} and {models[1]} are the models, and come first"
            return InputError(problem, mend=self.command(models[:2], {*models}))
        got = f"got one, {models[0]}" if models else "got none"
        usual = [os.environ.get(VARIABLE) or DEFAULT_MODEL, *models_in(".")]
        others = [name for name in usual if name not in models and is_model_file(name)]
        pair = [*others, *models, "A.textmlr", "B.textmlr"][:2]
        mend = self.command(pair, {*models})
        return InputError(f"compare takes two models, and {got}", mend=mend)

    def _check(self, path: str, source: str | None, models: Sequence[str] = ()) -> None:
        """Raise ModelFileError for what cannot be a model; Model.load finds the rest.

        source  what to put before the path in a message; None: nobody named it
        models  all models of compare
        """
        folder = "."
        if os.path.isdir(path):
            problem, folder = "is a directory, not a model", path
        elif not os.path.exists(path):
            problem = "no such file"
        elif first_bytes(path, len(FASTTEXT)) == FASTTEXT:
            raise foreign_model(source + path if source else path, path)
        elif first_bytes(path, SIZE_BYTES + 1)[SIZE_BYTES:] not in (b"", b"{"):
            problem = "is not a textmlr model"
        else:
            return
        found = [os.path.join("" if folder == "." else folder, one) for one in models_in(folder)]
        mend = TRAIN_ONE
        if found:
            best = next((one for one in found if one not in models), found[0])
            right = [best if one == path else one for one in models or [path]]
            typed = {path, *models}.difference(self.named) if source == "" else set()
            command = self.command(right, typed)
            mend = (
                f"{'models here' if folder == '.' else 'models in it'}: {_listed(found)}: {command}"
            )
        if source is None:
            problem = f"no model is named, and there is no {path} here"
            raise ModelFileError(problem, mend=mend, guide="first-model")
        raise ModelFileError(problem, place=source + path, mend=mend)


def foreign_model(place: str, path: str) -> ModelFileError:
    """The error of a model of fastText in the place of one of textmlr's."""
    import shlex

    name = os.path.splitext(os.path.basename(path))[0] + ENDING
    mend = "import it: " + shlex.join(["textmlr", "import", path, "-o", name])
    return ModelFileError("is a model of fastText", place=place, mend=mend, guide="from-fasttext")


def typed_words() -> Sequence[str]:
    """The words after the verb of the running command, as they were typed."""
    words: Sequence[str] = click.get_current_context().meta.get(TYPED, ())
    return words


def _is_meant(word: str) -> bool:
    """Whether a first argument can only be meant for a model: by its bytes, or by its name."""
    if first_bytes(word, len(FASTTEXT)) == FASTTEXT:
        return True
    return is_model_file(word) or (word.endswith(ENDING) and not os.path.isdir(word))


def _without_option(typed: Sequence[str]) -> list[str]:
    """The words of a command line without -m and its value."""
    left: list[str] = []
    words = iter(typed)
    for word in words:
        if word in ("-m", "--model"):
            next(words, None)
        elif not word.startswith(("--model=", "-m")):
            left.append(word)
    return left


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
