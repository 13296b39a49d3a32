"""Extras of the package: what to type to have one, as this copy of textmlr was installed."""

from __future__ import annotations

import json
import os
import shlex


def install_command(extra: str, package: str) -> str:
    """The command that installs an extra.

    A copy from an index or a folder names textmlr with its extra; any other, as from a file that
    may be gone, names the package that is missing.

    extra    its name in pyproject.toml
    package  what it brings first
    """
    named = _named(extra)
    return f"pip install {named or shlex.quote(package)}"


def _named(extra: str) -> str | None:
    """textmlr with an extra, as pip takes it; None if nobody knows where this copy came from."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        origin = distribution("textmlr").read_text("direct_url.json")
    except PackageNotFoundError:  # run from its sources
        return None
    if origin is None:
        return shlex.quote(f"textmlr[{extra}]")
    try:
        about = json.loads(origin)
        url, folder = about["url"], about.get("dir_info")
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if folder is None:
        return None
    path = _folder(url)
    if path is None:
        return None
    editable = "-e " if folder.get("editable") else ""
    return editable + shlex.quote(f"{path}[{extra}]")


def _folder(url: str) -> str | None:
    """The folder of a file:// address, "." where we are in it; None if nothing is built there."""
    from urllib.parse import urlparse
    from urllib.request import url2pathname

    path = url2pathname(urlparse(url).path)
    if not os.path.isfile(os.path.join(path, "pyproject.toml")):
        return None
    return "." if os.path.realpath(path) == os.path.realpath(os.curdir) else path
