"""What a kernel cannot use, because a GPU or the emulator does not have it, with the reason that is given."""

import re

from hw5.dialect.declarations import closing, members

_HOST_ONLY = (
    "exit _exit _Exit quick_exit abort system fork execve kill raise signal longjmp setjmp getenv setenv dlopen dlsym "
    "fopen fclose fprintf fputs fwrite fread fflush scanf fscanf perror getchar gets fgets open mmap mprotect syscall"
).split()
_STREAMS = "cout cerr clog cin endl".split()
_CONTAINERS = "vector string map set unordered_map unordered_set list deque thread mutex unique_ptr shared_ptr".split()
_UNSUPPORTED = {
    "this kind of texture": r"texCubemap\w*|tex2Dgather|tex[12]DLayered(?:Lod|Grad)",
    "cubic surfaces": r"surfCubemap\w*",
    "Tensor Cores by these names (wmma has them)": r"__hmma\w*|__imma\w*|__dmma\w*",
    "numbers of 4 bits and fewer of Tensor Cores": r"experimental|bmma\w*",
    "this part of CUB": r"cub",
    "Thrust": r"thrust",
    "numbers of 8 bits and fewer (cuda_fp8.h)": r"__nv_(?:fp[468]|cvt_\w*fp[468]|saturation_t)\w*",
    "this part of libcu++": r"cuda",
    "pipelines with producers and consumers": r"pipeline_role",
    "the CUDA runtime in kernels": r"cuda(?!(?:Stream|Event|Error|TextureObject|SurfaceObject|Array|MipmappedArray)_t|Success|Extent|PitchedPtr"
    r"|TextureType|SurfaceType|ReadMode|BoundaryMode|TextureDesc|ResourceDesc|ChannelFormatDesc)[A-Z]\w+",
    "cuFFT callbacks": r"cufftCallback\w+",
    "thread block clusters": r"cluster_group|this_cluster|__cluster_dims__",
    "curand's other generators and distributions": r"curandState(?:Scrambled)?(?:Sobol|Mtgp)\w*"
    r"|curand_(?:poisson|discrete|mtgp32)\w*|curandD\w+",
    "curand's functions of the host in kernels": r"curand(?:Create|Destroy|Generate|Set|Get)\w*",
}
_LIBCUPP = set("pipeline pipeline_shared_state make_pipeline memcpy_async aligned_size_t".split())  # of cuda::
_LIBCUPP |= {
    "pipeline_consumer_wait_prior",
    *(f"thread_scope{s}" for s in ("", "_thread", "_block", "_device", "_system")),
}
_CUB = {f"{scope}{what}" for scope in ("Block", "Warp") for what in ("Reduce", "Scan")} | set(
    "BlockLoad BlockStore BlockRadixSort NullType".split()
)
_CUB |= {f"Block{what}Algorithm" for what in ("Reduce", "Scan", "Load", "Store")} | set(
    "Sum Max Min ArgMax ArgMin KeyValuePair".split()
)
_REASONS = {re.compile(pattern): f"the emulator does not have {what}" for what, pattern in _UNSUPPORTED.items()}
_DIALECT = {
    "hw5_global",
    "hw5_device",
    "hw5_host",
    "hw5_constant",
    "hw5_builtin",
    "hw5_assert_fail",
    "hw5_builtin_trap",
    "hw5_ptx",
    "hw5_alignment",
}  # to which cuda.h defines CUDA's
_BUILTINS = {f"__builtin_{name}" for name in "return_address frame_address longjmp setjmp apply return".split()}
_ATTRIBUTES = "constructor destructor section alias ifunc weakref no_sanitize no_sanitize_thread naked".split()


def refused(kept, source, unknown):
    """{declaration: why a kernel cannot use it}: what it names itself, or a function or variable that is refused.

    unknown: declarations that are refused for another reason.
    """
    reasons = dict(unknown)
    own = {d.name for d in kept}
    for declaration in kept:
        reason = _first_reason(declaration, source, own)
        if reason:
            reasons.setdefault(declaration, reason)
    names = {d.name: reason for d, reason in reasons.items() if d.name and not d.is_kernel}
    names.pop("operator", None)
    found = True
    while found:
        found = False
        for declaration in kept:
            if declaration not in reasons and names.keys() & declaration.names:
                reasons[declaration] = names[min(names.keys() & declaration.names)]
                if not declaration.is_kernel and declaration.name != "operator":
                    names[declaration.name] = reasons[declaration]
                found = True
    return reasons


