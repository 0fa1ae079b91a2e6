"""Product files: one of a ramp, one of classes that compares dates, one of three bands."""

NDVI = """
title = "Vegetation"
collection = "sentinel-2-l2a"
expression = "(nir - red) / (nir + red)"
unit = "1"
rescale = [-0.2, 1.0]
colormap = "viridis"

[[mask]]
band = "scl"
reject = [0, 3]

[[mask]]
band = "scl"
keep = [4, 5]
"""

BURN = """
title = "Burn severity"
collection = "sentinel-2-l2a"
expression = "pre.nir08 / pre.swir22 - post.nir08 / post.swir22"
colormap = "burn-severity"

[roles.pre]
title = "Before"
before = "post"

[roles.post]
title = "After"

[[classes]]
name = "Regrowth"
to = -0.10

[[classes]]
name = "Unburned"
from = -0.10
to = 0.10

[[classes]]
name = "Burned"
from = 0.10
"""

COLOR = """
title = "True colour"
collection = "sentinel-2-l2a"
bands = ["red", "green", "blue"]
rescale = [0.0, 0.3]
"""
