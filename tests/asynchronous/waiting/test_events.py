"""A job's states as server-sent events."""

from ..conftest import SEVEN, events, post


def test_a_job_sends_its_states_as_events_and_the_stream_ends_with_it(api, finish):
    job_id = post(api)
    answer, found = events(api, job_id, lambda: finish(SEVEN))
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert (found[0]["status"], found[0]["queue_position"]) == ("pending", 1)
    assert (found[-1]["status"], found[-1]["label"]) == ("done", "7")
    assert found[-1] == api.get(f"/job/{job_id}").json()


def test_a_client_that_reconnects_after_the_end_of_the_stream_gets_204(api, finish):
    job_id = post(api)
    finish(SEVEN)
    assert [event["status"] for event in events(api, job_id)[1]] == ["done"]
    assert events(api, job_id, **{"last-event-id": "running"})[1]
    assert events(api, job_id, **{"last-event-id": "done"})[0].status_code == 204
    assert events(api, "0" * 32)[0].status_code == 404
