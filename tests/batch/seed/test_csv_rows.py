import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.api.body import manifest_reader
from batch.seed.cells import columns_of
from batch.seed.csv_rows import BadLine, read
from batch.seed.dialect import Form, FormUnclear

GOOD = "5.1,3.5,1.4,0.2\n"
FLOWER = [5.1, 3.5, 1.4, 0.2]
MANIFEST = {"inputs": [{"name": "x", "dtype": "float32", "shape": [None, 4]}]}
ABCD = ("a", "b", "c", "d")


def chunks(text: str, size: int = 2, manifest: dict[str, Any] = MANIFEST, names=ABCD, **form) -> Iterator[list[Any]]:
    key = form.pop("key", None)
    lines = text.splitlines(keepends=True)
    return read(lines, columns_of(manifest, names), manifest_reader(manifest), size, Form(**form), key)


def rows(text: str, **options: Any) -> list[list[Any]]:
    return [row.values for chunk in chunks(text, **options) for row in chunk]


@given(st.lists(st.lists(st.floats(-1e30, 1e30), min_size=4, max_size=4), max_size=9), st.integers(1, 4))
def test_every_line_is_a_row(written, size):
    text = "".join(",".join(map(repr, row)) + "\n" for row in written)
    assert [row.values for chunk in read_with(text, {"names": False}) for row in chunk] == written
    assert rows("a,b,c,d\n" + text, size=size) == written


