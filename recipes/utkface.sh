#!/usr/bin/env bash
# Age and gender from one small net, on UTKFace: archive → tables → databases → net → figures → IR and blob → an answer.
#   recipes/utkface.sh --images UTKFace.tar.gz            9 to 25 minutes on two cores
#   recipes/utkface.sh --images UTKFace.tar.gz --quick    2 to 6 minutes
#   --iterations N                                        train for N iterations (4000, and 850 with --quick)
#   --seeds K                                             train K nets that differ in the random seed; means and deviations
#   --out DIR                                             work in DIR (default utkface_out)
# docs/recipes.md has the figures.
set -euo pipefail
RECIPE=utkface NET=FaceRes
. "$(dirname "$(readlink -f "$0")")/road.sh"
data_sets --images images
# Several nets are trained side by side.
[ -n "$seeds" ] || workers="$(how_many_workers)"
begin

utkface_data images --balance half_repeats
iterations="$(how_long 850 4000)"
trained=.
if [ -z "$seeds" ]; then
    train_on_utkface "$iterations"
    step "Figures on the test part"
    show "$moka" evaluate --net "$net" --weights "$weights" --looks mirror --table data/DEF/test.csv \
        --published "$recipes/published/utkface.json"
else
    step "$seeds nets with the random seeds 0 to $((seeds - 1)): training, figures"
    run_folds "$iterations"
    trained="folds/$net/fold_0"
fi

step "Compiling for OpenVINO and for Myriad X"
compile "$trained" "$weights"

step "Asking the compiled net about one test face"
ask data/DEF/test.csv
