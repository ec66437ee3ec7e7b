"""A training run and its life: settings, epochs, checkpoints and logs."""