FORMS = {
    "without names": GOOD,
    "empty lines": f"\n{GOOD}\n\n",
    "CRLF": f"a,b,c,d\r\n{GOOD}",
    "a name of two lines": f'a,"b",c,d\n{GOOD}',
    "quotes and blanks": '5.1,"3.5", 1.4,2e-1',
    "semicolons": "a;b;c;d\n5.1;3.5;1.4;0.2\n",
    "decimal commas": "a;b;c;d\n5,1;3,5;1,4;0,2\n",
    "quoted decimal commas": '"5,1","3,5","1,4","0,2"\n',
    "tabs": "a\tb\tc\td\n5.1\t3.5\t1.4\t0.2\n",
    "a line for Excel": "sep=;\na;b;c;d\n5,1;3,5;1,4;0,2\n",
    "another order": "d,c,b,a\n0.2,1.4,3.5,5.1\n",
    "columns that the model does not take": "customer,a,b,note,c,d\nC-1,5.1,3.5,good,1.4,0.2\n",
    "an index of pandas": ",a,b,c,d\n0,5.1,3.5,1.4,0.2\n",
    "numbered by pandas": f"0,1,2,3\n{GOOD}",
    "numbered by pandas, with an index": f",0,1,2,3\n0,{GOOD}",
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_a_file_is_read_as_tools_write_it(text):
    assert rows(text) == [FLOWER]


def test_the_columns_of_an_export_are_found_by_their_names():
    text = "id,value_2,value_1,value_3,value_4,label\n7,3.5,5.1,1.4,0.2,setosa\n"
    assert rows(text, names=()) == [FLOWER]


def of(**widths: int) -> dict[str, Any]:
    return {"inputs": [{"name": name, "dtype": "int64", "shape": [None, width]} for name, width in widths.items()]}


@pytest.mark.parametrize(
    ("manifest", "text", "row"),
    [
        (of(a=1, value_a=1), "value_a,a\n2,1\n", [1, 2]),
        (of(a=1, value_a=1), "id,value_a,value_value_a\n7,1,2\n", [1, 2]),
        (of(a=1, b=1), "value_b,a\n2,1\n", [1, 2]),
        (of(emb=2, emb_1=1), "id,value_1,value_2,value_3\n7,1,2,3\n", [1, 2, 3]),
        (of(id=1, b=1), "id,value_id,value_b\n7,1,2\n", [1, 2]),
    ],
)
def test_names_that_look_alike_are_told_apart(manifest, text, row):
    assert rows(text, manifest=manifest, names=()) == [row]


@pytest.mark.parametrize(
    ("manifest", "text", "why"),
    [
        (of(emb=2, emb_1=1), "emb_1,emb_2\n1,2\n", "no column is called 'value_1': the names are emb_1, emb_2"),
        (of(a=1, value_a=1), "id,value_a\n7,1\n", "the column 'value_a' would be read for two values of a row"),
        (of(id=1), "id,value_1\n7,1\n", "the names are those of the model's inputs and those of an export"),
    ],
)
def test_a_column_is_never_read_for_two_values_or_for_the_wrong_one(manifest, text, why):
    with pytest.raises(FormUnclear, match=f"^{why}.*--columns$"):
        rows(text, manifest=manifest, names=())
    numbered = [f"c{number}" for number in range(sum(each["shape"][1] for each in manifest["inputs"]))]
    ones = ",".join("1" for _ in numbered)
    assert rows(f"{','.join(numbered)}\n{ones}\n", manifest=manifest, names=numbered) == [[1] * len(numbered)]


def test_numbers_of_pandas_are_names_like_others_where_the_option_gives_them():
    assert rows("0,1,2,3\n0.2,1.4,3.5,5.1\n", names=("3", "2", "1", "0")) == [FLOWER]
    with pytest.raises(FormUnclear, match=r"^no column is called 'x_1': the names are 0, 1, 2, 3, 4; name the columns"):
        rows("0,1,2,3,4\n5.1,3.5,1.4,0.2,7\n", names=())


@pytest.mark.parametrize("dtype", ["string", "float32"])
def test_the_only_column_of_a_model_is_found_among_others(dtype):
    one = {"inputs": [{"name": "x", "dtype": dtype, "shape": [None, 1]}]}
    expected = [["1,5"], ["2"]] if dtype == "string" else [[1.5], [2.0]]
    for names in (), ("x",):
        assert rows("id;x\n7;1,5\n8;2\n", manifest=one, names=names) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("w,x,y,z\n" + GOOD, r"^no column is called 'a': the names are w, x, y, z; name the columns in the model's or"),
        ("a,b,c,d,a\n5,6,7,8,9\n", r"^no column is called 'a': "),
        ("0,1,2,3\n4,5,6,7\n", r"^line 1 is 0,1,2,3: names or a row\? Give --names or --no-names$"),
        (f"1,2,3,4\n{GOOD}", r"^line 1 is 1,2,3,4: names or a row\? Give --names or --no-names$"),
        (f"2023,2024,2025,2026\n{GOOD}", r"^line 1 is 2023,2024,2025,2026: names or a row\? "),
        (f"1100,1102,1104,1109\n{GOOD}", r"^line 1 is 1100,1102,1104,1109: names or a row\? "),
        (f"4000,3998,3996,3994\n{GOOD}", r"^line 1 is 4000,3998,3996,3994: names or a row\? "),
        (f"0, 1, 2, 3\n{GOOD}", r"^line 1 is 0, 1, 2, 3: names or a row\? "),
        ("0,1,2,3,4\n5.1,3.5,1.4,0.2,7\n", r"^no column is called 'a': the names are 0, 1, 2, 3, 4; "),
        ("a;b;c;d\n1,234;5;6;7\n", r"^the decimal mark is not clear from '1,234': give --decimal , or --decimal \.$"),
        ("a;b;c;d\n1,5;2.5;6;7\n", r"^the decimal mark is not clear from '1,5' and '2.5': give --decimal"),
        (GOOD, r"^--key: the first line holds no names, so there is no column 'id'$"),
        (f"0,1,2,3\n{GOOD}", r"^--key: the names are 0, 1, 2, 3; 'id' is not one of them$"),
        ("a,b,c,d\n" + GOOD, r"^--key: the names are a, b, c, d; 'id' is not one of them$"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused_with_what_was_seen(text, why):
    with pytest.raises(FormUnclear, match=why):
        rows(text, key="id" if "--key" in why else None)


@pytest.mark.parametrize(
    ("text", "form", "row"),
    [
        ("0,1,2,3\n", {"names": False}, [0, 1, 2, 3]),
        ("a;b;c;d\n1,234;5;6;7\n", {"decimal": ","}, [1.234, 5, 6, 7]),
        ("1~2~3~4\n", {"delimiter": "~"}, [1, 2, 3, 4]),
    ],
)
def test_an_option_decides(text, form, row):
    assert [each.values for chunk in read_with(text, form) for each in chunk] == [row]


def read_with(text: str, form: dict[str, Any]) -> Iterator[list[Any]]:
    lines = text.splitlines(keepends=True)
    return read(lines, columns_of(MANIFEST, ABCD), manifest_reader(MANIFEST), 2, Form(**form))


def test_a_row_carries_its_owners_key():
    found = [row for chunk in chunks("id,a,b,c,d\n C-1 ,5.1,3.5,1.4,0.2\n", key="id") for row in chunk]
    assert found == [(FLOWER, "C-1")]
    with pytest.raises(BadLine, match=r"^line 2: a key has 1 to 255 characters; nothing from line 2 on was added$"):
        rows(f"id,a,b,c,d\n,{GOOD}", key="id")


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("1,2,3", "3 values, there must be 4"),
        ("1;2;3;4", "1 values, there must be 4"),
        ("1,2,x,4", "c: not a number"),
        ("1,,3,4", "b: not a number"),
        ("1,2,3,1_0", "d: not a number"),
        ("e,f,g,h", "a: not a number"),
        ("1,2,nan,4", "[2]: Input should be a finite number"),
        ("1,2,3,1e39", "[3]: Input should be less than or equal to 3402823"),
        ('1,2,3,"4', "unexpected end of data"),
    ],
)
def test_a_bad_line_is_named_and_the_chunks_before_it_are_kept(line, fault):
    found = chunks("a,b,c,d\n" + GOOD * 5 + f"{line}\n" + GOOD)
    assert [len(next(found)), len(next(found))] == [2, 2]
    with pytest.raises(BadLine) as bad:
        next(found)
    number = 8 if "unexpected" in fault else 7
    assert str(bad.value).startswith(f"line {number}: {fault}")
    assert str(bad.value).endswith("; nothing from line 6 on was added")


