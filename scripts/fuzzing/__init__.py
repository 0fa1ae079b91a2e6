"""The fuzzing of `scripts/fuzz`: requests nobody would think of, held against what is promised."""
