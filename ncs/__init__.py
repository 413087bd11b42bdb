"""From a trained caffemodel to what a device runs: OpenVINO IR, Myriad X blob, and the model card beside them."""

import common  # noqa: F401 (turns off OpenVINO's telemetry before a module of this room loads OpenVINO)
