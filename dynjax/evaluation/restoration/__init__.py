"""Restored images beside their targets over alpha: metrics, tables, plots, the best alpha of each image."""
