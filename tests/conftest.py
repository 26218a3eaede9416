"""Settings for every test: two virtual devices, exact products, no silent rank promotion; where parity files lie."""
import gc
import json
import os
import tempfile
from pathlib import Path

import jax
import numpy as np
import pytest

jax.config.update("jax_num_cpu_devices", int(os.environ.get("DYNJAX_TEST_DEVICES", 2)))
jax.config.update("jax_default_matmul_precision", "highest")
jax.config.update("jax_numpy_rank_promotion", "raise")

# Most of a test's time is compiling; loops so small gain nothing from LLVM's passes, nor from compiling in parts. Where
# JAX still has it, the older way to write fused loops compiles in a quarter of the time.
_OLDER_LOOPS = ["--xla_cpu_use_fusion_emitters=false"] if jax.__version_info__ < (0, 11) else []
os.environ["XLA_FLAGS"] = " ".join([
    os.environ.get("XLA_FLAGS", ""), "--xla_backend_optimization_level=0", "--xla_llvm_disable_expensive_passes=true",
    "--xla_cpu_parallel_codegen_split_count=1", *_OLDER_LOOPS])

# Tests compile the same small programs again and again; each is compiled once.
if "DYNJAX_TEST_PROGRAMS" not in os.environ:   # set here once, seen by every worker process
    _PROGRAMS = tempfile.TemporaryDirectory(prefix="dynjax-test-programs-")
    os.environ["DYNJAX_TEST_PROGRAMS"] = _PROGRAMS.name
jax.config.update("jax_compilation_cache_dir", os.environ["DYNJAX_TEST_PROGRAMS"])
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)

# Tracing makes and keeps very many small objects: looking through all of them for cycles is a tenth of the time, and so
# is writing down for each operation who called it.
gc.set_threshold(200_000, 50, 100)
jax.config.update("jax_traceback_in_locations_limit", 0)

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("DYNJAX_SHARED", ROOT.parent / "shared"))


class Parity:
    """One parity file: `case["in/x"]` widens float16 to float32; `case.meta` is the parsed JSON."""

    def __init__(self, path):
        self.arrays = np.load(path, allow_pickle=False)
        self.meta = json.loads(str(self.arrays["meta"])) if "meta" in self.arrays.files else {}

    def __getitem__(self, name):
        array = self.arrays[name]
        return array.astype(np.float32) if array.dtype == np.float16 else array

    def names(self, prefix=""):
        """Entries that start with `prefix`, without it."""
        return [name[len(prefix):] for name in self.arrays.files if name.startswith(prefix)]

    def params(self, prefix="param/"):
        """The arrays under `prefix` by the authors' names, float32."""
        return {name: self[prefix + name] for name in self.names(prefix)}


def find_shared(relative):
    """A file of the shared folder, or its small copy in tests/data; the test skips where neither is there."""
    for path in (SHARED / relative, ROOT / "tests" / "data" / relative):
        if path.exists():
            return path
    pytest.skip(f"{relative} is neither in {SHARED} nor copied to tests/data; set DYNJAX_SHARED to the folder "
                "that holds it")


@pytest.fixture
def parity():
    """`parity("ms_tunable_layers")` opens that parity file."""
    return lambda name: Parity(find_shared(f"parity/{name}.npz"))


@pytest.fixture
def shared():
    """`shared("data/set5")` is the path of a file or folder that is too large to be copied."""
    return find_shared
