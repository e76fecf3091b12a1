"""How the feature cache lies on disk: immutable files of rows, their index, merging, quarantine and limit of size."""
