#!/usr/bin/env bash
# Passes the tests: makes .venv and the tool chain if they are not there, checks style and types, runs pytest.
# Arguments go on to pytest: ./test.sh -m "not oracle", ./test.sh tests/ncs/test_card.py ...
set -euo pipefail
. "$(dirname "$0")/tools/env.sh" dev
cd "$MOKA_ROOT"
for part in movidius caffe; do
    tools/toolchain.sh "$part" || echo "NOTE: no $part tool chain on this machine (reason above); the tests that ask it will be reported as skipped" >&2
done
if [ $# -eq 0 ]; then
    "$PYTHON" -m ruff check .
    "$PYTHON" -m mypy
fi
exec "$PYTHON" -m pytest "$@"
