"""One issuer a strategy; `products_svc.bootstrap` holds the table."""
