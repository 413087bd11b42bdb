#!/usr/bin/env bash
# Runs every step on this machine: faces → LMDB and mean → trained caffemodels → IR and Myriad X blobs → an answer.
#   ./demo.sh                       with drawn faces (5 to 12 minutes on 2 cores, after the downloads)
#   ./demo.sh --images DIR|TAR      with your own faces, named as in UTKFace (age_gender_race_datetime.jpg); then FaceRes,
#                                   our own small net, learns from them too (recipes/utkface.sh, some 15 minutes more)
#   ./demo.sh --quick               in about 2 minutes: every step works, but little is learned
#   ./demo.sh --iterations N        train AgeNet for N iterations (default 300) and GenderNet for two thirds of that
#   ./demo.sh --out DIR             work in DIR (default demo_out)
# Everything is written into the working folder. The commands are those that a user types, and are shown.
set -euo pipefail

usage() { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; }
images= iterations= quick= own_faces= out=demo_out
while [ $# -gt 0 ]; do
    case "$1" in
        --images | --iterations | --out)
            [ $# -ge 2 ] || { echo "error: $1 needs a value" >&2; exit 2; }
            declare "${1#--}=$2"
            shift 2
            ;;
        --quick) quick=1; shift ;;
        -h | --help) usage; exit 0 ;;
        *) echo "error: unknown option $1. See ./demo.sh --help" >&2; exit 2 ;;
    esac
done
[ -z "$images" ] || [ -e "$images" ] || { echo "error: --images $images: not found. Expected a folder or a tar archive of faces." >&2; exit 2; }
[ -z "$images" ] || own_faces="$(realpath "$images")" images="$(realpath "$images")"
if [ -z "$iterations" ]; then
    if [ -n "$quick" ]; then iterations=20; else iterations=300; fi
fi
case "$iterations" in '' | *[!0-9]* | 0 | ??????????*) echo "error: --iterations $iterations: expected a number from 1 to 999999999." >&2; exit 2 ;; esac

. "$(dirname "$(readlink -f "$0")")/tools/env.sh" train
begun=$SECONDS

step() { printf '\n\033[1m[%3d s] %s\033[0m\n' $((SECONDS - begun)) "$1"; }
# Prints a command as a user would type it, then runs it.
show() {
    printf '  $ %s\n' "${*/"$PYTHON"/python}"
    "$@"
}

step "The tool chain that compiles for the stick"
"$MOKA_ROOT/tools/toolchain.sh" movidius || echo "  (going on without it: there will be no blob, and the answer comes from the IR)"

# The steps replace the results of an earlier demo, so the folder must be one that a demo made.
if [ -d "$out" ] && [ -n "$(ls -A "$out")" ] && [ ! -e "$out/.made-by-demo" ]; then
    echo "error: $out: is not empty and was not made by demo.sh. Nothing was changed. Give another folder: --out DIR" >&2
    exit 2
fi
mkdir -p "$out"
cd "$out"
# FaceRes of an earlier demo, which knew other faces, is not this one's.
[ -n "$own_faces" ] && [ "$(cat .made-by-demo 2>/dev/null)" = "$own_faces" ] || rm -rf own_net
echo "$own_faces" >.made-by-demo
root="$(realpath --relative-to=. "$MOKA_ROOT")"

step "Faces, split into a training and a test part; the training part balanced by age"
what="your faces"
if [ -z "$images" ]; then
    images=data/sample_faces what="synthetic faces, drawn by this project"
    show "$PYTHON" -m tools.sample_faces --out "$images" --count "$([ -n "$quick" ] && echo 400 || echo 1400)" --force
fi
show "$PYTHON" "$root/build_dataset.py" --images "$images" --force
# The demo's own AgeNet and GenderNet learn within a few hundred iterations. recipes/demo/nets.py says what differs.
"$PYTHON" -m recipes.demo.nets --iterations "$iterations"

step "Four databases and the mean image"
show "$root/create_lmdb.sh" --force
show "$root/create_mean.sh" --force

for net in AgeNet GenderNet; do
    step "Training $net, $(sed -n 's/^max_iter: //p' "prototxt/$net/solver.prototxt") iterations of batch 25"
    # The snapshots of an earlier demo could be taken for the newest.
    rm -rf "models/$net"
    show "$root/train_$net.sh" --precision auto 2> >(tee "$net.log" | grep --line-buffered -E 'Iteration .*loss|Test net output|Computing|rror' >&2)
    show "$root/test_$net.sh"
done

step "Compiling for OpenVINO and for Myriad X"
show "$root/compile2Movidius.sh" --force

step "Asking the compiled nets about one test face"
face="$(head -n 1 data/DEF/age_test.txt)"
show "$PYTHON" "$root/run_inference.py" --image_path "${face% *}" --mean_file graph/age_gender_mean.npy --device auto --output answer.png --force

if [ -n "$own_faces" ]; then
    step "FaceRes, our own net for age and gender, on the same faces"
    show "$root/recipes/utkface.sh" --images "$own_faces" --out own_net ${quick:+--quick}
fi

step "What came out, in $out"
"$PYTHON" -m recipes.demo.report --what "$what" --face "${face% *}"
