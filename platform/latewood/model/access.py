"""What somebody may do in a project."""

from enum import StrEnum


class Role(StrEnum):
    """What may be done with a project; each may do what those before it may."""

    VIEWER = "viewer"
    """Sees everything, changes nothing."""
    OPERATOR = "operator"
    """Lets things run: launches, cancels, retries, reports, turns automations on and off."""
    DEPLOYER = "deployer"
    """Decides what is current and what is deployed: deployments, environments, heads, retractions."""
    ADMIN = "admin"
    """Decides who else may do what."""

    def allows(self, needed: "Role") -> bool:
        """Whether who has this role may do what needs the other one."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(needed)
