#!/usr/bin/env bash
# Writes locks/{runner,page,train,dev}.txt: the exact versions of pyproject.toml's dependency groups, for Python 3.10 to 3.13.
# Needs uv. Usage: tools/lock.sh
set -euo pipefail
unset CDPATH
cd "$(dirname "$0")/.."
for group in runner page train dev; do
    uv pip compile --quiet --universal --python-version 3.10 --group "$group" --no-emit-index-url --no-annotate \
        --no-header |
        # torch requires the CUDA packages of its own build, and a CPU build requires none. So these are not locked.
        grep -vE '^(nvidia-|cuda-|triton)' >"locks/$group.txt"
done
