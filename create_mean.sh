#!/usr/bin/env bash
# Writes data/mean/mean.binaryproto and mean.npy: the mean of the age training set, which is for GenderNet as well.
# Options are passed on to `./moka compute_image_mean`: --force.
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/tools/env.sh" train
"$PYTHON" "$MOKA_ROOT/moka" compute_image_mean "$@" data/lmdb/age_train_lmdb data/mean/mean.binaryproto --npy data/mean/mean.npy
