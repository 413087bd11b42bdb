#!/usr/bin/env python3
"""Tell age and gender from the picture of one face; `python run_inference.py --help` shows how."""

from tools.in_venv import ensure

if __name__ == "__main__":
    ensure("runner", "numpy", "cv2", "openvino")
    from inference.command import run

    run()
