#!/usr/bin/env bash
# Ages on FG-NET: of a net that was trained on UTKFace and saw no picture of FG-NET, and of that net in folds by person.
#   recipes/fgnet.sh --images FGNET.tar --images_utkface UTKFace.tar            about three quarters of an hour on two cores
#   recipes/fgnet.sh --images FGNET.tar --images_utkface UTKFace.tar --quick    3 to 10 minutes
#   --images_utkface TAR                           again, if UTKFace comes in several archives
#   --net NAME                                     another net with ages, such as ResNet18 (default FaceRes)
#   --weights FILE.caffemodel                      start from this trained net, and train none on UTKFace
#   --iterations N                                 N iterations in each training (16000 on UTKFace and 800 in each fold;
#                                                  500 and 100 with --quick)
#   --folds K                                      K folds in place of 5
#   --out DIR                                      work in DIR (default fgnet_out)
# docs/recipes.md has the figures.
set -euo pipefail
RECIPE=fgnet NET=FaceRes
. "$(dirname "$(readlink -f "$0")")/road.sh"
data_set --images images
if [ -n "$weights" ]; then file --weights weights; else data_sets --images_utkface images_utkface; fi
begin
need_tasks years

if [ -n "$weights" ]; then
    distributions
else
    # A fiftieth only shows how the training goes. Rare ages are shown more often: FG-NET's people are young.
    utkface_data images_utkface --split 0.98 --balance half_repeats
    train_on_utkface "$(how_long 500 16000)"
    weights="$PWD/$weights"
fi

step "Faces of FG-NET, turned upright and cut out by their landmarks as UTKFace's are cut"
show "$moka" cut_faces --images "${images[0]}" --landmarks points --eye_level 0.29 --size 200 --out data/faces

step "Figures on all of FG-NET, of which the net has seen nothing"
whole_table data/fgnet --images data/faces --dataset fgnet
measure unseen data/fgnet/all.csv

step "$folds folds by person: tables, databases, training, figures"
iterations="$(how_long 100 800)"
starts_from=("$weights")
run_folds "$iterations" weights

step "Compiling the net of fold 0 for OpenVINO and for Myriad X"
compile "folds/$net/fold_0" "$weights"

step "Asking the compiled net about one face"
ask "folds/$net/fold_0/data/DEF/test.csv" "folds/$net/fold_0"
