"""What the user wrote: typed Gateway API, Backend, TrafficPolicy and core objects, decoded with positions in errors."""
