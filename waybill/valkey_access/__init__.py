"""Access to Valkey by URL: one server or a cluster, with TLS and a login, bounded in time."""
