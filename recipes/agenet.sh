#!/usr/bin/env bash
# AgeNet and GenderNet on UTKFace: archive → lists → databases and mean → nets → figures → IR and blobs → an answer.
#   recipes/agenet.sh --images UTKFace.tar.gz            about 40 minutes on one idle core of an Intel Xeon with AMX, by its pace
#   recipes/agenet.sh --images UTKFace.tar.gz --quick    about 7 minutes there
#   --images TAR                                         again, if UTKFace comes in several archives
#   --iterations N                                       train AgeNet for N iterations (3000, and 450 with --quick), and GenderNet,
#                                                        which starts from it, for two thirds of that
#   --out DIR                                            work in DIR (default agenet_out)
# docs/recipes.md has the figures.
set -euo pipefail
RECIPE=agenet
. "$(dirname "$(readlink -f "$0")")/road.sh"
data_sets --images images
begin

step "UTKFace, divided into a training and a test part"
[ -e "$DIVIDED" ] || show "$moka" build_dataset "${images[@]/#/--images=}" --balance half_repeats --force
"$PYTHON" -m recipes.agenet --out prototxt ${quick:+--short}

step "Four databases and the mean image"
[ -d data/lmdb/gender_test_lmdb ] || show "$MOKA_ROOT/create_lmdb.sh" --force
[ -e data/mean/mean.npy ] || show "$MOKA_ROOT/create_mean.sh" --force

of_age="$(how_long 450 3000)"
for net in AgeNet GenderNet; do
    iterations=$of_age start=()
    if [ $net = GenderNet ]; then
        iterations=$(((2 * of_age + 2) / 3))
        start=(--weights prototxt/GenderNet/start.caffemodel)
        [ "${start[1]}" -nt "$weights" ] || "$PYTHON" -m recipes.agenet --out prototxt ${quick:+--short} --start_of "$weights"
    fi
    step "Training $net"
    training solver "$iterations" "${start[@]}"
    step "Figures of $net on the test part"
    weights="models/$net/${net}_iter_$iterations.caffemodel"
    show "$moka" evaluate --net "$net" --weights "$weights" --looks mirror --published "$recipes/published/$net.json"
    step "Compiling $net for OpenVINO and for Myriad X"
    compile . "$weights"
done

step "Asking the compiled nets about one test face"
ask data/DEF/test.csv
