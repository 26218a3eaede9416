"""Trains what a config describes, or goes on with it: python3 train.py --config configs/sr_tunable.py[:PRESET]."""
import contextlib

from absl import flags

from dynjax import command_line

CONFIG = command_line.config_flag()
WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the run; by default runs/NAME, or runs/NAME-PRESET.")
PLAN = flags.DEFINE_bool("plan", False, "Print the memory and operations of a step, from its compiled program, and "
                         "stop; no data are needed.")
MULTIHOST = flags.DEFINE_bool("multihost", False, "Train together with other processes, one a machine, all started "
                              "with the same command. A cluster JAX knows says who they are, else the flags below.")
COORDINATOR = flags.DEFINE_string("coordinator", None, "With --multihost: HOST:PORT of the first process.")
PROCESSES = flags.DEFINE_integer("processes", None, "With --multihost: how many processes there are.")
PROCESS = flags.DEFINE_integer("process", None, "With --multihost: which one this is, from 0, the one that writes.")


def main():
    from dynjax.training import hosts, plan, plan_table, train

    if PLAN.value:
        print(plan_table(plan(CONFIG.value)))
        return 0
    who = (COORDINATOR.value, PROCESSES.value, PROCESS.value)
    if not MULTIHOST.value and who != (None, None, None):
        raise ValueError("--coordinator, --processes and --process are for --multihost, which is missing; add it.")
    with hosts.joined(CONFIG.value, *who) if MULTIHOST.value else contextlib.nullcontext():
        return train(CONFIG.value, WORKDIR.value)


if __name__ == "__main__":
    command_line.run(main)
