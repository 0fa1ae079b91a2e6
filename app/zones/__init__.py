"""Zones: outlines where something is unusual or was found, with what people make of them."""
