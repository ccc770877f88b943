"""TensorFlow Serving's protocols, ports and flags on any machine that runs Python.

    python -m serving --port=8500 --rest_api_port=8501 --model_name=digits --model_base_path=PATH

It serves the highest version in PATH, and follows new ones.
"""

import logging
import os
import sys
from collections.abc import Sequence

from .artifact import ArtifactRefused
from .batching import Batching  # optional: batching
from .config_files import ConfigFiles  # optional: config_files
from .connections import Connections  # optional: connections
from .errors import ConfigRefused
from .examples import Examples  # optional: examples
from .flags import FlagParser, Flags
from .golden import Golden  # optional: golden
from .monitoring import Monitoring  # optional: monitoring
from .server import Part, Server, on_signal
from .tls import Tls  # optional: tls

# The libraries read these when they are imported. Serving needs no Keras, whose import takes a third of the start.
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "2", "GRPC_VERBOSITY": "NONE", "TF_USE_LEGACY_KERAS": "1"}
PARTS: list[Part] = [
    Batching(),  # optional: batching
    ConfigFiles(),  # optional: config_files
    Connections(),  # optional: connections
    Examples(),  # optional: examples
    Golden(),  # optional: golden
    Monitoring(),  # optional: monitoring
    Tls(),  # optional: tls
]


def parse_flags(arguments: Sequence[str] | None = None) -> Flags:
    """Return the flags of the server and of its optional folders."""
    parser = FlagParser()
    for part in PARTS:
        part.add_flags(parser)
    return parser.parse(arguments)


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    flags = parse_flags()
    on_signal(lambda number, _: os._exit(0))  # until it listens, there is no call to wait for
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        server = Server(flags)
        for part in PARTS:
            part.attach(server)
        server.run()
    except (ArtifactRefused, ConfigRefused, OSError, RuntimeError) as error:
        sys.exit(f"error: {error}")
    os._exit(0)  # a call that outlasted the drain is still inside TensorFlow; an ordinary exit would wait for it


if __name__ == "__main__":
    main()
