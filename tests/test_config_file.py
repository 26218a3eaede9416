"""Somebody's own config: what it may be and import, and each of its mistakes in a sentence with its file and line."""
import re
from importlib import import_module

import pytest
from ml_collections import ConfigDict

from dynjax.config_file import ConfigFileError, load_config

WORKS = """
from ml_collections import ConfigDict
def get_config(preset="default"):
    return ConfigDict({"preset": preset, "steps": 3})
"""


@pytest.fixture
def write(tmp_path):
    def write(text, name="mine.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text) if isinstance(text, str) else path.write_bytes(text)
        return str(path)
    return write


@pytest.mark.parametrize("name", ["mine.py", "a b [x] {1}/*.py", "with:colon/my:config.py", "json.py", "no_ending",
                                  "räume.py"])
def test_a_file_may_have_any_name(write, name):
    path = write(WORKS, name)
    assert load_config(path).to_dict() == {"preset": "default", "steps": 3}
    assert load_config(f"{path}:paper").preset == "paper"
    assert load_config(f"{path}:a:b").preset == "a:b"


def test_a_path_from_the_home_folder_and_a_relative_one(write, tmp_path, monkeypatch):
    write(WORKS)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_config("~/mine.py").steps == 3
    monkeypatch.chdir(tmp_path)
    assert load_config("mine.py:paper").preset == "paper"


@pytest.mark.parametrize("how", ["import base_of_mine as base", "from configs import base_of_mine as base"])
def test_its_neighbours_can_be_imported_and_are_those_beside_it(write, how):
    write(WORKS, "configs/base_of_mine.py")
    path = write(f"{how}\nget_config = base.get_config\n", "configs/mine.py")
    # This library's folder of the same name was there before.
    assert import_module("configs.sr_tunable").get_config().name == "sr_tunable"
    assert load_config(path).steps == 3


def test_an_edit_is_seen_at_once(write):
    """Even within the second, and of the same length: no compiled file is kept."""
    for steps in (3, 4, 5):
        assert load_config(write(WORKS.replace("3", str(steps)))).steps == steps


@pytest.mark.parametrize("returned", [
    '{"a": {"b": 1}}', 'FrozenConfigDict({"a": {"b": 1}})', 'types.MappingProxyType({"a": {"b": 1}})',
    'ConfigDict({"a": {"b": 1}})'])
def test_a_dict_of_any_kind_is_a_config(write, returned):
    config = load_config(write("import types\nfrom ml_collections import ConfigDict, FrozenConfigDict\n"
                               f"def get_config():\n    return {returned}\n"))
    assert type(config) is ConfigDict and config.a.b == 1
    config.a.b = 2   # an override


@pytest.mark.parametrize(("text", "said"), [
    ("def get_config(preset='default'):\n    x = = 3\n", "mine.py, line 2: SyntaxError: invalid syntax"),
    ("def get_config():\nreturn 3", "mine.py, line 2: IndentationError: expected an indented block"),
    (b"\x00\xff", "mine.py: SyntaxError: source code string cannot contain null bytes"),
    (b"# one\nx = '\xff'\n", "SyntaxError: .*'utf-8' codec can't decode byte 0xff"),
    ("import no_such_module_1", "mine.py, line 1: ModuleNotFoundError: No module named 'no_such_module_1'"),
    ("from json import nothing", "mine.py, line 1: ImportError: cannot import name 'nothing' from 'json'"),
    ("\n\nx = unknown_name", "mine.py, line 3: NameError: name 'unknown_name' is not defined"),
    ("def get_config():\n    return help_me()", "mine.py, line 2: NameError: name 'help_me' is not defined"),
    ("def get_config():\n    raise ValueError('sides are odd')", r"mine.py, line 2: sides are odd$"),
    ("def get_config():\n    raise ValueError", r"mine.py, line 2: ValueError$"),
    ("def get_config():\n    raise RuntimeError('a\\nb')", r"mine.py, line 2: RuntimeError: a b$"),
    ("def get_config():\n    import json\n    json.loads('{')", "mine.py, line 3: Expecting property name"),
    ("def get_config():\n    return 1 / 0", "mine.py, line 2: ZeroDivisionError: division by zero"),
    ("raise SystemExit(3)", "mine.py, line 1: SystemExit: 3"),
    ("def get_config():\n    return {}['none']", "mine.py, line 2: KeyError: none"),
    ("from ml_collections import ConfigDict\ndef get_config():\n    c = ConfigDict({'steps': 1})\n    return c.stps",
     "mine.py, line 4: AttributeError: .*steps"),
    ("from ml_collections import ConfigDict\ndef get_config():\n    c = ConfigDict({'n': {'steps': 1}})\n"
     "    c.lock()\n    c.n.update({'more': 2})", "mine.py, line 5: KeyError: .*more"),
    ("open('/nowhere/at/all')", "mine.py, line 1: FileNotFoundError: .*nowhere"),
    ("X = 3", "mine.py has no function get_config; wanted get_config"),
    ("get_config = 3", "mine.py has no function get_config"),
    ("def get_config():\n    pass",
     r"mine.py returned None; wanted an ml_collections.ConfigDict. Is its `return config`"),
    ("def get_config():\n    return [1]", r"mine.py returned \[1\]; wanted an ml_collections.ConfigDict"),
    ("def get_config():\n    return 'text'", r"mine.py returned 'text'; wanted"),
    ("def get_config(kind):\n    return {}",
     r"get_config\(kind\) of .*mine.py cannot be called without a preset; give one"),
])
def test_mistakes_are_told_with_file_line_and_pythons_words(write, text, said):
    with pytest.raises(ConfigFileError, match=said) as caught:
        load_config(write(text))
    assert "\n" not in str(caught.value) and isinstance(caught.value, ValueError)


def test_a_mistake_in_a_neighbour_has_the_neighbours_line(write):
    write("\n\n\ndef f():\n    return nothing_here\n", "neighbour_of_bad.py")
    with pytest.raises(ConfigFileError, match=r"neighbour_of_bad\.py, line 5: NameError"):
        load_config(write("import neighbour_of_bad as n\ndef get_config():\n    return n.f()\n"))
    write("x = (", "half_neighbour.py")
    with pytest.raises(ConfigFileError, match=r"half_neighbour\.py, line 1: SyntaxError: '\(' was never closed"):
        load_config(write("import half_neighbour\n"))


def test_a_preset_that_cannot_be_given(write):
    path = write("def get_config():\n    return {}\n")
    with pytest.raises(ConfigFileError, match="takes no preset, and 'paper' was given; leave :paper out"):
        load_config(f"{path}:paper")
    with pytest.raises(ConfigFileError, match=r"sr_tunable\.py, line \d+: preset is 'papr'; wanted one of default"):
        load_config("configs/sr_tunable.py:papr")


@pytest.mark.parametrize(("name", "said"), [
    ("none.py", "none.py', which cannot be found; wanted a file such as"), ("", "which is a folder"),
    ("mine", r"mine', which cannot be found; did you mean .*mine\.py\?"),
    ("none.py:paper", "none.py', which cannot be found")])
def test_a_file_that_is_not_there(write, tmp_path, name, said):
    write(WORKS)
    with pytest.raises(ConfigFileError, match=re.compile(said)):
        load_config(f"{tmp_path}/{name}")
