#!/usr/bin/env bash
# Smiles, on GENKI-4K, in 5 folds: archive → faces cut out → tables → databases → nets → figures → IR and blob → an answer.
#   recipes/smile.sh --images GENKI4K.tar            about 40 minutes on two cores
#   recipes/smile.sh --images GENKI4K.tar --quick    about 10 minutes
#   --out DIR                                        work in DIR (default smile_out)
# docs/recipes.md has the figures.
set -euo pipefail
RECIPE=smile
. "$(dirname "$(readlink -f "$0")")/road.sh"
images="$(data_set --images "$images")"
. "$(dirname "$(readlink -f "$0")")/../tools/env.sh" train

step "The tool chain that compiles for the stick, and the face detector"
"$MOKA_ROOT/tools/toolchain.sh" movidius || echo "  (going on without it: there will be no blob)"
"$MOKA_ROOT/tools/detectors.sh"
enter

step "Faces, found and cut out"
show "$moka" cut_faces --images "$images" --faces blazeface --margin 0.2 --size 64 --out data/faces

iterations="$([ -n "$quick" ] && echo 150 || echo 1000)"
reports=()
for fold in 0 1 2 3 4; do
    step "Fold $fold"
    mkdir -p "fold$fold/data"
    cd "fold$fold"
    ln -sfn ../../data/faces data/faces
    ln -sfn ../prototxt prototxt
    moka="../$moka"
    [ -e data/DEF/test.csv ] || show "$moka" build_dataset --images data/faces --dataset genki4k --folds 5 --fold "$fold"
    databases SmileRes train smile data/DEF/train.csv
    databases SmileRes test smile data/DEF/test.csv
    training SmileRes solver "$iterations"
    show "$moka" evaluate --net SmileRes --looks mirror
    reports+=("fold$fold/models/SmileRes/SmileRes_iter_${iterations}_test_torch_mirror.json")
    moka="${moka#../}"
    cd ..
done

step "Compiling the net of fold 0 for OpenVINO and for Myriad X"
[ -e graph/SmileRes.json ] ||
    show "$moka" compile --net SmileRes --weights "fold0/models/SmileRes/SmileRes_iter_$iterations.caffemodel"

step "Asking the compiled net about one picture"
face="$(sed -n 2p fold0/data/DEF/test.csv | cut -d, -f1)"
show "$moka" infer --image_path "fold0/$face" --device auto --output answer.png --force
