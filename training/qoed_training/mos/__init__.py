"""Published sets of videos with human opinion, read in the layouts they are published in."""
