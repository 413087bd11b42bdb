"""Models of ONNX, TFLite and OpenVINO IR, brought down to operations that OpenVINO 2021.4.2 and a Myriad X know."""
