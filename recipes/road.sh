# Sourced by the recipes: the environment, how a step is shown, and the steps that they have in common.
# Everything is written into the working folder. A recipe that was stopped goes on where it was.

. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/options.sh"

# Two processes that train a small net together, each with half of a batch, are faster than two threads of one.
# Usage: workers="$(how_many_workers)", before begin
how_many_workers() {
    if [ "$(nproc)" -ge 2 ]; then echo 2; else echo 1; fi
}

# Ends the recipe unless the net has these tasks, because its figures are about them. Usage: need_tasks TASK...
need_tasks() {
    local task
    for task in "$@"; do
        if [[ ,${database_options[1]}, != *,$task,* ]]; then
            echo "error: --net $net: learns ${database_options[1]}, and this recipe measures $task. Give another net." >&2
            exit 2
        fi
    done
}

begun=$SECONDS
step() { printf '\n\033[1m[%3d s] %s\033[0m\n' $((SECONDS - begun)) "$1"; }
# Prints a command as a user would type it, then runs it.
show() {
    printf '  $ %s\n' "${*/"$PYTHON"/python}"
    "$@"
}

# Prints what the pictures are: what was made of others must not be taken for theirs.
sources() {
    local each
    for each in "${images[@]}" "${images_utkface[@]}" ${division:+"$division"}; do
        if [ -d "$each" ]; then echo "$each"; else echo "${each##*/} ($(stat -Lc %s "$each") bytes)"; fi
    done
    printf '%s\n' ${dataset:+"--dataset $dataset"} ${prefix:+"--prefix $prefix"}
}