_A_TYPE = re.compile(r".*(?:_t|Object)|curandState.*|__nv_fp.*")


def _has(namespace, name):
    """Whether the emulator has a name of a library."""
    if namespace == "cub":
        return name in _CUB or name.startswith("BLOCK_")
    return namespace == "cuda" and name in _LIBCUPP


def _is_used(after, declaration):
    """Whether a name before the token `after` is called or qualifies another, or is in a variable's declaration."""
    return after in ("(", "<", "::") or declaration.kind == "variable"


def _first_reason(declaration, source, own):
    """The first thing in a declaration that a kernel cannot use, with file and line, or None.

    own: what the file declares itself, which may have a name like one of CUDA's.
    """
    tokens = declaration.tokens
    left_out, attributes = _host_members(declaration), _attributes(tokens)
    for i, token in enumerate(tokens):
        if token.start in left_out:
            continue
        before = tokens[i - 1].text if i else ""
        after = tokens[i + 1].text if i + 1 < len(tokens) else ""
        reason = _reason(token, before, after, declaration, own)
        if reason and after == "::" and token.text in ("cub", "cuda"):
            name = tokens[i + 2].text
            reason = None if _has(token.text, name) else reason.replace(":", f"::{name}:", 1)
        if token.text == "<" and [t.text for t in tokens[i : i + 3]] == ["<"] * 3 and "<" != before:
            reason = "it launches a kernel from a kernel, which the emulator cannot do (dynamic parallelism)"
        if token.text in ("tiled_partition", "thread_block_tile") and after == "<" and _is_wide(tokens[i + 2].text):
            reason = f"the emulator does not have tiles of more than a warp ({tokens[i + 2].text} threads)"
        if i in attributes and token.text.strip("_") in _ATTRIBUTES:
            reason = f"the emulator does not accept the attribute {token.text}"
        if reason:
            file, line = source.place(token.start)
            return f"{file}:{line}: {reason}"
    return None


def _is_wide(size):
    return size.isdigit() and int(size) > 32


def _attributes(tokens):
    """The indices of the tokens in __attribute__((...)) and [[...]]."""
    inside = set()
    for i, token in enumerate(tokens[:-1]):
        if token.text in ("__attribute__", "__attribute") or (token.text == "[" and tokens[i + 1].text == "["):
            inside.update(range(i, closing(tokens, i + (token.text != "[")) + 1))
    return inside


def _host_members(declaration):
    """Where the tokens are of member functions that only the host has; their bodies are left out."""
    if declaration.kind != "type" or not declaration.body or "enum" in declaration.words:
        return ()
    host = (m for m in members(declaration) if m.kind == "function" and not m.is_device)
    return {token.start for member in host for token in member.tokens}


def _reason(token, before, after, declaration, own):
    name = token.text
    if not token.is_name or before in (".", ">") and after != "<":
        return None
    is_function = after == "(" or (after in (";", ",", ")") and before in ("=", "(", ",", "&"))
    if name in _HOST_ONLY and name not in own and is_function:
        return f"{name}() is a function of the host; a kernel cannot call it"
    if name in _STREAMS and (before == "::" or after == "<" or before == "<"):
        return f"{name} is a stream of the host; use printf in a kernel"
    if name in _CONTAINERS and before == "::":
        return f"std::{name} belongs to the host; a kernel cannot use it"
    if name in ("throw", "try", "catch"):
        return f"a kernel cannot use exceptions ({name})"
    if (name.startswith("hw5_") and name not in _DIALECT) or name == "hw5":
        return f"{name} belongs to the emulator"
    if name in _BUILTINS:
        return f"a kernel cannot use {name}"
    if name in own or (before in ("*", "&") and after in (",", ")", ";", "=")):
        return None  # a variable or parameter of that name
    for pattern, reason in _REASONS.items():
        if pattern.fullmatch(name) and (_is_used(after, declaration) or _A_TYPE.fullmatch(name)):
            return f"{name}: {reason}"
    return None
