"""Blocks of Markdown pages: which there are, how they are run, and what their output must be.

A page's blocks run in order, in one folder that holds ``data/`` at the beginning.

    ```console   `$ command`, which goes on after a backslash and through a here document, and below
                 it what is printed, stdout and stderr, as in a pipe
    ```python    statements; comments that stand below one are what it prints, or the repr of its
                 value

In an expected output `…` alone on a line stands for any lines, within a line for any characters.
What differs from machine to machine is masked by the names of MASKS.
"""

from __future__ import annotations

import ast
import contextlib
import io
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

LONGEST = 300  # seconds of a command
FENCE = re.compile(r"^```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HERE = re.compile(r"<<\s*['\"]?(\w+)")
MASKS = {
    "seconds": (re.compile(r"^(  seconds +).*$", re.MULTILINE), r"\1…"),
    "compiling": (re.compile(r"^Compiling the kernels.*\n", re.MULTILINE), ""),
}


class Block(NamedTuple):
    """A fenced block of a page, and the number of its first line."""

    language: str
    body: str
    line: int


class Example(NamedTuple):
    """A command or a statement, and the output below it, None where nothing is said of it."""

    code: str
    output: str | None
    line: int


class UnexpectedOutputError(AssertionError):
    """An output that is not that of the page."""

    def __init__(self, name: str, example: Example, got: str) -> None:
        expected = "nothing is expected" if example.output is None else example.output
        super().__init__(
            f"{name}:{example.line}: {example.code}\n--- the page\n{expected}\n--- printed\n{got}"
        )


def blocks_of(text: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    return [
        Block(found[1], found[2], text.count("\n", 0, found.start()) + 2)
        for found in FENCE.finditer(text)
    ]


def commands_of(block: Block) -> Iterator[Example]:
    """The commands of a console block, each with its output."""
    lines = block.body.splitlines()
    i = 0
    while i < len(lines):
        first = i
        if not lines[i].startswith("$ "):
            raise ValueError(f"line {block.line + i}: no command: {lines[i]}")
        command = [lines[i][2:]]
        end = HERE.search(lines[i])
        i += 1
        while command[-1].endswith("\\") or (end and command[-1] != end[1]):
            command.append(lines[i])
            i += 1
        output = []
        while i < len(lines) and not lines[i].startswith("$ "):
            output.append(lines[i])
            i += 1
        yield Example("\n".join(command), "\n".join(output), block.line + first)


def statements_of(block: Block) -> Iterator[Example]:
    """The statements of a Python block, each with the comments below it."""
    lines = block.body.splitlines()
    nodes = ast.parse(block.body).body
    for node, following in zip(nodes, [*nodes[1:], None], strict=True):
        assert node.end_lineno is not None
        stop = len(lines) if following is None else following.lineno - 1
        output: list[str] = []
        for line in lines[node.end_lineno : stop]:
            if not line.startswith("#"):
                break
            output.append(line[1:].removeprefix(" "))
        code = "\n".join(lines[node.lineno - 1 : node.end_lineno])
        told = "\n".join(output) if output else None
        yield Example(code, told, block.line + node.lineno - 1)


def is_like(expected: str, got: str) -> bool:
    """Whether an output is what a page says of it."""
    for mask, by in MASKS.values():
        expected, got = mask.sub(by, f"{expected}\n"), mask.sub(by, f"{got}\n")
        expected, got = expected.removesuffix("\n"), got.removesuffix("\n")
    pattern = ""
    for line in expected.splitlines():
        if line.strip() == "…":
            pattern += r"(?:.*\n)*?"
        else:
            parts = (".*?" if part == "…" else re.escape(part) for part in re.split("(…)", line))
            pattern += "".join(parts).rstrip() + r"\n"
    lines = [line.rstrip() for line in got.splitlines()]
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in lines)) is not None


def run_page(name: str, text: str, folder: Path, environment: dict[str, str]) -> int:
    """Run the blocks of a page in a folder; the number of examples.

    Raises UnexpectedOutputError at the first output that is another.
    """
    space: dict[str, Any] = {"__name__": "page"}
    number = 0
    for block in blocks_of(text):
        if block.language == "console":
            for example in commands_of(block):
                run_command(name, example, folder, environment)
                number += 1
        elif block.language == "python":
            for example in statements_of(block):
                run_statement(name, example, folder, space)
                number += 1
    return number


def run_command(name: str, example: Example, folder: Path, environment: dict[str, str]) -> None:
    """Run a command by bash; one that fails must say so in its output, in a line of its own."""
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail\n{example.code}"],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=LONGEST,
        check=False,
    )
    got = done.stdout.decode()
    assert example.output is not None
    if not is_like(example.output, got) or "Traceback" in got:
        raise UnexpectedOutputError(name, example, got)
    failed = done.returncode != 0
    if failed and not re.search("^Error: ", got, re.MULTILINE):
        raise UnexpectedOutputError(name, example, f"{got}(exit code {done.returncode})")


def run_statement(name: str, example: Example, folder: Path, space: dict[str, Any]) -> None:
    """Run a statement; the value of an expression that the page tells is printed."""
    (node,) = ast.parse(example.code).body
    printed = io.StringIO()
    before = Path.cwd()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(printed):
            if isinstance(node, ast.Expr):
                value = eval(compile(ast.Expression(node.value), name, "eval"), space)
                if value is not None:
                    print(repr(value))
            else:
                exec(compile(ast.Module([node], []), name, "exec"), space)
    except Exception as error:
        if not is_like(example.output or "", f"{type(error).__name__}: {error}"):
            raise UnexpectedOutputError(
                name, example, f"{type(error).__name__}: {error}"
            ) from error
        return
    finally:
        os.chdir(before)
    got = printed.getvalue()
    if example.output is not None and not is_like(example.output, got):
        raise UnexpectedOutputError(name, example, got)
