#!/usr/bin/env bash
# The whole road on this machine: faces → LMDB and mean → trained caffemodels → IR and Myriad X blobs → an answer.
#   ./demo.sh                       the built-in, drawn faces (at most 8 minutes on 2 cores, after downloads)
#   ./demo.sh --images DIR|TAR      your own faces, with UTKFace file names (age_gender_race_datetime.jpg)
#   ./demo.sh --quick               under 2 minutes: shows that the road holds, learns little
#   ./demo.sh --iterations N        train AgeNet N iterations (300 otherwise) and GenderNet two thirds of that
#   ./demo.sh --out DIR             work in DIR (default demo_out)
# Everything is written into the working folder; the commands it types are the ones a user types, and are shown.
set -euo pipefail

usage() { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; }
images= iterations= quick= out=demo_out
while [ $# -gt 0 ]; do
    case "$1" in
        --images | --iterations | --out)
            [ $# -ge 2 ] || { echo "error: $1 needs a value" >&2; exit 2; }
            declare "${1#--}=$2"
            shift 2
            ;;
        --quick) quick=1; shift ;;
        -h | --help) usage; exit 0 ;;
        *) echo "error: unknown option $1; see ./demo.sh --help" >&2; exit 2 ;;
    esac
done
[ -z "$images" ] || [ -e "$images" ] || { echo "error: --images $images: not there; wanted a folder or a tar archive of faces" >&2; exit 2; }
[ -z "$images" ] || images="$(realpath "$images")"
if [ -z "$iterations" ]; then
    if [ -n "$quick" ]; then iterations=20; else iterations=300; fi
fi
case "$iterations" in '' | *[!0-9]* | 0) echo "error: --iterations $iterations: wanted a number of at least 1" >&2; exit 2 ;; esac

. "$(dirname "$0")/tools/env.sh" train
begun=$SECONDS

step() { printf '\n\033[1m[%3d s] %s\033[0m\n' $((SECONDS - begun)) "$1"; }
show() { # say a command as a user would type it, then run it
    printf '  $ %s\n' "${*/"$PYTHON"/python}"
    "$@"
}

step "The tool chain that compiles for the stick"
"$MOKA_ROOT/tools/toolchain.sh" movidius || echo "  (going on without it: the answer then comes from the IR, and there is no blob)"

# Steps replace what an earlier demo left, so the folder must be one that a demo made.
if [ -d "$out" ] && [ -n "$(ls -A "$out")" ] && [ ! -e "$out/.made-by-demo" ]; then
    echo "error: $out: is not empty and was not made by demo.sh; nothing was touched. Give another folder: --out DIR" >&2
    exit 2
fi
mkdir -p "$out"
cd "$out"
touch .made-by-demo
root="$(realpath --relative-to=. "$MOKA_ROOT")"
# Copies of AgeNet and GenderNet that learn within a few hundred iterations; recipes/demo/nets.py says what it changes.
"$PYTHON" -m recipes.demo.nets --iterations "$iterations"

step "Faces, split into a training and a test part; the training part balanced by age"
what="your faces"
if [ -z "$images" ]; then
    images=data/sample_faces what="synthetic faces, drawn by this project"
    show "$PYTHON" -m tools.sample_faces --out "$images" --count "$([ -n "$quick" ] && echo 400 || echo 1400)" --force
fi
show "$PYTHON" "$root/build_dataset.py" --images "$images"

step "Four databases and the mean image"
show "$root/create_lmdb.sh" --force
show "$root/create_mean.sh" --force

for net in AgeNet GenderNet; do
    step "Training $net, $(sed -n 's/^max_iter: //p' "prototxt/$net/solver.prototxt") iterations of batch 25"
    rm -rf "models/$net" # of an earlier demo: its snapshots would pass for newer ones
    show "$root/train_$net.sh" --precision auto 2> >(tee "$net.log" | grep --line-buffered -E 'Iteration .*loss|Test net output|Computing|rror' >&2)
    show "$root/test_$net.sh"
done

step "Compiling for OpenVINO and for Myriad X"
show "$root/compile2Movidius.sh" --force

step "Asking the compiled nets about one test face"
face="$(head -n 1 data/DEF/age_test.txt)"
show "$PYTHON" "$root/run_inference.py" --image_path "${face% *}" --mean_file graph/age_gender_mean.npy --device auto --output answer.png --force

step "What came out, in $out"
"$PYTHON" -m recipes.demo.report --what "$what" --face "${face% *}"
