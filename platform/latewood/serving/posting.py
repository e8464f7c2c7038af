"""One message to one web address: sent, or why not."""

import ssl
import time
from http.client import HTTPException, HTTPMessage, InvalidURL
from pathlib import Path
from typing import IO, Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from latewood.commands.workspace import Workspace
from latewood.decide.notifications import body_of, signature_of
from latewood.engine.loading.importing import project_root
from latewood.engine.values.recordable import text
from latewood.errors import LatewoodError, SecretUnavailable
from latewood.events import Notification
from latewood.model.automations import NotifyDefinition
from latewood.secrets import Secret

TIMEOUT_S: Final = 10.0
"""How long an address may be silent."""


class NotTaken(LatewoodError):
    """The address has not taken a message, or could not be asked to; says why, and not which address it is."""


class NeverTaken(NotTaken):
    """The address has said that it will not take this message, whenever it is sent."""


_LATER: Final = (401, 403, 404, 408, 429)
"""What somebody may mend at the address, or time: other 4xx are about the message."""


class _NoRedirects(HTTPRedirectHandler):
    """A message is for the address that was said: what is signed for one is not handed to another."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        """Nothing: then it is an answer that is no success."""


def post(workspace: Workspace, notify: NotifyDefinition, told: Notification, *, timeout_s: float = TIMEOUT_S) -> int:
    """Send it; the status that was answered. Raises NotTaken, NeverTaken. By the same id it is the same one."""
    body = body_of(workspace.project, workspace.environment, notify.name, told)
    timestamp = int(time.time())  # the receiver's clock is held against it, not that of the log
    headers = {
        "content-type": "application/json",
        "user-agent": "latewood",
        "webhook-id": told.id,
        "webhook-timestamp": str(timestamp),
    }
    try:
        url = notify.url or _revealed(notify.url_from)
        if not url.lower().startswith(("http://", "https://")):  # such as file:
            raise NotTaken("expected an address as https://example.com/hook behind the secret, found something else")
        if "@" in urlsplit(url).netloc:
            raise NotTaken("expected an address without user and password behind the secret, found one with")
        if notify.secret:
            headers["webhook-signature"] = signature_of(_revealed(notify.secret), told.id, timestamp, body)
        request = Request(url, data=body, headers=headers, method="POST")  # noqa: S310 - its scheme was looked at
        with build_opener(_NoRedirects).open(request, timeout=timeout_s) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            is_final = 400 <= error.code < 500 and error.code not in _LATER  # noqa: PLR2004 - the client's errors
            said = f"it answered {error.code} {text(str(error.reason), 200)}".rstrip()
            raise (NeverTaken if is_final else NotTaken)(said) from None
    except TimeoutError:
        raise NotTaken(f"it did not answer within {timeout_s:g} s") from None
    except URLError as error:
        raise NotTaken(f"it cannot be reached: {_reason(error, timeout_s)}") from None
    except SecretUnavailable as error:
        raise NotTaken(str(error)) from None
    except (InvalidURL, UnicodeError) as error:  # their words are of the address
        raise NotTaken(f"it cannot be asked: {type(error).__name__}; look at its address") from None
    except (OSError, HTTPException, ssl.SSLError) as error:
        raise NotTaken(f"it broke off: {text(f'{type(error).__name__}: {error}', 200)}") from None
    except ValueError as error:  # of the address, or of the secret
        raise NotTaken(
            f"it cannot be asked: {text(type(error).__name__, 200)}; look at its address and secret"
        ) from None


def _reason(error: URLError, timeout_s: float) -> str:
    if isinstance(error.reason, TimeoutError):
        return f"no connection within {timeout_s:g} s"
    return text(str(error.reason), 200)


def _revealed(reference: dict[str, str]) -> str:
    return Secret(**reference, root=project_root(Path.cwd())).reveal()
