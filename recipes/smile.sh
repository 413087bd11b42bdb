#!/usr/bin/env bash
# Smiles, on GENKI-4K, in 5 folds: archive → faces cut out → tables → databases → nets → figures → IR and blob → an answer.
#   recipes/smile.sh --images GENKI4K.tar            about 15 minutes on two cores, by its pace
#   recipes/smile.sh --images GENKI4K.tar --quick    about 5 minutes
#   --iterations N                                   train each fold for N iterations (1000, and 400 with --quick)
#   --folds K                                        K folds in place of 5
#   --out DIR                                        work in DIR (default smile_out)
# docs/recipes.md has the figures.
set -euo pipefail
RECIPE=smile
. "$(dirname "$(readlink -f "$0")")/road.sh"
images="$(data_set --images "$images")"
begin blazeface

step "Faces, found and cut out"
show "$moka" cut_faces --images "$images" --faces blazeface --margin 0.05 --size 96 --out data/faces

step "$folds folds: tables, databases, training, figures"
iterations="$(how_long 400 1000)"
run_folds "$iterations"

step "Compiling the net of fold 0 for OpenVINO and for Myriad X"
compile SmileRes folds/fold_0 "models/SmileRes/SmileRes_iter_$iterations.caffemodel"

step "Asking the compiled net about one picture"
ask folds/fold_0
