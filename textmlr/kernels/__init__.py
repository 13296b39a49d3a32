"""All jitted code, and nothing else.

Rules: arrays and scalars in, the caller's buffers out; one dtype set, so that each kernel
compiles once; inputs arrive read-only (``textmlr.base.arrays.frozen``), since Numba compiles
writable and read-only arrays apart.  A kernel may call kernels of other files: its code on disk
depends on all files here.  Arrays that travel together are one named tuple; a kernel has ten
arguments at most.
"""
