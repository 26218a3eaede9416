"""--config.KEY=VALUE: the entry is looked up in the config, the value read as its default's kind asks."""
import pytest
from ml_collections import ConfigDict, config_dict

from dynjax.config_overrides import Override, apply_overrides, split_arguments


@pytest.fixture
def config():
    return ConfigDict(dict(
        steps=10, rate=0.5, name="run", fast=False, none=None, kernels=config_dict.placeholder(int),
        alpha=dict(names=("a", "b"), sizes=(1, 2), levels=(5.0, 10.0), hidden=(), grid=((1, 2), (3, 4)), words=["x"])))


@pytest.mark.parametrize(("key", "text", "value"), [
    ("steps", "3", 3), ("steps", "-1", -1), ("steps", "2_000", 2000), ("rate", "1e-3", 0.001), ("rate", "2", 2.0),
    ("name", "", ""), ("name", "a,b", "a,b"), ("name", "(1, 2)", "(1, 2)"), ("name", "a=b", "a=b"), ("name", "3", "3"),
    ("fast", "true", True), ("fast", "0", False), ("kernels", "3", 3), ("kernels", "None", None),
    ("none", "text", "text"),
    ("none", "2.5", 2.5), ("alpha.names", "fidelity,noise", ("fidelity", "noise")),
    ("alpha.names", "noise", ("noise",)),
    ("alpha.names", "noise,", ("noise",)), ("alpha.names", "(fidelity, noise)", ("fidelity", "noise")),
    ("alpha.names", "('c', \"d\")", ("c", "d")), ("alpha.names", "'c','d'", ("c", "d")),
    ("alpha.names", "1.50,2", ("1.50", "2")),
    ("alpha.names", "", ()), ("alpha.names", "()", ()), ("alpha.sizes", "8", (8,)), ("alpha.sizes", "[8, 9]", (8, 9)),
    ("alpha.levels", "15", (15.0,)), ("alpha.levels", "15,2.5", (15.0, 2.5)),
    ("alpha.levels", "(15.0, 25.0)", (15.0, 25.0)),
    ("alpha.hidden", "16,8", (16, 8)), ("alpha.hidden", "body/conv,tail", ("body/conv", "tail")),
    ("alpha.grid", "((5, 6),)", ((5, 6),)), ("alpha.words", "y,z", ["y", "z"])])
def test_a_value_is_read_as_the_default_is(config, key, text, value):
    apply_overrides(config, [Override(key, text)])
    found = config
    for part in key.split("."):
        found = found[part]
    assert found == value and type(found) is type(value)
    if isinstance(value, tuple):
        assert list(map(type, found)) == list(map(type, value))


@pytest.mark.parametrize(("key", "text", "said"), [
    ("steps", "many", r"config\.steps is 'many'; wanted a whole number, such as 8 \(invalid literal"),
    ("steps", "3.5", r"steps is '3\.5'; wanted a whole number"), ("rate", "fast", "rate is 'fast'; wanted a number"),
    ("fast", "maybe", "fast is 'maybe'; wanted true or false"),
    ("kernels", "x", "kernels is 'x'; wanted a whole number"),
    ("alpha.levels", "a,b", r"levels is 'a,b'; wanted a tuple such as \(5\.0, 10\.0\) \('a' is no number\)"),
    ("alpha.sizes", "1.5", "1.5 is no whole number"), ("alpha.levels", "1,True", "True is no number"),
    ("alpha", "3", r"'3', but that is a part of the config; wanted one of its entries, such as --config\.alpha\."),
    ("steps", None, r"steps is without a value, and the entry is 10; wanted --config\.steps=VALUE"),
    ("stps", "3", "no entry 'stps'; did you mean 'steps'"),
    ("alpha.name", "x", "no entry 'alpha.name'; did you mean 'alpha.names'"),
    ("alpha.qqq", "3", "no entry 'alpha.qqq'; alpha has grid, hidden, levels, names, sizes, words"),
    ("zzz.a", "3", "no entry 'zzz'; it has alpha, fast,"), ("steps.first", "3", r"no entry 'steps.first'; steps is 10"),
    ("alpha.names[0]", "x", "wanted the whole of such an entry"), ("", "x", "no entry ''"),
    ("alpha..x", "1", "no entry 'alpha.'")])
def test_what_cannot_be_set_is_told_with_what_came_and_what_was_wanted(config, key, text, said):
    before = config.to_json_best_effort()
    with pytest.raises(ValueError, match=said) as caught:
        apply_overrides(config, [Override(key, text)])
    assert "\n" not in str(caught.value) and config.to_json_best_effort() == before


def test_a_command_line_is_split_as_flags_are():
    overrides, rest = split_arguments([
        "--config", "file.py", "--config.steps=3", "-config.name", "x", "--config.fast", "--noconfig.fast", "--plan",
        "--config.seed", "-1", "--workdir=w", "--", "--config.steps=4"])
    assert overrides == [Override("steps", "3"), Override("name", "x"), Override("fast", None),
                         Override("fast", None, negated=True), Override("seed", "-1")]
    assert rest == ["--config", "file.py", "--plan", "--workdir=w", "--", "--config.steps=4"]


def test_yes_and_no_need_no_value_and_the_last_word_counts(config):
    apply_overrides(config, [Override("fast", None), Override("steps", "3"), Override("steps", "4")])
    assert config.fast is True and config.steps == 4
    apply_overrides(config, [Override("fast", None, negated=True)])
    assert config.fast is False
    with pytest.raises(ValueError, match=r"--noconfig\.steps is without a value"):
        apply_overrides(config, [Override("steps", None, negated=True)])
