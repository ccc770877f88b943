"""The gRPC server's own options, and its UNIX socket."""

import grpc
import pytest

from local.processes import wait_until
from local.servers import answers
from serving.__main__ import parse_flags
from serving.messages import get_model_status_pb2, model_service_pb2_grpc
from tests.serving.plugin import server_argv

OPTIONS = "grpc.max_connection_age_ms=2000,grpc.lb_policy_name=grpclb"


def test_options_are_read_as_tensorflow_serving_reads_them():
    flags = parse_flags(["--model_base_path=/m", f"--grpc_channel_arguments={OPTIONS}"])
    assert flags.grpc_channel_arguments == [("grpc.max_connection_age_ms", 2000), ("grpc.lb_policy_name", "grpclb")]


def test_an_option_without_a_value_is_refused(capsys):
    with pytest.raises(SystemExit, match="2"):
        parse_flags(["--model_base_path=/m", "--grpc_channel_arguments=grpc.max_connection_age_ms"])
    assert "'grpc.max_connection_age_ms' is not NAME=VALUE" in capsys.readouterr().err


def test_a_socket_answers_and_a_connection_ends_at_its_age(start_preloaded, free_port, saved_models, tmp_path):
    port, rest, path = free_port(), free_port(), tmp_path / "serving.sock"
    flags = [f"--grpc_socket_path={path}", "--grpc_channel_arguments=grpc.max_connection_age_ms=500"]
    argv = server_argv(saved_models / "marked", port, rest, *flags)
    start_preloaded("socket", argv, lambda: answers(f"http://127.0.0.1:{rest}/v1/models/marked"))
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "marked"
    with grpc.insecure_channel(f"unix:{path}") as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        assert stub.GetModelStatus(request, timeout=120).model_version_status
        states: list[grpc.ChannelConnectivity] = []
        channel.subscribe(states.append)  # after an answer, so IDLE can only mean that the connection has ended
        wait_until(lambda: grpc.ChannelConnectivity.IDLE in states)
        assert stub.GetModelStatus(request, timeout=120).model_version_status
