#!/bin/sh
# Makes a virtual environment, installs the locked dependencies and builds the kernels: install.sh VENV [EXTRAS]
# PYTHON, PIP_ARGS and TORCH are as in the Makefile.
set -eu
venv=$1
extras=${2:-test}
torch=${TORCH:-}
log=$venv/install.log

fail() { echo "error: $1" >&2; exit 1; }

# One line for what pip wrote to the log. With constraints, pip takes a package that it cannot find for a conflict with its lock.
explain() {
    missing=$(sed -n -e 's/.*The user requested (constraint) //p' -e 's/.*No matching distribution found for //p' "$log" | head -n 1)
    case $missing in
        '') reason=$(grep -E ': (fatal )?error: |CMake Error|^ERROR: ' "$log" | head -n 1 | sed 's/^ *//' | cut -c 1-200) ;;
        torch[!a-z]*) reason="pip found no fitting $missing; check the network and PIP_ARGS, or choose another with TORCH" ;;
        *) reason="pip found no fitting $missing; check the network and PIP_ARGS" ;;
    esac
    fail "$1: ${reason:-pip stopped} (log: $log)"
}

# shellcheck disable=SC2086  # PIP_ARGS are words
install() { "$venv/bin/python" -m pip install ${PIP_ARGS:-} -c "$venv/constraints.txt" "$@" >>"$log" 2>&1; }

if [ -x "$venv/bin/python" ]; then python=$venv/bin/python; else python=python3; fi
python=${PYTHON:-$python}
version=$("$python" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3]); sys.exit(sys.version_info < (3, 11))' 2>/dev/null) ||
    fail "$python: expected Python 3.11 or newer, got ${version:-none}; set PYTHON=/path/to/python3.11"
command -v "${CXX:-c++}" >/dev/null ||
    fail "no C++ compiler: expected ${CXX:-c++} on PATH; install one (Debian: apt-get install g++) or set CXX"

# An environment without pip was interrupted, or lacks Debian's python3-venv; one of another Python is not what PYTHON asks for.
home='import sys; print(sys.base_prefix, sys.version)'
if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1 ||
    [ "$("$python" -c "$home")" != "$("$venv/bin/python" -c "$home")" ]; then
    echo "making $venv with Python $version"
    if [ -e "$venv/pyvenv.cfg" ]; then clear=--clear; else clear=; fi
    "$python" -m venv $clear "$venv" >/dev/null 2>&1 ||
        fail "$venv: could not make a virtual environment (Debian: apt-get install python3-venv)"
fi

case $torch in
    '') cat constraints.txt ;;
    any) sed '/^torch==/d; /^triton==/d' constraints.txt ;;  # another torch may pin another triton
    *) sed "s/^torch==.*/torch==$torch/; /^triton==/d" constraints.txt ;;
esac >"$venv/constraints.txt"
: >"$log"
# The kernels need no torch to build, so torch comes from whatever index the user's pip is set to.
echo "installing torch and the build tools (log: $log)"
install torch scikit-build-core nanobind cmake ninja || explain "installing torch and the build tools"
echo "installing the other dependencies and building the kernels"
install --no-build-isolation -e ".[$extras]" || explain "installing the other dependencies and building the kernels"