# Makes what the recipe needs, and the working folder, and goes there. It must be new, or one that this recipe made of the same
# pictures. It writes the nets of recipes.nets, if the recipe names one. Usage: begin [DETECTOR...]
begin() {
    . "$recipes/../tools/env.sh" train
    local mark="$out/.made-by-$RECIPE" now before wrong=
    now="$(sources)"
    if [ -d "$out" ] && [ -n "$(ls -A "$out")" ]; then
        before="$(paste -sd ' ' "$mark" 2>/dev/null || true)"
        if [ ! -e "$mark" ]; then
            wrong="is not empty and was not made by this recipe."
        elif [ "$(<"$mark")" != "$now" ]; then
            wrong="was made of ${before:-pictures that an older Moka did not note}. These are: $(paste -sd ' ' <<<"$now")."
        fi
        [ -z "$wrong" ] || { echo "error: $out: $wrong Nothing was changed. Give another folder: --out DIR" >&2; exit 2; }
    fi
    step "The tool chain that compiles for the stick"
    "$MOKA_ROOT/tools/toolchain.sh" movidius || echo "  (going on without it: there will be no blob)"
    [ $# = 0 ] || "$MOKA_ROOT/tools/detectors.sh" "$@"
    mkdir -p "$out"
    cd "$out"
    printf '%s\n' "$now" >".made-by-$RECIPE"
    moka="$(realpath --relative-to=. "$MOKA_ROOT")/moka"
    [ -n "$net" ] || return 0
    [ "$workers" = 1 ] || train_with=("$PYTHON" -m torch.distributed.run --standalone --nproc-per-node "$workers")
    "$PYTHON" -m recipes.nets --out prototxt --our_schedule --workers "$workers" ${cut:+--cut "$cut"} ${quick:+--short}
    use_net "$net"
}

# What follows is about this net. Usage: use_net NAME
use_net() {
    net=$1
    read -ra database_options <<<"$("$PYTHON" -m recipes.nets --database_options "$net")"
}

# Writes the distributions over ages, unless they are there.
distributions() {
    [ -e data/soft/years.binaryproto ] || show "$moka" soft_labels --bins 0:100 --sigma 3 data/soft/years.binaryproto
}

# Writes pictures and labels into two databases of the net, unless they are there. Usage: databases PART OPTION... of create_lmdb
databases() {
    local place="data/lmdb/${net}_$1"
    shift
    [ -d "${place}_labels" ] || show "$moka" create_lmdb "$@" "${database_options[@]}" --force "$place" "${place}_labels"
}

# Prints a hash of all that a net and its training are, and of the weights that it starts from. A batch is as large as the number
# of processors lets it be, and may change. Usage: stamp [WEIGHTS...]
stamp() {
    { cat "prototxt/$net"/*.prototxt "prototxt/$net"/*.json | sed '/batch_size:/d'; cat /dev/null "$@"; } | sha256sum | cut -d ' ' -f 1
}

# Trains a net, or resumes its training, unless it is trained. A training of another length, of a changed net, or from other
# weights is another one. Usage: training SOLVER ITERATIONS [--weights FILE]
training() {
    local solver=$1 iterations=$2 begun="models/$net/begun" now state resume=(--force "${@:3}")
    mkdir -p "models/$net"
    now="$iterations $(stamp "${@:4}")"
    if [ "$(cat "$begun" 2>/dev/null)" != "$now" ]; then echo "$now" >"$begun"; fi
    [ "models/$net/${net}_iter_$iterations.caffemodel" -nt "$begun" ] && return
    state="$(ls -t "models/$net/${net}"_iter_*.solverstate 2>/dev/null | head -n 1 || true)"
    if [ "$state" -nt "$begun" ]; then resume=(--snapshot "$state"); fi
    show "${train_with[@]}" "$moka" train --solver "prototxt/$net/$solver.prototxt" --max_iter "$iterations" --precision auto "${resume[@]}" \
        2> >(tee -a "$net.log" | grep --line-buffered -E '^([^I]|I[^0-9])|Iteration .*(loss|Test)|Test net output' >&2)
}

# Prints over how many iterations a net settles after a training of so many. Usage: how_settled ITERATIONS
how_settled() {
    local most
    most="$(sed -n 's/^max_iter: //p' "prototxt/$net/settle_solver.prototxt")"
    echo $(($1 < most ? $1 : most))
}

# Computes BatchNorm's statistics of the trained weights again, unless that is done, and sets weights to the result.
# Usage: settle ITERATIONS of the training
settle() {
    local trained="models/$net/${net}_iter_$1.caffemodel" count
    count="$(how_settled "$1")"
    weights="models/$net/${net}_settled_iter_$count.caffemodel"
    [ "$weights" -nt "$trained" ] && return
    show "$moka" train --solver "prototxt/$net/settle_solver.prototxt" --max_iter "$count" --weights "$trained" \
        --precision auto --force \
        2> >(tee -a "$net.log" | grep --line-buffered -E '^([^I]|I[^0-9])' >&2)
}

# The last file that build_dataset writes.
DIVIDED=data/DEF/report.json

# Divides UTKFace, and makes its databases. Usage: utkface_data ARRAY OPTION... of build_dataset
utkface_data() {
    local -n archives=$1
    shift
    step "UTKFace, divided into a training and a test part"
    [ -e "$DIVIDED" ] || show "$moka" build_dataset "${archives[@]/#/--images=}" "$@" --force
    step "Databases of pictures and labels, and the distributions over ages"
    databases train --table data/DEF/train.csv --shuffle
    databases test --table data/DEF/test.csv
    distributions
}

# Trains the net on UTKFace's databases, and sets weights to what came out. Usage: train_on_utkface ITERATIONS
train_on_utkface() {
    step "Training $net on UTKFace"
    training solver "$1"
    settle "$1"
}

# Writes one table of all pictures of a set. Usage: whole_table FOLDER OPTION... of build_dataset
whole_table() {
    local folder=$1
    shift
    show "$moka" build_dataset "$@" --split 0.5 --balance none --out "$folder" --force
    # Both parts again: a division always has two.
    { cat "$folder/train.csv"; tail -n +2 "$folder/test.csv"; } >"$folder/all.part"
    mv "$folder/all.part" "$folder/all.csv"
}

# Measures the trained net on all pictures of a table, in a folder with a test database of its own. Usage: measure FOLDER TABLE
measure() {
    local folder=$1 table=$2 place="$1/data/lmdb/${net}_test" trained
    trained="$(realpath "$weights")"
    mkdir -p "$folder/data"
    ln -sfn "$PWD/prototxt" "$folder/prototxt"
    ln -sfn "$PWD/data/soft" "$folder/data/soft"
    # Always: the set may be another than the last time.
    show "$moka" create_lmdb --table "$table" "${database_options[@]}" --force "$place" "${place}_labels"
    table="$(realpath "$table")"
    (cd "$folder" && show "$MOKA_ROOT/moka" evaluate --net "$net" --weights "$trained" --looks mirror \
        --table "$table" --published "$recipes/published/$RECIPE.json" --out .)
}

# Prints the plan of cross_validate of this recipe. A string of JSON that holds @NAME@ gets the value of that variable;
# "@NAME@" alone becomes as many strings as an array has. Usage: plan NAME...
plan() {
    local text name value words
    text="$(<"$recipes/plans/$RECIPE.json")"
    for name in "$@"; do
        local -n values=$name
        words=
        for value in "${values[@]}"; do
            value="${value//\\/\\\\}"
            value="${value//\"/\\\"}"
            words+="${words:+\", \"}$value"
        done
        text="${text//@$name@/"$words"}"
    done
    printf '%s\n' "$text"
}

# Runs the folds of plans/RECIPE.json, and sets published figures beside theirs. What is done is not repeated, unless the net, its
# training or the files in the array starts_from have changed. Usage: run_folds ITERATIONS [NAME...]; the plan may hold these
# variables too
starts_from=()
run_folds() {
    local checkout="$MOKA_ROOT" iterations=$1 settled made_from
    shift
    settled="$(how_settled "$iterations")"
    # With the iterations: a longer training needs the databases again, which a complete fold no longer has.
    made_from="$(stamp "${starts_from[@]}") for $iterations iterations"
    plan checkout folds iterations settled net made_from database_options "$@" >folds.json
    show "$moka" cross_validate folds.json --out "folds/$net" --jobs "$(nproc)"
    echo
    "$PYTHON" -m recipes.beside "folds/$net/folds.json" "$recipes/published/$RECIPE.json" --out report.txt
    weights="models/$net/${net}_settled_iter_$settled.caffemodel"
}

# Compiles the net, as it was trained in FOLDER, into graph/, unless that is newer than weights, net and card. Usage: compile FOLDER WEIGHTS_IN_FOLDER
compile() {
    local graph="$PWD/graph"
    if [ "graph/$net.json" -nt "$1/$2" ] && [ "graph/$net.json" -nt "$1/prototxt/$net/card.json" ] &&
        [ "graph/$net.json" -nt "$1/prototxt/$net/deploy.prototxt" ]; then
        # Without the tool chain there was no blob.
        if [ -e "graph/$net.blob" ] || [ ! -e "$MOKA_ROOT/.toolchain/movidius" ]; then return; fi
    fi
    # There, because compile reads from the databases how large pictures were.
    (cd "$1" && show "$MOKA_ROOT/moka" compile --net "$net" --weights "$2" --out "$graph" --force)
}

# Asks the compiled net about the first picture of a table. Usage: ask TABLE [FOLDER], from which its paths start
ask() {
    local picture
    picture="$("$PYTHON" -c 'import csv, sys; print(list(csv.reader(sys.stdin))[1][0])' <"$1")"
    # Its path is relative to that folder, or absolute.
    picture="$(cd "${2:-.}" && realpath --no-symlinks "$picture")"
    show "$moka" infer --image_path "$picture" --device auto --output answer.png --force
}
