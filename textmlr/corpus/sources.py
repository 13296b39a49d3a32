"""Sources: the standard input, files, folders, patterns or URLs that names of corpora mean."""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, BinaryIO

from textmlr.base.checks import check_path, is_list, taken
from textmlr.base.errors import InputError
from textmlr.base.magic_bytes import is_model_file
from textmlr.base.stdio import STDIN, standard_input
from textmlr.corpus.byte_streams import Stream
from textmlr.corpus.refusals import refusals, unchanged

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+)://")
_GLOB = re.compile(r"[*?[]")
# Schemes that pyarrow may read by itself, and the packages that fsspec needs for others.
_ARROW = {"file", "s3", "gs", "gcs", "hdfs", "viewfs", "abfs", "abfss"}
_DRIVERS = {
    "http": "fsspec aiohttp",
    "https": "fsspec aiohttp",
    "hf": "huggingface_hub",
    "s3": "fsspec s3fs",
    "gs": "fsspec gcsfs",
    "gcs": "fsspec gcsfs",
    "az": "fsspec adlfs",
    "abfs": "fsspec adlfs",
}


def sources_of(paths: Paths) -> list[str]:
    """The files, folders and URLs that names mean, in order; "-" is standard input.

    paths  one name, or a list of names
    A name with *, ? or [ that no file has is a pattern for files, which are sorted.
    Raises InputError for no names, for "-" given twice and for a pattern that nothing matches.
    """
    if isinstance(paths, str | os.PathLike):
        paths = [paths]
    if not is_list(paths):
        raise taken("paths", paths, "the path of a file, or a list of paths")
    names = []
    for path in paths:
        check_path("paths", path)
        names.append(os.fspath(path))
    if not names:
        raise InputError("no corpus files", mend="name at least one")
    if names.count("-") > 1:
        raise InputError("- given more than once", place=STDIN, mend="name it once")
    return [source for name in names for source in _matches(name)]


def _matches(name: str) -> list[str]:
    if name == "-" or is_url(name) or not _GLOB.search(name) or os.path.lexists(name):
        return [name.rstrip("/") if os.path.isdir(name) and name.strip("/") else name]
    found = sorted(glob.glob(name, recursive=True))
    if not found:
        raise InputError("no file matches this pattern", place=name, mend="check the path")
    return found


def name_of(path: str) -> str:
    """The name of a source in messages."""
    return STDIN if path == "-" else path


def is_url(path: str) -> bool:
    """Whether a name is a URL, not a file's."""
    return _URL.match(path) is not None


@contextmanager
def opened(
    path: str,
    stdin: BinaryIO | None = None,
    *,
    limited: bool = True,
    live: bool = False,
    encoding: str | None = None,
) -> Iterator[Stream]:
    """The bytes of a source.

    stdin    read for "-" in place of the process's own
    limited  decompressed data are held to the limits of ``decompression``
    live, encoding  see Stream
    Raises InputError where the system refuses, for a model, and for a file that another program
    writes to before all of it is read.
    """
    own: Any = {"limited": limited, "live": live, "encoding": encoding}
    with ExitStack() as stack:
        if path == "-":
            file = standard_input() if stdin is None else stdin
            stack.enter_context(unchanged(file, STDIN))
            if live:  # a thread that waits for more in Python's buffer would hold its lock
                file = getattr(file, "raw", file)
            yield Stream(file, STDIN, path, renamable=False, **own)
        elif is_url(path):
            file = stack.enter_context(_open_url(path))
            bare = path.split("?")[0]
            yield Stream(file, path, bare, renamable=False, **own)
        else:
            if is_model_file(path):
                mend = "name documents (textmlr update MODEL CORPUS trains a model on more of them)"
                raise InputError("is a model, not documents", place=path, mend=mend)
            with refusals(path):
                file = stack.enter_context(open(path, "rb", buffering=0))
            # The name of a pipe such as <(zcat corpus.gz) says nothing.
            stack.enter_context(unchanged(file, path))
            regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            yield Stream(file, path, path, renamable=regular, **own)


def _open_url(url: str) -> Any:
    """A file that pyarrow, or else fsspec, opens under a URL.

    Raises InputError if neither knows the scheme, naming packages to install, or if it cannot be
    read.
    """
    found = _URL.match(url)
    assert found is not None
    scheme = found["scheme"].lower()
    if scheme in _ARROW:
        import pyarrow as pa
        from pyarrow import fs

        with refusals(url):
            try:
                system, path = fs.FileSystem.from_uri(url)
                return system.open_input_file(path)
            except (pa.ArrowNotImplementedError, ImportError):
                pass  # not built with it: fsspec may know it
    needed = _DRIVERS.get(scheme, "fsspec and a driver for them")
    mend = f"pip install {needed}, or copy the file here first"
    problem = f"{scheme}:// addresses need a library that is not installed"
    try:
        import fsspec
    except ImportError:
        raise InputError(problem, place=url, mend=mend) from None
    try:
        return fsspec.open(url, "rb").open()
    except ImportError:
        raise InputError(problem, place=url, mend=mend) from None
    except ValueError as error:  # "Protocol not known"
        raise InputError(str(error), place=url, mend=mend) from None
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise InputError(reason, place=url, mend="check the address") from None
    except Exception as error:  # a driver's own: aiohttp's do not descend from OSError
        reason = f"cannot be read: {type(error).__name__}: {error}"
        raise InputError(reason, place=url, mend="check the address") from error
