"""The resources of one run, as its steps receive them: entered when they are first asked for, left in the end."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from latewood.engine.loading.configuration import Configured
from latewood.engine.loading.signature import LiveTask
from latewood.engine.running.calls import Raised, call
from latewood.errors import SecretUnavailable, UsageError
from latewood.events import Failure
from latewood.secrets import Secret

if TYPE_CHECKING:
    from latewood.resources import Resource


class OpenResources:
    """Instances by name. Their secrets are read at once: what is behind them must not be recorded, revealed or not."""

    def __init__(self, configured: Mapping[str, Configured]) -> None:
        self._configured = configured
        self._entered: dict[str, AbstractContextManager[Any]] = {}
        for found in configured.values():
            for name in found.secrets:
                secret = getattr(found.instance, name)
                with suppress(SecretUnavailable):  # it is a failure of the step that asks for it
                    assert isinstance(secret, Secret), "so it was configured"
                    secret.reveal()

    def calling(self, live: LiveTask) -> Callable[..., Any]:
        """The task's function, given its resources. The call enters them: that is user code, and may fail."""
        if not live.resources:
            return live.function

        def function(**arguments: Any) -> Any:
            return live.function(
                **arguments, **{p: self.opened(c.__resource_name__) for p, c in live.resources.items()}
            )

        return function

    def opened(self, name: str) -> "Resource":
        """The resource of that name, entered. That is user code. Raises UsageError for one without configuration."""
        if name not in self._configured:
            raise UsageError(f"resource {name}: no configuration of it was recorded")
        instance = self._configured[name].instance
        if name not in self._entered and isinstance(instance, AbstractContextManager):
            instance.__enter__()
            self._entered[name] = instance
        return instance

    def close(self) -> dict[str, Failure]:
        """Leave what was entered, the last first; each failure by the resource's name."""
        failed = {}
        while self._entered:
            name, instance = self._entered.popitem()
            outcome = call(partial(instance.__exit__, None, None, None), {})
            if isinstance(outcome, Raised):
                failed[name] = outcome.failure
        return failed
