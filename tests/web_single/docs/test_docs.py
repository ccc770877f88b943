from ..conftest import Client


def test_no_page_names_another_host_and_each_has_the_policy(client: Client) -> None:
    for path in ("/", "/docs", "/docs/start.js"):
        answer = client.get(path)
        assert "//" not in answer.text.replace("<!doctype", "")
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert client.get("/redoc").status_code == client.get("/docs/oauth2-redirect").status_code == 404


def test_the_root_says_what_this_is_and_where_its_docs_are(client: Client) -> None:
    assert client.get("/").text == "iris, version 1. How to use it: /docs\n"


def test_openapi_shows_the_request_the_answer_and_the_refusals(client: Client) -> None:
    page = client.get("/openapi.json").json()
    operation = page["paths"]["/predict"]["post"]
    body = operation["requestBody"]["content"]["application/json"]["schema"]["properties"]
    row = body["data"]["anyOf"][0]["items"]
    assert (row["minItems"], row["maxItems"], row["items"]["type"]) == (4, 4, "number")
    assert operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].endswith("/Prediction")
    assert {"400", "408", "413", "415", "422"} <= set(operation["responses"])


def test_openapi_shows_every_endpoint(client: Client) -> None:
    paths = set(client.get("/openapi.json").json()["paths"])
    assert {"/health", "/ready", "/metadata", "/label", "/metrics", "/predict", "/predict/label"} <= paths
    assert client.get("/docs").status_code == 200
