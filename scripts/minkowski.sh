#!/bin/sh
# Builds MinkowskiEngine for the CPU into a virtual environment that install.sh made: minkowski.sh VENV
# PIP_ARGS is as in the Makefile.
set -eu
venv=$1
log=$venv/minkowski.log

fail() { echo "error: $1" >&2; exit 1; }

version=$("$venv/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) ||
    fail "$venv: no virtual environment; run 'make minkowski', which makes it"
# its setup.py asks numpy.distutils for a BLAS, which numpy leaves out from 3.12 on
[ "$version" = 3.11 ] || fail "MinkowskiEngine 0.5.4: expected Python 3.11, got $version; set PYTHON=/path/to/python3.11"
echo '#include <cblas.h>' | "${CXX:-c++}" -E -x c++ - >/dev/null 2>&1 ||
    fail "no cblas.h: expected OpenBLAS and its headers; install them (Debian: apt-get install libopenblas-dev)"
echo "building MinkowskiEngine, five to ten minutes on two cores (log: $log)"
# shellcheck disable=SC2086  # PIP_ARGS are words
"$venv/bin/python" -m pip install ${PIP_ARGS:-} --no-build-isolation --no-deps \
    --config-settings="--build-option=--cpu_only" MinkowskiEngine==0.5.4 >"$log" 2>&1 || {
    reason=$(grep -E ': (fatal )?error: |^ERROR: ' "$log" | head -n 1 | sed 's/^ *//' | cut -c 1-200)
    fail "building MinkowskiEngine: ${reason:-pip stopped} (log: $log)"
}
