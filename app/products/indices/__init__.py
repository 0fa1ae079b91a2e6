"""Published spectral indices: the catalogue of spyndex, and its formulas as expressions."""
