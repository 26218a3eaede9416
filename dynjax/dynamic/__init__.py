"""Dynamic-Net: tuning-blocks between the modules of a trained network, scaled by alpha (ICCV 2019)."""
