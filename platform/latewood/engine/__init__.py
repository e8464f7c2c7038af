"""The shell that runs user code: loading, executing, storing."""
