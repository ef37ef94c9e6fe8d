"""Training: configuration, loop, resuming, distillation."""
