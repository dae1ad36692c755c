"""What every test relies on: threads, seeds, the shared data, and a skip where there is no GPU."""

import importlib.metadata
import os
import pathlib
import tempfile

# Before anything imports Keras. Threads: the machine's cores shared among pytest's workers.
# Keras' home: an empty one, so that nobody's keras.json changes a result.
cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
threads = str(max(1, cores // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))))
# Unless somebody said otherwise: on a busy machine, threads wait for each other longest. Workers
# inherit what is set here for the process that starts them, which is nobody's wish.
wished = os.environ.setdefault("WISHED_TEST_THREADS", os.environ.get("OMP_NUM_THREADS", ""))
threads = wished or threads
keras_home = tempfile.TemporaryDirectory(prefix="kerasfuse-tests-")
os.environ |= {
    "OMP_NUM_THREADS": threads,
    "TF_NUM_INTRAOP_THREADS": threads,
    "TF_NUM_INTEROP_THREADS": threads,
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "KERAS_HOME": keras_home.name,
}
if os.environ.get("KERAS_BACKEND") == "jax":
    # Compilation is most of what these tests take, of programs that run once or twice.
    flags = ["--xla_backend_optimization_level=0", "--xla_llvm_disable_expensive_passes=true"]
    if importlib.metadata.version("jaxlib").startswith("0.10."):
        # A later one does not know it, and ends the process at what it does not know.
        flags.append("--xla_cpu_use_fusion_emitters=false")
    os.environ["XLA_FLAGS"] = " ".join(flags)

import pytest  # noqa: E402

import kerasfuse  # noqa: E402, F401  (chooses the backend)

# isort: split
import keras  # noqa: E402

pytest.register_assert_rewrite("harness")

ROOT = pathlib.Path(__file__).parents[1]


def pytest_collection_modifyitems(items):
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if marked and not gpu_is_visible():
        skip = pytest.mark.skip(reason=f"no GPU that the {keras.config.backend()} backend sees")
        for item in marked:
            item.add_marker(skip)


def gpu_is_visible():
    match keras.config.backend():
        case "torch":
            import torch

            return torch.cuda.is_available()
        case "jax":
            import jax

            return any(device.platform == "gpu" for device in jax.devices())
        case "tensorflow":
            import tensorflow

            return bool(tensorflow.config.list_physical_devices("GPU"))
    return False


@pytest.fixture(scope="session")
def shared_data():
    """Return the folder of real data, or skip: a clone of the project alone does not have it."""
    folder = pathlib.Path(os.environ.get("KERASFUSE_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}: set KERASFUSE_DATA to the folder that holds it")
    return folder


@pytest.fixture(scope="module", autouse=True)
def module_seed():
    """Seed what module-wide fixtures draw."""
    keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True)
def fresh_state():
    """Give every test the same seed and the default dtype policy."""
    keras.utils.set_random_seed(0)
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture
def as_on_gpu(monkeypatch):
    """Let the library take the ways that it takes on a GPU, computed by the processor."""
    from kerasfuse import backend

    if backend.name() == "torch":
        from kerasfuse.backend import torch_device

        monkeypatch.setattr(torch_device, "device_type", lambda x: "cuda")
        monkeypatch.setattr(torch_device, "free_bytes", lambda x: 2**36)
    else:
        monkeypatch.setattr(backend, "is_on_gpu", lambda x: True)


@pytest.fixture(params=["processor", "gpu"])
def either_device(request):
    """Run a test on the library's ways of a processor, and on those of a GPU."""
    if request.param == "gpu":
        request.getfixturevalue("as_on_gpu")
