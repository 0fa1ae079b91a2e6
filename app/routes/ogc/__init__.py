"""TiTiler's factories over our products: tilesets, WMTS, boxes, features."""
