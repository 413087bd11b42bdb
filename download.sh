#!/usr/bin/env bash
# Explains how to get UTKFace, the faces that AgeNet and GenderNet were made for, and unpacks the archive.
#   ./download.sh                        what to download by hand, and where
#   ./download.sh UTKFace.tar.gz         unpack it into data/
set -euo pipefail
if [ $# -eq 0 ]; then
    cat <<'TEXT'
UTKFace: over 20,000 faces with age (0 to 116), gender and ethnicity in the file names.

1. Go to https://susanqq.github.io/UTKFace/ and read the page. The data set may be used for non-commercial research
   only, the pictures belong to their owners, and by downloading you agree to the terms there. The page leads to
   shared folders that a script cannot open, so this script downloads nothing.
2. Under "Datasets", download "Aligned&Cropped Faces": an archive named UTKFace.tar.gz of about 100 MB.
   The "In-the-wild Faces" are entire photographs. The networks are not trained on those.
3. Unpack it here:                    ./download.sh PATH/TO/UTKFace.tar.gz
   Then build the training set:       python build_dataset.py --images data/UTKFace

The published AgeNet and GenderNet (66.5 % and 85.2 %) were trained on the 3,434 aligned faces whose third field is 2:
   mkdir data/UTKFace_AsianOnly
   find data/UTKFace -name '*_[01]_2_*' -exec cp -t data/UTKFace_AsianOnly {} +
   python build_dataset.py --images data/UTKFace_AsianOnly

You can use your own faces, too: name them age_gender_ethnicity_datetime.jpg, for instance
34_1_2_20260131120000000.jpg (gender 0 male, 1 female; ethnicity 0 to 4, not used). If you have none, ./demo.sh draws some.
TEXT
    exit
fi
. "$(dirname "$(readlink -f "$0")")/tools/env.sh" train
for archive in "$@"; do
    "$PYTHON" "$MOKA_ROOT/moka" unpack "$archive"
done
