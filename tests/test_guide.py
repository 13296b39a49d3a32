"""textmlr guide: the pages in the terminal and as HTML, and the reference of the API."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import textmlr
from textmlr.cli import cli
from textmlr.cli.guide_pages import TOPICS, names, page, pages

ROOT = Path(__file__).parent.parent
GUIDE = ROOT / "textmlr" / "guide"


def run(*words: object) -> Result:
    return CliRunner().invoke(cli, ["guide", *map(str, words)])


def test_every_page_is_a_topic() -> None:
    assert {path.stem for path in GUIDE.glob("*.md")} == set(TOPICS)
    for one in pages():
        assert one.summary.startswith("This page "), one.topic
        assert one.summary.endswith("."), one.topic


def test_the_list_has_a_line_for_each() -> None:
    lines = run().output.splitlines()
    assert [line.split()[0] for line in lines[: len(TOPICS)]] == list(TOPICS)
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("topic", ["first-model", "FORMATS", "Model", "train", "textmlr.Corpus"])
def test_a_page_is_shown(topic: str) -> None:
    shown = run(topic)
    assert shown.exit_code == 0
    found = page(topic)
    assert found is not None
    assert " ".join(found.title.split()) in " ".join(shown.output.split())
    assert run(topic, "--raw").output == found.text


def test_a_topic_that_is_nearly_one_is_suggested() -> None:
    error = run("first-modle")
    assert error.exit_code == 2
    assert "did you mean first-model?" in error.output
    assert "did you mean Corpus?" in run("corpsu").output
    assert 'see "textmlr guide" for all' in run("zzz").output
    assert 'see "textmlr guide" for all' in run("nope").output


def test_options_that_exclude_each_other(tmp_path: Path) -> None:
    assert run("--raw").exit_code == run("formats", "--html", tmp_path).exit_code == 2
    assert "--html needs the name of a folder" in run("--html", "").output
    (tmp_path / "file").touch()
    error = CliRunner().invoke(cli, ["guide", "--html", str(tmp_path / "file")])
    assert isinstance(error.exception, textmlr.InputError)
    assert "cannot be made a folder" in str(error.exception)


class Links(HTMLParser):
    """The links and anchors of a page, and whatever it would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.fetched: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        own = dict(attrs)
        self.anchors |= {own["id"] or ""} if "id" in own else set()
        if tag == "a" and own.get("href"):
            self.links.append(own["href"] or "")
        if tag in ("script", "link", "img", "iframe"):
            self.fetched.append(tag)


def test_the_site_is_whole(tmp_path: Path) -> None:
    """Every page is there, needs nothing else, and its links lead to pages and headings."""
    assert run("--html", tmp_path).exit_code == 0
    parsed = {path: Links(path.read_text("utf-8")) for path in tmp_path.rglob("*.html")}
    assert len(parsed) == len(TOPICS) + len(names()) + 1
    for path, found in parsed.items():
        assert not found.fetched, path
        for link in found.links:
            if link.startswith("http"):
                continue
            place, _, anchor = link.partition("#")
            target = (path.parent / place).resolve() if place else path
            assert target in parsed, f"{path.name}: {link}"
            assert not anchor or anchor in parsed[target].anchors, f"{path.name}: {link}"


def test_the_reference_is_as_the_docstrings_are() -> None:
    command = [sys.executable, str(ROOT / ".ci" / "reference.py"), "--check"]
    if not Path(command[1]).exists():
        pytest.skip("not a checkout: the script that writes the reference is not here")
    done = subprocess.run(command, capture_output=True, text=True)
    assert not done.returncode, done.stdout + done.stderr


def test_every_public_name_has_a_page() -> None:
    public = {name for name in textmlr.__all__ if name[0] != "_"}
    assert public <= set(names())
    for name in public:
        text = page(name).text  # type: ignore[union-attr]
        assert not re.search(r"<\w+[^`]* object at 0x", text), name


def test_a_terminal_gets_a_pager_that_shows_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without R, less shows the codes of colours as letters."""
    paged = []
    monkeypatch.setattr("click.echo_via_pager", lambda text: paged.append(text))
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    monkeypatch.delenv("LESS", raising=False)
    assert run("explain").output == ""
    assert "Explain" in paged[0]
    assert "R" in os.environ.pop("LESS")


def test_lines_of_code_stay_whole() -> None:
    """Outputs in the pages fit 80 columns, and are not wrapped there."""
    shown = run("explain").output
    blocks = re.findall(r"^```\w+\n(.*?)^```", page("explain").text, re.M | re.S)  # type: ignore
    lines = [line.rstrip() for block in blocks for line in block.splitlines() if len(line) <= 80]
    assert len(lines) > 20
    assert {line for line in lines if line} <= {line.rstrip() for line in shown.splitlines()}
