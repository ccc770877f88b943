"""The demo's requests to asynchronous: image files now, answers later."""

from collections.abc import Iterator

import httpx

from ..stack import Stack
from . import samples
from .steps import DemoFailed, Step, expect


def steps(stack: Stack) -> Iterator[Step]:
    """A digit file is accepted at once and answered later; a photograph; twenty at a time."""
    client = httpx.Client(base_url=f"http://127.0.0.1:{stack.settings.asynchronous_port}", timeout=40)

    def submit(data: bytes) -> str:
        kind = "image/png" if data.startswith(b"\x89PNG") else "image/jpeg"
        answer = expect(client.post("/predict", content=data, headers={"content-type": kind}), 202).json()
        return str(answer["job_id"])

    def result(job_id: str) -> dict[str, object]:
        job: dict[str, object] = expect(client.get(f"/job/{job_id}", params={"wait": 30}), 200).json()
        if job["status"] != "done":
            raise DemoFailed(f"job {job_id} ended as {job}")
        return job

    png, *more = samples.digit_images(21)
    photograph = samples.photographs()[0]
    jobs: list[str] = []

    def accept() -> str:
        jobs.append(submit(png.data))
        return f"202 {jobs[0]}"

    def answer() -> str:
        job = result(jobs[0])
        return f"{job['label']} ({job['probability']:.3f}), written {png.label}"

    def photograph_answer() -> str:
        return f"looks most like {result(submit(photograph))['label']}"

    def many() -> str:
        submitted = [submit(image.data) for image in more]
        right = sum(result(job)["label"] == image.label for job, image in zip(submitted, more, strict=True))
        return f"{len(submitted)} done, {right} as written"

    yield Step(f"POST /predict {png.name}", accept)
    yield Step("GET /job/{job_id}?wait=30", answer)
    yield Step(f"POST photograph, {len(photograph) // 1024} KiB JPEG, and wait", photograph_answer)
    yield Step("POST 20 digits, and wait for all", many)
