#!/usr/bin/env bash
# The whole road on this machine: faces → LMDB and mean → trained caffemodels → IR and Myriad X blobs → an answer.
#   ./demo.sh                       the built-in, drawn faces (at most 8 minutes on 2 cores, after downloads)
#   ./demo.sh --images DIR|TAR      your own faces, with UTKFace file names (age_gender_race_datetime.jpg)
#   ./demo.sh --quick               under 2 minutes: shows that the road holds, learns little
#   ./demo.sh --iterations N        train each net N iterations instead
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
    if [ -n "$quick" ]; then iterations=12; elif [ -n "$images" ]; then iterations=400; else iterations=140; fi
fi
case "$iterations" in '' | *[!0-9]* | 0) echo "error: --iterations $iterations: wanted a number of at least 1" >&2; exit 2 ;; esac

. "$(dirname "$0")/tools/env.sh" train
begun=$SECONDS

step() { printf '\n\033[1m[%3d s] %s\033[0m\n' $((SECONDS - begun)) "$1"; }
show() { # say a command as a user would type it, then run it
    printf '  $ %s\n' "$*"
    "$@"
}

step "The tool chain that compiles for the stick"
"$MOKA_ROOT/tools/toolchain.sh" movidius || echo "  (going on without it: the answer then comes from the IR, and there is no blob)"

mkdir -p "$out/prototxt"
cd "$out"
root="$(realpath --relative-to=. "$MOKA_ROOT")"
cp "$MOKA_ROOT"/prototxt/* prototxt/
# The schedule of the stock solver is 50,000 iterations. Here: few, at a higher rate, which comes down for the last fifth.
for net in AgeNet GenderNet; do
    sed -i -E \
        -e "s/^(base_lr:).*/\1 0.004/; s/^(max_iter:).*/\1 $iterations/" \
        -e "s/^(stepsize:).*/\1 $((iterations * 4 / 5 + 1))/" \
        -e "s/^(test_interval|snapshot): .*/\1: $(((iterations + 1) / 2))/; s/^(test_iter:) [0-9]+/\1 6/; s/ +#.*//" \
        "prototxt/${net}_solver.prototxt"
done

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
    step "Training $net, $iterations iterations"
    rm -rf "models/$net" # of an earlier demo: its snapshots would pass for newer ones
    show "$root/train_$net.sh" --precision auto 2> >(tee "$net.log" | grep -E 'Iteration .*loss|Test net output|Computing|rror' >&2)
    show "$root/test_$net.sh"
done

step "Compiling for OpenVINO and for Myriad X"
show "$root/compile2Movidius.sh" --force

step "Asking the compiled nets about one test face"
face="$(head -n 1 data/DEF/age_test.txt)"
show "$PYTHON" "$root/run_inference.py" --image_path "${face% *}" --mean_file graph/age_gender_mean.npy --device auto --output answer.png --force

step "What came out, in $out"
"$PYTHON" -m tools.demo_report --what "$what" --iterations "$iterations" --face "${face% *}"
