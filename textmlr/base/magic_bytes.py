"""The first bytes by which files are known that are no text: models, tables, compressed data."""

from __future__ import annotations

import os
import stat

METADATA_KEY = "textmlr"
# The size of the safetensors header, and how ``tensor_file.save`` begins that header.
SIZE_BYTES = 8
_BEGINNING = b'{"__metadata__":{"%s":"' % METADATA_KEY.encode()
FASTTEXT = b"\xba\x16O/"  # 793712314, little-endian
PARQUET, ARROW = b"PAR1", b"ARROW1"
_KINDS = {
    FASTTEXT: "a model of fastText",
    PARQUET: "a table in Parquet",
    ARROW: "a table in Arrow",
    b"\xff\xff\xff\xff": "a table in Arrow",
    b"\x1f\x8b\x08": "data compressed by gzip",
    b"\x28\xb5\x2f\xfd": "data compressed by zstd",
    b"\xfd7zXZ\x00": "data compressed by xz",
    b"PK\x03\x04": "an archive or an office document (zip)",
    b"%PDF-": "a PDF file",
}
MOST_LOOKED_AT = 1000  # files of a folder


def is_model_file(path: str) -> bool:
    """Whether a path is a regular file that begins as models do, whole or not."""
    return begins_a_model(first_bytes(path, SIZE_BYTES + len(_BEGINNING)))


def begins_a_model(head: bytes) -> bool:
    """Whether these are the first bytes of a model file."""
    return head.startswith(_BEGINNING, SIZE_BYTES)


def binary_kind(head: bytes) -> str | None:
    """What the first bytes show beyond doubt that is no text, None for anything else."""
    return next((kind for magic, kind in _KINDS.items() if head.startswith(magic)), None)


def first_bytes(path: str, size: int) -> bytes:
    """The first bytes of a regular file; none of anything else, and of what cannot be read."""
    try:
        # A FIFO would block, a device might never end: only files are opened.
        if not stat.S_ISREG(os.stat(path).st_mode):
            return b""
        with open(path, "rb", buffering=0) as file:
            return file.read(size)
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return b""


def models_in(folder: str) -> list[str]:
    """The names of models that lie in a folder, the newest first."""
    found = []
    try:
        with os.scandir(folder) as entries:
            for _, entry in zip(range(MOST_LOOKED_AT), entries, strict=False):
                if is_model_file(entry.path):
                    found.append((-entry.stat().st_mtime_ns, entry.name))
    except OSError:
        pass  # gone meanwhile, or not ours to read
    return [name for _, name in sorted(found)]
