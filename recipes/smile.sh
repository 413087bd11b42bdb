#!/usr/bin/env bash
# Smile, gender and age from one net: smiles of GENKI-4K in 5 folds, with gender and age of UTKFace in each training.
#   recipes/smile.sh --images GENKI4K.tar --images_utkface UTKFace.tar            about an hour on two cores
#   recipes/smile.sh --images GENKI4K.tar --images_utkface UTKFace.tar --quick    8 to 10 minutes; 2 folds
#   --images_utkface TAR                             again, if UTKFace comes in several archives
#   --net NAME                                       another net with the three tasks, such as BKNet (default FaceResSmile)
#   --iterations N                                   train each fold for N iterations (2600, and 500 with --quick)
#   --folds K                                        K folds in place of 5
#   --out DIR                                        work in DIR (default smile_out)
# docs/recipes.md has the figures.
set -euo pipefail
RECIPE=smile NET=FaceResSmile QUICK_FOLDS=2
. "$(dirname "$(readlink -f "$0")")/road.sh"
data_set --images images
data_sets --images_utkface images_utkface
begin blazeface
need_tasks smile gender years

step "Faces of GENKI-4K, found, and cut out as UTKFace's are cut"
show "$moka" cut_faces --images "${images[0]}" --faces blazeface --eye_level 0.29 --size 200 --out data/faces

step "UTKFace, divided once: its test part is in no training"
[ -e data/utkface/test.csv ] ||
    show "$moka" build_dataset "${images_utkface[@]/#/--images=}" --balance none --out data/utkface
distributions

step "$folds folds of GENKI-4K: tables, databases, training, figures"
iterations="$(how_long 500 2600)"
# A picture of GENKI-4K counts as four, so that a good third of what the net sees has a smile or none.
repeats=4
run_folds "$iterations" repeats

step "Compiling the net of fold 0 for OpenVINO and for Myriad X"
compile "folds/$net/fold_0" "$weights"

step "Asking the compiled net about one picture"
ask "folds/$net/fold_0/data/DEF/test.csv"
