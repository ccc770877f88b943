"""A run from bucket to bucket, on a store that asks for the key that is in the environment."""

import io

import pytest
from pyarrow import fs, parquet

from batch.ray.run import OutputRefused
from tests.batch.ray.conftest import NAMES, flowers, prepared, run
from tests.batch.ray.object_store import object_store
from tests.batch.ray.test_files import score


@pytest.fixture(scope="module")
def store():
    with object_store() as (objects, environment), pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        yield objects


@pytest.fixture
def bucket(store, request):
    """A bucket with two files, and its address."""
    name = f"bucket{len(store)}"
    for file in ("x", "y"):
        content = io.BytesIO()
        parquet.write_table(flowers(200), content, row_group_size=100)
        store[f"{name}/rows/{file}.parquet"] = content.getvalue()
    return name


def keys(store, prefix):
    """The files below a prefix; a name that ends with / is that of a folder."""
    return sorted(name.removeprefix(prefix) for name in store if name.startswith(prefix) and name[-1] != "/")


def test_a_run_in_an_object_store_ends_with_success_and_leaves_nothing_else(store, bucket, artifacts):
    run = prepared(f"s3://{bucket}/rows", f"s3://{bucket}/out", artifacts / "iris", columns=NAMES, part_rows=1)
    assert (run.read_success(), run.begin()) == (None, {})
    assert keys(store, f"{bucket}/out/") == ["_plan.json"]
    score(run)
    parts = [f"part-00000{number}.parquet" for number in range(4)]
    assert keys(store, f"{bucket}/out/") == ["_SUCCESS", "_plan.json", *parts]
    table = parquet.read_table(f"{bucket}/out", filesystem=fs.FileSystem.from_uri(f"s3://{bucket}")[0])
    assert sorted(zip(table["file"].to_pylist(), table["row"].to_pylist(), strict=True)) == [
        (file, row) for file in ("x.parquet", "y.parquet") for row in range(200)
    ]


def test_a_run_continues_and_is_not_mixed_with_another(store, bucket, artifacts):
    def prepare(columns):
        return prepared(f"s3://{bucket}/rows", f"s3://{bucket}/out", artifacts / "iris", columns=columns, part_rows=1)

    score(prepare(NAMES))
    for name in ("_SUCCESS", "part-000002.parquet"):
        del store[f"{bucket}/out/{name}"]
    again = prepare(NAMES)
    assert (again.read_success(), sorted(again.begin())) == (None, [0, 1, 3])
    with pytest.raises(OutputRefused, match=r"out is of another run \(columns: "):
        prepare(NAMES[::-1]).begin()


@pytest.mark.exhaustive
@pytest.mark.timeout(600)
def test_the_command_reads_and_writes_buckets_with_the_key_of_the_environment(store, bucket):
    places = f"s3://{bucket}/rows", f"s3://{bucket}/out"
    code, _, stderr = run(*places, AWS_ACCESS_KEY_ID="another")
    assert (code, "ACCESS_DENIED" in stderr, keys(store, f"{bucket}/out/")) == (2, True, [])
    code, summary, stderr = run(*places)
    assert (code, summary.get("done"), stderr.count("Traceback")) == (0, 400, 0), stderr
    assert "_SUCCESS" in keys(store, f"{bucket}/out/")
