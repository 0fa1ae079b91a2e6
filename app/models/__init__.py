"""Models that are files: networks that name the class of each pixel, run in a process of their own."""
