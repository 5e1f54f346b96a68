"""Every format is read with file and line, and whatever is broken is named."""

from __future__ import annotations

import codecs
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from airflow_finetune.curation.readers import Options, find, read
from airflow_finetune.curation.records import BAD_ENCODING, BROKEN_LINE, Broken, Record
from airflow_finetune.errors import DataError, EmptySource

ROWS = [{"text": "hello", "label": "a"}, {"text": 'with "quotes", commas\nand a line', "label": "b"}]


def items(path: Path, **options: Any) -> list[Record | Broken]:
    found = find(path, Options(**options))
    return [item for file in found.files for item in read(file, Options(**options))]


def values(path: Path, **options: Any) -> list[Any]:
    return [item.values if isinstance(item, Record) else item for item in items(path, **options)]


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


CSV = 'text,label\nhello,a\n"with ""quotes"", commas\nand a line",b\n'
TSV = 'text\tlabel\nhello\ta\n"with ""quotes"", commas\nand a line"\tb\n'
JSONL = "".join(json.dumps(row) + "\n" for row in ROWS)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", CSV),
        (
            "a.tsv",
            CSV.replace("text,label", "text\tlabel").replace("hello,a", "hello\ta").replace('line",b', 'line"\tb'),
        ),
        ("a.jsonl", JSONL),
        ("a.ndjson", JSONL.replace("\n", "\r\n")),
        ("a.jsonl", "\n  \n" + JSONL.replace("\n", "\n\n")),
        ("a.json", json.dumps(ROWS)),
        ("a.json", json.dumps(ROWS, indent=4)),
        ("a.json", JSONL),
        ("a.json", "\n\n".join(json.dumps(row, indent=1) for row in ROWS)),
        ("a.csv.gz", gzip.compress(CSV.encode(), mtime=0)),
        ("a.jsonl.gz", gzip.compress(JSONL.encode(), mtime=0)),
        ("a.csv", codecs.BOM_UTF8 + CSV.encode()),
        ("a.jsonl", codecs.BOM_UTF8 + JSONL.encode()),
        ("a.json", codecs.BOM_UTF8 + json.dumps(ROWS).encode()),
        ("a.csv", CSV.encode("utf-16")),
        ("a.jsonl", JSONL.encode("utf-16")),
        ("a.json", json.dumps(ROWS).encode("utf-32")),
    ],
)
def test_every_format_gives_the_same_records(tmp_path: Path, name: str, content: str | bytes) -> None:
    assert values(written(tmp_path / name, content)) == ROWS


