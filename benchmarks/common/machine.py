"""What a reader needs to judge figures: machine, load, versions, date, commit."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

ROOT = Path(__file__).parents[2]
LIBRARIES = ("cranial-sparse", "torch", "triton", "spconv", "spconv-triton", "MinkowskiEngine")


def machine() -> dict[str, str | int | float]:
    """Facts by name. What is not there (a card, a library) is not listed."""
    facts: dict[str, str | int | float] = {
        "processor": _processor(),
        "cores": os.cpu_count() or 0,
        "memory, GiB": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "load": round(os.getloadavg()[0], 2),
        "threads": torch.get_num_threads(),
    }
    if torch.cuda.is_available():
        facts["card"] = torch.cuda.get_device_name()
        facts["memory of the card, GiB"] = round(torch.cuda.get_device_properties(0).total_memory / 2**30, 1)
    facts |= {"system": platform.platform(), "python": platform.python_version()}
    facts |= {name: found for name in LIBRARIES if (found := _version(name))}
    facts |= {"date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", "commit": commit()}
    return facts


def commit(root: Path = ROOT) -> str:
    """Of the repository, "with changes" where files differ from it; "unknown" outside one."""
    try:
        found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=root, capture_output=True, text=True)
        changed = subprocess.run(["git", "status", "--porcelain", "-uno"], cwd=root, capture_output=True, text=True)
    except OSError:
        return "unknown"
    if found.returncode:
        return "unknown"
    return found.stdout.strip() + (" with changes" if changed.stdout.strip() else "")


def _version(name: str) -> str | None:
    try:
        return str(torch.__version__) if name == "torch" else version(name)  # torch's own tells what it was built for
    except PackageNotFoundError:
        return None


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.split(":")[1].strip() for line in lines if "model name" in line), platform.processor())
