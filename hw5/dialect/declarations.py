"""Split the tokens of a file into declarations: functions, types, variables, and the namespaces around them."""

from dataclasses import dataclass, field
from functools import cached_property

GLOBAL, DEVICE, HOST, CONSTANT, BUILTIN = (
    "hw5_global",
    "hw5_device",
    "hw5_host",
    "hw5_constant",
    "hw5_builtin",  # declared again, but known
)  # as cuda.h defines CUDA's words
_MARKS = {GLOBAL, DEVICE, CONSTANT, "thread_local"}
_TYPES = {"struct", "class", "union", "enum"}
_OPEN, _CLOSE = "([{", ")]}"


@dataclass(eq=False)
class Declaration:
    """A declaration at the level of a namespace, or a member of a class.

    tokens: all of them. head: those before the body, without template parameters and attributes. body: the range of
    tokens between the braces of a function or type, or None. scopes: names of the namespaces around it. linkage:
    whether it is within extern "C".
    """

    tokens: list
    head: list
    kind: str  # "function", "type", "alias" or "variable"
    body: tuple | None = None
    scopes: tuple = ()
    linkage: bool = False
    template: list = field(default_factory=list)

    @cached_property
    def words(self):
        """The texts of the head."""
        return [token.text for token in self.head]

    @cached_property
    def names(self):
        """All identifiers in the declaration."""
        return {token.text for token in self.tokens if token.is_name}

    @property
    def is_device(self):
        """Whether a GPU has it: it is marked, or constexpr."""
        return bool(_MARKS & set(self.words)) or "constexpr" in self.words

    @property
    def is_kernel(self):
        return GLOBAL in self.words

    @property
    def is_instantiation(self):
        """template __global__ void k<float>(...);"""
        return self.tokens[0].text == "template" and not self.template and self.tokens[1].text != "<"

    @property
    def is_specialisation(self):
        """template <> __global__ void k<float>(...) {...}"""
        return [token.text for token in self.tokens[:3]] == ["template", "<", ">"]

    @property
    def parameters(self):
        """The tokens between the parentheses of a function."""
        start = next(i for i, word in enumerate(self.words) if word == self.name)
        start = next(i for i in range(start, len(self.head)) if self.words[i] == "(")
        return self.head[start + 1 : closing(self.head, start)]

    @cached_property
    def name(self):
        """What the declaration declares: of a function, the name before the parameters; `operator` of operators."""
        if self.kind == "function":
            return _function_name(self.words)
        if self.kind == "type":
            after = [i for i, word in enumerate(self.words) if word in _TYPES]
            return next((w for w in self.words[after[0] + 1 :] if w.isidentifier() and w not in _TYPES), "")
        return next((word for word in reversed(self._declarator()) if word.isidentifier()), "")

    def _declarator(self):
        """The words up to an initialiser or the size of an array; of an alias, up to =."""
        words = []
        for word in self.words:
            if word in ("=", "[") and words:
                break
            words.append(word)
        return words

    @cached_property
    def declared(self):
        """All names that it may declare; other than functions, they may be several."""
        if self.kind == "function":
            return {self.name}
        if self.kind == "type":
            inside = (
                {t.text for t in self.tokens[slice(*self.body)] if t.is_name}
                if self.body and "enum" in self.words
                else set()
            )
            after = {t.text for t in self.tokens[self.body[1] :] if t.is_name} if self.body else set()
            return {self.name} | inside | after
        return {word for word in self.words if word.isidentifier()}


def declarations(tokens):
    """The declarations of a list of tokens, in order, with those in namespaces; a namespace itself is none."""
    found = []
    _parse(tokens, 0, (), False, found)
    return found


def members(declaration):
    """The declarations in the body of a class."""
    found = []
    inside = [t for t in declaration.tokens[slice(*declaration.body)]]
    _parse(_without_access(inside), 0, declaration.scopes, False, found)
    return found


def _without_access(tokens):
    """Without public:, protected: and private:."""
    labels = ("public", "protected", "private")
    kept, i = [], 0
    while i < len(tokens):
        if tokens[i].text in labels and i + 1 < len(tokens) and tokens[i + 1].text == ":":
            i += 2
        else:
            kept.append(tokens[i])
            i += 1
    return kept


def _parse(tokens, i, scopes, linkage, found):
    """Parse declarations from token i to the brace that closes the namespace; return the index after it."""
    while i < len(tokens):
        text = tokens[i].text
        if text == "}":
            return i + 1
        if text == ";":
            i += 1
            continue
        brace = _namespace_brace(tokens, i)
        if brace is None:
            declaration, i = _declaration(tokens, i, scopes, linkage)
            found.append(declaration)
            continue
        names = tuple(t.text for t in tokens[i:brace] if t.is_name and t.text not in ("namespace", "inline", "extern"))
        is_linkage = text == "extern"
        is_c = tokens[i + 1].text == '"C"' if is_linkage else linkage
        i = _parse(tokens, brace + 1, scopes if is_linkage else scopes + names, is_c, found)
    return i