def test_parquet_gives_the_same_records_in_plain_types(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    import datetime
    import decimal

    rows = [
        {"text": "hello", "when": datetime.datetime(2026, 1, 2, 3, 4), "much": decimal.Decimal("1.50"), "raw": b"\xff"},
        {"text": None, "when": None, "much": None, "raw": None},
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    assert values(tmp_path / "a.parquet") == [
        {"text": "hello", "when": "2026-01-02T03:04:00", "much": "1.50", "raw": "/w=="},
        {"text": None, "when": None, "much": None, "raw": None},
    ]
    assert [str(item.origin) for item in items(tmp_path / "a.parquet")] == ["a.parquet, row 1", "a.parquet, row 2"]


def test_what_is_no_parquet_is_named(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    with pytest.raises(DataError, match=r"a\.parquet, row 1: it cannot be read as Parquet"):
        items(written(tmp_path / "a.parquet", "PAR1 but not really"))


def test_text_is_a_record_a_line(tmp_path: Path) -> None:
    assert values(written(tmp_path / "a.txt", "one\r\n\n two \nthree")) == [
        {"text": "one"},
        {"text": " two "},
        {"text": "three"},
    ]


def test_records_know_the_line_that_they_start_at(tmp_path: Path) -> None:
    written(tmp_path / "a.csv", 'text\n"x\ny"\nz\n')
    written(tmp_path / "b.jsonl", '\n{"text": 1}\n')
    written(tmp_path / "c.json", '[\n {"text":\n 1},\n\n {"text": 2}]')
    assert [str(item.origin) for item in items(tmp_path)] == [
        *("a.csv, line 2", "a.csv, line 4"),
        "b.jsonl, line 2",
        *("c.json, line 2", "c.json, line 5"),
    ]


def test_an_array_longer_than_a_chunk_is_read_whole_and_in_little_memory(tmp_path: Path) -> None:
    import tracemalloc

    record = {"text": "x" * 990, "list": [1, {"a": "é\u2028"}]}
    path = written(tmp_path / "a.json", "[" + ",\n".join([json.dumps(record, ensure_ascii=False)] * 6_000) + "]")
    tracemalloc.start()
    count = sum(item.values == record for file in find(path, Options()).files for item in read(file, Options()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 6_000
    assert peak < path.stat().st_size / 2


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"text": "x"', "Expecting ',' delimiter at character"),
        ("nonsense", "Expecting value at character 1"),
        ('{"text": "x"} {"text": "y"}', "more text behind the record"),
        ('["a list"]', "a list where an object"),
        ("42", "a int where an object"),
        ('{"text": NaN}', "NaN is no JSON"),
        ("[" * 100_000, "recursion"),
        ('{"n": ' + "9" * 5000 + "}", "integer string conversion"),
    ],
)
def test_a_broken_line_is_named_and_the_others_are_read(tmp_path: Path, line: str, said: str) -> None:
    path = written(tmp_path / "a.jsonl", f'{{"text": "before"}}\n{line}\n{{"text": "after"}}\n')
    before, broken, after = items(path)
    assert (before.values, after.values) == ({"text": "before"}, {"text": "after"})
    assert isinstance(broken, Broken)
    assert (str(broken.origin), broken.reason) == ("a.jsonl, line 2", BROKEN_LINE)
    assert said in broken.said


@pytest.mark.parametrize(
    ("row", "said"),
    [("only one", "1 fields where the header has 2"), ("a,b,c", "3 fields"), ('"a"x,b', "',' expected after '\"'")],
)
def test_a_broken_row_of_csv_is_named(tmp_path: Path, row: str, said: str) -> None:
    before, broken, after = items(written(tmp_path / "a.csv", f"text,label\nx,y\n{row}\nz,w\n"))
    assert isinstance(broken, Broken)
    assert (str(broken.origin), broken.reason) == ("a.csv, line 3", BROKEN_LINE)
    assert said in broken.said
    assert (before.values["text"], after.values["text"]) == ("x", "z")


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.txt"])
def test_mixed_encodings_lose_one_record_by_name(tmp_path: Path, name: str) -> None:
    line = {"a.csv": "caf\u00e9", "a.jsonl": '{"text": "caf\u00e9"}', "a.txt": "caf\u00e9"}[name]
    header = b"text\n" if name == "a.csv" else b""
    path = written(
        tmp_path / name, header + line.encode() + b"\n" + line.encode("cp1252") + b"\n" + line.encode() + b"\n"
    )
    first, broken, last = items(path)
    assert isinstance(broken, Broken)
    assert broken.reason == BAD_ENCODING
    assert "byte 0xe9" in broken.said
    assert first.values == last.values == {"text": "caf\u00e9"}
    assert values(written(path, header + line.encode("cp1252") + b"\n"), encoding="cp1252") == [{"text": "caf\u00e9"}]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "text,text\n1,2\n", "line 1: the header has 'text' twice"),
        ("a.csv", 'text\nfine\n"never closed\n' + "more\n" * 20, "line 3: unexpected end of data"),
        ("a.csv", "t\xe9xt\nx\n".encode("cp1252"), "line 1: byte 0xe9"),
        ("a.csv", '"te"xt\nx\n', "line 1"),
        ("a.csv", "text\n" + "x" * 140_000, "line 2: field larger than field limit"),
        ("a.json", '[{"text": 1},\n {"text" 2}]', "line 2: Expecting ':' delimiter"),
        ("a.json", '[{"text": 1},\n {"text": "cut', "line 2: Unterminated string"),
        ("a.json", '[{"text": 1}', "line 1: the array is never closed"),
        ("a.json", '[{"text": 1}] []', "line 1: more text behind the array"),
        ("a.json", '[{"text": "caf\xe9"}]'.encode("cp1252"), "byte 0xe9"),
        ("a.json", "[" + '{"a":' * 100_000, "recursion"),
        ("a.csv.gz", gzip.compress(b"text\n" + b"x\n" * 999, mtime=0)[:-9], "cannot be unpacked"),
        ("a.csv.gz", b"not packed at all", "cannot be unpacked"),
        ("a.csv", "text\nhello\n".encode("utf-16-le"), "zero bytes"),
        ("a.csv", b"text\nhell\x00o\n", "zero bytes"),
        ("a.jsonl", '{"a": 1}\n'.encode("utf-16") + b"x", "encoding is wrong"),
        ("a.xlsx", b"PK", "its format cannot be told from its name"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_by_name(
    tmp_path: Path, name: str, content: str | bytes, said: str
) -> None:
    with pytest.raises(DataError) as refused:
        items(written(tmp_path / name, content))
    assert said in str(refused.value)
    assert "a." in refused.value.thing
    assert refused.value.next_step


def test_files_are_read_in_the_order_of_their_names_and_markers_are_passed_over(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.txt", "_SUCCESS", ".hidden.txt", "a/_temporary/x.txt", "notes.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        written(tmp_path / name, name)
    found = find(tmp_path, Options(pattern="*.txt"))
    assert [file.name for file in found.files] == ["a/z.txt", "b.txt"]
    assert set(found.ignored) == {"_SUCCESS", ".hidden.txt", "a/_temporary/x.txt", "notes.md"}


def test_no_file_and_no_place_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(EmptySource, match="no file"):
        find(tmp_path, Options())
    with pytest.raises(DataError, match="there is no such file or folder"):
        find(tmp_path / "gone", Options())


def test_a_format_and_a_delimiter_can_be_given(tmp_path: Path) -> None:
    path = written(tmp_path / "export.dat", "text;label\na,b;c\n")
    assert values(path, format="csv", delimiter=";") == [{"text": "a,b", "label": "c"}]
