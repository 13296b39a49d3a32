"""README and the guide: every block of commands and of Python runs, in order, and prints what the
page says; links lead somewhere, and every option and verb that is named exists."""

from __future__ import annotations

import os
import re
import sys
import tomllib
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


# Pages of Markdown, by their paths from the top, whose links are followed.
LINKED = {
    str(page.relative_to(ROOT)): page.read_text(encoding="utf-8")
    for page in (
        ROOT / "README.md", ROOT / "bench" / "README.md", ROOT / "data" / "README.md",
        *sorted(GUIDE.rglob("*.md")),
    )
}  # fmt: skip


def without_code(text: str) -> str:
    """A page without its blocks and pieces of code."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S))


def links_of(text: str) -> list[str]:
    """Where the links and pictures of a page lead."""
    prose = without_code(text)
    found = re.findall(r"\]\(([^)\s]+)\)", prose)
    return found + re.findall(r'(?:href|src|srcset)="([^"]+)"', prose)


def anchors_of(text: str) -> set[str]:
    """The anchors that headings have."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w -]", "", one.lower()).strip().replace(" ", "-") for one in headings}


def faulty_links(name: str, pages: dict[str, str]) -> list[str]:
    """Links of a page that lead to no file of the tree, or to no heading of a page."""
    faults = []
    for link in links_of(pages[name]):
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        place, _, anchor = link.partition("#")
        target = os.path.normpath(os.path.join(os.path.dirname(name), place)) if place else name
        exists = target in pages or (ROOT / target).exists()
        if not exists or (anchor and anchor not in anchors_of(pages.get(target, ""))):
            faults.append(link)
    return faults


@pytest.mark.parametrize("name", LINKED)
def test_links_lead_somewhere(name: str) -> None:
    assert not faulty_links(name, LINKED)


def test_links_that_lead_nowhere_are_found() -> None:
    pages = {
        "a.md": "# One two\n[b](b.md) [c](c.md) [x](#one-two) [y](#three) [z](b.md#no)\n"
        '`[d](d.md)` <img src="e.svg">\n```text\n[f](f.md)\n```\n',
        "b.md": "# Yes\n",
    }
    assert faulty_links("a.md", pages) == ["c.md", "#three", "b.md#no", "e.svg"]


def test_every_page_is_reachable_from_readme() -> None:
    """README's links lead to every page of a task."""
    reached = {os.path.normpath(link.partition("#")[0]) for link in links_of(LINKED["README.md"])}
    assert {str(page.relative_to(ROOT)) for page in GUIDE.glob("*.md")} <= reached


SOURCES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in (
        *sorted((ROOT / "textmlr").rglob("*.py")), *sorted((ROOT / "bench").glob("*.py")),
    )
} | LINKED  # fmt: skip


@pytest.mark.parametrize("name", [name for name, text in SOURCES.items() if "pip install" in text])
def test_what_is_to_be_installed_can_be(name: str) -> None:
    """Extras are those of pyproject.toml, and told as from a clone: no index has textmlr."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    known = set(extras["optional-dependencies"])
    for command in re.findall(r"pip install[^`\n\")]*", SOURCES[name]):
        assert not re.search(r"\btextmlr\b", command), f"{name}: {command}"
        for given in re.findall(r"\.\[([\w,]+)\]", command):
            assert set(given.split(",")) <= known, f"{name}: {command}"


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
