import os

# Set before TensorFlow loads: without oneDNN the same seeds train the same bytes. The second silences start-up logs.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Set before ONNX Runtime loads, which would otherwise report the model's name and hash to its vendor.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
