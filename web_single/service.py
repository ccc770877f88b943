"""What each endpoint does."""

from typing import Any

import numpy as np
from fastapi import Request, Response
from fastapi.exceptions import HTTPException
from numpy.typing import NDArray
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic_core import to_json

from .artifact import ArtifactRefused
from .bodies import BodyReader
from .metrics import Metrics
from .predictor import Predictor
from .rows import RowReader
from .schemas import LabelPrediction, Labels, Metadata, Prediction, request_for
from .settings import Settings
from .shared import stop_announced


class Service:
    """The handlers, and what they share."""

    def __init__(self, settings: Settings, predictor: Predictor, metrics: Metrics) -> None:
        self._settings, self._predictor, self._metrics = settings, predictor, metrics
        self.schema = request_for(predictor.width, predictor.dtype, settings.max_rows, predictor.sample)
        bodies = BodyReader(settings.max_body_bytes, settings.body_timeout)
        self._reader = RowReader(self.schema, predictor.dtype, bodies)

    async def predict(self, request: Request) -> Response:
        """The probability of each label, for each row."""
        return _json((await self._probabilities(request)).tolist())

    async def predict_label(self, request: Request) -> Response:
        """The likeliest label, for each row."""
        return _json(self._predictor.likeliest(await self._probabilities(request)))

    async def _probabilities(self, request: Request) -> NDArray[Any]:
        # The hot path: a body becomes an array in one validation, one run answers all rows, one call encodes the
        # answer. No thread is asked, for a row takes less time than the way to one; the workers are the parallelism.
        rows = await self._reader.read(request)
        probabilities = self._predictor.probabilities(rows)
        self._metrics.rows.inc(len(rows))
        request.scope["rows"] = len(rows)  # for the access log
        return probabilities

    async def predict_test(self) -> Prediction:
        """The probabilities for a row that the service brings along."""
        return Prediction(prediction=self._predict_sample().tolist())

    async def predict_test_label(self) -> LabelPrediction:
        """The likeliest label for a row that the service brings along."""
        return LabelPrediction(prediction=self._predictor.likeliest(self._predict_sample()))

    def _predict_sample(self) -> NDArray[Any]:
        return self._predictor.probabilities(np.array(self._predictor.sample, self._predictor.dtype))

    async def health(self) -> dict[str, str]:
        """The process lives."""
        return {"status": "ok"}

    async def ready(self) -> dict[str, str]:
        """The model predicts, which is tried with each call, and no stop was announced."""
        check_ready(self._predictor)
        return {"status": "ready"}

    async def label(self) -> Labels:
        """The labels in the order of the probabilities."""
        return Labels(labels=self._predictor.labels)

    async def metadata(self) -> Metadata:
        """The model: tensors from its graph, labels and accuracy from its manifest; and the limits of a request."""
        return Metadata.model_validate({**vars(self._predictor), **self._settings.model_dump()})

    async def metrics(self) -> Response:
        """Prometheus metrics, summed over the workers."""
        return Response(self._metrics.page(), media_type=CONTENT_TYPE_LATEST)


def check_ready(predictor: Predictor) -> None:
    """Raise a 503 unless the model predicts and no stop was announced."""
    if stop_announced():
        raise HTTPException(503, "stopping")
    try:
        predictor.check()
    except ArtifactRefused as error:
        raise HTTPException(503, str(error)) from error


def _json(prediction: list[Any]) -> Response:
    return Response(to_json({"prediction": prediction}), media_type="application/json")
