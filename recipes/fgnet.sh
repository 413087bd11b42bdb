#!/usr/bin/env bash
# Ages, on FG-NET, in 5 folds by person, starting from a net that was trained on UTKFace.
#   recipes/fgnet.sh --images FGNET.tar --images_utkface UTKFace.tar.gz            about 15 minutes on two cores, by its pace
#   recipes/fgnet.sh --images FGNET.tar --images_utkface UTKFace.tar.gz --quick    3 to 4 minutes
#   --weights FILE.caffemodel                      start from this FaceRes instead of training one on UTKFace
#   --iterations N                                 N iterations in each training (2600 on UTKFace and 300 in each fold;
#                                                  300 and 100 with --quick)
#   --folds K                                      K folds in place of 5
#   --out DIR                                      work in DIR (default fgnet_out)
# docs/recipes.md has the figures.
set -euo pipefail
RECIPE=fgnet
. "$(dirname "$(readlink -f "$0")")/road.sh"
images="$(data_set --images "$images")"
if [ -n "$weights" ]; then
    weights="$(data_set --weights "$weights")"
else
    images_utkface="$(data_set --images_utkface "$images_utkface")"
fi
begin

if [ -n "$weights" ]; then
    distributions
else
    train_on_utkface "$images_utkface"
    weights="{here}/$weights"
fi

step "Faces of FG-NET, turned upright and cut out by their landmarks"
show "$moka" cut_faces --images "$images" --landmarks points --margin 0.05 --size 96 --out data/faces

step "$folds folds by person: tables, databases, training, figures"
iterations="$(how_long 100 300)"
run_folds "$iterations"

step "Compiling the net of fold 0 for OpenVINO and for Myriad X"
compile FaceRes folds/fold_0 "models/FaceRes/FaceRes_iter_$iterations.caffemodel"

step "Asking the compiled net about one face"
ask folds/fold_0
