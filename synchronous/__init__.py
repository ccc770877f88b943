"""Ask TensorFlow Serving, from Python or from a shell; see README.md."""

import os

# gRPC reads this when it is imported. Its lines about failed connections would mix with those of the command line.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
