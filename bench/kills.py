"""Training killed at random moments and resumed, compared with a run without interruption.

    python bench/kills.py train.tsv --kills 50

Each kill is a SIGKILL.  A run survives it if no half model file was left, and the resumed run,
killed again or not, ends with the same bytes as the run without interruption.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

# Rows are dealt into many parts, as those of a corpus of gigabytes are, so that kills hit epochs.
DEALT = """
from textmlr.training import dealt_parts
dealt_parts.WHOLE_NONZEROS, dealt_parts.PART_NONZEROS = 1 << 18, 1 << 16
from textmlr.__main__ import main
main()
"""
COMMAND = [sys.executable, "-c", DEALT, "train"]


def main() -> None:
    """Print what each kill hit, and how many were survived."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--arguments", default="--memory 50MB", help="of train")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="kills-"))
    try:
        survived, hit = survive(options, folder)
    finally:
        shutil.rmtree(folder)
    for what, number in sorted(hit.items()):
        print(f"killed {number} times {what}")
    print(f"{survived} of {options.kills} kills survived, to equal bits")
    sys.exit(survived < options.kills)


def survive(options: argparse.Namespace, folder: Path) -> tuple[int, Counter[str]]:
    """(kills survived, what was under way when they came)."""
    command = [
        *COMMAND,
        str(options.corpus),
        "-q",
        "--checkpoint-every",
        "0.2s",
        *options.arguments.split(),
    ]
    whole, model = folder / "whole.textmlr", folder / "model.textmlr"
    began = time.monotonic()
    subprocess.run([*command, "-o", whole], check=True)
    seconds = time.monotonic() - began
    rng, hit = random.Random(options.seed), Counter[str]()
    kills = survived = since = 0
    while kills < options.kills or since:
        # A run that goes on is shorter: the later moments come after several kills.
        wait = rng.uniform(0.2, seconds) if kills < options.kills else None
        run = subprocess.Popen([*command, "-o", model, "--resume"], stderr=subprocess.DEVNULL)
        try:
            run.wait(wait)
        except subprocess.TimeoutExpired:
            run.kill()
            run.wait()
            kills, since = kills + 1, since + 1
            hit[under_way(folder)] += 1
            if not model.exists():
                continue
        assert run.returncode in (0, -9), "training failed"
        if model.read_bytes() == whole.read_bytes():
            survived += since
        model.unlink()
        since = 0
    return survived, hit


def under_way(folder: Path) -> str:
    """What the files of the cache say of the moment of a kill."""
    cache = folder / "model.textmlr.cache"
    names = {path.name for path in cache.iterdir()} if cache.is_dir() else set()
    if {"final.checkpoint", "twin.checkpoint"} & names:
        return "in epochs over all documents"
    if "rows" in names:
        return "in trials, or before the first checkpoint"
    if "counted" in names:
        return "while rows were dealt"
    if "counts" in names:
        return "while n-grams were counted"
    if "text" in names:
        return "while the corpus was read, or n-grams were chosen"
    return "before the cache was there, or after it was removed"


if __name__ == "__main__":
    main()
