"""What of a module is told to web addresses: checked, and as a deployment records it."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from latewood.automation import Notify
from latewood.decide.selection import parse, uses_status
from latewood.errors import DefinitionError
from latewood.model.automations import NotifyDefinition, Occasion
from latewood.secrets import Secret


def define_notify(notify: Notify, environments: tuple[str, ...]) -> NotifyDefinition:
    """The definition. Raises DefinitionError, UsageError."""
    if uses_status(parse(notify.selection)):
        raise DefinitionError(f'"{notify.selection}": what is told of is chosen by key, group, tag, owner or kind')
    secret: Any = notify.secret  # users give what they like
    if secret is not None and not isinstance(secret, Secret):
        raise DefinitionError('secret: expected a reference, as Secret(env="NAME"), found something else')
    url: Any = notify.url
    if not isinstance(url, str | Secret):
        raise DefinitionError('url: expected text, or a reference as Secret(env="NAME")')
    return NotifyDefinition(
        name=notify.name,
        selection=notify.selection,
        on=_occasions(notify.on),
        url=_address(url) if isinstance(url, str) else "",
        url_from={} if isinstance(url, str) else url.reference,
        secret={} if secret is None else secret.reference,
        environments=environments,
        description=notify.description,
    )


def _occasions(said: Any) -> tuple[Occasion, ...]:
    given = [said] if isinstance(said, str) else list(said) if isinstance(said, Iterable) else [said]
    known = [occasion for occasion in Occasion if occasion is not Occasion.TEST]
    unknown = [word for word in given if word not in known]
    if unknown or not given:
        found = repr(unknown[0]) if unknown else "none"
        raise DefinitionError(f"on: expected some of {', '.join(known)}, found {found}")
    return tuple(map(Occasion, given))


def _address(url: str) -> str:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and url.isprintable()
    except ValueError:
        sound = False
    if not sound or " " in url:
        raise DefinitionError(f'url: expected an address as https://example.com/hook, found "{url}"')
    if parts.username or parts.password:
        raise DefinitionError("url: it has a password in it, which would be recorded; refer to it, url=Secret(…)")
    return url
