#!/usr/bin/env bash
# Smile, gender and age from one net: trained on UTKFace, and then in 5 folds on smiles of GENKI-4K and UTKFace together.
#   recipes/smile.sh --images GENKI4K.tar --images_utkface UTKFace.tar            some 50 minutes on two cores
#   recipes/smile.sh --images GENKI4K.tar --images_utkface UTKFace.tar --quick    3 to 10 minutes; 2 folds
#   --images_utkface TAR                             again, if UTKFace comes in several archives
#   --net NAME                                       another net with the three tasks, such as BKNet (default FaceResSmile)
#   --iterations N                                   N iterations in each training (12000 on UTKFace and 2000 in each fold;
#                                                    500 and 800 with --quick)
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

# The test part is in no training. Rare ages are shown more often.
utkface_data images_utkface --balance half_repeats
train_on_utkface "$(how_long 500 12000)"
weights="$PWD/$weights"

step "Faces of GENKI-4K, found, and cut out as UTKFace's are cut"
show "$moka" cut_faces --images "${images[0]}" --faces blazeface --eye_level 0.29 --size 200 --out data/faces

step "$folds folds of GENKI-4K: tables, databases, training, figures"
iterations="$(how_long 800 2000)"
# A picture of GENKI-4K counts as four, so that a good third of what the net sees has a smile or none.
repeats=4
starts_from=("$weights")
run_folds "$iterations" weights repeats

step "Compiling the net of fold 0 for OpenVINO and for Myriad X"
compile "folds/$net/fold_0" "$weights"

step "Asking the compiled net about one picture"
ask "folds/$net/fold_0/data/DEF/test.csv"
