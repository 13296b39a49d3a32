"""Files, streams and objects in memory → documents."""
