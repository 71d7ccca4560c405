"""The control plane: watches a cluster, translates, writes statuses, provisions data planes and publishes to them."""
