"""Dates: the forms in which they are written, which of day and month comes first, and what is said about it."""

import datetime

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from hw5.datasets import load
from hw5.tables import delimited, gathering
from hw5.tables.columns import Date, LeftOut, Number
from tests.tables.test_columns import table

DAYS = [datetime.datetime(2011 + i // 12, i % 12 + 1, i % 27 + 1, 9, 30) for i in range(36)]


def column_of(write, texts, **columns):
    return load(write(table(when=texts, leaf=range(len(texts)), **columns))).columns.each[0]


def days_of(write, texts):
    """Days since 1970, as they were read."""
    data = load(write(table(when=texts, leaf=np.arange(len(texts)) ** 2)))
    assert isinstance(data.columns.each[0], Date)
    return data.train.X[:, 0] + data.columns.each[0].origin, data.notes


def since_1970(days):
    return [(day - datetime.datetime(1970, 1, 1)) / datetime.timedelta(days=1) for day in days]


@pytest.mark.parametrize("format", ["%b %Y", "%B %Y", "%b-%Y", "%b-%y", "%m/%Y", "%Y/%m", "%Y-%m"])
def test_months_begin_with_their_first_day(write, format):
    found, _ = days_of(write, [day.strftime(format) for day in DAYS])
    np.testing.assert_allclose(found, since_1970([datetime.datetime(d.year, d.month, 1) for d in DAYS]))


@pytest.mark.parametrize("format", ["%Y.%m.%d", "%d %b %y", "%d-%b-%y", "%a %d %b %Y", "%Y年%m月%d日", "%A %B %d %Y"])
def test_days(write, format):
    format = format.replace("%a %d", "%a, %d").replace("%B %d ", "%B %d, ").replace("%A ", "%A, ")
    found, _ = days_of(write, [f'"{day.strftime(format)}"' for day in DAYS])
    np.testing.assert_allclose(found, since_1970([datetime.datetime(d.year, d.month, d.day) for d in DAYS]))


@pytest.mark.parametrize("format", ["%d/%m/%y %H:%M", "%d.%m.%y %H:%M", "%d-%m-%Y %H:%M", "%a %b %d %H:%M:%S %Y"])
def test_days_and_times(write, format):
    found, _ = days_of(write, [day.strftime(format) for day in DAYS])
    np.testing.assert_allclose(found, since_1970(DAYS), atol=1e-3)


def test_days_and_months_of_one_digit(write):
    found, _ = days_of(write, [f"{d.year}-{d.month}-{d.day}" for d in DAYS])
    np.testing.assert_allclose(found, since_1970([datetime.datetime(d.year, d.month, d.day) for d in DAYS]))


def test_the_first_of_every_month_has_the_month_first(write):
    months = [datetime.datetime(2011 + i // 12, i % 12 + 1, 1) for i in range(24)]
    found, notes = days_of(write, [f"{d.month}/{d.day}/{d.year}" for d in months])
    np.testing.assert_allclose(found, since_1970(months))
    assert "'when': read the dates with the month before day" in notes


def test_dates_are_in_order_if_one_reading_has_them_so(write):
    days = [datetime.datetime(2020, 1 + i // 12, 1 + i % 12) for i in range(30)]
    found, _ = days_of(write, [day.strftime("%m/%d/%Y") for day in days])
    np.testing.assert_allclose(found, since_1970(days))


def test_what_two_digits_of_a_year_mean_is_said(write):
    years = [1962 + i for i in range(44)]
    found, notes = days_of(write, [f"{i % 28 + 1}.6.{year % 100:02d}" for i, year in enumerate(years)])
    np.testing.assert_allclose(found, since_1970([datetime.datetime(y, 6, i % 28 + 1) for i, y in enumerate(years)]))
    assert "'when': read the dates with the years from 1962 to 2005" in notes


def test_a_day_that_does_not_exist_is_no_date(write):
    assert isinstance(column_of(write, ["30.02.2020", *(day.strftime("%d.%m.%Y") for day in DAYS)]), LeftOut)


def test_zeros_are_a_missing_date(write):
    column = column_of(write, ["0000-00-00", *(day.strftime("%Y-%m-%d") for day in DAYS)])
    assert isinstance(column, Date) and column.gaps


def test_later_rows_may_show_that_the_month_is_first(write, monkeypatch):
    monkeypatch.setattr(gathering, "without_blank_rows", in_small_batches(gathering.without_blank_rows))
    column = column_of(write, ["1/2/2020", "3/4/2020", "2/3/2020", "5/4/2020", "6/13/2020", "7/1/2020"])
    assert column.format == "%m/%d/%Y"


def in_small_batches(function):
    """function(columns), of whose rows the first call returns two: as if the file's first piece ended there."""
    calls = []

    def first_rows(columns):
        calls.append(1)
        return function([column.slice(0, 2) if len(calls) == 1 else column for column in columns])

    return first_rows


@pytest.mark.parametrize(
    "texts, is_date",
    [
        (["Jun-01", "Jun-15", "Jul-01", "Jul-15"] * 6, False),
        ([f"{m}-{y}" for y in (19, 20) for m in ("Jan", "May", "Oct")], True),
    ],
)
def test_days_of_a_month_are_no_years(write, texts, is_date):
    assert isinstance(column_of(write, texts), Date) == is_date


@pytest.mark.parametrize(
    ("first", "second", "seconds"),
    [
        ("01JAN2019", "15FEB2019", 45 * 86_400),
        ("01JAN2019:10:00:00", "01JAN2019:10:00:30", 30),
        ("2019/01/01 9:00:00 AM GMT+1", "2019/01/01 1:00:00 PM GMT+1", 4 * 3600),
        ("2019-01-01 00:00:00 UTC", "2019-01-01 01:00:00 UTC", 3600),
    ],
)
def test_dates_of_sas_and_of_forms(write, first, second, seconds):
    data = load(write(f"day,kind\n{first},a\n{second},b\n"))
    days = data.train.X[:, 0].astype(float)
    assert data.columns.each[0].kind == "date" and days[1] - days[0] == pytest.approx(seconds / 86_400, abs=1e-6)


@pytest.mark.parametrize("gap", ["", "NA"])
def test_dates_without_signs(write, gap):
    texts = [d.strftime("%Y%m%d") for d in DAYS]
    days, notes = days_of(write, texts)
    np.testing.assert_allclose(days, since_1970([datetime.datetime(d.year, d.month, d.day) for d in DAYS]))
    assert "'when': read the numbers as dates (YYYYMMDD)" in notes
    with_gaps, _ = days_of(write, [gap, *texts[1:]])
    np.testing.assert_allclose(with_gaps[1:], days[1:])


def test_dates_without_signs_in_a_file_with_types(write, tmp_path):
    path = tmp_path / "days.parquet"
    days = [int(d.strftime("%Y%m%d")) for d in DAYS]
    parquet.write_table(pa.table({"when": days, "leaf": range(36), "kind": ["ash", "yew"] * 18}), path)
    assert isinstance(load(str(path)).columns.each[0], Date)


@pytest.mark.parametrize(
    "name, numbers",
    [
        ("tree_id", [20110101 + i for i in range(28)]),
        ("when", [20110101 + i for i in range(40)]),
        ("when", [*range(20110101, 20110120), 7]),
        ("when", [20110101, 20110102] * 12),
    ],
)
def test_numbers_that_are_no_dates(write, name, numbers):
    assert not isinstance(load(write(table(**{name: numbers}, leaf=range(len(numbers))))).columns.each[0], Date)


def test_a_late_row_may_show_that_numbers_are_no_dates(write, monkeypatch):
    monkeypatch.setattr(delimited, "_BLOCK", 1 << 10)
    numbers = [*(int(d.strftime("%Y%m%d")) for d in DAYS * 9), 20119999]
    assert isinstance(column_of(write, numbers), Number)


def test_a_word_among_dates_is_warned_of(write):
    texts = [d.strftime("%Y-%m-%d") for d in DAYS[:12]] * 3 + ["Unknown"]
    (said,) = [w for w in load(write(table(when=texts, leaf=range(37)))).warnings if "categories" in w]
    assert said.startswith("'when' became categories because 'Unknown' is not a date")


def test_groups_of_ages_are_no_dates(write):
    texts = ["10-19", "20-29", "30-39", "40-49", "50+"] * 8
    assert not any("no date" in w for w in load(write(table(age=texts, leaf=range(40)))).warnings)
