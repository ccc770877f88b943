"""`GET /predict/test` accepts a sample image, so that the API can be tried from a browser's address bar."""

from pathlib import Path

from fastapi import APIRouter, BackgroundTasks, Request, Response

from ..api import predict
from ..errors import RedisAway, documented
from ..job_queue import QueueFull
from ..schemas import Accepted

router = APIRouter()
IMAGE = Path(__file__).parents[1] / "test_image.png"


@router.get("/predict/test", status_code=202, responses=documented(QueueFull, RedisAway))
async def predict_test(request: Request, tasks: BackgroundTasks, response: Response) -> Accepted:
    """Accept the image of a digit that comes with this program."""
    return await predict(request, IMAGE.read_bytes(), tasks, response)
