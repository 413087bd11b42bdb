"""From a trained caffemodel to what a device runs: OpenVINO IR, Myriad X blob, and the model card beside them."""
