#!/usr/bin/env bash
# Ages from 21 to 60 on UTKFace, in the division of the CORAL paper: archives → tables → databases → net → figures → IR and blob.
#   recipes/coral.sh --images UTKFace.tar --division coral_split.csv            some 40 minutes on an Intel with AMX, by its pace
#   recipes/coral.sh --images UTKFace.tar --division coral_split.csv --quick    about 5 minutes
#   --images TAR                again, if UTKFace comes in several archives
#   --division FILE.csv         file,age,part: which picture is for training and which for the test
#   --measure TEST              then also measure on TEST: a table (picture,person,years,gender), or an archive or folder with
#                               UTKFace's names. Without it no test picture is used for anything: the figures are those of a
#                               fifth of the training part, which is held back
#   --net NAME                  another net with ages, such as WideResNet-16-4 (default FaceRes)
#   --iterations N              train for N iterations (24000, and 700 with --quick)
#   --out DIR                   work in DIR (default coral_out)
# docs/recipes.md has the figures.
set -euo pipefail
RECIPE=coral NET=FaceRes
. "$(dirname "$(readlink -f "$0")")/road.sh"
data_sets --images images
file --division division
[ -z "$measured" ] || file --measure measured
workers="$(how_many_workers)"
begin
need_tasks years
iterations="$(how_long 700 24000)"

step "UTKFace in the given division; a fifth of the training part is held back, the test part is read by nothing"
[ -e "$DIVIDED" ] ||
    show "$moka" build_dataset "${images[@]/#/--images=}" --divide "$division" --val 0.2 --balance none --force

step "Databases of pictures and labels, and the distributions over ages"
databases train --table data/DEF/train.csv --shuffle
# What this net calls its test database is the part that was held back.
databases test --table data/DEF/val.csv
distributions

step "Training $net"
training solver "$iterations"
settle "$iterations"

step "Figures on the part that was held back"
show "$moka" evaluate --net "$net" --weights "$weights" --looks mirror --table data/DEF/val.csv \
    --published "$recipes/published/coral.json"

step "Compiling for OpenVINO and for Myriad X"
compile . "$weights"

step "Asking the compiled net about one face that was held back"
ask data/DEF/val.csv

if [ -n "$measured" ]; then
    step "Figures on $measured"
    if [[ $measured != *.csv ]]; then
        whole_table data/measured --images "$measured"
        measured="$PWD/data/measured/all.csv"
    fi
    measure measured "$measured"
fi
