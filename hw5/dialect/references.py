"""Texture and surface references: variables of file scope that the host binds."""

from hw5.dialect.declarations import closing_angle

REFERENCES = {"texture": "hw5_texture", "surface": "hw5_surface"}


def reference_types(found):
    """Which of CUDA's templates texture and surface a file may use; another class of the name is its own."""
    own = {d.name for d in found if d.kind == "type" or d.words[:1] == ["using"]}
    return REFERENCES.keys() - own


def is_reference(declaration, types):
    """Whether it is a texture or surface reference, a variable of file scope that the host binds."""
    if declaration.kind != "variable" or not types & set(declaration.words):
        return False
    words = [word for word in declaration.words if word not in ("static", "extern", "const")]
    return words[0] in types and words[1:2] == ["<"]


def reference_edits(tokens, types, before):
    """Edits that put the emulator's templates for CUDA's in texture<float, 2> name and the like.

    before: a text to insert before them.
    """
    for i, (token, after) in enumerate(zip(tokens, tokens[1:])):
        if token.text in types and after.text == "<":
            end = closing_angle(tokens, i + 1)
            inside = tokens[i + 2 : end]
            if end and all(t.is_name or t.text.isalnum() or t.text in (",", "::", "<", ">") for t in inside):
                yield token.start, token.end, before + REFERENCES[token.text]
