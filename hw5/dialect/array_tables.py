"""Tell check mode the shapes of arrays with several dimensions in shared or global memory."""

from hw5.dialect.declarations import CONSTANT, DEVICE


def tables_in(declaration):
    """(name, index of the token after its declarator) of arrays with several dimensions in shared or global memory."""
    tokens = [token.text for token in declaration.tokens]
    for i, text in enumerate(tokens):
        if text not in ("thread_local", DEVICE, CONSTANT):
            continue
        while tokens[i + 1] == "__attribute__":
            i += 1 + len(_parenthesised(tokens, i + 2))
        end = next((k for k in range(i, len(tokens)) if tokens[k] in (";", "{", "(", "=")), len(tokens))
        for k in range(i, end):
            if tokens[k] == "[" and "][" in "".join(tokens[k:end]) and tokens[k - 1].isidentifier():
                yield tokens[k - 1], end


def table_edits(function, of_file):
    """Edits that tell check mode the shapes of the tables that a function uses, see hooks.h.

    A row of them may be indexed beyond its end, to read the array as one row; the array's own bounds are checked.
    """
    tokens = function.tokens
    places = [(name, function.body[0] - 1) for name in sorted(of_file & function.names)]
    places += [(name, end) for name, end in tables_in(function) if tokens[end].text == ";"]
    known = {}
    for name, at in places:
        known.setdefault(tokens[at].end, []).append(f" ::hw5::add_table<decltype({name})>();")
    return [(position, position, "".join(texts)) for position, texts in known.items()]


def _parenthesised(tokens, i):
    """The tokens from the ( at i to the ) that closes it."""
    depth = 0
    for k in range(i, len(tokens)):
        depth += (tokens[k] == "(") - (tokens[k] == ")")
        if depth == 0:
            return tokens[i : k + 1]
    return tokens[i:]
