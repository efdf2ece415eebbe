"""
``sgextended export``, complete and interrupted.
"""

import csv
import json
import tracemalloc

import pytest

from sgextended import SGExtended, TransportError
from sgextended.cli.commands import export
from sgextended.cli.printing.parquet_writer import write_parquet
from sgextended.cli.usage_error import UsageError

FIELDS = "id,code,project,sg_cut_in,created_at"


@pytest.fixture
def there(tmp_path, monkeypatch):
    """
    Return an empty working directory.
    """
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def broken_after(monkeypatch):
    """
    Return a function that makes the next ``find_iter`` raise an error after a number of entities.
    """
    real = SGExtended.find_iter

    def broken(number, error):
        def find_iter(self, *args, **kwargs):
            monkeypatch.setattr(SGExtended, "find_iter", real)
            for count, row in enumerate(real(self, *args, **kwargs)):
                if count == number:
                    raise error
                yield row

        monkeypatch.setattr(SGExtended, "find_iter", find_iter)

    return broken


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_csv_has_all_entities_in_order(command, environment, there, sg):
    """
    One row an entity, lowest id first; links by name, datetimes in ISO 8601; no other file remains.
    """
    status, out, err = command("export", "Shot", "shots.csv", "--fields", FIELDS)
    rows = rows_of(there / "shots.csv")
    expected = sg.find("Shot", [], FIELDS.split(","))

    assert (status, out, err) == (0, "", f"Wrote {len(expected)} rows to shots.csv.\n")
    assert [int(row["id"]) for row in rows] == [each["id"] for each in expected]
    assert rows[0]["project"] == expected[0]["project"]["name"]
    assert rows[0]["created_at"] == expected[0]["created_at"].isoformat()
    assert [path.name for path in there.iterdir()] == ["shots.csv"]


def test_json_lines_have_all_fields_by_default(command, environment, there, sg):
    """
    Each line is an entity with all fields; filters and limit apply.
    """
    status, _out, _err = command("export", "Shot", "a.jsonl", "--filter", "sg_status_list is ip", "--limit", "3")
    lines = [json.loads(line) for line in (there / "a.jsonl").read_text(encoding="utf-8").splitlines()]
    expected = sg.find("Shot", [["sg_status_list", "is", "ip"]], ["code", "assets"], limit=3)

    assert status == 0
    assert [(line["id"], line["code"], line["assets"]) for line in lines] == [
        (each["id"], each["code"], each["assets"]) for each in expected
    ]


def test_parquet_has_types(command, environment, there, sg):
    """
    Numbers, datetimes and links have Parquet types of their own, not text.
    """
    read = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed: the extra parquet").read_table
    status, _out, _err = command("export", "Shot", "a.parquet", "--fields", FIELDS)
    table = read(there / "a.parquet")
    expected = sg.find("Shot", [], FIELDS.split(","))

    assert status == 0
    assert [str(each) for each in table.schema.types] == [
        "int64", "string", "struct<type: string, id: int64, name: string>", "int64", "timestamp[us, tz=UTC]",
    ]  # fmt: skip
    assert table.to_pylist() == [{name: each[name] for name in FIELDS.split(",")} for each in expected]
    assert [path.name for path in there.iterdir()] == ["a.parquet"]


def test_a_value_of_the_wrong_type_is_reported(tmp_path):
    """
    A value that does not fit the data type ends in one message, not in a broken file.
    """
    pytest.importorskip("pyarrow", reason="pyarrow is not installed: the extra parquet")
    lines = tmp_path / "lines"
    lines.write_text('{"sg_cut_in": "ten"}\n', encoding="utf-8")

    with pytest.raises(UsageError, match="sg_cut_in cannot be written to Parquet"):
        write_parquet(lines, {"sg_cut_in": "number"})


