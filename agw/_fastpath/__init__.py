"""The compiled data plane: one .pyx, .pxd and .pyi per noun. See ARCHITECTURE.md, "life of a request"."""
