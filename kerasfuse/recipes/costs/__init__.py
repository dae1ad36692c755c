"""What training and inference cost: time and memory."""
