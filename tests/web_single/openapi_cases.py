"""The OpenAPI document is accurate: requests made from it, right and wrong, get the answers that it shows.

Run by test_schemathesis.py, with EXAMPLES requests to each endpoint.
"""

import json
import os

import numpy as np
import schemathesis
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from schemathesis.specs.openapi.checks import negative_data_rejection

from local.processes import ROOT
from web_single.app import build_app, load_model
from web_single.settings import Settings

JSON_LENGTH = 300  # of every binary request here, padded with spaces
BINARY = "application/octet-stream"


def binary_request(table: np.ndarray) -> bytes:
    parameters = {"binary_data_size": table.nbytes}
    tensor = {"name": "float_input", "shape": table.shape, "datatype": "FP32", "parameters": parameters}
    return json.dumps({"inputs": [tensor]}).encode().ljust(JSON_LENGTH) + table.tobytes()


tables = st_numpy.arrays(
    np.float32, st.tuples(st.integers(1, 9), st.just(4)), elements={"min_value": 0, "max_value": 9}
)
schemathesis.openapi.media_type(BINARY, tables.map(binary_request))

# Built here and not in a fixture, because pytest collects the tests before it runs any.
service = Settings(model_dir=ROOT / "models" / "artifacts" / "iris")
page = schemathesis.openapi.from_asgi("/openapi.json", build_app(service, load_model(service)))


@page.parametrize()
@settings(max_examples=int(os.environ["EXAMPLES"]), deadline=None)
def test_every_answer_is_one_that_the_page_shows(case: schemathesis.Case) -> None:
    if case.meta.generation.mode.is_positive and case.path.endswith("/infer"):
        agree(case)
    answer = case.call()
    # Too many rows may also be too large a body. Schemathesis does not expect 413 for a body that breaks the schema.
    case.validate_response(answer, excluded_checks=[negative_data_rejection] if answer.status_code == 413 else [])


def agree(case: schemathesis.Case) -> None:
    """Set what a JSON schema cannot say: that a shape is as long as its data, and a header as the JSON of a body."""
    if case.media_type == BINARY:
        case.headers["inference-header-content-length"] = str(JSON_LENGTH)
        return
    tensor = case.body["inputs"][0]
    if isinstance(tensor["data"][0], list):
        tensor["shape"][0] = len(tensor["data"])
    else:
        tensor["data"] = tensor["data"][: len(tensor["data"]) // 4 * 4]
        tensor["shape"][0] = len(tensor["data"]) // 4
