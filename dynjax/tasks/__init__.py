"""What is learned: clean pictures to examples, examples to objectives, and the metrics that judge."""
