#!/usr/bin/env bash
# Prints the SHA-256 of the files of a small, fixed demo: lists, databases, mean, snapshots, IR, blobs, cards.
# If two checkouts print the same lines, they compute the same, byte for byte:
#   tools/fingerprint.sh > new.txt; tools/fingerprint.sh OTHER_CHECKOUT > old.txt; diff old.txt new.txt
# Run both on the same machine, because float32 sums differ from processor to processor.
set -euo pipefail
unset CDPATH
checkout="$(realpath "${1:-$(dirname "$0")/..}")"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
"$checkout/demo.sh" --quick --iterations 6 --out "$folder/demo" >&2
cd "$folder/demo"
find data/DEF data/lmdb data/mean models graph -type f \
    \( -name '*.txt' -o -name '*.mdb' -o -name 'mean.*' -o -name '*.caffemodel' -o -name '*.solverstate' -o -name '*.xml' -o -name '*.bin' \
    -o -name '*.blob' -o -name '*.npy' -o -path 'graph/*.json' \) ! -name lock.mdb -print0 | sort -z | xargs -0 sha256sum
