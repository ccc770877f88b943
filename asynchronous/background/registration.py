"""Register a job after its answer, in a FastAPI `BackgroundTasks`.

This is the form of "Machine Learning System Design Patterns", chapter 4.
"""

import logging
import uuid
from typing import Literal

from fastapi import BackgroundTasks, FastAPI, Request
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from ..api import job_queue, submit
from ..errors import ServiceError
from ..job_queue import JobQueue
from ..settings import read_environment

log = logging.getLogger(__name__)


class BackgroundSettings(BaseSettings):
    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)

    register_jobs: Literal["before_answer", "background"] = Field(default="before_answer", validation_alias="REGISTER")


def add_background(app: FastAPI) -> None:
    """Replace the way in which jobs without a key are submitted, if REGISTER=background.

    A job with an Idempotency-Key is still registered first, because only Redis knows which job a key belongs to.
    """
    if read_environment(BackgroundSettings).register_jobs == "background":
        app.state.submit_without_key = _submit_later
        if app.state.submit is submit:
            app.state.submit = _submit_later


async def _submit_later(request: Request, image: bytes, tasks: BackgroundTasks) -> str:
    job_id = uuid.uuid4().hex
    tasks.add_task(_register, await job_queue(request), job_id, image, getattr(request.state, "fields", ""))
    return job_id


async def _register(queue: JobQueue, job_id: str, image: bytes, fields: str) -> None:
    try:
        await queue.submit(job_id, image, fields)
    except ServiceError as error:  # the client has its answer already, so the job is lost
        log.error("job %s was answered with 202 and is lost: %s", job_id, error)
