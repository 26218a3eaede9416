"""How it is learned: the step over devices, the loop, checkpoints, logs."""
