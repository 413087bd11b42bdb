#!/usr/bin/env bash
# Age and gender from one small net, on UTKFace: archive → tables → databases → net → figures → IR and blob → an answer.
#   recipes/utkface.sh --images UTKFace.tar.gz            13 to 18 minutes on two cores
#   recipes/utkface.sh --images UTKFace.tar.gz --quick    2 to 5 minutes
#   --iterations N                                        train for N iterations (4000, and 700 with --quick)
#   --out DIR                                             work in DIR (default utkface_out)
# docs/recipes.md has the figures.
set -euo pipefail
RECIPE=utkface NET=FaceRes
. "$(dirname "$(readlink -f "$0")")/road.sh"
data_sets --images images
begin

train_on_utkface images "$(how_long 700 4000)" --balance half_repeats

step "Figures on the test part"
show "$moka" evaluate --net "$net" --weights "$weights" --looks mirror --table data/DEF/test.csv \
    --published "$recipes/published/utkface.json"

step "Compiling for OpenVINO and for Myriad X"
compile . "$weights"

step "Asking the compiled net about one test face"
ask data/DEF/test.csv