PEOPLE = {
    "inputs": [
        {"name": "age", "dtype": "float32", "shape": [None, 1], "missing": True},
        {"name": "city", "dtype": "string", "shape": [None, 1]},
        {"name": "visits", "dtype": "int64", "shape": [None, 1]},
        {"name": "member", "dtype": "bool", "shape": [None, 1]},
    ]
}


def test_a_first_line_that_cannot_be_read_is_a_bad_line():
    with pytest.raises(BadLine, match=r"^line 1: ',' expected after '.'; nothing from line 1 on was added$"):
        rows('"a" "b" "c" "d"\n"1" 5.1 3.5 1.4 0.2\n')  # as R's write.table writes it


def test_cells_become_values_of_the_types_of_the_columns():
    text = 'member,visits,city,age\ntrue,3,Oslo,20\nFALSE,-1,"Rome, old",\n'
    assert rows(text, manifest=PEOPLE, names=()) == [[20.0, "Oslo", 3, True], [None, "Rome, old", -1, False]]
    assert rows("member,visits,city,age\ntrue,3,Oslo,nan\n", manifest=PEOPLE, names=()) == [[None, "Oslo", 3, True]]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("x,Oslo,3,true", "age: not a number"),
        ("20,Oslo,3.5,true", "visits: not a whole number"),
        ("20,Oslo,,true", "visits: not a number"),
        ('20, "Oslo",3,true', "city: a quote after a space; write the quote directly after the delimiter"),
        ("20,Oslo,3,yes", "member: not true or false"),
        ("20,Oslo,9223372036854775808,true", "[2]: Input should be less than or equal to 9223372036854775807"),
    ],
)
def test_a_cell_of_another_type_is_a_bad_line(line, fault):
    with pytest.raises(BadLine, match=re.escape(f"line 2: {fault}")):
        rows(f"age,city,visits,member\n{line}\n", manifest=PEOPLE, names=())


def test_a_row_of_text_has_a_line_of_names_only_if_they_are_its_names():
    texts = {"inputs": [{"name": name, "dtype": "string", "shape": [None, 1]} for name in "ab"]}
    assert rows("b,a\nc,d\n", manifest=texts, names=()) == [["d", "c"]]
    for text in ("x,y\nc,d\n", "comment\ngreat\n"):
        with pytest.raises(
            FormUnclear, match=r"^line 1 is (x,y|comment): names or a row\? Give --names or --no-names$"
        ):
            rows(text, manifest=texts, names=())
    found = read(["x,y\n", "c,d\n"], columns_of(texts), manifest_reader(texts), 2, Form(names=False))
    assert [row.values for chunk in found for row in chunk] == [["x", "y"], ["c", "d"]]


