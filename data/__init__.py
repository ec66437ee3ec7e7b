"""Bundled data sets; see README.md beside this file for their sources and licences."""
