"""Areas: registered polygons whose statistics are kept in PostGIS."""
