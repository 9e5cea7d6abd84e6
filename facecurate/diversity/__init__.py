"""How varied a set of faces is: effective numbers, near duplicates, labels in time, spectra."""
