"""The flags: TensorFlow Serving's names and defaults, and one line for each mistake."""

import pytest

from serving.__main__ import parse_flags

REQUIRED = ["--model_name=digits", "--model_base_path=models/artifacts/digits"]


def test_flags_take_a_space_or_an_equals_sign_and_have_tensorflow_servings_defaults():
    flags = parse_flags(["--model_name", "digits", "--model_base_path=/models/digits", "--rest_api_port", "8501"])
    assert (flags.model_name, str(flags.model_base_path)) == ("digits", "/models/digits")
    assert (flags.port, flags.rest_api_port, flags.rest_api_timeout_in_ms) == (8500, 8501, 30_000)


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ([*REQUIRED, "--modelname=a"], "--modelname=a"),
        ([*REQUIRED, "--port=0"], "--port"),
        ([*REQUIRED, "--port=x"], "'x' is not a port"),
        ([*REQUIRED, "--rest_api_port=65536"], "'65536' is not a port"),
        ([*REQUIRED, "--rest_api_port=8500"], "--rest_api_port cannot be the same as --port"),
        ([*REQUIRED, "--file_system_poll_wait_seconds=-1"], "seconds from 0"),
        ([*REQUIRED, "--allow_version_labels_for_unavailable_models=perhaps"], "neither true nor false"),
        ([*REQUIRED, "--model_config_file=f"], "--model_config_file goes without --model_name"),
        ([*REQUIRED, "--model_config_file_poll_wait_seconds=1"], "goes with --model_config_file"),
        ([*REQUIRED, "--monitoring_config_file=f"], "needs a --rest_api_port"),
        (["--model_name=a"], "--model_base_path or --model_config_file is required"),
    ],
)
def test_an_unknown_flag_a_wrong_value_and_a_contradiction_are_errors(flags, reason, capsys):
    with pytest.raises(SystemExit, match="2"):
        parse_flags(flags)
    usage, error = capsys.readouterr().err.splitlines()
    assert usage.startswith("usage: ")
    assert reason in error
