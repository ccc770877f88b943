import os

# Before ONNX Runtime loads: it would report the model's name and hash to its maker.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
