"""Tables in other formats than delimited text give what the same table as CSV gives."""

import gzip
import importlib.util
import io
import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from hw5.datasets import load, load_inputs
from tests.datasets.helpers import idx_bytes, input_error
from tests.tables.helpers import rows
from tests.tables.test_columns import schema_of

X, NAMES = rows(60)
TABLE = pd.DataFrame(X, columns=["leaf", "bark", "height"]).assign(
    site=np.array(["north", "south", "east"])[np.arange(60) % 3],
    wet=np.arange(60) % 2 == 0,
    day=pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(60), "D"),
    tree=NAMES,
)
TABLE.loc[::7, "leaf"] = np.nan


def written(method):
    file = io.BytesIO()
    getattr(TABLE, f"to_{method[0]}")(file, **method[1])
    return file.getvalue()


def arrow(compression=None):
    file = io.BytesIO()
    table = pa.Table.from_pandas(TABLE)
    with pa.ipc.new_file(file, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table)
    return file.getvalue()


def arff():
    kinds = {"site": "{north,south,east}", "wet": "{True,False}", "day": "date yyyy-MM-dd", "tree": "{ash,birch,cedar}"}
    head = [f"@attribute {name} {kinds.get(name, 'numeric')}" for name in TABLE.columns]
    body = TABLE.assign(day=TABLE.day.dt.date).to_csv(header=False, index=False, na_rep="?")
    return "\n".join(["% trees", "@RELATION trees", "", *head, "", "@DATA", body])


def orange():
    kinds = {"site": "d", "wet": "d", "day": "t", "tree": "d"}
    head = ["\t".join(TABLE.columns), "\t".join(kinds.get(name, "c") for name in TABLE.columns), "\t" * 6 + "class"]
    return "\n".join([*head, TABLE.assign(day=TABLE.day.dt.date).to_csv(sep="\t", header=False, index=False)])


def excel():
    """The workbook, as bytes. Skips the test without openpyxl, by which pandas writes it."""
    needs_openpyxl()
    return written(("excel", {"index": False}))


def needs_openpyxl():
    if not importlib.util.find_spec("openpyxl"):
        pytest.skip("openpyxl is not installed: pip install 'hw5[excel]'")


