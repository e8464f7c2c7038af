"""Everything that can be done."""

import graphene

from latewood_graphql.mutations.deployments import DeploymentMutations
from latewood_graphql.mutations.environments import EnvironmentMutations
from latewood_graphql.mutations.heads import HeadMutations
from latewood_graphql.mutations.observing import ObservingMutations
from latewood_graphql.mutations.runs import RunMutations
from latewood_graphql.mutations.tokens import TokenMutations


class Mutation(
    RunMutations,
    HeadMutations,
    ObservingMutations,
    EnvironmentMutations,
    DeploymentMutations,
    TokenMutations,
    graphene.ObjectType,
):
    """What can be done. Each answers with what it did and where the log has that, or with an error as a type.

    Null only where it may not be asked for or failed: an error of the answer says why, and the others of a request tell
    what they did all the same. Each is held against what the caller may since the one before it.
    """
