"""Text tables in Windows-1252 are read, and said; those in other encodings than UTF-8 and UTF-16 are refused."""

import gzip
import io

import numpy as np
import pytest

from hw5.datasets import Schema, load, load_inputs, open_inputs
from hw5.opening import Spool
from hw5.tables import encoding
from tests.cli.helpers import hw5
from tests.datasets.helpers import input_error

HEADER = "Höhe;Größe;Jahr;Art\n"
ROWS = [f"{i},{i % 7}5;1.{i:03},25 €;1999;{('Bäume', 'Sträucher', 'niño', 'café')[i % 4]}" for i in range(80)]
GERMAN = HEADER + "\n".join(ROWS)
FAR = 60_000  # rows, in some megabytes


def encoded(text):
    return text.encode("cp1252")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_german_export(write, end):
    """The same as in UTF-8, and a sentence about it."""
    data, same = (load(write(GERMAN.replace("\n", end).encode(name), f"{name}.csv")) for name in ("cp1252", "utf-8"))
    np.testing.assert_array_equal(data.train.X, same.train.X)
    np.testing.assert_array_equal(data.train.y, same.train.y)
    assert data.class_names == same.class_names == ("Bäume", "Sträucher", "café", "niño")
    assert data.feature_names[:2] == same.feature_names[:2] == ("Höhe", "Größe")
    note, *others = data.notes
    assert "byte 1 (" in note and "Windows-1252" in note and "UTF-8" in note and tuple(others) == same.notes


def far_down(last):
    lines = [f"{i},{i % 9},{'ab'[i % 2]}" for i in range(FAR)]
    return "\n".join(["number,digit,kind", *lines, *last])


@pytest.mark.parametrize("pack, name", [(bytes, "a.csv"), (gzip.compress, "a.csv.gz")])
def test_classes_far_below_the_first_ones(write, pack, name):
    """No row is lost or read twice where reading starts again."""
    data = load(write(pack(encoded(far_down(["60000,1,höher", "60001,5,Ähre"]))), name))
    np.testing.assert_array_equal(data.train.X[:, 0], np.arange(FAR + 2))
    assert data.class_names == ("a", "b", "höher", "Ähre")
    np.testing.assert_array_equal(data.train.y, [*np.arange(FAR) % 2, 2, 3])
    assert "Windows-1252" in "".join(data.notes)


def test_text_features_far_below(write):
    text = far_down(["60000,1,höher", "60001,5,höher"])
    data = load(write(encoded(text)), task="regression", label_column="number")
    assert data.feature_names == ("digit", "kind=a", "kind=b", "kind=höher")
    np.testing.assert_array_equal(data.train.y, np.arange(FAR + 2))
    np.testing.assert_array_equal(data.train.X[:, 3], [0] * FAR + [1] * 2)


@pytest.fixture
def schema():
    return Schema(2, ("a", "b"), ("number", "digit"))


def test_inputs_of_a_model_are_read_on_from_there(write, schema):
    text = far_down(["60000,1,höher", "60001,5,Ähre"])
    path = write(encoded(text))
    for inputs in (open_inputs(path, schema), open_inputs(Spool(io.BytesIO(encoded(text)), "standard input"), schema)):
        blocks = list(inputs.blocks())
        X = np.concatenate([block.X for block in blocks])
        np.testing.assert_array_equal(X[:, 0], np.arange(FAR + 2))
        assert [block.start for block in blocks] == list(np.cumsum([0] + [len(block.X) for block in blocks[:-1]]))
        assert blocks[-1].columns[2].to_pylist()[-2:] == ["höher", "Ähre"]
        assert "Windows-1252" in "".join(inputs.notes())
    np.testing.assert_array_equal(load_inputs(path, schema), X)


def test_train_and_predict_from_standard_input_say_it(tmp_path):
    content = encoded(GERMAN)
    train = hw5("train", "--data", "-", "--epochs", 1, "--hidden", 4, "--out", tmp_path / "a.npz", input=content)
    assert "byte 1 (" in train.stderr and "Windows-1252" in train.stderr and "Sträucher" in train.stdout
    predict = hw5("predict", tmp_path / "a.npz", "-", input=content)
    assert predict.stderr.count("Windows-1252") == 1
    assert predict.stdout.startswith("Höhe,Größe,Jahr,Art,class,probability") and predict.stdout.count("\n") == 81


def test_arff_and_orange(write):
    arff = "@relation r\n@attribute Höhe numeric\n@attribute class {Bäume,Gräser}\n@data\n1,Bäume\n2,Gräser\n"
    orange = "Höhe\tclass\nc\td\n\tclass\n1\tBäume\n2\tGräser\n"
    for content, name in ((arff, "a.arff"), (orange, "a.tab")):
        data = load(write(encoded(content), name))
        assert data.feature_names == ("Höhe",) and data.class_names == ("Bäume", "Gräser")
        assert "Windows-1252" in data.notes[0]


def test_a_bad_cell_in_windows_1252_is_named(write):
    lines = far_down(["60000,1,höher"]).splitlines()
    lines[FAR - 2] = f"{FAR - 3},oops,a"
    with input_error(f"row {FAR - 1}, column 2 ('digit')", "'oops'"):
        load(write(encoded("\n".join(lines))))


