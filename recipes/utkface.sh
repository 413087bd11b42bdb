#!/usr/bin/env bash
# Age and gender from one small net, on UTKFace: archive → tables → databases → net → figures → IR and blob → an answer.
#   recipes/utkface.sh --images UTKFace.tar.gz            about 10 minutes on two cores, by its pace
#   recipes/utkface.sh --images UTKFace.tar.gz --quick    2 to 5 minutes
#   --out DIR                                             work in DIR (default utkface_out)
# docs/recipes.md has the figures.
set -euo pipefail
RECIPE=utkface
. "$(dirname "$(readlink -f "$0")")/road.sh"
images="$(data_set --images "$images")"
. "$(dirname "$(readlink -f "$0")")/../tools/env.sh" train

step "The tool chain that compiles for the stick"
"$MOKA_ROOT/tools/toolchain.sh" movidius || echo "  (going on without it: there will be no blob)"
enter

step "Faces, split into a training and a test part"
[ -e data/DEF/test.csv ] || show "$moka" build_dataset --images "$images" --balance none

step "Databases of pictures and labels, and the distributions over ages"
databases FaceRes train years,gender data/DEF/train.csv
databases FaceRes test years,gender data/DEF/test.csv
[ -e data/soft/years.binaryproto ] || show "$moka" soft_labels --bins 0:100 --sigma 3 data/soft/years.binaryproto

step "Training FaceRes"
training FaceRes solver "$([ -n "$quick" ] && echo 300 || echo 2600)"

step "Figures on the test part"
show "$moka" evaluate --net FaceRes --looks mirror --table data/DEF/test.csv

step "Compiling for OpenVINO and for Myriad X"
[ -e graph/FaceRes.json ] || show "$moka" compile --net FaceRes

step "Asking the compiled net about one test face"
face="$(sed -n 2p data/DEF/test.csv | cut -d, -f1)"
show "$moka" infer --image_path "$face" --device auto --output answer.png --force
