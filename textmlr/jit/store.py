"""Machine code of kernels: kept on disk, loaded by llvmlite, called through ctypes.

A file holds one kernel compiled for one signature.  Its name tells what the code depends on (the
source file, the compiler's version, the processor, whether indices are checked), so that a change
of any makes another file.
They lie in ``__pycache__`` beside the source, or, where that cannot be written, in the user's
cache folder.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import sys
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from textmlr.errors import InputError
from textmlr.locks import lock_across_forks

_FORMAT = 1
OUT_OF_BOUNDS = "textmlr_out_of_bounds"  # what code that checks indices calls
# What only Numba has, its code refers to, and kernels never reach: raising, and freeing memory.
_UNREACHED = ("numba_", "NRT_")
_lock = lock_across_forks()
_engines: list[Any] = []  # the code lives as long as they do
_outside = threading.local()  # found: code that this thread runs found an index outside its array


@dataclass(frozen=True, slots=True)
class Origin:
    """What machine code is made from.

    function   in Python
    codes      types of its arguments (see ``textmlr.jit``)
    checked    indices are checked
    """

    function: Callable[..., Any]
    codes: tuple[str, ...]
    checked: bool = False

    @property
    def family(self) -> str:
        """How the names of all files of the function begin that this environment makes."""
        stem = Path(self.function.__code__.co_filename).stem
        return f"{stem}.{self.function.__name__}-{_digest(_environment(self.checked))}-"

    @property
    def file_name(self) -> str:
        """One for all that the code depends on; it begins alike for all of one source."""
        return self.generation + f"{_digest(repr(self.codes))}.textmlr"

    @property
    def generation(self) -> str:
        """How the names of those of the present source begin."""
        return f"{self.family}{_source(Path(self.function.__code__.co_filename).parent)}-"

    @property
    def folders(self) -> list[Path]:
        """Where it is looked for and kept, the best place first."""
        beside = Path(self.function.__code__.co_filename).parent / "__pycache__"
        if os.name == "nt":
            users = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
        elif sys.platform == "darwin":
            users = Path.home() / "Library" / "Caches"
        else:
            users = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return [beside, users / "textmlr"]


@dataclass(frozen=True, slots=True)
class MachineCode:
    """One compiled kernel.

    entry    name of the function
    result   "b", "i", "d" for bool, int64, float64, "" for nothing
    symbols  what it calls outside itself, such as "exp"
    image    the object file
    """

    entry: str
    result: str
    symbols: tuple[str, ...]
    image: bytes


def find(origin: Origin) -> MachineCode | None:
    """The machine code kept of an origin; None if there is none, or it is damaged."""
    name = origin.file_name
    for folder in origin.folders:
        try:
            content = (folder / name).read_bytes()
        except OSError:
            continue
        check, _, rest = content.partition(b" ")
        if check == b"%08x" % zlib.crc32(rest):
            head, _, image = rest.partition(b"\n")
            entry, result, symbols = json.loads(head)
            code = MachineCode(entry, result, tuple(symbols), image)
            if all(map(_address, code.symbols)):
                return code
    return None


def keep(origin: Origin, code: MachineCode) -> bool:
    """Keep machine code for later processes; False where no folder can be written."""
    from textmlr.atomic import atomic_write

    head = json.dumps([code.entry, code.result, code.symbols]).encode()
    rest = head + b"\n" + code.image
    for folder in origin.folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with atomic_write(folder / origin.file_name) as temporary:
                Path(temporary).write_bytes(b"%08x " % zlib.crc32(rest) + rest)
            for old in folder.glob(f"{origin.family}*.textmlr"):
                if not old.name.startswith(origin.generation):
                    old.unlink(missing_ok=True)
        except (OSError, InputError):  # read-only, or full: the next folder
            continue
        return True
    return False


def link(code: MachineCode, codes: tuple[str, ...], name: str = "") -> Callable[..., Any]:
    """A Python callable of loaded machine code; it lets other threads run meanwhile.

    name  of the kernel, for the IndexError of code that checks its indices
    Raises RuntimeError if the code refers to something this process does not have (LLVM itself
    would end the process over that).
    """
    from llvmlite import binding as llvm

    with _lock:
        # An engine for each: all entries are named alike, and code added to an engine that has been
        # linked already made processes crash (llvmlite 0.50).
        engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine())
        _engines.append(engine)
        for symbol in code.symbols:
            if not (place := _address(symbol)):
                raise RuntimeError(f"{code.entry}: this process has no {symbol}")
            llvm.add_symbol(symbol, place)
        engine.add_object_file(llvm.ObjectFileRef.from_data(code.image))
        engine.finalize_object()
        address = engine.get_function_address(code.entry)
    results = {"b": ctypes.c_bool, "i": ctypes.c_int64, "d": ctypes.c_double, "": None}
    scalars = {"b": ctypes.c_bool, "i": ctypes.c_int64, "d": ctypes.c_double}
    arguments: list[Any] = [scalars.get(c, ctypes.py_object) for c in codes]
    call = ctypes.CFUNCTYPE(results[code.result], *arguments)(address)
    return _raising(call, name) if OUT_OF_BOUNDS in code.symbols else call


def _raising(call: Callable[..., Any], name: str) -> Callable[..., Any]:
    """The call; it raises IndexError if the code called OUT_OF_BOUNDS meanwhile."""

    def checked(*arguments: Any) -> Any:
        result = call(*arguments)
        if getattr(_outside, "found", False):
            _outside.found = False
            raise IndexError(f"kernel {name}: an index is outside its array")
        return result

    return checked


@lru_cache(maxsize=1)
def _note_outside() -> Any:
    """For code to call: note that it found an index outside its array, in this thread."""

    def note() -> None:
        _outside.found = True

    return ctypes.CFUNCTYPE(None)(note)


@lru_cache(maxsize=1)
def machine() -> Any:
    """llvmlite's target machine for this processor."""
    from llvmlite import binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=_processor()[0], features=_processor()[1], opt=3, reloc="pic", codemodel="jitdefault",
        jit=True,
    )  # fmt: skip


