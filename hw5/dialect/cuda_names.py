"""Names of CUDA in device code that the emulator has elsewhere: indices, and functions of numbers."""

# Where the emulator has CUDA's indices; a text without macros, since the file is preprocessed.
INDICES = {
    "threadIdx": "hw5::position_here().thread",
    "blockIdx": "hw5::position_here().block",
    "blockDim": "hw5::position_here().block_size",
    "gridDim": "hw5::position_here().grid_size",
}
_BEFORE_AN_EXPRESSION = {"return", "else", "case", "throw", "and", "or", "not", "do"}


def index_edits(tokens):
    """Edits that put the emulator's indices for CUDA's, unless the declaration has something else of that name."""
    found = [i for i, token in enumerate(tokens) if token.text in INDICES]
    own = {tokens[i].text for i in found if _is_declared(tokens, i)}
    return [
        (tokens[i].start, tokens[i].end, f"({INDICES[tokens[i].text]})")
        for i in found
        if tokens[i].text not in own and not _is_member(tokens, i)
    ]


_MATH = set(
    """fabs sqrt cbrt exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh erf erfc lgamma tgamma
    floor ceil trunc round rint nearbyint pow fmod atan2 hypot copysign fmin fmax fdim remainder nextafter fma sincos modf
    scalbn logb ldexp frexp abs min max isnan isinf isfinite signbit""".split()
)


def overload_edits(tokens):
    """Edits that make ::exp(x) CUDA's function, which is overloaded, instead of C's."""
    texts = [token.text for token in tokens]
    return [
        (tokens[i].start, tokens[i].end, "hw5_math::")
        for i in range(len(tokens) - 2)
        if texts[i] == "::"
        and texts[i + 1] in _MATH
        and texts[i + 2] == "("
        and not (i and _ends_a_name(tokens[i - 1]))
    ]


_BULK = {"memcpy", "memmove", "memset"}


def bulk_edits(tokens, own):
    """Edits that make memcpy(...) and the like check mode's, unless the file has a function of that name."""
    return [
        (token.start, token.end, f"hw5_{token.text}")
        for before, token, after in zip(tokens, tokens[1:], tokens[2:])
        if token.text in _BULK - own and after.text == "(" and not _declares_or_selects(before)
    ]


def _declares_or_selects(token):
    """Whether the token before a name makes it a member, or what a declaration declares."""
    return token.text in (".", ">", "*", "&") or (token.is_name and token.text not in _BEFORE_AN_EXPRESSION)


def _ends_a_name(token):
    """Whether the token before :: makes it std::exp or the like."""
    return token.text == ">" or (token.is_name and token.text not in _BEFORE_AN_EXPRESSION)


def _is_declared(tokens, i):
    """Whether the name at i follows a type: dim3 blockDim, const dim3 &blockDim."""
    before = [token.text for token in tokens[max(i - 2, 0) : i]]
    if before[-1:] in (["&"], ["*"]) and tokens[i + 1].text in (",", ")"):
        before.pop()
    return bool(before) and before[-1].isidentifier() and before[-1] not in _BEFORE_AN_EXPRESSION


def _is_member(tokens, i):
    before = [token.text for token in tokens[max(i - 2, 0) : i]]
    return before[-1:] in (["."], ["::"]) or before == ["-", ">"]
