"""Other systems, simulated strictly to their published contracts, with faults to switch on."""
