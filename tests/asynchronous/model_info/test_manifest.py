import json

import pytest

from asynchronous.model_info.manifest import ManifestMissing, read_manifest


@pytest.fixture
def model_dir(tmp_path, artifacts):
    manifest = json.loads((artifacts / "digits" / "1" / "manifest.json").read_text())
    for version in (1, 2, 10):
        (tmp_path / str(version)).mkdir()
        (tmp_path / str(version) / "manifest.json").write_text(json.dumps(manifest | {"version": version}))
    (tmp_path / "3-draft").mkdir()
    return tmp_path


@pytest.mark.parametrize(("asked", "given"), [(None, 10), (2, 2)])
def test_the_highest_version_counts_unless_one_is_named(model_dir, asked, given):
    metadata, labels = read_manifest(model_dir, asked)
    assert metadata.version == given
    assert labels.labels == list("0123456789")


@pytest.mark.parametrize(
    ("text", "reason"), [("{", "Invalid JSON"), ("{}", "name: Field required"), ("[]", "should be an object")]
)
def test_a_file_that_is_not_a_manifest_is_reported_in_one_line(model_dir, text, reason):
    (model_dir / "10" / "manifest.json").write_text(text)
    with pytest.raises(ManifestMissing, match=reason) as raised:
        read_manifest(model_dir, None)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("version", "reason"), [(7, "cannot be read"), (None, "holds no model version")])
def test_a_missing_model_is_named(model_dir, version, reason):
    with pytest.raises(ManifestMissing, match=reason):
        read_manifest(model_dir if version else model_dir / "nothing", version)
