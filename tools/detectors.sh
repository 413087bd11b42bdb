#!/usr/bin/env bash
# Fetches the files of the face detectors into .toolchain/detectors/: tools/detectors.sh [NAME ...]
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh" runner
exec "$PYTHON" -m tools.detectors "$@"
