"""Every code block of the README and of docs/ runs: Python in order, command lines at the size of the smoke preset."""
import re
import shlex

import numpy as np
import programs
import pytest
from PIL import Image
from programs import ROOT, ends

PAGES = ["README.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md"))]


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / page).read_text(), flags=re.DOTALL | re.MULTILINE)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder with what the pages take for granted: a folder of pictures and one picture."""
    picture = np.random.default_rng(0).integers(0, 256, (40, 36, 3), np.uint8)
    (tmp_path / "my_pictures").mkdir()
    for name in ("my_pictures/a.png", "my_pictures/b.png", "picture.png"):
        Image.fromarray(picture).save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def trained(folder):
    """Model files as the default run and its plain neighbour leave them, untrained."""
    import jax

    import dynjax

    for run, names in (("sr_tunable", ("fidelity", "perceptual")), ("sr_tunable-plain", ("fidelity",))):
        model = dynjax.Tunable(dynjax.networks.EDSR(features=4, blocks=1), alpha=names)
        variables = model.init(jax.random.key(0), np.zeros((1, 8, 8, 3), np.float32), np.ones(len(names)))
        (folder / "runs" / run).mkdir(parents=True)
        dynjax.save(folder / "runs" / run / "model.safetensors", model, variables)


@pytest.fixture
def registries(monkeypatch):
    """What a page registers is gone after it: other tests read what is known."""
    from dynjax import control, data, metrics, models, objectives, tasks

    for registry in (control.CONTROLS, data.SOURCES, metrics.METRICS, objectives.TERMS, tasks.TASKS):
        monkeypatch.setattr(registry, "_things", dict(registry._things))
    monkeypatch.setattr(models.registry, "_classes", dict(models.registry._classes))


@pytest.mark.parametrize("page", PAGES)
def test_python_blocks_run(page, folder, registries):
    code = "\n".join(blocks(page, "python"))
    if "runs/sr_tunable" in code:
        trained(folder)
    exec(compile(code, page, "exec"), {"__name__": "__main__"})


def commands(page):
    lines = "\n".join(blocks(page, "bash")).replace("\\\n", " ").splitlines()
    calls = [line.rpartition("&& ")[2] for line in lines]
    return [shlex.split(call) for call in calls if re.match(r"python3 (train|evaluate)\.py", call)]


def test_the_pages_have_commands():
    assert sum(len(commands(page)) for page in PAGES) >= 5


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)])
def test_command_lines_run(page, folder):
    for _, script, *rest in commands(page):
        small = lambda part: f"{ROOT}/{part}" + ("" if ":" in part else ":smoke")
        rest = [small(part) if part.startswith("configs/") else part.replace("FOLDER", "my_pictures") for part in rest]
        # Trained weights of another size than the networks here are left out.
        rest = [part for part in rest if part != "--config.init_from=plain.safetensors"]
        if script == "train.py":
            rest = [part for part in rest if not part.startswith("--config.steps")]
            if any("sr_tunable" in part for part in rest):
                rest += ["--config.steps=2", "--config.network.features=8", "--config.network.blocks=1",
                         "--config.batch_size=4", "--config.data.patch_size=32"]
            elif any("style_" in part or "faces_" in part for part in rest):
                rest += ["--config.phases.main.steps=2", "--config.phases.blocks.steps=2",
                         "--config.data.patch_size=32"]
        status, said = ends(programs.run(f"{ROOT}/{script}", *rest))
        assert status == 0, f"{' '.join(rest)}\n{said}"
