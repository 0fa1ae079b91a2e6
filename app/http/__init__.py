"""HTTP: middleware, parameters, bodies and documents that the routes share."""
