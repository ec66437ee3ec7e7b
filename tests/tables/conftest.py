"""Fixtures for the tests of tables."""

from tests.tables.helpers import write  # noqa: F401
