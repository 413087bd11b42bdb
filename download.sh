#!/usr/bin/env bash
# Says how to get UTKFace, the faces that AgeNet and GenderNet were made for; unpacks the archive once it is there.
#   ./download.sh                        what to download, by hand, and from where
#   ./download.sh UTKFace.tar.gz         unpack it into data/
set -euo pipefail
if [ $# -eq 0 ]; then
    cat <<'TEXT'
UTKFace: over 20,000 faces with age (0 to 116), gender and ethnicity in the file names.

1. Its home is https://susanqq.github.io/UTKFace/ . It may be used for non-commercial research only; the pictures
   belong to their owners. Read the page; by downloading you agree to its terms. There is no link that a script
   could follow (the page leads to shared folders of its authors), so this one downloads nothing.
2. There, under "Datasets", take "Aligned&Cropped Faces": an archive named UTKFace.tar.gz of about 100 MB.
   The "In-the-wild Faces" are whole photographs and not what the networks are trained on.
3. Unpack it here:                    ./download.sh PATH/TO/UTKFace.tar.gz
   and build the training set:        python build_dataset.py --images data/UTKFace

The published AgeNet and GenderNet (66.5 % and 85.2 %) were trained on the 3,434 aligned faces whose third field is 2:
   mkdir data/UTKFace_AsianOnly
   find data/UTKFace -name '*_[01]_2_*' -exec cp -t data/UTKFace_AsianOnly {} +
   python build_dataset.py --images data/UTKFace_AsianOnly

Your own faces serve as well: name them age_gender_ethnicity_datetime.jpg, for instance 34_1_2_20260131120000000.jpg
(gender 0 male, 1 female; ethnicity 0 to 4, not used). No faces at hand? ./demo.sh draws its own.
TEXT
    exit
fi
. "$(dirname "$0")/tools/env.sh" train
for archive in "$@"; do
    "$PYTHON" -m lmdb_build unpack "$archive"
done
