"""What is made of one's own files: labels of any kind, and splits."""
