#!/usr/bin/env bash
# Compiles the newest snapshots (by iteration number) of AgeNet and GenderNet: OpenVINO IR, Myriad X blob and model card in
# graph/. Writes the mean image as graph/age_gender_mean.npy as well. No stick is needed.
# With --net NAME it compiles that net alone. The weights of face_detector are those of tools/detectors.sh res10.
# Other options are passed on to `./moka compile`: --shaves 8, --cmx_slices 8, --streams 2, --force.
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/tools/env.sh" train
net='' force='' options=()
while [ $# -gt 0 ]; do
    case $1 in
    --net) net=${2:?--net needs the name of a net, such as face_detector}; shift ;;
    --net=*) net=${1#*=} ;;
    *) options+=("$1") ;;
    esac
    if [ "$1" = --force ]; then force=--force; fi
    shift
done
compile() { "$PYTHON" "$MOKA_ROOT/moka" compile --net "$@" ${options[@]+"${options[@]}"}; }
if [ "$net" = face_detector ] && [[ " ${options[*]-} " != *" --weights"* ]]; then
    weights=$(find "$MOKA_ROOT/.toolchain/detectors/" -name res10_300x300_ssd_iter_140000.caffemodel 2>/dev/null | head -n 1)
    if [ -z "$weights" ]; then
        echo "error: the weights of face_detector are not here. Fetch them: tools/detectors.sh res10" >&2
        exit 1
    fi
    # The mean that the net was trained with. It has no train_test.prototxt that would say so.
    compile "$net" --weights "$weights" --mean_value 104 177 123
elif [ -n "$net" ]; then
    compile "$net"
else
    for net in AgeNet GenderNet; do compile "$net"; done
    "$PYTHON" "$MOKA_ROOT/moka" mean data/mean/mean.binaryproto graph/age_gender_mean.npy $force
fi
