"""Run a command and print its seconds, memory and output as JSON.

    python bench/watched.py LIMIT FOLDER COMMAND...

LIMIT is in seconds; a longer command is killed.  The size of FOLDER is watched.  Standard
input is the command's.  This is a process of its own, and a small one, since a process forked from
a large one would begin with its peak memory (see rivals.py).

code        exit code, negative for a signal; null if it was killed at the limit
told        the last 4,000 bytes it wrote to standard error, and output: all of standard output
seconds     from start to end; user and system: of CPU
peak        largest resident memory, bytes: with pages of mapped files, which the system can drop
anonymous   largest resident memory that is not of files, bytes, looked at every 1/20 s; null where
            there is no /proc
written     bytes written to the disk, or to be written
folder      largest size of FOLDER, bytes, looked at every 1/20 s
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time

WAIT, LOOK = 0.005, 0.05  # seconds between looks whether it has ended, and at memory and folder
TOLD = 4000


def anonymous(process: int) -> int | None:
    """Resident memory of a process that is not of files, bytes."""
    try:
        with open(f"/proc/{process}/status", "rb") as file:
            found = [line for line in file if line.startswith(b"RssAnon:")]
    except OSError:  # it has ended, or there is no /proc
        return None
    return int(found[0].split()[1]) * 1024 if found else None


def size_of(folder: str) -> int:
    """Bytes of the files below a folder."""
    size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                size += os.lstat(os.path.join(place, name)).st_size
            except FileNotFoundError:  # removed meanwhile
                continue
    return size


def watch(limit: float, folder: str, command: list[str]) -> dict[str, object]:
    """Run the command; see above."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=errors)
        largest, memory, late, looked = 0, 0, False, 0.0
        while True:
            ended, status, used = os.wait4(process.pid, os.WNOHANG)
            seconds = time.perf_counter() - began
            if ended:
                break
            if seconds - looked >= LOOK:
                looked = seconds
                memory = max(memory, anonymous(process.pid) or 0)
                largest = max(largest, size_of(folder))
            if seconds > limit and not late:
                late = True
                process.kill()
            time.sleep(WAIT)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(max(0, errors.seek(0, os.SEEK_END) - TOLD))
        return {
            "code": None if late else process.returncode,
            "told": errors.read().decode(errors="replace"),
            "output": output.read().decode(errors="replace"),
            "seconds": seconds,
            "user": used.ru_utime,
            "system": used.ru_stime,
            "peak": used.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
            "anonymous": memory or None,
            "written": used.ru_oublock * 512,
            "folder": largest,
        }


if __name__ == "__main__":
    print(json.dumps(watch(float(sys.argv[1]), sys.argv[2], sys.argv[3:])))
