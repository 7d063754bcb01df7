#!/bin/sh
# Makes a virtual environment, installs the locked dependencies and builds the kernels: install.sh VENV [EXTRAS]
set -eu
venv=$1
extras=${2:-test}
python=${PYTHON:-python3}

fail() { echo "error: $1" >&2; exit 1; }

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    fail "$python: expected Python 3.11 or newer, got $("$python" --version 2>&1 || echo none); set PYTHON=/path/to/python3.11"
command -v "${CXX:-c++}" >/dev/null ||
    fail "no C++ compiler: expected ${CXX:-c++} on PATH; install one (Debian: apt-get install g++) or set CXX"

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv" || fail "$venv: could not make a virtual environment (Debian: apt-get install python3-venv)"
log=$venv/install.log
# The kernels need no torch to build, so torch comes from whatever index the user's pip is set to.
# shellcheck disable=SC2086
{
    "$venv/bin/python" -m pip install ${PIP_ARGS:-} -c constraints.txt torch scikit-build-core nanobind cmake ninja &&
    "$venv/bin/python" -m pip install ${PIP_ARGS:-} -c constraints.txt --no-build-isolation -e ".[$extras]"
} >"$log" 2>&1 || {
    tail -n 5 "$log" >&2
    if grep -qE 'NewConnectionError|Temporary failure in name resolution|No matching distribution' "$log"; then
        fail "the package index could not be reached, or lacks a package; check the network or PIP_ARGS (log: $log)"
    fi
    fail "installation failed (log: $log)"
}
