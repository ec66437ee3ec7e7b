"""Find loops that wait for what another thread does, as in while (*flag == 0);"""

from hw5.dialect.declarations import closing

# What such a loop may call, besides reading
_PAUSES = set("__nanosleep __threadfence __threadfence_block __threadfence_system __syncwarp ( ) ;".split())
_MOST_WORDS = 24  # of the body of do { ... } while


def pauses(tokens):
    """The token in the body of each such loop, ; or {, after which others may run."""
    for i, token in enumerate(tokens):
        if token.text == "while" and i + 1 < len(tokens) and tokens[i + 1].text == "(":
            body = closing(tokens, i + 1) + 1
            if body < len(tokens) and not _ends_do(tokens, i) and _only_pauses(tokens, body):
                yield tokens[body]
        if token.text == "do" and i + 1 < len(tokens) and tokens[i + 1].text == "{" and _polls(tokens, i + 1):
            yield tokens[i + 1]


def waits(tokens):
    """Whether there is such a loop, or one that repeats an atomic operation until it succeeds."""
    return any(True for _ in pauses(tokens)) or any(
        t.text == "while" and _has_atomic(tokens[i + 1 : closing(tokens, i + 1)]) for i, t in enumerate(tokens[:-1])
    )


def _ends_do(tokens, i):
    """Whether the while at i is that of do { ... } while, or may be that of a do without braces."""
    return any(
        t.text == "do" and (tokens[k + 1].text != "{" or closing(tokens, k + 1) == i - 1)
        for k, t in enumerate(tokens[: i - 1])
    )


def _only_pauses(tokens, body):
    if tokens[body].text != "{":
        return tokens[body].text == ";"
    inside = tokens[body + 1 : closing(tokens, body)]
    return all(t.text in _PAUSES or not t.is_name for t in inside)


def _polls(tokens, brace):
    """Whether do { ... } only reads again what is volatile or atomic."""
    end = closing(tokens, brace)
    inside = tokens[brace + 1 : end]
    words = {t.text for t in inside}
    strong = (
        _has_atomic(inside)
        or "volatile" in words
        or any(
            t.text == "volatile" and tokens[k - 1].text not in ("asm", "__asm__", "__asm") for k, t in enumerate(tokens)
        )
    )
    return strong and len(inside) <= _MOST_WORDS and not words & {"if", "for", "while", "atomicCAS", "{"}


def _has_atomic(tokens):
    return any(t.text.startswith("atomic") for t in tokens)
