"""Who trains what where: processes of this machine, jobs of a cluster, and what became of them."""
