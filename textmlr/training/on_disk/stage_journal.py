"""The journal of a cache: which stages of a run are whole, with a checksum of its own."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any

from textmlr.base.errors import InputError
from textmlr.base.whole_files import atomic_write
from textmlr.training.on_disk.cache_errors import refusals
from textmlr.training.on_disk.cache_folder import JOURNAL

Json = dict[str, Any]
VERSION = 2
# A checkpoint belongs to these stages: it is of no use where one of them has changed.
BELOW = ("corpus", "choice", "rows", "trials")
_ANEW = "train without --resume to begin anew"


def read_journal(folder: str, *, resume: bool) -> Json | None:
    """The journal of a folder, verified; None where there is none.

    Another version's lists nothing.  Raises InputError for what is no journal, and for another
    version's that is to be resumed.
    """
    path = os.path.join(folder, JOURNAL)
    if not os.path.lexists(path):
        return None
    try:
        if not os.path.isfile(path):  # a pipe would block
            raise ValueError("it is not a file")
        with open(path, encoding="utf-8") as file:
            journal: Json = json.load(file)
        version = journal["version"]
        if version == VERSION and journal.pop("digest") != digest_of(journal):
            raise ValueError("its checksum is wrong")
        if not {"identity", "stages", "kept"} <= set(journal):
            raise ValueError("it lists no stages")
    except (ValueError, KeyError, TypeError, RecursionError, OSError) as error:
        raise InputError(
            f"not the journal of a training run ({error})",
            place=path,
            mend="remove the folder, or give another --cache-dir",
        ) from error
    if version == VERSION:
        return journal
    if resume:
        raise InputError(
            "the run that was cut off was another version's of textmlr", place=folder, mend=_ANEW
        )
    return {"identity": {}, "stages": {}, "kept": False}  # all of it is stale


def write_journal(folder: str, journal: Json) -> None:
    """Write the journal, whole or not at all."""
    with (
        refusals(folder),
        atomic_write(os.path.join(folder, JOURNAL)) as temporary,
        open(temporary, "w", encoding="utf-8") as file,
    ):
        json.dump(journal | {"digest": digest_of(journal)}, file)


def check_same_run(folder: str, before: Json, now: Json) -> None:
    """Raise InputError unless two identities are of one run, saying what differs.

    before  the journal's;  now  this run's
    """
    for part in {**now, **before}:
        old, new = before.get(part) or {}, now.get(part) or {}
        other = _other_files(old, new, part) if "files" in old and "files" in new else None
        problem = other or _other_value(old, new)
        if problem:
            raise InputError(problem, place=folder, mend=_ANEW)


def as_json(values: Any) -> Any:
    """Values as they come back from JSON."""
    return json.loads(json.dumps(values))


def digest_of(values: Any) -> str:
    """A digest of JSON values."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def bond_of(name: str, journal: Json) -> str:
    """The mark of a checkpoint: it differs for another run and for other rows."""
    stages = {stage: journal["stages"].get(stage) for stage in BELOW}
    return digest_of([name, journal["identity"], stages])


def _other_files(before: Json, now: Json, part: str) -> str | None:
    """Say how the files of one part of a run differ, see ``file_identity.contents``."""
    if before["sources"] != now["sources"]:
        shown = [", ".join(own["sources"]) or "none" for own in (before, now)]
        what = "files" if part == "corpus" else f"--{part}"
        return f"the run that was cut off had other {what} ({shown[0]}, now {shown[1]})"
    if before["files"] == now["files"]:
        return None
    old, new = dict(before["files"]), dict(now["files"])
    changed = [name for name in (new | old) if new.get(name, 0) != old.get(name, 0)]
    return f"{changed[0]} has changed since the run was cut off"


def _other_value(before: Json, now: Json) -> str | None:
    """Say how the values of one part of a run differ."""
    for name in sorted(now.keys() | before.keys()):
        old, new = before.get(name), now.get(name)
        if old != new:
            shown = f"({_shown(old)}, now {_shown(new)})"
            return f"the run that was cut off had another {name} {shown}"
    return None


def _shown(value: Any) -> str:
    return "none" if value is None else f"{value}"
