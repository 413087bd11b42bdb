"""The ground floor of every room: errors, files, command lines, tasks, the model card. Standard library and pydantic only."""

import sys

# OpenVINO's package reports each start to its makers through this one, and writes into the home folder. Without it, which
# OpenVINO allows for, nothing is sent. Whatever loads OpenVINO has to load `common` first.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
