"""A page that is one file: its parts are put into the places that are named in braces."""


def filled(text, **parts):
    """The text with each {name} replaced by a part, once; a part may have braces of its own."""
    for name, content in parts.items():
        before, _, after = text.partition("{" + name + "}")
        text = before + content + after
    return text
