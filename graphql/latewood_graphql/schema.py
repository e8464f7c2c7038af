"""The schema, as graphene builds it and as the file beside it has it.

python -m latewood_graphql.schema    writes the file
"""

from pathlib import Path
from typing import Final

import graphene
from graphql import GraphQLSchema, print_schema

from latewood_graphql.access import guarded
from latewood_graphql.mutations.all import Mutation
from latewood_graphql.queries import Query
from latewood_graphql.subscriptions import Subscription

FILE: Final = Path(__file__).with_name("schema.graphql")


def schema() -> GraphQLSchema:
    """What the API can be asked."""
    found: GraphQLSchema = graphene.Schema(query=Query, mutation=Mutation, subscription=Subscription).graphql_schema
    return guarded(found)


def written(of: GraphQLSchema) -> str:
    """The schema in its own language."""
    return print_schema(of) + "\n"


if __name__ == "__main__":
    FILE.write_text(written(schema()))
