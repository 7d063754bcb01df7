#!/bin/sh
# All that needs a card, on a machine without a network, in under nine minutes: sh benchmarks/gpu.sh
# Builds the kernels in place, runs the CUDA tests, the benchmarks with --device cuda, and compute-sanitizer where it can
# attach. OUT is the folder for logs, pages and the summary (out/gpu); PYTHON has a torch for the card (python3); WHEELS is
# a folder with wheels of what PYTHON lacks; MINUTES is what all may take (9). The status is 1 where a step failed, 3 without a card.
set -u
cd "$(dirname "$0")/.." || exit 1
out=${OUT:-out/gpu}
python=${PYTHON:-python3}
deadline=$(($(date +%s) + ${MINUTES:-9} * 60))
mkdir -p "$out/logs" || exit 1
out=$(cd "$out" && pwd)
summary=$out/summary.txt
worst=0
: >"$summary"

say() { echo "$*" | tee -a "$summary"; }

# step NAME SECONDS COMMAND...: no longer than SECONDS and what is left of the time; its output goes to logs/NAME.log.
step() {
    name=$1 limit=$2
    shift 2
    left=$((deadline - $(date +%s)))
    if [ "$left" -lt 5 ]; then
        say "$name: left out, the time is up"
        worst=1
        return 1
    fi
    [ "$limit" -lt "$left" ] || limit=$left
    begun=$(date +%s)
    timeout -k 5 "$limit" "$@" >"$out/logs/$name.log" 2>&1
    status=$?
    took=$(($(date +%s) - begun))
    case $status in
        0) say "$name: exit 0 in $took s" ;;
        124 | 137) say "$name: exit $status, stopped after $took s" ;;
        *) say "$name: exit $status in $took s: $(tail -n 1 "$out/logs/$name.log" | cut -c 1-160)" ;;
    esac
    [ "$status" -eq 0 ] || worst=1
    return "$status"
}

# The extension goes where its source package lies; other builds of it are not touched.
# shellcheck disable=SC2016  # the shell of the step expands
build='set -e
nanobind=$("$0" -m nanobind --cmake_dir)
cmake -S . -B "$1/build" -G Ninja -DPython_EXECUTABLE="$(command -v "$0")" -Dnanobind_ROOT="$nanobind"
cmake --build "$1/build" --target _kernels
cp "$1"/build/_kernels*.so cranial_sparse/'

card=$("$python" -c 'import torch; print(torch.cuda.get_device_name() if torch.cuda.is_available() else "")' 2>/dev/null)
if [ -z "$card" ]; then
    say "no card: $python sees none through torch; set PYTHON to one with a torch for CUDA"
    say "dry run: nothing was built, tested or measured"
    exit 3
fi
say "card: $card"
if [ -n "${WHEELS:-}" ]; then
    step wheels 60 "$python" -m pip install -q --no-index --no-deps --find-links "$WHEELS" --target "$out/site" \
        "$WHEELS"/*.whl
    PYTHONPATH=$out/site${PYTHONPATH:+:$PYTHONPATH}
fi
PYTHONPATH=.${PYTHONPATH:+:$PYTHONPATH}
CRANIAL_SPARSE_CACHE=$out/cache
export PYTHONPATH CRANIAL_SPARSE_CACHE PYTHONUNBUFFERED=1 PYTHONUTF8=1

step build 90 sh -c "$build" "$python" "$out"
"$python" -c 'import xdist' >/dev/null 2>&1 && spread='-n 4' || spread=''
# tests NAME SECONDS FILES...
tests() {
    name=$1 limit=$2
    shift 2
    # shellcheck disable=SC2086  # two words, or none
    step "$name" "$limit" "$python" -m pytest -q -rs -p no:cacheprovider $spread "$@"
}
tests card_tests 100 -k "not emulated" \
    tests/cuda/test_card.py tests/cuda/test_grid_kernels.py tests/sparse_conv/test_triton_cuda.py
tests_under() {
    # Not of calls that fail: bindings of CUDA ask the driver for functions that it may not have.
    step "$1" 40 compute-sanitizer --tool "$1" $2 --error-exitcode 9 \
        "$python" -m pytest -q tests/cuda/test_grid_kernels.py -k "shell and not emulated"
}
for tool in memcheck racecheck; do
    [ "$tool" = memcheck ] && quiet='--report-api-errors no' || quiet=
    if ! command -v compute-sanitizer >/dev/null; then
        say "$tool: left out, compute-sanitizer is not on PATH"
        continue
    fi
    before=$worst
    if ! tests_under "$tool" "$quiet" &&
        grep -qi -e 'device not supported' -e 'unable to \(attach\|find\|connect\)' "$out/logs/$tool.log"; then
        say "$tool: cannot attach on this machine, which is no fault of the kernels"
        worst=$before
    fi
done
# bench NAME SECONDS OPTIONS...: begins no case after SECONDS, sooner where the time is nearly up, so that there is a page of
# what was measured till then.
bench() {
    name=$1 seconds=$2
    shift 2
    left=$((deadline - $(date +%s) - 30))
    [ "$seconds" -lt "$left" ] || seconds=$left
    step "$name" 110 "$python" -m benchmarks "$name" --device cuda --out "$out" \
        --minutes "$(awk "BEGIN { print $seconds / 60 }")" "$@"
}
bench upsampling 30 --repeats 50 --patience 20
bench dense_vs_sparse 60 --sizes 512,256,128,64 --repeats 10 --patience 30 --backends native,spconv
# Whole cases start a process each, and the classical half runs on the CPU: one skull, or the phantom where there is none.
if [ -n "${CRANIAL_SPARSE_DATA:-}" ]; then
    bench completion 60 --cases 002 --systems cascade --repeats 2
else
    bench completion 60 --quick
fi
bench scaling 36 --repeats 5 --batches 1,4 --patience 30
# spconv-triton tunes itself for 45 seconds when it first meets a layer: what it is compared in is one layer.
bench convolution 72 --channels 32 --repeats 20 --patience 60 --dtype float16 --layers submanifold \
    --backends native,spconv_triton,spconv
tests other_tests 80 tests/sparse_conv/test_backends.py tests/sparse_conv/test_triton_parity.py
say "all: exit $worst; logs and pages are in $out"
exit "$worst"
