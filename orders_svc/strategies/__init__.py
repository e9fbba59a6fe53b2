"""One verifier a strategy; `orders_svc.bootstrap` holds the table."""
