#!/usr/bin/env bash
# Smiles, on GENKI-4K, in 5 folds: archive → faces cut out → tables → databases → nets → figures → IR and blob → an answer.
#   recipes/smile.sh --images GENKI4K.tar            about 15 minutes on two cores, by its pace
#   recipes/smile.sh --images GENKI4K.tar --quick    about 5 minutes
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
show "$moka" cut_faces --images "$images" --faces blazeface --margin 0.05 --size 64 --out data/faces

step "Five folds: tables, databases, training, figures"
iterations="$([ -n "$quick" ] && echo 400 || echo 1000)"
folds SmileRes smile solver "$iterations" --dataset genki4k

step "Compiling the net of fold 0 for OpenVINO and for Myriad X"
compile_fold SmileRes

step "Asking the compiled net about one picture"
show "$moka" infer --image_path "$(first_picture)" --device auto --output answer.png --force
