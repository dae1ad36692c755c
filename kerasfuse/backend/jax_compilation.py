"""Keep on disk what jax compiles."""

import hashlib
import os
import pathlib
import platform

import jax

# A program that takes less time to compile costs as much to read.
_SECONDS = 0.5


def keep_programs(folder):
    """Let jax keep compiled programs in a folder, unless somebody chose where, or chose not to.

    A large model compiles for a minute, and the same model compiles again in every process that
    trains or scores it. A program runs on the kind of processor that it was compiled for, so each
    kind has a folder of its own.

    Args:
        folder: path of the folder; jax makes it when the first program is kept.
    """
    chosen = jax.config.jax_compilation_cache_dir or "JAX_COMPILATION_CACHE_DIR" in os.environ
    if chosen or not jax.config.jax_enable_compilation_cache:
        return
    jax.config.update("jax_compilation_cache_dir", str(pathlib.Path(folder, _processor())))
    if "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS" not in os.environ:
        jax.config.update("jax_persistent_cache_min_compile_time_secs", _SECONDS)


def _processor():
    """Return a name of the instructions that this machine's processor has."""
    told = [platform.machine(), platform.processor()]
    described = pathlib.Path("/proc/cpuinfo")
    if described.exists():
        lines = described.read_text(encoding="utf-8", errors="replace").splitlines()
        told += sorted({x for x in lines if x.startswith(("model name", "flags", "Features"))})
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]
