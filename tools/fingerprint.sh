#!/usr/bin/env bash
# Prints the SHA-256 of every file that a small, fixed run of a checkout's demo makes: lists, databases, mean, snapshots, IR, blobs, cards.
# Two checkouts whose lines are the same compute the same, byte for byte:
#   tools/fingerprint.sh > new.txt; tools/fingerprint.sh OTHER_CHECKOUT > old.txt; diff old.txt new.txt
# Both must run on one machine: float32 sums differ from processor to processor.
set -euo pipefail
checkout="$(realpath "${1:-$(dirname "$0")/..}")"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
"$checkout/demo.sh" --quick --iterations 6 --out "$folder/demo" >&2
cd "$folder/demo"
find data/DEF data/lmdb data/mean models graph -type f \
    \( -name '*.txt' -o -name '*.mdb' -o -name 'mean.*' -o -name '*.caffemodel' -o -name '*.solverstate' -o -name '*.xml' -o -name '*.bin' \
    -o -name '*.blob' -o -name '*.npy' -o -path 'graph/*.json' \) ! -name lock.mdb -print0 | sort -z | xargs -0 sha256sum
