"""Labels of a trial in the formats of other programs. Loads no torch unless images of arrays are written."""
