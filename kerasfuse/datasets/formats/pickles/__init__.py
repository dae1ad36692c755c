"""Pickles, opcode by opcode: what data need is made, and nothing else."""
