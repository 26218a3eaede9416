"""Pictures in, batches out: sources, the input pipeline, degradations on the device."""
