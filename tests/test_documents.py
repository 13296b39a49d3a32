"""README and the guide: every block of commands and of Python runs, in order, and prints what the
page says; links lead somewhere, and every option and verb that is named exists."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import click
import pytest
from document_blocks import Block, UnexpectedOutputError, blocks_of, commands_of, is_like, run_page

from textmlr.cli import VERBS, cli

ROOT = Path(__file__).parent.parent
GUIDE = ROOT / "textmlr" / "guide"
PAGES = {"README.md": ROOT / "README.md"} | {page.name: page for page in sorted(GUIDE.glob("*.md"))}
# Pages that take long, or need what is no core dependency, run with the slow tests.
FAST = {"README.md", "first-model.md"}
RUN = {"console", "python"}
# Forms of files, and programs of others: no block of them may hold what a reader would type.
SHOWN = {"text", "toml", "json", "js", "bibtex"}
# Lines of ```sh, which nobody can run here: they set up, need a corpus of the web, or do not end.
SET_UP = (
    ". .venv/bin/activate", "python3 -m venv", ".venv/bin/", "pip install", "python -m pytest",
)  # fmt: skip
ELSEWHERE = ("crawl", "log.tsv", "s3://", "https://", "hf://", "_COMPLETE", "completion")
TYPED = re.compile(r"^\s*(\$ |>>> |textmlr |pip |python |import |from \w+ import )", re.MULTILINE)


@pytest.fixture(scope="module")
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment variables of commands: textmlr and python are those of the tests."""
    programs = tmp_path_factory.mktemp("programs")
    for name, arguments in (("textmlr", "-m textmlr"), ("python", "")):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
        program.chmod(0o755)
    own = {k: v for k, v in os.environ.items() if not k.startswith(("TEXTMLR", "COLUMNS"))}
    return own | {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}".rstrip(":"),
        "COLUMNS": "80",
        "LC_ALL": "C.UTF-8",
    }


def run(name: str, text: str, folder: Path, environment: dict[str, str]) -> int:
    (folder / "data").symlink_to(ROOT / "data")
    return run_page(name, text, folder, environment)


@pytest.mark.parametrize(
    "name", [n if n in FAST else pytest.param(n, marks=pytest.mark.slow) for n in PAGES]
)
def test_blocks_run(name: str, tmp_path: Path, surroundings: dict[str, str]) -> None:
    text = PAGES[name].read_text(encoding="utf-8")
    number = run(name, text, tmp_path, surroundings)
    assert number or not any(block.language in RUN for block in blocks_of(text))


@pytest.mark.parametrize("name", PAGES)
def test_no_block_dodges(name: str) -> None:
    """What a reader would type stands in blocks that run."""
    for block in blocks_of(PAGES[name].read_text(encoding="utf-8")):
        where = f"{name}:{block.line}"
        if block.language == "sh":
            for line in filter(None, block.body.splitlines()):
                known = line.startswith(SET_UP) or any(part in line for part in ELSEWHERE)
                assert known, f"{where}: {line}: give it as ```console, with its output"
        elif block.language in SHOWN:
            assert not TYPED.search(block.body), f"{where}: a block of commands runs"
        else:
            assert block.language in RUN, f"{where}: ```{block.language}"


def parameters_of(command: click.Command) -> set[str]:
    return {name for p in command.params for name in (*p.opts, *p.secondary_opts)}


CONTEXT = click.Context(cli)
OPTIONS = {"--help", "--version", "-h"}
for verb in VERBS:
    found = cli.get_command(CONTEXT, verb)
    assert found is not None
    OPTIONS |= parameters_of(found)
OPTIONS |= parameters_of(cli)
# Options of other programs, which pages about them name.
OTHERS = {
    "from-vowpal-wabbit.md", "from-fasttext.md", "from-scikit-learn.md", "contributing.md",
    "changelog.md",
}  # fmt: skip


