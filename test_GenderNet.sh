#!/usr/bin/env bash
# Measures the newest GenderNet snapshot (by iteration number) on data/lmdb/gender_test_lmdb: accuracy, recall, confusion matrix.
# Options are passed on to `./moka evaluate`: --engine torch|openvino|caffe, --weights FILE ...
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/tools/env.sh" train
exec "$PYTHON" "$MOKA_ROOT/moka" evaluate --net GenderNet "$@"
