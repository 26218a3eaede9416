"""Trains what a config describes, or goes on with it: python3 train.py --config configs/sr_tunable.py[:PRESET]."""
from absl import flags

from dynjax import command_line

CONFIG = command_line.config_flag()
WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the run; by default runs/NAME, or runs/NAME-PRESET.")
PLAN = flags.DEFINE_bool("plan", False, "Print the memory and operations of a step, from its compiled program, and "
                         "stop; no data are needed.")


def main():
    from dynjax.training import plan, plan_table, train

    if PLAN.value:
        print(plan_table(plan(CONFIG.value)))
        return 0
    return train(CONFIG.value, WORKDIR.value)


if __name__ == "__main__":
    command_line.run(main)
