#!/usr/bin/env bash
# Measures the newest GenderNet snapshot (by iteration number) on data/lmdb/gender_test_lmdb: accuracy, recall, confusion matrix.
# Options go on to `python -m training evaluate`: --engine torch|openvino|caffe, --weights FILE ...
set -euo pipefail
. "$(dirname "$0")/tools/env.sh" train
exec "$PYTHON" -m training evaluate --net GenderNet "$@"
