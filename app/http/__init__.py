"""HTTP: middleware, parameters, bodies and documents that routes share."""