TOWNS = [
    {"name": "town", "dtype": "string", "shape": [None, 1]},
    {"name": "sum", "dtype": "float32", "shape": [None, 1]},
]


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        ("Berlin;1,5\nMünchen;2,7\n", {}, None),
        ("Berlin;1,5\nMünchen;2,7\n", {"delimiter": ";"}, [["Berlin", 1.5], ["München", 2.7]]),
        ("town;sum\nBerlin;1,5\nMünchen;2,7\n", {}, [["Berlin", 1.5], ["München", 2.7]]),
        ("Berlin|Mitte,1.5\nBerlin|Wedding,2.7\n", {}, [["Berlin|Mitte", 1.5], ["Berlin|Wedding", 2.7]]),
        ("Berlin, Mitte;1.5\nBerlin, Wedding;2.7\n", {}, [["Berlin, Mitte", 1.5], ["Berlin, Wedding", 2.7]]),
        ("Berlin;1,5\nMünchen;2\n", {}, [["Berlin", 1.5], ["München", 2.0]]),
    ],
)
def test_a_file_that_two_delimiters_fit_alike_is_refused(text, form, expected):
    if expected:
        assert rows(text, manifest={"inputs": TOWNS}, names=(), **form) == expected
    else:
        with pytest.raises(FormUnclear, match=r"^cells may end at ',' or at ';': give --delimiter$"):
            rows(text, manifest={"inputs": TOWNS}, names=(), **form)


@pytest.mark.parametrize("text", ["a;b;c;d\n1;2;3;4\n;;;\n", "a;b;c;d;\n1;2;3;4;\n;;; ;\n"])
def test_a_line_of_empty_cells_is_not_a_row_of_missing_values(text):
    missing = {"inputs": [{"name": "x", "dtype": "float32", "shape": [None, 4], "missing": True}]}
    with pytest.raises(BadLine, match=r"^line 3: no cell has a value; nothing from line 2 on was added$"):
        rows(text, manifest=missing)


ONE = {"inputs": [{"name": "x", "dtype": "float32", "shape": [None, 1]}]}
COMMAS = r"^cells may end at ',', or ',' is the decimal mark: give --delimiter or --decimal$"
NUMBERED = r"^line 1 is 0: names or a row\? Give --names or --no-names$"


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        (",0\n0,1\n1,2\n2,3\n", {}, COMMAS),
        ("1,20\n\n2,35\n", {}, COMMAS),
        ("1,20\n2,35\n", {"decimal": ","}, [[1.2], [2.35]]),
        ("1,20\n2,35\n", {"delimiter": ";"}, [[1.2], [2.35]]),
        (",0\n0,1.5\n1,2.5\n", {"delimiter": ","}, [[1.5], [2.5]]),
        ("X\n1,5\n", {}, [[1.5]]),
        ("id,x\n1,20\n2,35\n", {}, [[20], [35]]),
        ("0\n1.5\n2.5\n", {}, [[1.5], [2.5]]),
        ("0\n1\n2\n", {}, NUMBERED),
        ("0\n1\n2\n", {"names": False}, [[0], [1], [2]]),
        ("1\n1.5\n", {}, [[1], [1.5]]),
    ],
)
def test_a_file_of_one_number_for_each_row(text, form, expected):
    names = [text[0]] if text.startswith("X") else []
    found = read(text.splitlines(keepends=True), columns_of(ONE, names), manifest_reader(ONE), 2, Form(**form))
    if isinstance(expected, str):
        with pytest.raises(FormUnclear, match=expected):
            list(found)
    else:
        assert [row.values for chunk in found for row in chunk] == expected


def test_a_key_in_quotes_after_a_space_is_a_bad_line():
    with pytest.raises(BadLine, match=r"^line 2: a quote after a space; write the quote directly after the delimiter;"):
        rows('a,b,c,d,id\n5.1,3.5,1.4,0.2, "C-1"\n', key="id")
