#!/usr/bin/env bash
# Compiles the newest snapshots (by iteration number) of AgeNet and GenderNet: OpenVINO IR, Myriad X blob and model card in
# graph/. Writes the mean image as graph/age_gender_mean.npy as well. No stick is needed.
# Options are passed on to `./moka compile`: --shaves 8, --cmx_slices 8, --streams 2, --force.
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/tools/env.sh" train
for net in AgeNet GenderNet; do
    "$PYTHON" "$MOKA_ROOT/moka" compile --net "$net" "$@"
done
force=
for option in "$@"; do
    if [ "$option" = --force ]; then force=--force; fi
done
"$PYTHON" "$MOKA_ROOT/moka" mean data/mean/mean.binaryproto graph/age_gender_mean.npy $force
