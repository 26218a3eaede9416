"""Measures a trained model over a grid of alpha: python3 evaluate.py --config configs/sr_tunable.py[:PRESET]."""
from absl import flags

from dynjax import command_line

CONFIG = command_line.config_flag()
WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the run; by default runs/NAME, or runs/NAME-PRESET.")
MODEL = flags.DEFINE_string("model", None, "Model file to measure; by default the run's model.safetensors.")
DATA = flags.DEFINE_multi_string("data", None, "Pictures to measure on, such as folder:PATH, by default the config's; "
                                 "several sets by repeating it, NAME=folder:PATH.")
ALPHAS = flags.DEFINE_integer("alphas", None, "Points of alpha along each edge of the grid; by default the config's.")
OUT = flags.DEFINE_string("out", None, "Folder for tables and pictures; by default WORKDIR/evaluation.")
NIQE = flags.DEFINE_string("niqe", None, "File of pristine statistics (niqe_pris_params.npz), for a NIQE column.")
OBJECTIVES = flags.DEFINE_bool("objectives", False, "Measure the objectives themselves; so for style in any case.")
APPEARANCE = flags.DEFINE_bool("appearance", False, "Measure colour, structure and texture instead, by all blocks and "
                               "by each alone.")
KERNELS = flags.DEFINE_bool("kernels", False, "Draw what alpha does to the kernels of a tunable network instead.")
GRID = flags.DEFINE_integer("grid", None, "With objectives: points for each block of alpha, all combinations of them.")
FIXED = flags.DEFINE_list("fixed", [], "Model files of ordinary networks to compare with, [NAME=]PATH,...")
METRICS = flags.DEFINE_list("metrics", [], "What to measure, such as psnr_rgb,ssim_rgb; by default the task's. LPIPS "
                            "takes most of the time.")


def main():
    from dynjax.evaluation import measure_run

    measure_run(CONFIG.value, workdir=WORKDIR.value, model=MODEL.value, data=DATA.value, alphas=ALPHAS.value,
                out=OUT.value, niqe=NIQE.value, objectives=OBJECTIVES.value,
                appearance=APPEARANCE.value, kernels=KERNELS.value, grid=GRID.value, fixed=FIXED.value,
                metrics=METRICS.value)


if __name__ == "__main__":
    command_line.run(main)