def in_words(word, other, header="length,width,species"):
    return f"{header}\n" + "".join(f"1.{i},2.{i},{(word, other)[i % 2]}\n" for i in range(30))


OTHERS = {
    "Russian of Windows": ("клён", "дуб", "cp1251"),
    "Russian of Unix": ("клён", "дуб", "koi8-r"),
    "Russian of DOS": ("клён", "дуб", "cp866"),
    "Greek": ("δρυς", "πεύκο", "iso8859-7"),
    "Hebrew": ("אלון", "אורן", "cp1255"),
    "Thai": ("มะม่วง", "ทุเรียน", "cp874"),
    "Chinese": ("橡树", "松树", "gbk"),
    "Japanese": ("松の木", "杉の木", "shift-jis"),
    "Korean": ("소나무", "참나무", "euc-kr"),
    "German of DOS": ("Bäume", "Gräser", "cp850"),
    "French of DOS": ("forêts", "hêtres", "cp437"),
    "German of an old Mac": ("Bäume", "Gräser", "mac-roman"),
    "Polish": ("dąb włoski", "młody", "iso8859-2"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_encodings_are_refused(write, name):
    *words, codec = OTHERS[name]
    content = in_words(*words).encode(codec)
    first = next(i for i, byte in enumerate(content) if byte >= 0x80)
    with input_error(f"byte {first} (counted from 0) is not UTF-8, and ", "save the file as UTF-8"):
        load(write(content))


def test_one_foreign_word_among_many_plain_ones(write):
    with input_error("another alphabet"):
        load(write((in_words("oak", "pine") + "1,2,дуб\n").encode("cp1251")))


DAMAGED = {
    "a lost byte": (in_words("hêtre", "café").encode().replace(b"\xc3\xa9", b"\xc3", 1), "damaged"),
    "a cut end": (in_words("oak", "pine").encode() + b"1,2,caf\xc3", "cut off"),
    "a mark of UTF-8": (b"\xef\xbb\xbf" + encoded(in_words("hêtre", "café")), "mark of UTF-8"),
    "a control character": (encoded(in_words("hêtre", "caf\x01é")), "bytes that no text has"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_text_is_refused(write, name):
    content, why = DAMAGED[name]
    with input_error("is not UTF-8", why, "save the "):
        load(write(content))


def test_utf_16_that_ends_in_half_a_character(write):
    content = in_words("hêtre", "café").encode("utf-16")
    assert load(write(content)).class_names == ("café", "hêtre")
    with input_error("UTF-16"):
        load(write(content + b"\n"))


@pytest.mark.parametrize("size", range(1, 9))
def test_wherever_the_pieces_of_a_file_end(write, size, monkeypatch):
    """The position and the reasons, if a file is read in small pieces."""
    monkeypatch.setattr(encoding, "_CHUNK", size)
    assert "byte 33 (" in load(write(encoded(in_words("oak ü", "hêtre")))).notes[0]
    with input_error("byte 33 (", "damaged"):
        load(write(encoded(in_words("oak ü", "hêtre")) + "1,2,ö\n".encode()))


LANGUAGES = {  # (encoding, header and rows)
    "Russian": ("cp1251", "Город;Цена;Тип\nМосква;1;дом\nКазань;2;квартира\n"),
    "Russian, KOI8-R": ("koi8-r", "Город;Цена;Тип\nМосква;1;дом\nКазань;2;квартира\n"),
    "Japanese": ("cp932", "名前;年齢;性別\n佐藤;31;男\nさくら;25;女\n"),
    "Japanese, EUC-JP": ("euc-jp", "名前;年齢;性別\n佐藤;31;男\nさくら;25;女\n"),
    "Chinese": ("gbk", "城市;价格;类型\n北京;1;公寓\n上海;2;别墅\n"),
    "Chinese in Taiwan": ("big5", "城市;價格;類型\n臺北;1;公寓\n高雄;2;別墅\n"),
    "Korean": ("euc-kr", "도시;가격;종류\n서울;1;아파트\n부산;2;주택\n"),
    "Greek": ("cp1253", "Πόλη;Τιμή;Τύπος\nΑθήνα;1;σπίτι\nΠάτρα;2;διαμέρισμα\n"),
    "Hebrew": ("cp1255", "עיר;מחיר;סוג\nחיפה;1;דירה\nירושלים;2;בית\n"),
}


def test_the_encoding_of_a_few_odd_letters_is_not_guessed(write):
    names = "".join(f"a long name in English {i},{i % 2}\n" for i in range(20))
    with input_error("save the file as UTF-8") as caught:
        load(write(f"name,kind\n{names}".encode() + "Núñez,1\n".encode("mac-roman") + b"\xb7\xd5\xc7\xc7,0\n"))
    assert "iconv" not in str(caught.value)


@pytest.mark.parametrize("name", LANGUAGES)
def test_another_alphabet_is_named_with_the_command_that_converts_it(write, name):
    encoding, text = LANGUAGES[name]
    with input_error(f"iconv -f {encoding.upper()} -t UTF-8", "my data.csv' > 'my data-utf-8.csv'"):
        load(write(text.encode(encoding), "my data.csv"))
