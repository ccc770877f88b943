import os

# Before TensorFlow loads: without oneDNN the same seeds train the same bytes, and its start-up notes stay away.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Before ONNX Runtime loads: it would report the model's name and hash to its maker.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
