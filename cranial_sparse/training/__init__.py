"""Training: the loop, its losses, figures and checkpoints."""
