"""Resources: typed, configured clients that tasks ask for, such as a database or a session with a service.

    class Warehouse(Resource, unkeyed=["timeout_s"]):
        url: str
        password: Secret = Secret(env="WAREHOUSE_PASSWORD")
        timeout_s: float = 30

    @asset
    def orders(warehouse: Warehouse) -> pa.Table: ...

A parameter annotated with the class receives an instance as `latewood.toml` configures it for the environment. A class
that is a context manager is entered before the first step of a run that asks for it, and left when the run ends.
"""

from collections.abc import Iterable
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from latewood.secrets import Secret

__all__ = ["Resource", "Secret"]


class Resource(BaseModel):
    """Base of all resources: a frozen pydantic model. Its fields are what is configured.

    `name` is what `latewood.toml` calls it, by default the class's name. `unkeyed` names fields that do not decide any
    result, a timeout say: a change of those makes nothing stale. Secrets are never part of a reuse key.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True)

    __resource_name__: ClassVar[str] = ""
    __unkeyed__: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, *, name: str = "", unkeyed: Iterable[str] = (), **config: Any) -> None:
        """Takes the class's own name, and adds to what its bases say of keys."""
        super().__init_subclass__(**config)
        cls.__resource_name__ = name or cls.__name__
        cls.__unkeyed__ = tuple(dict.fromkeys((*cls.__unkeyed__, *unkeyed)))
