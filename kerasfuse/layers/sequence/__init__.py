"""Padding, positions, convolution, pooling and alignment of steps."""