@pytest.mark.parametrize(
    ("error", "status"), [(KeyboardInterrupt(), 130), (TransportError("The connection was lost."), 1)], ids=str
)
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_an_interrupted_export_is_resumed(command, environment, there, broken_after, monkeypatch, name, error, status):
    """
    The same command fetches only the missing entities, and the file equals an uninterrupted export.
    """
    monkeypatch.setattr(export, "SAVE_INTERVAL", 10)
    command("export", "Shot", f"whole.{name}", "--fields", FIELDS)
    broken_after(55, error)
    ended, _out, stderr = command("export", "Shot", name, "--fields", FIELDS)
    with (there / f"{name}.part").open("ab") as file:
        file.write(b"half a li")  # as after a power cut
    again, _out, err = command("export", "Shot", name, "--fields", FIELDS)

    assert (ended, again) == (status, 0)
    assert f"{name}.part has 55 rows so far. Run the same command again to resume it." in stderr
    assert err.startswith(f"Resuming after 55 rows in {name}.part.\n")
    assert (there / name).read_bytes() == (there / f"whole.{name}").read_bytes()


def test_the_limit_includes_rows_of_the_interrupted_run(command, environment, there, broken_after):
    """
    Rows that the interrupted run wrote count toward the limit.
    """
    broken_after(5, KeyboardInterrupt())
    command("export", "Shot", "a.csv", "--limit", "8", "--fields", "id")
    command("export", "Shot", "a.csv", "--limit", "8", "--fields", "id")

    assert len(rows_of(there / "a.csv")) == 8


def test_another_query_does_not_resume(command, environment, there, broken_after):
    """
    The partial file of another query is neither extended nor deleted.
    """
    broken_after(5, KeyboardInterrupt())
    command("export", "Shot", "a.csv", "--fields", "id")
    before = (there / "a.csv.part").read_bytes()
    status, _out, err = command("export", "Shot", "a.csv", "--fields", "id,code")
    (there / "a.csv.part").write_bytes(b"")
    _status, _out, shorter = command("export", "Shot", "a.csv", "--fields", "id")

    assert status == 2
    assert "a.csv.part belongs to another query. Name another file, or delete this one." in err
    assert before.count(b"\n") == 6
    assert "a.csv.part is damaged: it is shorter than it was" in shorter


@pytest.mark.parametrize(
    ("file", "expected"),
    [("a.xls", "Name a file that ends in .csv, .xlsx, .jsonl or .parquet."), ("no/a.csv", "There is no folder")],
)
def test_an_impossible_file_is_refused_first(command, environment, there, file, expected):
    """
    A file that cannot be written ends in one message before any request.
    """
    status, out, err = command("export", "Shot", file)

    assert (status, out) == (2, "")
    assert expected in err


def test_memory_does_not_grow_with_the_rows(environment, there, sg):
    """
    Ten times as many entities need no more memory.
    """

    class Many:
        def count(self, *_args):
            return 0

        def find_iter(self, *_args, limit):
            return ({"id": number + 1, "code": "x" * 500} for number in range(limit))

    def peak_of(number):
        what = export.ExportQuery(
            site="", entity_type="Shot", filters=[], columns=["id", "code"], limit=number, file_format="jsonl"
        )
        tracemalloc.start()
        with export.PartialFile.open(there / f"{number}.jsonl", what) as part:
            part.fetch(Many())
        _now, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    assert peak_of(5_000) < 2 * peak_of(500) + 100_000


def test_an_excel_file_has_all_entities(command, environment, there, sg):
    """
    An export to an Excel file has all entities, and leaves no other file.
    """
    openpyxl = pytest.importorskip("openpyxl")
    status, out, err = command("export", "Shot", "shots.xlsx", "--fields", "id,code,project", "--links", "id")
    _header, *rows = openpyxl.load_workbook(there / "shots.xlsx").active.iter_rows(values_only=True)
    expected = sg.find("Shot", [], ["code", "project"])

    assert (status, out, err) == (0, "", f"Wrote {len(expected)} rows to shots.xlsx.\n")
    assert rows == [(each["id"], each["code"], f"Project:{each['project']['id']}") for each in expected]
    assert [path.name for path in there.iterdir()] == ["shots.xlsx"]
