"""The smoke preset of every config as a user starts it: it trains to its end, draws its preview and is measured."""
import programs
import pytest
from PIL import Image
from programs import ROOT, ends


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "configs").glob("*_*.py")))
def test_it_trains_and_is_measured(name, tmp_path):
    config = f"{ROOT}/configs/{name}.py:smoke"
    status, said = ends(programs.start("--config", config, "--workdir=run", cwd=tmp_path))
    assert status == 0, said
    previews = list((tmp_path / "run" / "previews").iterdir())
    assert previews and all(Image.open(preview).width > 100 for preview in previews)
    status, said = ends(programs.run(f"{ROOT}/evaluate.py", "--config", config, "--workdir=run", cwd=tmp_path))
    assert status == 0, said
    assert [table for table in (tmp_path / "run" / "evaluation").glob("*.md") if table.stat().st_size > 0]