FORMATS = {
    "parquet": lambda: written(("parquet", {})),
    "feather": lambda: arrow("lz4"),
    "arrow": lambda: arrow(),
    "json lines": lambda: written(("json", {"orient": "records", "lines": True, "date_format": "iso"})),
    "json": lambda: written(("json", {"orient": "records", "date_format": "iso"})),
    "excel": excel,
    "arff": arff,
    "orange": orange,
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_table_in_another_format(write, name):
    csv = load(write(TABLE.to_csv(index=False), "trees.csv"))
    content = FORMATS[name]()
    for suffix in ("." + name, ".dat", ""):
        path = write(content, "trees" + suffix)
        data = load(path)
        assert data.feature_names == csv.feature_names and data.class_names == csv.class_names
        np.testing.assert_allclose(data.train.X, csv.train.X, rtol=1e-6)
        np.testing.assert_array_equal(data.train.y, csv.train.y)
        np.testing.assert_allclose(load_inputs(path, schema_of(csv)), csv.train.X, rtol=1e-6)


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_dates_in_nanoseconds(write, zone):
    """As pandas before 3 has them."""
    csv = load(write(TABLE.to_csv(index=False), "trees.csv"))
    file = io.BytesIO()
    TABLE.assign(day=TABLE.day.astype("datetime64[ns]").dt.tz_localize(zone)).to_parquet(file)
    data = load(write(file.getvalue(), "trees.parquet"))
    assert data.feature_names == csv.feature_names
    np.testing.assert_allclose(data.train.X, csv.train.X, rtol=1e-6)


def test_svmlight(write):
    lines = [f"{i % 2} " + " ".join(f"{j}:{x}" for j, x in enumerate(row, 1) if x) for i, row in enumerate(X)]
    data = load(write("\n".join(lines), "trees.txt"))
    np.testing.assert_array_equal(data.train.X, X.astype(np.float32))
    assert data.class_names == ("0", "1")
    comments = "# trees\n" + "\n".join(f"{line} # a tree" for line in lines)
    np.testing.assert_array_equal(load(write(comments, "comments.txt")).train.X, X.astype(np.float32))
    assert load(write("1e300 1:2\n0 2:1\n", "large.txt")).class_names == ("0.0", "1e+300")


ARRAYS = {
    "medmnist": ({"train_images": X, "train_labels": np.arange(60)[:, None] % 3}, "train_images"),
    "positional": ({"arr_0": X, "arr_1": np.arange(60) % 3}, "arr_0"),
    "train_x": ({"train_x": X, "train_y": np.arange(60) % 3, "test_x": X, "test_y": np.arange(60) % 3}, "train_x"),
    "one-hot": ({"X": X, "y": np.eye(3)[np.arange(60) % 3]}, "X"),
    "bytes as labels": ({"X": X, "y": np.array([b"0", b"1", b"2"])[np.arange(60) % 3]}, "X"),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_under_other_names(tmp_path, name):
    np.savez(tmp_path / "a.npz", **ARRAYS[name][0])
    data = load(str(tmp_path / "a.npz"))
    np.testing.assert_array_equal(data.train.X, X.astype(np.float32))
    assert data.class_names == ("0", "1", "2") and data.train.y.tolist() == [i % 3 for i in range(60)]
    assert (data.test is not None) == (name == "train_x")


@pytest.mark.parametrize("shape", [(60, 8, 8, 1), (60, 1, 8, 8), (60, 8, 8)])
@pytest.mark.parametrize("dtype", ["u1", "f4", "f8", "i8"])
def test_grey_images_of_any_shape_and_type(tmp_path, shape, dtype):
    images = np.random.default_rng(0).integers(0, 256, shape)
    np.savez(tmp_path / "a.npz", x_train=images.astype(dtype), y_train=np.arange(60) % 2)
    data = load(str(tmp_path / "a.npz"))
    assert data.image_shape == (8, 8) and data.train.X.dtype == np.uint8
    np.testing.assert_array_equal(data.train.X, images.reshape(60, 64))


def test_labels_in_a_file_of_their_own(tmp_path):
    for part, n in (("train", 60), ("test", 30)):
        np.save(tmp_path / f"X_{part}.npy", X[:n])
        np.save(tmp_path / f"y_{part}.npy", NAMES[:n])
    data = load(str(tmp_path / "X_train.npy"))
    assert data.train.X.shape == (60, 3) and data.test.X.shape == (30, 3) and data.label == "the file y_train.npy"
    np.testing.assert_array_equal(np.array(data.class_names)[data.train.y], NAMES)


def test_idx_as_others_lay_it_out(tmp_path):
    images, labels = np.random.default_rng(0).integers(0, 256, (20, 4, 6)).astype("u1"), np.arange(20).astype("u1") % 2

    def folder(name, **files):
        (tmp_path / name).mkdir()
        for file, content in files.items():
            path = tmp_path / name / file.replace("__", "/").replace("_", "-")
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(idx_bytes(content))
        return load(str(tmp_path / name))

    kaggle = folder(
        "kaggle",
        train_images_idx3_ubyte__train_images_idx3_ubyte=images,
        train_labels_idx1_ubyte__train_labels_idx1_ubyte=labels,
    )
    np.testing.assert_array_equal(kaggle.train.X, images.reshape(20, 24))
    test = folder(
        "test",
        train_images_idx3_ubyte=images,
        train_labels_idx1_ubyte=labels,
        test_images_idx3_ubyte=images[:5],
        test_labels_idx1_ubyte=labels[:5],
    )
    assert len(test.test.y) == 5
    emnist = folder(
        "emnist",
        emnist_letters_train_images_idx3_ubyte=images,
        emnist_letters_train_labels_idx1_ubyte=labels,
    )
    assert emnist.image_shape == (6, 4) and "upright" in emnist.notes[0]
    np.testing.assert_array_equal(emnist.train.X, images.transpose(0, 2, 1).reshape(20, 24))


def bomb():
    """What has the names of a workbook."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"x" * (1 << 27))
    return file.getvalue()


def wide_parquet():
    file = io.BytesIO()
    pa.parquet.write_table(pa.table({"a": pa.array(np.zeros(30_000_000, np.int8)), "y": pa.nulls(30_000_000)}), file)
    return file.getvalue()


def _damaged_workbook():
    """Its directory says that 2^30 bytes of the first member are in the file, for which memory would be taken."""
    content = bytearray(FORMATS["excel"]())
    at = content.index(b"PK\1\2") + 20
    content[at : at + 4] = (1 << 30).to_bytes(4, "little")
    return bytes(content)


def zipped(name, content, *others):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for each in (name, *others):
            archive.writestr(each, content)
    return file.getvalue()


REFUSED = {
    "a zip bomb as Excel": (bomb, ["inflates to", "too many"]),
    "a parquet of 60 million cells in a few bytes": (wide_parquet, ["60,000,000 cells", "too many"]),
    "a cut parquet": (lambda: FORMATS["parquet"]()[:-9], ["cannot be read"]),
    "a cut arrow": (lambda: arrow()[:200], ["cannot be read"]),
    "lists in cells": (lambda: '{"a b": [1], "y": "b"}\n{"a b": [2], "y": "c"}', ["several values", "--drop 'a b'"]),
    "no list of objects": (lambda: '[{"a": 1}, 3]', ["no table in this JSON", "list of objects"]),
    "lists of lists of lists": (lambda: "[[1, [2]], [3, [4]]]", ["no table in this JSON", "list of objects"]),
    "SQL": (
        lambda: "-- a dump\nCREATE TABLE `t` (a int);\nINSERT INTO `t` VALUES (1,'x'),(2,'y');\n",
        ["SQL", "as CSV"],
    ),
    "SQL with a row a line": (
        lambda: "INSERT INTO t VALUES(1,'x');\nINSERT INTO t VALUES(2,'y');\n",
        ["SQL", "as CSV"],
    ),
    "half an object": (lambda: '[{"a": 1, "y"', ["no table in this JSON"]),
    "a pickle": (lambda: b"\x80\x04\x95" + bytes(99), ["pickle, which hw5 never loads"]),
    "ARFF without data": (lambda: "@relation a\n@attribute b numeric\n", ["no @data"]),
    "a workbook with a member of a gigabyte": (_damaged_workbook, ["not a valid Excel file"]),
    "HDF5": (lambda: b"\x89HDF\r\n\x1a\n" + bytes(99), ["HDF5", "Parquet"]),
    "a pointer of Git LFS": (
        lambda: "version https://git-lfs.github.com/spec/v1\noid sha256:f3a6\nsize 121\n",
        ["pointer of Git LFS", "git lfs pull"],
    ),
    "a tar": (lambda: gzip.compress(b"a.csv".ljust(257, b"\0") + b"ustar" + bytes(250)), ["a tar archive; unpack it"]),
    "a Parquet file in a zip": (lambda: zipped("a.parquet", FORMATS["parquet"]()), ["compressed file", "unpack it"]),
    "a sheet in a zip": (lambda: zipped("a.xlsx", zipped("xl/a", b"")), ["a zip archive; unpack it"]),
    "OpenDocument": (lambda: zipped("mimetype", b"", "content.xml"), ["OpenDocument", ".xlsx"]),
    "lz4": (lambda: b"\x04\x22\x4d\x18" + bytes(99), ["an lz4 file; unpack it"]),
    "SQLite": (lambda: b"SQLite format 3\0" + bytes(99), ["SQLite", "CSV"]),
    "DuckDB": (lambda: gzip.compress(bytes(range(200, 208)) + b"DUCK" + bytes(99)), ["DuckDB", "CSV"]),
    "an old Stata": (lambda: b"r\2\1\0" + bytes(99), ["Stata"]),
    "a SAS transport file": (lambda: "HEADER RECORD*******LIBRARY HEADER RECORD!!!!!!!", ["SAS"]),
    "FITS": (lambda: "SIMPLE  =                    T", ["FITS"]),
    "a Word document": (lambda: zipped("word/document.xml", b""), ["Word", ".xlsx"]),
    "bytes of no known file": (lambda: b"\x90\1\2\3\xc8\xee\xf0" * 40, ["bytes that no text has", "as CSV"]),
    "XML": (lambda: '<?xml version="1.0"?>\n<data><row/></data>', ["XML", "CSV"]),
    "an image": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(99), ["an image", "hw5 predict"]),
    "svmlight of a huge position": (lambda: "1 1:2\n0 999999999:1\n", ["too many"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", REFUSED)
def test_refused(write, name):
    content, words = REFUSED[name]
    if "xcel" in name or "workbook" in name:
        needs_openpyxl()
    path = write(content(), "a.file")
    with input_error(path, *words):
        load(path)


def test_a_workbook_without_folders(write):
    """As some programs other than Excel write it."""
    with zipfile.ZipFile(io.BytesIO(excel())) as book, zipfile.ZipFile(file := io.BytesIO(), "w") as flat:
        for name in book.namelist():
            moved = book.read(name).replace(b"xl/workbook.xml", b"workbook.xml").replace(b"/xl/", b"/")
            flat.writestr(name.removeprefix("xl/"), moved)
    assert len(load(write(file.getvalue(), "a.xlsx")).train.y) == 60


def test_the_pip_command_of_what_is_lacking(write, monkeypatch):
    path = write(bomb(), "a.xlsx")
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    with input_error(path, "pip install 'hw5[excel]'"):
        load(path)


def test_the_header_of_orange(write):
    """A type may be lacking, and a role have attributes."""
    head = ["name\tsite\tleaf\twhen\tkind", "string\td\t\ttime\td", "meta type=text\t\t\t\tclass"]
    body = [f"tree {i}\t{i % 3}\t{i * i}\t2020-01-{i + 1:02d}\t{'xy'[i % 2]}" for i in range(20)]
    data = load(write("\n".join([*head, *body]), "trees.tab"))
    name, site, leaf, when = data.columns.each
    assert name.why == "meta in the file" and data.class_names == ("x", "y") and len(data.train.y) == 20
    assert load(write("\n".join([*head[:2], "\t\t\t\t", *body]), "trees.tab"), label_column="kind").class_names == (
        "x",
        "y",
    )
    assert site.kind == "categories" and leaf.kind == "number" and when.kind == "date"


def test_the_label_of_orange(write):
    assert load(write(orange(), "a.tab")).label == "column 7 ('tree')"


def test_the_text_of_a_sheet(write):
    needs_openpyxl()
    sheet = pd.DataFrame({"x": [1.5, 2], "kind": ["a", "b"]})
    file = io.BytesIO()
    with pd.ExcelWriter(file) as book:
        pd.DataFrame().to_excel(book, sheet_name="notes", index=False)
        sheet.to_excel(book, sheet_name="data", index=False)
    data = load(write(file.getvalue(), "a.xlsx"))
    assert data.feature_names == ("x",) and "sheet 'data'" in " ".join(data.notes)


def test_a_sheet_with_titles_after_one_of_notes(write):
    needs_openpyxl()
    sheet = pd.DataFrame({"x": [1.5, 2], "size": [3, 4], "kind": ["a", "b"]})
    file = io.BytesIO()
    with pd.ExcelWriter(file) as book:
        pd.DataFrame(["Trees of the park", "by me", "2020"]).to_excel(
            book, sheet_name="notes", index=False, header=False
        )
        sheet.to_excel(book, sheet_name="data", index=False, startrow=2)
        book.sheets["data"]["A1"] = "Trees of the park"
    data = load(write(file.getvalue(), "a.xlsx"))
    assert data.feature_names == ("x", "size") and "sheet 'data'" in " ".join(data.notes)


def test_hidden_sheets_are_not_read(write):
    needs_openpyxl()
    import openpyxl

    book = openpyxl.Workbook()
    book.active.sheet_state = "hidden"
    for sheet, names in ((book.active, ("old", "kind")), (book.create_sheet("trees"), ("leaf", "kind"))):
        for row in (names, *((i, "xy"[i % 2]) for i in range(12))):
            sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    data = load(write(file.getvalue(), "trees.xlsx"))
    assert data.columns.each[0].name == "leaf" and "read the sheet 'trees' of 2" in data.notes


def test_quotes_of_both_kinds_in_the_text_of_arff(write):
    head = "@relation r\n@attribute text string\n@attribute size numeric\n@attribute class {0,1}\n@data\n"
    body = "".join(f"'{word} said \"no, it\\'s\", and left',{i},{i % 2}\n" for i, word in enumerate("abcabcabc" * 2))
    data = load(write(head + body, "a.arff"))
    assert data.feature_names[0] == """text=a said "no, it's", and left""" and data.class_names == ("0", "1")
