"""Benchmarks: python -m benchmarks NAME [options]; python -m benchmarks NAME --help tells more of each."""

import ast
import sys
from importlib import import_module
from pathlib import Path

HOME = Path(__file__).parent
NAMES = (
    "dense_vs_sparse", "convolution", "upsampling", "completion", "scaling", "backends", "levels", "landmarks",
    "leaderboard", "robustness", "implants", "cases",
)  # fmt: skip
EXAMPLES = """
examples:
  python -m benchmarks convolution --quick          # everything runs? pages go to out/benchmarks
  python -m benchmarks convolution --device cuda    # pages go to benchmarks/results
  sh benchmarks/gpu.sh                              # all that needs a card, in 9 minutes"""


def first_line(name: str) -> str:
    """What a benchmark says of itself, read without importing it."""
    path = HOME / f"{name}.py"
    text = (path if path.is_file() else HOME / name / "__init__.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(text)) or "").splitlines()[0]


def main() -> int:
    """List the benchmarks, or run one."""
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in NAMES:
        del sys.argv[1]
        return import_module(f"benchmarks.{name}.__main__" if (HOME / name).is_dir() else f"benchmarks.{name}").main()
    width = max(map(len, NAMES))
    listed = "\n".join(f"  {name:{width}}  {first_line(name)}" for name in NAMES)
    if name in ("-h", "--help"):
        print(f"{__doc__}\n\n{listed}\n{EXAMPLES}")
        return 0
    print(f"error: benchmark: expected one of {', '.join(NAMES)}, got '{name}'", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
