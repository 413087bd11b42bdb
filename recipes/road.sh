# Sourced by the recipes: their options, the environment, how a step is shown, and the steps that they have in common.
#   --images TAR     the data set, as an archive or a folder
#   --out DIR        work in DIR
#   --quick          shorter trainings: every step works, but less is learned
#   --iterations N   N iterations in each training, fewer or more than the recipe's own
#   --folds K        K folds, where a recipe has folds
# Everything is written into the working folder. A recipe that was stopped goes on where it was.

recipes="$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"
quick= out="${RECIPE}_out" images= images_utkface= weights= own_iterations= folds=5
usage() { sed -n '2,/^[^#]/{/^#/!d;s/^# \{0,1\}//;p}' "$0"; }
while [ $# -gt 0 ]; do
    # A recipe has the options that its help names.
    if [[ $1 != -h && $1 != --help && $(usage) != *" $1 "* ]]; then
        echo "error: unknown option $1. See $0 --help" >&2
        exit 2
    fi
    case "$1" in
        --out | --images | --images_utkface | --weights | --iterations | --folds)
            [ $# -ge 2 ] || { echo "error: $1 needs a value" >&2; exit 2; }
            case "$1" in
                --out) out=$2 ;;
                --images) images=$2 ;;
                --images_utkface) images_utkface=$2 ;;
                --weights) weights=$2 ;;
                --iterations)
                    [[ $2 =~ ^[1-9][0-9]{0,6}$ ]] || { echo "error: --iterations $2: expected a whole number from 1." >&2; exit 2; }
                    own_iterations=$2
                    ;;
                --folds)
                    [[ $2 =~ ^([2-9]|[1-9][0-9]{1,2})$ ]] || { echo "error: --folds $2: expected a number from 2 to 999." >&2; exit 2; }
                    folds=$2
                    ;;
            esac
            shift 2
            ;;
        --quick) quick=1; shift ;;
        -h | --help) usage; exit 0 ;;
    esac
done

# Prints the absolute path of a data set. Usage: data_set OPTION PATH
data_set() {
    [ -n "$2" ] || { echo "error: $1 is missing. Give the data set as an archive or a folder." >&2; exit 2; }
    [ -e "$2" ] || { echo "error: $1 $2: not found. Expected a folder or a tar archive of faces." >&2; exit 2; }
    realpath "$2"
}

# Prints how many iterations a training has. Usage: how_long QUICK WHOLE
how_long() {
    if [ -n "$own_iterations" ]; then echo "$own_iterations"; elif [ -n "$quick" ]; then echo "$1"; else echo "$2"; fi
}

begun=$SECONDS
step() { printf '\n\033[1m[%3d s] %s\033[0m\n' $((SECONDS - begun)) "$1"; }
# Prints a command as a user would type it, then runs it.
show() {
    printf '  $ %s\n' "${*/"$PYTHON"/python}"
    "$@"
}

