# Sourced by road.sh: the options of the recipes, and what is said about wrong ones.
#   --images TAR     the data set, as an archive or a folder; again for more archives of the same set
#   --net NAME       this net in place of the recipe's own
#   --out DIR        work in DIR
#   --quick          shorter trainings without augmentation: every step works, but less is learned
#   --iterations N   N iterations in each training, fewer or more than the recipe's own
#   --folds K        K folds, where a recipe has folds
#   --seeds K        K nets that differ in the random seed, where a recipe has them

recipes="$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"
quick= out="${RECIPE}_out" images=() images_utkface=() net="${NET-}" weights= own_iterations= folds= seeds=
division= measured= dataset= prefix= cut= workers=1 train_with=()
usage() { sed -n '2,/^[^#]/{/^#/!d;s/^# \{0,1\}//;p}' "$0"; }
while [ $# -gt 0 ]; do
    # A recipe has the options that its help names.
    if [[ $1 != -h && $1 != --help && $(usage) != *" $1 "* ]]; then
        echo "error: unknown option $1. See $0 --help" >&2
        exit 2
    fi
    case "$1" in
        --out | --images | --images_utkface | --net | --weights | --iterations | --folds | --seeds | --division | --measure | --dataset | --prefix)
            [ $# -ge 2 ] || { echo "error: $1 needs a value" >&2; exit 2; }
            case "$1" in
                --out) out=$2 ;;
                --images) images+=("$2") ;;
                --images_utkface) images_utkface+=("$2") ;;
                --weights) weights=$2 ;;
                --division) division=$2 ;;
                --measure) measured=$2 ;;
                --dataset) dataset=$2 ;;
                --prefix) prefix=$2 ;;
                --net)
                    [ -e "$recipes/../prototxt/$2/finetune_solver.prototxt" ] || {
                        echo "error: --net $2: no such net. Known: $(cd "$recipes/../prototxt" && echo */finetune_solver.prototxt | sed 's|/[^ ]*||g')" >&2
                        exit 2
                    }
                    net=$2
                    ;;
                --iterations)
                    [[ $2 =~ ^[1-9][0-9]{0,6}$ ]] || { echo "error: --iterations $2: expected a whole number from 1." >&2; exit 2; }
                    own_iterations=$2
                    ;;
                --folds | --seeds)
                    [[ $2 =~ ^([2-9]|[1-9][0-9]{1,2})$ ]] || { echo "error: $1 $2: expected a number from 2 to 999." >&2; exit 2; }
                    if [ "$1" = --seeds ]; then seeds=$2; fi
                    folds=$2
                    ;;
            esac
            shift 2
            ;;
        --quick) quick=1; shift ;;
        -h | --help) usage; exit 0 ;;
        *) echo "error: $1 is no option. See $0 --help" >&2; exit 2 ;;
    esac
done

folds="${folds:-${quick:+${QUICK_FOLDS-}}}"
folds="${folds:-5}"

# Makes the paths in an array absolute, and checks that they are there. Usage: data_sets OPTION ARRAY
data_sets() {
    local -n given=$2
    local each found=()
    [ ${#given[@]} -gt 0 ] || { echo "error: $1 is missing. Give the data set as an archive or a folder." >&2; exit 2; }
    for each in "${given[@]}"; do
        [ -e "$each" ] || { echo "error: $1 $each: not found. Expected a folder or a tar archive of faces." >&2; exit 2; }
        found+=("$(realpath "$each")")
    done
    given=("${found[@]}")
}

# Does the same for a set that must be one archive or folder. Usage: data_set OPTION ARRAY
data_set() {
    data_sets "$@"
    local -n given=$2
    [ ${#given[@]} = 1 ] || { echo "error: $1 is given ${#given[@]} times. Expected one archive or folder." >&2; exit 2; }
}

# Makes the path of a file absolute, and checks that it is there. Usage: file OPTION VARIABLE
file() {
    local -n path=$2
    [ -n "$path" ] || { echo "error: $1 is missing. Give the file." >&2; exit 2; }
    [ -e "$path" ] || { echo "error: $1 $path: not found." >&2; exit 2; }
    path="$(realpath "$path")"
}

# Prints how many iterations a training has. Usage: how_long QUICK WHOLE
how_long() {
    if [ -n "$own_iterations" ]; then echo "$own_iterations"; elif [ -n "$quick" ]; then echo "$1"; else echo "$2"; fi
}
