"""Things by name: what is registered is found, what is not is told with the nearest name."""
import pytest

from dynjax.registry import Registry


def double(x, factor=2):
    return factor * x


def other(x):
    return x


def test_what_is_registered_is_built_by_name():
    registry = Registry("toy")
    assert registry.register(double) is double and registry.register(name="by hand")(other) is other
    assert registry.names() == ("double", "by hand") and "double" in registry and "other" not in registry
    assert registry.build("double", x=3, factor=5) == 15 and registry.get("by hand") is other
    registry.register(double)   # a module that is loaded twice registers twice


@pytest.mark.parametrize("use, said", [
    (lambda toys: toys.get("dobule"), r"there is no toy 'dobule'; did you mean 'double'\? Known are double, other\."),
    (lambda toys: toys.get("x", "task.name"), r"^task\.name is 'x'; Known are double, other\.$"),
    (lambda toys: toys.build("double", "task", x=1, factr=2), r"task\.factr is set, .* it takes x, factor\."),
    (lambda toys: toys.register(other, name="double"), r"there is a toy 'double' already, .*test_registry\.double")])
def test_what_is_not_known_is_told(use, said):
    toys = Registry("toy")
    toys.register(double)
    toys.register(other)
    with pytest.raises(ValueError, match=said):
        use(toys)
