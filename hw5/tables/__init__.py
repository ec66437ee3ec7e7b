"""Tables as people have them: files (delimited, formats) to cells, and cells to features and labels (columns)."""
