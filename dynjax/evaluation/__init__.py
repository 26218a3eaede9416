"""Tables, plots and contact sheets over a grid of alpha."""
