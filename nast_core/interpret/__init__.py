"""Where negation is read: one method a file, pure functions, labelled xarray results."""
