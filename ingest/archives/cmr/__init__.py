"""The kind "cmr": NASA's Common Metadata Repository, searched for granules of NASA's."""
