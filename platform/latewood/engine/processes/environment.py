"""What processes that run code of users see of the environment of the one that starts them."""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

_DATABASE: Final = frozenset(
    [
        "LATEWOOD_DATABASE_URL",
        "LATEWOOD_HOME",
        "LATEWOOD_STORE",
        "LATEWOOD_PROJECT",
        "LATEWOOD_ENV",
        "LATEWOOD_ACTOR",
        "PGHOST",
        "PGHOSTADDR",
        "PGPORT",
        "PGDATABASE",
        "PGUSER",
        "PGPASSWORD",
        "PGPASSFILE",
        "PGSERVICE",
        "PGSERVICEFILE",
        "PGSYSCONFDIR",
        "PGSSLCERT",
        "PGSSLKEY",
        "PGSSLROOTCERT",
        "PGSSLCRL",
        "PGKRBSRVNAME",
    ]
)
"""Variables that say how to get to a database, or to this project."""

_PYTHON: Final = frozenset(("PYTHONPATH", "PYTHONSTARTUP", "PYTHONHOME", "__PYVENV_LAUNCHER__"))


def environment_of(
    environ: Mapping[str, str], *, hidden: Collection[str] = (), own: Iterable[str] = ()
) -> dict[str, str]:
    """What a worker, or a command, sees of the environment: no way to the database, and no other place to import from.

    Nor what is `hidden`. What its `own` secrets are in it has, whatever that is called.
    """
    withheld = (_DATABASE.union(hidden) - set(own)) | _PYTHON
    return {name: value for name, value in environ.items() if name not in withheld}