@lru_cache(maxsize=1)
def _processor() -> tuple[str, str]:
    from llvmlite import binding as llvm

    return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


def _address(symbol: str) -> int | None:
    """Where a symbol is in this process, None if it is nowhere."""
    if symbol == OUT_OF_BOUNDS:
        return ctypes.cast(_note_outside(), ctypes.c_void_p).value
    known = "abort" if symbol.startswith(_UNREACHED) else symbol
    for library in (_process(), ctypes.pythonapi):
        if hasattr(library, known):
            return ctypes.cast(getattr(library, known), ctypes.c_void_p).value
    return None


@lru_cache(maxsize=1)
def _process() -> ctypes.CDLL:
    return ctypes.CDLL(None) if os.name != "nt" else ctypes.CDLL("msvcrt")


@lru_cache(maxsize=2)
def _environment(checked: bool) -> str:
    """What machine code depends on besides its source."""
    import llvmlite

    # Numba names the one version of llvmlite it works with, and takes long to import itself.
    told = (_FORMAT, llvmlite.__version__, sys.implementation.cache_tag, sys.platform)
    checks = ("indices checked",) if checked else ()
    return repr((*told, object.__basicsize__, *_processor(), *checks))


@lru_cache(maxsize=64)
def _source(folder: Path) -> str:
    """Digest of the files of a folder, since a kernel may call those of others, and of the
    compiler's."""
    files = sorted(folder.glob("*.py"))
    files += [
        Path(__file__).with_name(name) for name in ("compiler.py", "intrinsics.py", "vectors.py")
    ]
    return _digest(b"".join(file.read_bytes() for file in files))


def _digest(content: str | bytes) -> str:
    data = content.encode() if isinstance(content, str) else content
    return hashlib.blake2b(data, digest_size=6).hexdigest()
