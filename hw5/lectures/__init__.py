"""The pictures of the lectures, each computed from a model or a training of hw5."""
