"""Scalars that GraphQL does not have: positions of the log, moments, and JSON as it is."""

from datetime import UTC, datetime
from typing import Any, Final

import graphene
from graphql import GraphQLError, IntValueNode, StringValueNode, ValueNode, value_from_ast_untyped

from latewood_eventlog.records import Position

_POSITION_MAX: Final = 2**53 - 1  # what a number of JavaScript holds exactly
_DIGITS_MAX: Final = 20  # longer ones take long to read, and are above that anyway


class PositionScalar(graphene.Scalar):
    """The position of an event in the log, from 1; 0 stands before the first one. A whole number of up to 53 bits."""

    class Meta:
        """Its name in the schema."""

        name = "Position"

    @staticmethod
    def serialize(value: Any) -> int:
        """A position as JSON has it."""
        return int(value)

    @staticmethod
    def parse_value(value: Any) -> Position:
        """A position as a variable has it."""
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _POSITION_MAX:
            raise GraphQLError(f"Position: expected a whole number from 0 to {_POSITION_MAX:,}, found {value!r}")
        return value

    @staticmethod
    def parse_literal(node: ValueNode, _variables: Any = None) -> Position:
        """A position as a query has it."""
        if isinstance(node, IntValueNode):
            return _position(node.value)
        raise GraphQLError("Position: expected a whole number")


def _position(digits: str) -> Position:
    if len(digits) > _DIGITS_MAX:
        raise GraphQLError(f"Position: expected a whole number from 0 to {_POSITION_MAX:,}, found a longer one")
    return PositionScalar.parse_value(int(digits))


class Moment(graphene.Scalar):
    """A moment of the log: a position, or an ISO 8601 time with its offset, as in `"2026-03-01T00:00:00Z"`.

    A time that is still to come is now.
    """

    @staticmethod
    def serialize(value: Any) -> Any:
        """A moment as JSON has it."""
        return value.isoformat() if isinstance(value, datetime) else int(value)

    @staticmethod
    def parse_value(value: Any) -> Position | datetime:
        """A moment as a variable has it."""
        if not isinstance(value, str):
            return PositionScalar.parse_value(value)
        if value.isdecimal():
            return _position(value)
        try:
            instant = datetime.fromisoformat(value)
            if instant.tzinfo is not None:
                instant = instant.astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise GraphQLError(f"Moment: expected a position or an ISO 8601 time, found {value!r}") from error
        if instant.tzinfo is None:
            whole = f"{instant.isoformat()}Z"  # also of a day alone, which takes no offset
            raise GraphQLError(f'Moment: expected a time with its offset, as in "{whole}", found {value!r}')
        return instant

    @staticmethod
    def parse_literal(node: ValueNode, _variables: Any = None) -> Position | datetime:
        """A moment as a query has it."""
        if isinstance(node, IntValueNode):
            return _position(node.value)
        if isinstance(node, StringValueNode):
            return Moment.parse_value(node.value)
        raise GraphQLError("Moment: expected a position or an ISO 8601 time")


class Json(graphene.Scalar):
    """Any JSON value, as it is."""

    @staticmethod
    def serialize(value: Any) -> Any:
        """The value itself."""
        return value

    @staticmethod
    def parse_value(value: Any) -> Any:
        """The value itself."""
        return value

    @staticmethod
    def parse_literal(node: ValueNode, variables: Any = None) -> Any:
        """The value that a query spells out."""
        return value_from_ast_untyped(node, variables)


class Ints(graphene.Scalar):
    """A column of whole numbers: a JSON list, which is one value here because there may be a hundred thousand."""

    @staticmethod
    def serialize(value: Any) -> Any:
        """The list itself."""
        return value


class Numbers(graphene.Scalar):
    """A column of numbers: a JSON list, which is one value here because there may be thousands."""

    @staticmethod
    def serialize(value: Any) -> Any:
        """The list itself."""
        return value


class Texts(graphene.Scalar):
    """A column of texts: a JSON list, which is one value here because there may be a hundred thousand."""

    @staticmethod
    def serialize(value: Any) -> Any:
        """The list itself."""
        return value


COLUMNS: Final = frozenset({"Ints", "Numbers", "Texts"})
"""Scalars each of which is many values."""