# Makes what the recipe needs, and the working folder, and goes there. It must be new, or one that this recipe made.
# Usage: begin [DETECTOR...]
begin() {
    . "$recipes/../tools/env.sh" train
    if [ -d "$out" ] && [ -n "$(ls -A "$out")" ] && [ ! -e "$out/.made-by-$RECIPE" ]; then
        echo "error: $out: is not empty and was not made by this recipe. Nothing was changed. Give another folder: --out DIR" >&2
        exit 2
    fi
    step "The tool chain that compiles for the stick"
    "$MOKA_ROOT/tools/toolchain.sh" movidius || echo "  (going on without it: there will be no blob)"
    [ $# = 0 ] || "$MOKA_ROOT/tools/detectors.sh" "$@"
    mkdir -p "$out"
    cd "$out"
    touch ".made-by-$RECIPE"
    moka="$(realpath --relative-to=. "$MOKA_ROOT")/moka"
    "$PYTHON" -m recipes.nets --out prototxt
}

# Writes the distributions over ages, unless they are there.
distributions() {
    [ -e data/soft/years.binaryproto ] || show "$moka" soft_labels --bins 0:100 --sigma 3 data/soft/years.binaryproto
}

# Writes the pictures and labels of a part into two databases, unless they are there. Usage: databases NET PART
databases() {
    local net=$1 part=$2 shuffle=() options
    [ -d "data/lmdb/${net}_${part}_labels" ] && return
    if [ "$part" = train ]; then shuffle=(--shuffle); fi
    read -ra options <<<"$("$PYTHON" -m recipes.nets --database_options "$net")"
    show "$moka" create_lmdb --table "data/DEF/$part.csv" "${shuffle[@]}" "${options[@]}" \
        "data/lmdb/${net}_$part" "data/lmdb/${net}_${part}_labels"
}

# Trains a net, or resumes its training, unless it is trained. A training of another length is not resumed.
# Usage: training NET SOLVER ITERATIONS
training() {
    local net=$1 solver=$2 iterations=$3 begun="models/$1/iterations" state resume=(--force)
    mkdir -p "models/$net"
    if [ "$(cat "$begun" 2>/dev/null)" != "$iterations" ]; then echo "$iterations" >"$begun"; fi
    [ "models/$net/${net}_iter_$iterations.caffemodel" -nt "$begun" ] && return
    state="$(ls -t "models/$net/${net}"_iter_*.solverstate 2>/dev/null | head -n 1 || true)"
    if [ "$state" -nt "$begun" ]; then resume=(--snapshot "$state"); fi
    show "$moka" train --solver "prototxt/$net/$solver.prototxt" --max_iter "$iterations" "${resume[@]}" \
        2> >(tee -a "$net.log" | grep --line-buffered -E '^[^I]|Iteration .*(loss|Test)|Test net output' >&2)
}

# Trains FaceRes on UTKFace, from the archive on, and sets weights to what came out. Usage: train_on_utkface IMAGES
train_on_utkface() {
    local iterations
    iterations="$(how_long 700 5200)"
    step "UTKFace, split into a training and a test part"
    [ -e data/DEF/test.csv ] || show "$moka" build_dataset --images "$1" --balance half_repeats
    step "Databases of pictures and labels, and the distributions over ages"
    databases FaceRes train
    databases FaceRes test
    distributions
    step "Training FaceRes on UTKFace"
    training FaceRes solver "$iterations"
    weights="models/FaceRes/FaceRes_iter_$iterations.caffemodel"
}

# Prints the plan of cross_validate of this recipe: @NAME@ becomes the value of that variable, as a JSON string has it.
# Usage: plan NAME...
plan() {
    local text name value
    text="$(<"$recipes/plans/$RECIPE.json")"
    for name in "$@"; do
        value="${!name//\\/\\\\}"
        value="${value//\"/\\\"}"
        text="${text//@$name@/"$value"}"
    done
    printf '%s\n' "$text"
}

# Runs the folds of plans/RECIPE.json over data/faces, and sets published figures beside theirs. What is done is not repeated.
# Usage: run_folds ITERATIONS
run_folds() {
    local checkout="$MOKA_ROOT" iterations=$1
    plan checkout folds iterations weights >folds.json
    show "$moka" cross_validate folds.json --out folds --jobs "$(nproc)"
    echo
    "$PYTHON" -m recipes.beside folds/folds.json "$recipes/published/$RECIPE.json" --out report.txt
}

# Compiles NET, as it was trained in FOLDER, into graph/, unless that is newer. Usage: compile NET FOLDER WEIGHTS_IN_FOLDER
compile() {
    local graph="$PWD/graph"
    if [ "graph/$1.json" -nt "$2/$3" ]; then
        # Without the tool chain there was no blob.
        if [ -e "graph/$1.blob" ] || [ ! -e "$MOKA_ROOT/.toolchain/movidius" ]; then return; fi
    fi
    # There, because compile reads from the databases how large pictures were.
    (cd "$2" && show "$MOKA_ROOT/moka" compile --net "$1" --weights "$3" --out "$graph" --force)
}

# Asks the compiled net about the first test picture of a folder. Usage: ask FOLDER
ask() {
    local picture
    picture="$("$PYTHON" -c 'import csv, sys; print(list(csv.reader(sys.stdin))[1][0])' <"$1/data/DEF/test.csv")"
    # Its path is relative to that folder, or absolute.
    picture="$(cd "$1" && realpath --no-symlinks "$picture")"
    show "$moka" infer --image_path "$picture" --device auto --output answer.png --force
}