def _namespace_brace(tokens, i):
    """The index of the { of a namespace, extern "C" or extern "C++" that begins at i, or None."""
    j = i
    if tokens[j].text == "inline":
        j += 1
    if j < len(tokens) and tokens[j].text == "namespace":
        while j < len(tokens) and tokens[j].text not in ("{", ";", "="):
            j += 1
        return j if j < len(tokens) and tokens[j].text == "{" else None
    texts = [token.text for token in tokens[i : i + 3]]
    return i + 2 if texts[:1] == ["extern"] and texts[1:] in (['"C"', "{"], ['"C++"', "{"]) else None


def closing(tokens, i):
    """The index of the bracket that closes the one at i, or the last index."""
    depth = 0
    for j in range(i, len(tokens)):
        text = tokens[j].text
        if text in _OPEN:
            depth += 1
        elif text in _CLOSE:
            depth -= 1
            if depth == 0:
                return j
    return len(tokens) - 1


def closing_angle(tokens, i):
    """The index of the > that closes the < at i, or None."""
    depth, j = 0, i
    while j < len(tokens):
        text = tokens[j].text
        if text in _OPEN:
            j = closing(tokens, j)
        elif text in ";}":
            return None
        depth += (text == "<") - (text == ">")
        if depth == 0:
            return j
        j += 1
    return None


def _declaration(tokens, start, scopes, linkage):
    """The declaration that begins at a token, and the index after it."""
    i, head, template, body = start, [], [], None
    while i < len(tokens) and tokens[i].text == "template" and i + 1 < len(tokens) and tokens[i + 1].text == "<":
        end = closing_angle(tokens, i + 1) or i + 1
        template += tokens[i + 2 : end]
        i = end + 1
    while i < len(tokens):
        text = tokens[i].text
        if text in ("__attribute__", "alignas", "__declspec") and i + 1 < len(tokens):
            i = closing(tokens, i + 1) + 1
            continue
        if text == "[" and i + 1 < len(tokens) and tokens[i + 1].text == "[":  # an attribute
            i = closing(tokens, i) + 1
            continue
        if text == ";":
            i += 1
            break
        if text == "}":  # the file has fewer { than }
            break
        if text == "{":
            end = closing(tokens, i)
            is_type = _is_type(head)
            if is_type and body is None:
                body = (i + 1 - start, end - start)
            elif not is_type and _is_function(head) and not _initialises(head):
                body = (i + 1 - start, end - start)
                i = end + 1
                break
            i = end + 1
            continue
        if text in "([":
            end = closing(tokens, i)
            head += tokens[i : end + 1]
            i = end + 1
            continue
        head.append(tokens[i])
        i += 1
    i = max(i, start + 1)
    return Declaration(tokens[start:i], head, _kind(head), body, scopes, linkage, template), i


def _outer(head):
    """The texts of a head outside parentheses and brackets, which stay themselves."""
    texts, depth = [], 0
    for token in head:
        depth -= token.text in ")]"
        if depth == 0:
            texts.append(token.text)
        depth += token.text in "(["
    return texts


def _is_type(head):
    outer = _outer(head)
    return "(" not in outer and "=" not in outer and any(word in _TYPES for word in outer)


def _is_function(head):
    outer = _outer(head)
    if "operator" in outer:
        return True
    return "(" in outer and ("=" not in outer or outer.index("=") > outer.index("("))


def _initialises(head):
    """Whether a { after a constructor's head begins the value of a member: X(int n) : a{n} {...}"""
    outer = _outer(head)
    return ":" in outer and (head[-1].is_name or head[-1].text == ">")


def _kind(head):
    words = [token.text for token in head]
    first = next((w for w in words if w not in ("extern", '"C"')), "")
    if first in ("typedef", "using", "namespace") or (first == "friend" and not _is_function(head)):
        return "alias"
    if _is_type(head) and not (first not in _TYPES and first not in ("static", "const", HOST, DEVICE, CONSTANT)):
        return "type"
    return "function" if _is_function(head) else "variable"


def _function_name(words):
    if "operator" in words:
        return "operator"
    for word, following in zip(words, words[1:]):
        if following == "(" and word.isidentifier():
            return word
        if following == "<" and word.isidentifier() and "(" in words:  # a specialisation: f<float>(
            after = words[words.index(following, words.index(word)) :]
            depth = 0
            for k, other in enumerate(after):
                depth += (other == "<") - (other == ">")
                if depth == 0:
                    if after[k + 1 : k + 2] == ["("]:
                        return word
                    break
    return ""
