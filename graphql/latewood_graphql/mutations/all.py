"""Everything that can be done."""

import graphene

from latewood_graphql.mutations.environments import EnvironmentMutations
from latewood_graphql.mutations.heads import HeadMutations
from latewood_graphql.mutations.runs import RunMutations


class Mutation(RunMutations, HeadMutations, EnvironmentMutations, graphene.ObjectType):
    """What can be done. Each answers with what it did and where the log has that, or with an error as a type."""
