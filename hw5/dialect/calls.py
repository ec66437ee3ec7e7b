"""Which functions may call which."""


def reachable(name, calls):
    """Names of the functions that a function may call, itself included."""
    reached, queue = {name}, [name]
    while queue:
        for other in calls.get(queue.pop(), ()):
            if other in calls and other not in reached:
                reached.add(other)
                queue.append(other)
    return frozenset(reached)


def recursive(kept):
    """Names of functions that may call themselves."""
    calls = {}
    for declaration in kept:
        if declaration.kind == "function" and declaration.body:
            names = {t.text for t in declaration.tokens[slice(*declaration.body)] if t.is_name}
            calls.setdefault(declaration.name, set()).update(names)
    for name, names in calls.items():
        calls[name] = names & calls.keys()
    return {name for name in calls if any(name in reachable(other, calls) for other in calls[name])}


def pointed_to(kept):
    """Names of functions that are used other than by a call: they may be called by a pointer."""
    functions = {d.name for d in kept if d.kind == "function" and not d.is_kernel}
    return {
        token.text
        for d in kept
        for token, after in zip(d.tokens, d.tokens[1:])
        if token.text in functions and after.text not in ("(", "<")
    }
