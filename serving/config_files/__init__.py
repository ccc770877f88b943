"""Configuration files: several models, their versions and labels, replaced while the server runs.

Protects from: a restart, with its pause, for each model, version policy or label that changes.
Costs: nothing while the flags are not given.
Instead: one server for each model, and a new container for each change.
Remove: delete this folder and the lines that end with "# optional: config_files"
"""

import logging
from functools import partial
from pathlib import Path

from ..flags import BOOLEAN, FlagParser, Flags, seconds
from ..server import Server
from .config import read_models
from .follow import follow
from .reload import ReloadConfigRequest, reload

log = logging.getLogger(__name__)


class ConfigFiles:
    """The flag --model_config_file, the two flags that refine it, and the method HandleReloadConfigRequest."""

    def add_flags(self, parser: FlagParser) -> None:
        """Add the flags, and the file as a source of models."""
        flag = parser.add_argument
        flag("--model_config_file", type=Path, help="several models, with their versions and labels")
        flag("--model_config_file_poll_wait_seconds", type=seconds, default=0, help="read it again; 0: never (0)")
        flag(
            "--allow_version_labels_for_unavailable_models",
            **BOOLEAN,
            help="a new label may name a version that is not loaded yet (false)",
        )
        parser.model_sources.append("model_config_file")
        parser.checks.append(_check)

    def attach(self, server: Server) -> None:
        """Serve the models in the file, follow its changes, and answer requests for another configuration."""
        flags = server.flags
        if flags.model_config_file:
            server.models = read_models(flags.model_config_file)
            if not server.models:
                log.warning("%s lists no models; nothing is served until it does", flags.model_config_file)
        if interval := flags.model_config_file_poll_wait_seconds:
            server.background.append(partial(follow, server.catalogue, flags.model_config_file, interval))
        server.catalogue.allow_labels_for_unavailable_versions = flags.allow_version_labels_for_unavailable_models
        server.methods["HandleReloadConfigRequest"] = partial(reload, server.catalogue), ReloadConfigRequest


def _check(flags: Flags) -> str | None:
    if flags.model_config_file and (flags.model_name or flags.model_base_path):  # TensorFlow Serving ignores these
        return "--model_config_file goes without --model_name and --model_base_path"
    if flags.model_config_file_poll_wait_seconds and not flags.model_config_file:
        return "--model_config_file_poll_wait_seconds goes with --model_config_file"
    return None
