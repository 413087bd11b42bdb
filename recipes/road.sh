# Sourced by the recipes: their options, the environment, and how a step is shown.
#   --images TAR   the data set, as an archive or a folder
#   --out DIR      work in DIR
#   --quick        shorter trainings: every step works, but less is learned
# Everything is written into the working folder. A recipe that was stopped goes on where it was.

quick= out="${RECIPE}_out" images=
usage() { sed -n '2,/^[^#]/{/^#/!d;s/^# \{0,1\}//;p}' "$0"; }
while [ $# -gt 0 ]; do
    case "$1" in
        --out | --images | --images_utkface | --weights)
            [ $# -ge 2 ] || { echo "error: $1 needs a value" >&2; exit 2; }
            name="${1#--}"
            declare "${name//-/_}=$2"
            shift 2
            ;;
        --quick) quick=1; shift ;;
        -h | --help) usage; exit 0 ;;
        *) echo "error: unknown option $1. See $0 --help" >&2; exit 2 ;;
    esac
done

# Prints the absolute path of a data set. Usage: data_set OPTION PATH
data_set() {
    [ -n "$2" ] || { echo "error: $1 is missing. Give the data set as an archive or a folder." >&2; exit 2; }
    [ -e "$2" ] || { echo "error: $1 $2: not found. Expected a folder or a tar archive of faces." >&2; exit 2; }
    realpath "$2"
}

begun=$SECONDS
step() { printf '\n\033[1m[%3d s] %s\033[0m\n' $((SECONDS - begun)) "$1"; }
# Prints a command as a user would type it, then runs it.
show() {
    printf '  $ %s\n' "${*/"$PYTHON"/python}"
    "$@"
}

# Makes the working folder and goes there. It must be new, or one that this recipe made.
enter() {
    if [ -d "$out" ] && [ -n "$(ls -A "$out")" ] && [ ! -e "$out/.made-by-$RECIPE" ]; then
        echo "error: $out: is not empty and was not made by this recipe. Nothing was changed. Give another folder: --out DIR" >&2
        exit 2
    fi
    mkdir -p "$out"
    cd "$out"
    touch ".made-by-$RECIPE"
    moka="$(realpath --relative-to=. "$MOKA_ROOT")/moka"
    "$PYTHON" -m recipes.face_nets --out prototxt
}

# Writes the pictures and labels of a part into two databases, unless they are there. Usage: databases NET PART TASKS TABLE...
databases() {
    local net=$1 part=$2 tasks=$3 options=() table
    shift 3
    [ -d "data/lmdb/${net}_${part}_labels" ] && return
    for table in "$@"; do options+=(--table "$table"); done
    if [ "$part" = train ]; then options+=(--shuffle); fi
    show "$moka" create_lmdb "${options[@]}" --tasks "$tasks" --absent -1 --resize_height 56 --resize_width 56 \
        "data/lmdb/${net}_$part" "data/lmdb/${net}_${part}_labels"
}

# Trains a net, or resumes its training. Usage: training NET SOLVER ITERATIONS [OPTION...]
training() {
    local net=$1 solver=$2 iterations=$3 state
    shift 3
    [ -e "models/$net/${net}_iter_$iterations.caffemodel" ] && return
    state="$(ls -t "models/$net/${net}"_iter_*.solverstate 2>/dev/null | head -n 1 || true)"
    if [ -n "$state" ]; then set -- --snapshot "$state"; fi
    show "$moka" train --solver "prototxt/$net/$solver.prototxt" --max_iter "$iterations" "$@" \
        2> >(tee -a "$net.log" | grep --line-buffered -E 'Iteration .*(loss|Test)|Test net output|rror' >&2)
}

# Runs five folds over data/faces with cross_validate. Those that are done are not repeated.
# Usage: folds NET TASKS SOLVER ITERATIONS OPTION_OF_BUILD_DATASET...   ($weights: the caffemodel to start from, if any)
folds() {
    local net=$1 tasks=$2 solver=$3 iterations=$4 start= word dataset=
    shift 4
    for word in "$@"; do dataset+=", \"$word\""; done
    [ -z "${weights:-}" ] || start=", \"--weights\", \"$weights\""
    local run="\"$MOKA_ROOT/moka\"" size='"--resize_height", "56", "--resize_width", "56"'
    cat >folds.json <<END
{
  "folds": 5,
  "steps": {
    "nets": ["$PYTHON", "-m", "recipes.face_nets", "--out", "prototxt"],
    "matrix": [$run, "soft_labels", "--bins", "0:100", "--sigma", "3", "data/soft/years.binaryproto", "--force"],
    "tables": [$run, "build_dataset", "--images", "{here}/data/faces", "--folds", "5", "--fold", "{fold}",
      "--balance", "none", "--force"$dataset],
    "train_data": [$run, "create_lmdb", "--table", "data/DEF/train.csv", "--tasks", "$tasks", "--absent", "-1", "--shuffle",
      $size, "--force", "data/lmdb/${net}_train", "data/lmdb/${net}_train_labels"],
    "test_data": [$run, "create_lmdb", "--table", "data/DEF/test.csv", "--tasks", "$tasks", "--absent", "-1",
      $size, "--force", "data/lmdb/${net}_test", "data/lmdb/${net}_test_labels"],
    "train": [$run, "train", "--solver", "prototxt/$net/$solver.prototxt", "--max_iter", "$iterations", "--force"$start],
    "evaluate": [$run, "evaluate", "--net", "$net", "--looks", "mirror", "--table", "data/DEF/test.csv"]
  },
  "reports": ["models/$net/*_${iterations}_test_torch_mirror.json"]
}
END
    show "$moka" cross_validate folds.json --out folds --jobs "$(nproc)"
}

# Compiles the net of fold 0 there, because compile reads from its databases how large pictures were. Usage: compile_fold NET
compile_fold() {
    [ -e "graph/$1.json" ] && return
    (cd folds/fold_0 && show "../../$moka" compile --net "$1" --out ../../graph)
}

# Prints the path of the first test picture of fold 0.
first_picture() {
    echo "folds/fold_0/$(sed -n 2p folds/fold_0/data/DEF/test.csv | cut -d, -f1)"
}
