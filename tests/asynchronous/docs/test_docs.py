def test_the_docs_name_no_other_host(api):
    page = api.get("/docs")
    assert "//" not in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'")


def test_the_files_of_the_docs_are_served(api):
    for name in ("start.js", "swagger-ui-bundle.js", "swagger-ui.css", "favicon.png"):
        assert api.get(f"/docs/{name}").status_code == 200
