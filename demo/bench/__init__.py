"""What the rooms cost against the least a machine could do for the same rows: one small file per row of the table."""
