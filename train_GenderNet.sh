#!/usr/bin/env bash
# Trains GenderNet with prototxt/GenderNet/solver.prototxt and writes models/GenderNet/GenderNet_iter_N.{caffemodel,solverstate}.
# Options are passed on to `./moka train`: --max_iter 3000, --precision auto, --snapshot FILE, --weights FILE, --engine caffe ...
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/tools/env.sh" train
exec "$PYTHON" "$MOKA_ROOT/moka" train --solver prototxt/GenderNet/solver.prototxt "$@"
