"""From raw videos to labelled clips: corpus, distortions, full-reference labels, scene files."""
