#!/usr/bin/env bash
# Ages, on FG-NET, in 5 folds by person, starting from a net that was trained on UTKFace.
#   recipes/fgnet.sh --images FGNET.tar --images_utkface UTKFace.tar.gz            about 15 minutes on two cores, by its pace
#   recipes/fgnet.sh --images FGNET.tar --images_utkface UTKFace.tar.gz --quick    3 to 4 minutes
#   --weights FILE.caffemodel                      start from this FaceRes instead of training one on UTKFace
#   --out DIR                                      work in DIR (default fgnet_out)
# docs/recipes.md has the figures.
set -euo pipefail
RECIPE=fgnet
weights= images_utkface=
. "$(dirname "$(readlink -f "$0")")/road.sh"
images="$(data_set --images "$images")"
if [ -n "$weights" ]; then
    weights="$(data_set --weights "$weights")"
else
    images_utkface="$(data_set --images_utkface "$images_utkface")"
fi
. "$(dirname "$(readlink -f "$0")")/../tools/env.sh" train

step "The tool chain that compiles for the stick"
"$MOKA_ROOT/tools/toolchain.sh" movidius || echo "  (going on without it: there will be no blob)"
enter

step "Distributions over ages"
[ -e data/soft/years.binaryproto ] || show "$moka" soft_labels --bins 0:100 --sigma 3 data/soft/years.binaryproto

if [ -z "$weights" ]; then
    step "FaceRes, trained on UTKFace"
    [ -e data/DEF/test.csv ] || show "$moka" build_dataset --images "$images_utkface" --balance none
    databases FaceRes train years,gender data/DEF/train.csv
    databases FaceRes test years,gender data/DEF/test.csv
    iterations="$([ -n "$quick" ] && echo 300 || echo 2600)"
    training FaceRes solver "$iterations"
    weights="$PWD/models/FaceRes/FaceRes_iter_$iterations.caffemodel"
fi

step "Faces of FG-NET, turned upright and cut out by their landmarks"
show "$moka" cut_faces --images "$images" --landmarks points --margin 0.05 --size 64 --out data/faces

step "Five folds by person: tables, databases, training, figures"
iterations="$([ -n "$quick" ] && echo 100 || echo 300)"
weights="$weights" folds FaceRes years,gender finetune_solver "$iterations" --dataset fgnet --divide person

step "Compiling the net of fold 0 for OpenVINO and for Myriad X"
compile_fold FaceRes

step "Asking the compiled net about one face"
show "$moka" infer --image_path "$(first_picture)" --device auto --output answer.png --force
