# Nothing of it is called from compiled code: see process.pyi.
