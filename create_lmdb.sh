#!/usr/bin/env bash
# Writes the databases data/lmdb/{age,gender}_{train,test}_lmdb from the lists in data/DEF, 227x227, in random order.
# Options are passed on to `./moka convert_imageset`: --force, --gray, --encoded, --seed 1, ...
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/tools/env.sh" train
for set in age_train age_test gender_train gender_test; do
    "$PYTHON" "$MOKA_ROOT/moka" convert_imageset --resize_height=227 --resize_width=227 --shuffle "$@" \
        ./ "data/DEF/$set.txt" "data/lmdb/${set}_lmdb"
done
