"""What dynjax costs, measured; docs/benchmarks.md has the results.

    python3 -m benchmarks                # everything, as a report in Markdown
    python3 -m benchmarks.layers         # one part

Run from the root of the repository. Everything is timed in turns within one run and given as ratios.
"""
