"""The kind "harmony": parts of granules of NASA's that Harmony makes on demand."""
