#!/usr/bin/env bash
# Adience's eight classes of ages, and gender, in five folds: on Adience itself, or on UTKFace with the same classes.
#   recipes/adience.sh --images ADIENCE                               the five folds that Adience has; 2 of them with --quick
#   recipes/adience.sh --images UTKFace.tar --dataset utkface         five folds drawn from UTKFace; about an hour on two cores
#   recipes/adience.sh --images UTKFace.tar --dataset utkface --quick    about 8 minutes; 2 folds
#   --images TAR                again, if UTKFace comes in several archives
#   --prefix coarse_tilt_aligned_face    pictures of Adience with this prefix (default landmark_aligned_face)
#   --net NAME                  LMTCNN-2-1, LMTCNN-1-1, LeviHassnerAge, LeviHassnerGender, which starts from LeviHassnerAge
#                               (default FaceResAdience, our own)
#   --iterations N              train each fold for N iterations (2000, and 400 with --quick)
#   --folds K                   K folds of UTKFace in place of 5; of Adience, only the first K of its five
#   --out DIR                   work in DIR (default adience_out)
# docs/recipes.md has the figures.
set -euo pipefail
RECIPE=adience NET=FaceResAdience QUICK_FOLDS=2
. "$(dirname "$(readlink -f "$0")")/road.sh"
data_sets --images images
divisions=(--dataset adience --divide own --prefix "${prefix:-landmark_aligned_face}")
case "$dataset" in
    '' | adience)
        data_set --images images
        [ "$folds" -le 5 ] || { echo "error: --folds $folds: Adience has five folds." >&2; exit 2; }
        ;;
    utkface) divisions=(--dataset utkface --folds "$folds" --task adience_age) ;;
    *) echo "error: --dataset $dataset: expected adience or utkface." >&2; exit 2 ;;
esac
# Its crops are closer than Adience's, which the cards of these nets expect.
[ "$dataset" != utkface ] || cut=utkface
begin

step "The pictures"
pictures=("${images[@]/#/--images=}")
if [[ ${divisions[*]} == *" own "* ]]; then
    # Fold 0 on trial: what is wrong with the set is said once, and not by every fold.
    show "$moka" build_dataset "${pictures[@]}" "${divisions[@]}" --fold 0 --balance none --out data/trial --force
else
    # Once, before several folds do it at the same time.
    for each in "${images[@]}"; do [ -d "$each" ] || show "$moka" unpack "$each"; done
fi

iterations="$(how_long 400 2000)"
start=(--force)
if [ "$net" = LeviHassnerGender ]; then
    # From random weights, some hundred iterations can learn nothing. In each fold both nets have the same pictures.
    step "$folds folds of LeviHassnerAge, whose layers LeviHassnerGender starts from"
    use_net LeviHassnerAge
    run_folds "$iterations" pictures divisions start
    start+=(--weights "{here}/folds/LeviHassnerAge/fold_{fold}/$weights")
    starts_from=(folds/LeviHassnerAge/fold_*/"$weights")
    use_net LeviHassnerGender
fi
step "$folds folds: tables, databases, training, figures"
run_folds "$iterations" pictures divisions start

step "Compiling the net of fold 0 for OpenVINO and for Myriad X"
compile "folds/$net/fold_0" "$weights"

step "Asking the compiled net about one picture"
ask "folds/$net/fold_0/data/DEF/test.csv"