@pytest.mark.parametrize("name", PAGES)
def test_options_and_verbs_exist(name: str) -> None:
    text = PAGES[name].read_text(encoding="utf-8")
    for verb in re.findall(r"(?:^\$ |`|\| )textmlr ([a-z]+)\b", text, re.MULTILINE):
        assert verb in VERBS, f"{name}: textmlr {verb}"
    if name in OTHERS:
        return
    own = {
        option
        for line in text.splitlines()
        if not re.search(r"\b(pip|pytest|tests\.fuzz|bench/\S+\.py|vw|fasttext)\b", line)
        for option in re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", line)
    }
    assert own <= OPTIONS, f"{name}: {own - OPTIONS}"


@pytest.mark.parametrize("name", sorted(OTHERS - {"contributing.md", "changelog.md"}))
def test_commands_beside_those_of_others_exist(name: str) -> None:
    """In code that begins with textmlr, every option is ours."""
    for code in re.findall(r"`(textmlr [^`]*)`", PAGES[name].read_text(encoding="utf-8")):
        own = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", code))
        assert own <= OPTIONS, f"{name}: {code}: {own - OPTIONS}"


def test_readme_is_short() -> None:
    assert len(PAGES["README.md"].read_text(encoding="utf-8").splitlines()) <= 150


CONSOLE = "```console\n$ echo 12; echo three\n12\nthree\n$ cat nothing || echo no\n…\nno\n```\n"
PYTHON = "```python\nx = 3\nx + 1\n# 4\nprint(x)\n# 3\nint('a')\n# ValueError: …\n```\n"


class TestHarness:
    """The harness tells what is another than the page says."""

    @pytest.mark.parametrize("page", [CONSOLE, PYTHON, CONSOLE + PYTHON])
    def test_what_is_so_passes(
        self, page: str, tmp_path: Path, surroundings: dict[str, str]
    ) -> None:
        assert run("page", page, tmp_path, surroundings) > 1

    @pytest.mark.parametrize(
        ("page", "right", "wrong"),
        [
            (CONSOLE, "\n12\n", "\n13\n"),
            (CONSOLE, "\n12\n", "\n"),
            (CONSOLE, "three\n$", "three\nfour\n$"),
            (CONSOLE, "|| echo no\n…\nno\n", "\n…\n"),  # fails without a message
            (CONSOLE, "echo 12; ", "python -c 'raise SystemExit(2)'; echo 12 >x; "),
            (PYTHON, "# 4", "# 5"),
            (PYTHON, "# 3", "# 3\n# 3"),
            (PYTHON, "# ValueError: …", "# TypeError: …"),
            (PYTHON, "x = 3", "x = y"),
        ],
    )
    def test_what_is_not_so_fails(
        self, page: str, right: str, wrong: str, tmp_path: Path, surroundings: dict[str, str]
    ) -> None:
        assert right in page
        with pytest.raises(UnexpectedOutputError):
            run("page", page.replace(right, wrong), tmp_path, surroundings)

    def test_each_page_has_a_folder_of_its_own(
        self, tmp_path: Path, surroundings: dict[str, str]
    ) -> None:
        with pytest.raises(UnexpectedOutputError, match="no such file"):
            run(
                "page",
                "```console\n$ textmlr info -m genres.textmlr\n```\n",
                tmp_path,
                surroundings,
            )

    def test_commands_continue(self) -> None:
        body = "$ cat > x <<'END'\na\nEND\n$ cat \\\n  x\na\n"
        assert [(e.code, e.output) for e in commands_of(Block("console", body, 1))] == [
            ("cat > x <<'END'\na\nEND", ""),
            ("cat \\\n  x", "a"),
        ]

    def test_only_what_is_named_is_masked(self) -> None:
        assert is_like("  seconds       0.2\n  labels  3", "  seconds       7.4\n  labels  3")
        assert not is_like("  seconds       0.2\n  labels  3", "  seconds       0.2\n  labels  4")
        assert is_like("a\n…\nz", "a\nz")
        assert is_like("a … z", "a b z")
        assert not is_like("a … z", "a b y")
        assert not is_like("a\n…", "b\na")
