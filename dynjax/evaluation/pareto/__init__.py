"""The space of the objectives over alpha: curves, planes, fronts, blends and what they are compared with."""
