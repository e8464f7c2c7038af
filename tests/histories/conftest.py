"""An empty database of the platform's for each history to fold into."""

from crash.conftest import platform_template, platform_url, server

__all__ = ["platform_template", "platform_url", "server"]
