"""All benchmarks one after the other, each in a process of its own: a report in Markdown.

    python3 -m benchmarks [PART ...] > report.md

About twenty minutes on two quiet cores. PyTorch is compared with where it is installed
(pip install -r benchmarks/requirements.txt).
"""
import importlib.metadata
import platform
import subprocess
import sys

from benchmarks.timing import cores

PARTS = ("layers", "tunable", "alpha_points", "against_torch", "start", "convolutions", "dynamic_net")
PACKAGES = ("jax", "jaxlib", "flax", "optax", "torch")


def main():
    unknown = [part for part in sys.argv[1:] if part not in PARTS]
    if unknown:
        sys.exit(f"no benchmark {unknown[0]!r}; wanted some of {', '.join(PARTS)}.")
    print(f"Machine: {machine()}.\n")
    failed = []
    for part in sys.argv[1:] or PARTS:
        print(f"## python3 -m benchmarks.{part}\n", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{part}"], check=False).returncode:
            failed.append(part)
        print(flush=True)
    if failed:
        sys.exit(f"these ended with an error: {', '.join(failed)}.")


def machine():
    """Processor, cores, accelerators and versions in a line."""
    import jax

    devices = ", ".join(sorted({device.device_kind for device in jax.devices()}))
    return ", ".join([processor(), f"{cores()} cores for this process", f"JAX on {jax.default_backend()} ({devices})",
                      f"Python {platform.python_version()}", *filter(None, map(version, PACKAGES))])


def processor():
    """Its name, where the system tells it."""
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def version(package):
    """The package and its version, or None where it is not installed."""
    try:
        return f"{package} {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:
        return None


if __name__ == "__main__":
    main()
