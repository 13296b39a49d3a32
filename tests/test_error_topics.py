"""Errors that name a topic of the guide: the command line says where to read on, and the topic is
there, whatever becomes of the error on its way."""

from __future__ import annotations

import ast
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import mostly_slow

import textmlr
from textmlr.base.errors import FormatError, InputError, ModelFileError
from textmlr.base.option_errors import OptionError, PythonSpelling, Sentence
from textmlr.cli.guide_pages import TOPICS

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "textmlr"


def topics_in(source: str) -> set[str]:
    """What is given as guide=, or is the guide of a class."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.keyword) and node.arg == "guide":
            value: ast.expr | None = node.value
        elif isinstance(node, ast.Assign) and any(
            isinstance(one, ast.Name) and one.id == "guide" for one in node.targets
        ):
            value = node.value
        else:
            continue
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            found.add(value.value)
    return found


def test_every_topic_that_is_named_has_a_page() -> None:
    named = {
        topic
        for path in PACKAGE.rglob("*.py")
        for topic in topics_in(path.read_text(encoding="utf-8"))
    }
    assert named >= {"formats", "model-files", "limits", "larger-than-memory", "first-model"}
    assert named <= set(TOPICS)
    for topic in named:
        assert (PACKAGE / "guide" / f"{topic}.md").is_file()


def test_the_topic_is_no_part_of_the_message() -> None:
    error = InputError("blank", place="a", mend="fill it", guide="formats")
    assert str(error) == "a: blank; fill it"
    assert InputError("blank").guide is None
    assert FormatError("blank").guide == "formats"
    assert ModelFileError("cut").guide == "model-files"
    assert ModelFileError("none", guide="streams").guide == "streams"


OPTION = OptionError("l1", Sentence("{l1} is much", {"l1": 3}), Sentence("take 1"), guide="limits")


@pytest.mark.parametrize(
    "error",
    [
        InputError("blank", place="a", line=3, mend="fill it", guide="formats"),
        FormatError("blank", place="a", line=3),
        ModelFileError("cut", place="a", mend="copy it"),
        OPTION,
    ],
)
def test_the_topic_stays_on_the_way(error: InputError) -> None:
    """In another process, and in other words."""
    there = pickle.loads(pickle.dumps(error))
    for one in (there, error.but(), there.but()):
        assert (str(one), one.guide) == (str(error), error.guide)
    moved = error.but(place="validation", mend=None)
    assert (moved.place, moved.mend, moved.problem) == ("validation", None, error.problem)
    assert moved.guide == error.guide


def test_the_topic_stays_where_options_are_spelled() -> None:
    told = OPTION.spelled(PythonSpelling())
    assert (str(told), told.guide) == ("l1=3 is much; take 1", "limits")


def test_python_says_the_same() -> None:
    with pytest.raises(InputError, match=r"no column 'said'; the columns are a, b") as caught:
        textmlr.train({"a": ["x"], "b": ["y"]}, text="said", label="b")
    assert caught.value.guide == "formats"
    with pytest.raises(InputError, match=r"^validation: label 0 is 3\.5") as of_option:
        textmlr.train(["a b", "c d"], ["x", "y"], validation=(["e"], [3.5]))
    assert of_option.value.guide is None


def told_by(folder: Path, *words: str, limit: str = "") -> list[str]:
    """The last two lines of a refused command;  limit  what is done before in its process."""
    code = (
        f"{limit}\nimport sys\nfrom textmlr.__main__ import main\nsys.argv[0] = 'textmlr'\nmain()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-2:]


LITTLE = """
import textmlr.base.threads as threads
threads.machine_memory = lambda: 1 << 20
"""


@pytest.mark.parametrize(
    ("words", "limit", "problem", "topic"),
    mostly_slow(
        [
            ("train t.csv --text-column said", "", "no column 'said'", "formats"),
            ("train bad.tsv", "", "no tab between label and text", "formats"),
            ("train bad.tsv --format parquet", "", "not Parquet", "formats"),
            ("classify -m cut.textmlr t.csv", "", "is cut short", "model-files"),
            ("classify t.csv", "", "no model is named", "first-model"),
            ("train large.tsv --hash-bits 24 --ngrams 1-1 --theta dense", LITTLE, "GiB", "limits"),
        ]
    ),
)
def test_the_command_says_where_to_read_on(
    words: str, limit: str, problem: str, topic: str, tmp_path: Path, model_file: Path
) -> None:
    (tmp_path / "t.csv").write_text("a,b\nx,y\nz,w\n")
    (tmp_path / "bad.tsv").write_text("a\tone two\nthree\n")
    (tmp_path / "large.tsv").write_text(
        "".join(f"l{i % 30}\tw{i} v{i} u{i}\n" for i in range(3000))
    )
    (tmp_path / "cut.textmlr").write_bytes(model_file.read_bytes()[:3000])
    told = told_by(tmp_path, *words.split(), limit=limit)
    assert told[0].startswith("Error: "), told
    assert problem in told[0]
    assert told[1] == f"See: textmlr guide {topic}"


def test_others_name_none(tmp_path: Path) -> None:
    assert told_by(tmp_path, "train", "none.tsv")[-1].startswith("Error: none.tsv: ")
