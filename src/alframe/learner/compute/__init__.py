"""Where and how a trial computes: device, precision, threads, and what is measured once."""
