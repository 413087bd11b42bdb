#!/usr/bin/env bash
# Passes the tests: makes .venv and the tool chain if they are not there, checks style and types, runs pytest.
#   ./test.sh               all of it
#   ./test.sh --fast        style, types and unit tests: nothing that asks the tool chain, nothing marked slow
#   ./test.sh ARGUMENT...   pytest alone, with these arguments: ./test.sh tests/ncs -k mean, ./test.sh -n 0 --pdb
set -euo pipefail
unset CDPATH
cd "$(dirname "$(readlink -f "$0")")"

running=()
make_toolchain() { # in the background, and in a process group of its own, so that Ctrl-C reaches all of it (see stop)
    set -m
    {
        tools/toolchain.sh "$1" || [ $? = 130 ] ||
            echo "NOTE: no $1 tool chain on this machine (reason above); the tests that ask it will be reported as skipped" >&2
    } </dev/null &
    running+=($!)
    set +m
}
stop() {
    local group
    for group in "${running[@]}"; do kill -INT -- "-$group" 2>/dev/null || true; done
}
trap stop EXIT

lane=all
case "${1:-}" in
    "") ;;
    --fast) lane=fast; shift ;;
    *) lane=pytest ;;
esac

# The Caffe part needs no Python of ours; the Movidius part needs pip, which .venv brings.
[ "$lane" = fast ] || make_toolchain caffe
. tools/env.sh dev
[ "$lane" = fast ] || make_toolchain movidius
[ "$lane" = fast ] || tools/detectors.sh ||
    echo "NOTE: not all face detectors on this machine (reason above); their tests will be reported as skipped" >&2
if [ "$lane" != pytest ]; then
    "$PYTHON" -m ruff check .
    "$PYTHON" -m ruff format --check .
    "$PYTHON" -m mypy
fi
wait
running=()

# One worker for each core, each with its share of threads (tests/conftest.py). A file stays with one worker, because its
# costly fixtures are made once for it; tests/conftest.py puts the slow files first. A worker that dies ends the run, which
# names its test: pytest-xdist would replace the worker, and then wait for ever.
workers=$(nproc)
options=(-n "$((workers < 6 ? workers : 6))" --dist loadfile --no-loadscope-reorder --max-worker-restart 0)
[ "$lane" != fast ] || options+=(-m "not oracle and not slow" --ignore tests/oracle)
exec "$PYTHON" -m pytest "${options[@]}" "$@"
