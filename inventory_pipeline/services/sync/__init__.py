"""The sync: one complete read of one store becomes its new snapshot, or the last good one stays."""
