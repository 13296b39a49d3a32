"""Write the pages of the API, textmlr/guide/api/*.md, from the docstrings: python .ci/reference.py

A page a public name; --check writes nothing and fails where a page is not as it should be.
"""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "textmlr" / "guide" / "api"
WIDEST = 76  # columns of a signature in one line


def objects() -> dict[str, Any]:
    """The public names and what they stand for, with the estimators of scikit-learn."""
    import textmlr
    import textmlr.sklearn

    own = {name: getattr(textmlr, name) for name in textmlr.__all__ if name[0] != "_"}
    return own | {f"sklearn.{n}": getattr(textmlr.sklearn, n) for n in textmlr.sklearn.__all__}


def page_of(name: str, thing: Any) -> str:
    """The Markdown of one name."""
    parts = [f"# textmlr.{name}"]
    text = inspect.getdoc(thing) or ""
    first, _, rest = text.partition("\n\n")
    parts.append(prose(first))
    parts.append(f"```text\n{signature(name.rpartition('.')[2], thing)}\n```")
    if rest.strip():
        parts.append(prose(rest))
    if inspect.isclass(thing):
        parts += methods_of(thing)
    return "\n\n".join(parts) + "\n"


def methods_of(thing: type) -> list[str]:
    """The public methods and properties that a class defines itself, each with a heading."""
    parts = []
    for name, member in sorted(members_of(thing).items()):
        if isinstance(member, property):
            parts += [f"## {name}", prose(inspect.getdoc(member) or "")]
            continue
        function = member.__func__ if isinstance(member, classmethod | staticmethod) else member
        own = getattr(thing, name)
        heading = f"{thing.__name__}.{name}" if member is not function else name
        parts += [f"## {name}", f"```text\n{signature(heading, own)}\n```"]
        parts.append(prose(inspect.getdoc(function) or ""))
    return [part for part in parts if part]


def members_of(thing: type) -> dict[str, Any]:
    """What is written in a class of ours or its bases of ours, by name."""
    found: dict[str, Any] = {}
    for base in reversed(thing.__mro__):
        if base.__module__.startswith("textmlr"):
            found |= vars(base)
    fields = set(getattr(thing, "__dataclass_fields__", ()))
    return {
        name: member
        for name, member in found.items()
        if name[0] != "_"
        and name not in fields
        and (
            inspect.isfunction(member) or isinstance(member, property | classmethod | staticmethod)
        )
        and inspect.getdoc(member)
    }


def signature(name: str, thing: Any) -> str:
    """A name with its parameters, a line each where there are many."""
    try:
        own = inspect.signature(thing)
    except (TypeError, ValueError):
        return name
    parameters = [p for p in own.parameters.values() if p.name != "self"]
    result = "" if own.return_annotation is own.empty else f" -> {told(own.return_annotation)}"
    if inspect.isclass(thing):
        result = ""
    written: list[str] = []
    keyword_only = False
    for parameter in parameters:
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword_only:
            keyword_only = True
            written.append("*")
        mark = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        if mark == "*":
            keyword_only = True
        text = mark + parameter.name
        if parameter.annotation is not parameter.empty:
            text += f": {told(parameter.annotation)}"
        if parameter.default is not parameter.empty:
            default = repr(parameter.default)
            if "<" in default or len(default) > WIDEST // 2:
                default = "…"  # an object of our own
            text += f" = {default}" if ":" in text else f"={default}"
        written.append(text)
    line = f"{name}({', '.join(written)}){result}"
    if len(line) <= WIDEST:
        return line
    return f"{name}(\n" + "".join(f"    {one},\n" for one in written) + f"){result}"


def told(annotation: Any) -> str:
    """A type as it is written in the source."""
    if isinstance(annotation, str):
        return annotation.strip("'")
    return getattr(annotation, "__name__", str(annotation))


def prose(text: str) -> str:
    """A docstring as Markdown: tables of names and meanings become lists, examples and what is
    indented become code, and what stands between double backticks, code in a line."""
    blocks = re.split(r"\n\s*\n", text.strip("\n"))
    made: list[str] = []
    for block in blocks:
        lines = block.split("\n")
        if lines[0].startswith(">>> "):
            made.append("```pycon\n" + block + "\n```")
        elif all(line.startswith("    ") for line in lines):
            inner = textwrap.dedent(block)
            made.append(listed(inner) or f"```text\n{inner}\n```")
        else:
            made.append(mixed(lines))
    return "\n\n".join(made)


# A name or several, two spaces at least (one after the longest name), and what they mean.
NAMES = r"\*{0,2}[a-zA-Z_]\w*(?:(?:, | \.\.\. )[a-zA-Z_]\w*)*"
ROW = re.compile(rf"^({NAMES})  +(\S.*)$")
CLOSE = re.compile(rf"^({NAMES}) (\S.*)$")


def row_of(line: str, column: int | None) -> re.Match[str] | None:
    """A row of a table whose meanings begin at a column."""
    found = ROW.match(line)
    if found is None and column is not None and line[column - 1 : column] == " ":
        found = CLOSE.match(line)
        if found is not None and found.start(2) != column:
            return None
    return found


def mixed(lines: list[str]) -> str:
    """Sentences and rows of a table in one block."""
    made: list[str] = []
    i = 0
    while i < len(lines):
        found = ROW.match(lines[i])
        if found:
            stop, column = i + 1, found.start(2)
            while stop < len(lines) and (
                lines[stop].startswith("  ") or row_of(lines[stop], column)
            ):
                stop += 1
            made.append(listed("\n".join(lines[i:stop])) or "\n".join(lines[i:stop]))
            i = stop
        else:
            stop = i
            while stop < len(lines) and not ROW.match(lines[stop]):
                stop += 1
            made.append(inline(" ".join(line.strip() for line in lines[i:stop])))
            i = stop
    return "\n\n".join(made)


def listed(text: str) -> str | None:
    """Rows of names and meanings as a list, None if they are none."""
    rows: list[tuple[str, str]] = []
    column = None
    for line in text.split("\n"):
        found = row_of(line, column)
        if found:
            column = found.start(2)
            rows.append((found[1], found[2]))
        elif rows and line.startswith("  "):
            rows[-1] = (rows[-1][0], f"{rows[-1][1]} {line.strip()}")
        else:
            return None
    return "\n".join(
        f"- {', '.join(f'`{n.strip()}`' for n in name.split(','))}: {inline(meaning)}"
        for name, meaning in rows
    )


def inline(text: str) -> str:
    """A sentence: double backticks become single ones, and signs of Markdown are kept."""
    parts = text.split("``")
    for i in range(0, len(parts), 2):
        parts[i] = re.sub(r"([*_<])", r"\\\1", parts[i])
    return "`".join(re.sub("  +", " ", part) for part in parts)


def main() -> int:
    """Write or check the pages."""
    sys.path.insert(0, str(ROOT))
    wanted = {f"{name}.md": page_of(name, thing) for name, thing in objects().items()}
    present = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    if "--check" in sys.argv:
        stale = sorted(n for n in wanted.keys() | present.keys() if wanted.get(n) != present.get(n))
        if stale:
            print(f"stale: {', '.join(stale)}; write them: python .ci/reference.py")
        return 1 if stale else 0
    FOLDER.mkdir(exist_ok=True)
    for name in present.keys() - wanted.keys():
        (FOLDER / name).unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
