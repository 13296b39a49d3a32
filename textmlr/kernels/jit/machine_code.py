"""Machine code of kernels: kept on disk, loaded by llvmlite, called through ctypes.

A file holds one kernel compiled for one signature.  Its name depends on all that the code
depends on (the source files, the compiler's version, the processor, whether indices are checked):
a change of any makes another file, and versions of the package share a folder.  Inside, name,
signature and size stand again, under a digest of everything: a file that was cut, altered or
renamed does not count.
They lie in the user's folder that NUMBA_CACHE_DIR names; else in ``__pycache__`` beside the source;
else, where that cannot be written or others can write it, in the user's cache folder
(``trusted_folders`` says which may be trusted).
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from textmlr.base.locks import ForkLock
from textmlr.kernels.jit import trusted_folders

_FORMAT = 2
OUT_OF_BOUNDS = "textmlr_out_of_bounds"  # code that checks indices calls it
# Functions of Numba for raising and for freeing memory: code refers to them, kernels never call
# them.
_UNREACHED = ("numba_", "NRT_")
# Modules of the compiler that decide which code is made of a kernel.
_COMPILER = ("argument_types", "compiler", "row_loops", "row_vectors")
_DIGEST = 32  # bytes of SHA-256
_FIELDS = {"name": str, "codes": list, "entry": str, "result": str, "symbols": list, "bytes": int}
# Held while llvmlite is imported and code is loaded, which takes some milliseconds: no child is to
# find LLVM's own locks taken.  An import that hangs is no reason for a fork to hang, too.
lock = ForkLock(patience=5.0)
_RESULTS = {"b": ctypes.c_bool, "i": ctypes.c_int64, "d": ctypes.c_double, "": None}
_engines: list[Any] = []  # the code lives as long as they do
_stuck = False  # llvmlite's lock cannot be freed
_outside = threading.local()  # found: code that this thread runs found an index outside its array


@dataclass(frozen=True, slots=True)
class Origin:
    """The source of machine code.

    function   in Python, of a module of a package
    codes      types of its arguments (see ``textmlr.kernels.jit``)
    checked    indices are checked
    """

    function: Callable[..., Any]
    codes: tuple[str, ...]
    checked: bool = False

    @property
    def name(self) -> str:
        """The name of the function."""
        return self.function.__name__

    @property
    def family(self) -> str:
        """The beginning of the names of all files that this environment makes of the function."""
        stem = self.function.__module__.rpartition(".")[2]
        return f"{stem}.{self.name}-{_environment(self.checked)}-"

    @property
    def file_name(self) -> str:
        """A name for all that the code depends on; names of one source begin alike."""
        return f"{self.family}{source_digest(self.package)}-{_digest(repr(self.codes))}.textmlr"

    @property
    def package(self) -> str:
        """The package whose modules decide what the function does."""
        return self.function.__module__.rpartition(".")[0]

    @property
    def folders(self) -> Iterator[tuple[Path, bool]]:
        """The folders to look for it and to keep it in, the best first, and whether others may see
        in."""
        for folder in trusted_folders.named_folder():
            yield folder, False
        # Not beside the file that its code names: code without source names where the source was.
        yield _beside(self.function.__globals__["__file__"]), True
        for folder in trusted_folders.users_folder():
            yield folder, False


@dataclass(frozen=True, slots=True)
class MachineCode:
    """One compiled kernel.

    entry    name of the function
    result   "b", "i", "d" for bool, int64, float64, "" for nothing
    symbols  functions it calls outside itself, such as "exp"
    image    the object file
    """

    entry: str
    result: str
    symbols: tuple[str, ...]
    image: bytes


def find(origin: Origin) -> MachineCode | None:
    """The machine code kept of an origin; None if there is none, or none that is whole."""
    with lock:
        name = origin.file_name
    for folder, _ in origin.folders:
        content = trusted_folders.read(folder, name)
        if content is not None and (code := unpacked(origin, content)) is not None:
            return code
    return None


def keep(origin: Origin, code: MachineCode) -> bool:
    """Keep machine code for later processes; False where no folder can be written."""
    content = packed(origin, code)
    for folder, shared in origin.folders:
        try:
            trusted_folders.write(folder, origin.file_name, content, shared=shared)
        except OSError:  # read-only, full, or another's: the next folder
            continue
        return True
    return False


def packed(origin: Origin, code: MachineCode) -> bytes:
    """The content of a file: digest, a line of JSON, the object file."""
    head = {
        "name": origin.file_name,
        "codes": origin.codes,
        "entry": code.entry,
        "result": code.result,
        "symbols": code.symbols,
        "bytes": len(code.image),
    }
    rest = json.dumps(head).encode() + b"\n" + code.image
    return hashlib.sha256(rest).digest() + rest


def unpacked(origin: Origin, content: bytes) -> MachineCode | None:
    """The code that ``packed`` packed for the same origin; None for other content, and for code
    that calls a function this process does not have."""
    digest, rest = content[:_DIGEST], content[_DIGEST:]
    if hashlib.sha256(rest).digest() != digest:
        return None
    line, _, image = rest.partition(b"\n")
    try:
        head = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(head, dict) or {key: type(value) for key, value in head.items()} != _FIELDS:
        return None
    facts = head["name"], head["codes"], head["bytes"]
    if (
        facts != (origin.file_name, list(origin.codes), len(image))
        or head["result"] not in _RESULTS
    ):
        return None
    if not all(isinstance(s, str) and s.isprintable() and _address(s) for s in head["symbols"]):
        return None
    return MachineCode(head["entry"], head["result"], tuple(head["symbols"]), image)


def numbas_folder(origin: Origin) -> Path | None:
    """A folder for Numba's own cache of code from such a source, None where there is none.

    Numba would run any file there, and checks neither its owner nor whether the kernels that a
    kernel calls have changed: it is this user's alone, and another for each state of the source.
    """
    with lock:
        state = _digest(_environment(origin.checked) + source_digest(origin.package))
    for folder, shared in origin.folders:
        if trusted_folders.own_folder(folder / f"numba-{state}", shared=shared):
            return folder / f"numba-{state}"
    return None


def link(code: MachineCode, codes: tuple[str, ...], name: str = "") -> Callable[..., Any]:
    """A Python callable of loaded machine code; it lets other threads run meanwhile.

    code  of ``unpacked``, or just compiled: LLVM ends the process over other content
    name  of the kernel, for the IndexError of code that checks its indices
    Raises RuntimeError if there is no such entry in it, or if it refers to a symbol this process
    does not have (over which LLVM would end it, too).
    """
    if _stuck:
        raise RuntimeError("this process was forked while llvmlite's lock may have been taken")
    with lock:
        from llvmlite import binding as llvm

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
        if not (address := engine.get_function_address(code.entry)):
            raise RuntimeError(f"there is no {code.entry} in the code")
    scalars = {"b": ctypes.c_bool, "i": ctypes.c_int64, "d": ctypes.c_double}
    arguments: list[Any] = [scalars.get(c, ctypes.py_object) for c in codes]
    call = ctypes.CFUNCTYPE(_RESULTS[code.result], *arguments)(address)
    return _raising(call, name) if OUT_OF_BOUNDS in code.symbols else call


def renew() -> None:
    """Let code be loaded in a child that was forked while another thread compiled.

    That thread may have held llvmlite's lock, and used the target machine.
    """
    global _stuck
    ffi = sys.modules.get("llvmlite.binding.ffi")
    guard: Any = getattr(getattr(ffi, "lib", None), "_lock", None)
    inner: Any = getattr(guard, "_lock", None)
    _stuck = not isinstance(inner, type(threading.RLock()))
    if not _stuck:
        if inner.acquire(blocking=False):
            inner.release()
        else:
            guard._lock = threading.RLock()
        machine.cache_clear()


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
    """Note that code of this thread, which calls this, found an index outside its array."""

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
        cpu=_processor()[0],
        features=_processor()[1],
        opt=3,
        reloc="pic",
        codemodel="jitdefault",
        jit=True,
    )


@lru_cache(maxsize=1)
def _processor() -> tuple[str, str]:
    from llvmlite import binding as llvm

    return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


def _address(symbol: str) -> int | None:
    """The address of a symbol in this process, None if it has none."""
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
    """Digest of all that machine code depends on besides its source."""
    import llvmlite

    # Numba names the one version of llvmlite it works with, and takes long to import itself.
    facts = (_FORMAT, llvmlite.__version__, sys.implementation.cache_tag, sys.platform)
    checks = ("indices checked",) if checked else ()
    return _digest(repr((*facts, object.__basicsize__, *_processor(), *checks)))


@lru_cache(maxsize=64)
def source_digest(package: str) -> str:
    """Digest of the modules of a package, since a kernel may call those of others, and of the
    compiler's."""
    own = b"".join(_modules(package))
    return _digest(own + b"".join(_modules(__package__, _COMPILER)))


def _modules(package: str, names: Collection[str] = ()) -> Iterator[bytes]:
    """Name and content of the modules of a package, or of those named: their source, or the
    compiled source where that is all there is, from a folder or from within an archive."""
    from importlib import resources

    files = {file.name: file for file in resources.files(package).iterdir() if file.is_file()}
    for ending in (".py", ".pyc"):
        found = sorted(name for name in files if name.endswith(ending))
        for name in found:
            if not names or name.removesuffix(ending) in names:
                yield name.encode() + b"\0" + files[name].read_bytes()
        if found:
            return


@lru_cache(maxsize=64)
def _beside(file: str) -> Path:
    return Path(file).parent / "__pycache__"


def _digest(content: str | bytes) -> str:
    data = content.encode() if isinstance(content, str) else content
    return hashlib.blake2b(data, digest_size=6).hexdigest()
