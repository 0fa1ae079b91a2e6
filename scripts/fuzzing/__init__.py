"""The fuzzing of `scripts/fuzz`: requests that are never made, held against what is promised."""
