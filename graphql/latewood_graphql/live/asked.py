"""What a subscriber asks for: checked, and told apart by all that bears on the answers but where it begins."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from graphql import (
    REMOVE,
    ArgumentNode,
    DocumentNode,
    ExecutionResult,
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    Visitor,
    execute,
    print_ast,
    visit,
)
from graphql.execution.values import get_argument_values, get_variable_values

from latewood_graphql.access import Caller
from latewood_graphql.calls import Call
from latewood_graphql.documents import Documents, Invalid, Question
from latewood_graphql.errors import formatted
from latewood_graphql.execution import Execution, is_awaitable
from latewood_graphql.limits import Limits, check

_encode: Final = msgspec.json.Encoder(enc_hook=str).encode
_AFTER: Final = "after"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A subscription. Those with equal `key` have equal answers, each from its own `after` on."""

    key: tuple[Any, ...]
    caller: Caller
    field: str
    arguments: Mapping[str, Any]
    after: Any
    schema: GraphQLSchema
    document: DocumentNode
    variables: Mapping[str, Any]
    operation: str | None

    async def answered(self, call: Call, value: Any) -> bytes:
        """The answer about one value, as JSON. Cost: the fields that are asked for."""
        found = execute(
            self.schema,
            self.document,
            root_value=value,
            context_value=call,
            variable_values=dict(self.variables),
            operation_name=self.operation,
            execution_context_class=Execution,
            is_awaitable=is_awaitable,
        )
        result = found if isinstance(found, ExecutionResult) else await found
        if not result.errors:
            return _encode({"data": result.data})
        return _encode({"data": result.data, "errors": [formatted(error) for error in result.errors]})


def with_extensions(body: bytes, position: int, after: Any) -> bytes:
    """The answer, with the position that it is true for, and what `after` takes to go on behind it if it can be."""
    extensions = {"position": position} if after is None else {"position": position, "after": after}
    return body[:-1] + b',"extensions":' + _encode(extensions) + b"}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """The one root field of a subscription; `text` is all of it but where it begins, which variable `begins` says."""

    root: FieldNode
    text: str
    begins: str | None


def asked(documents: Documents, data: Any, caller: Caller, limits: Limits) -> Asked:
    """The subscription that a request has. Raises GraphQLError, and Invalid for several. Cost: parsing it."""
    question, schema = documents.question(data), documents.schema
    if not is_subscription(question):
        raise GraphQLError("expected a subscription, or the name of one of several")
    check(documents, question, limits)
    found = documents.once(("subscription", question.text, question.name), question.text, lambda: _read(question))
    variables = question.variables
    coerced = get_variable_values(schema, question.operation.variable_definitions, dict(variables))
    if isinstance(coerced, list):
        raise Invalid(coerced)
    name = found.root.name.value
    assert schema.subscription_type is not None, "a document that has a subscription is valid"
    arguments = get_argument_values(schema.subscription_type.fields[name], found.root, coerced)
    after = arguments.pop(_AFTER, None)
    rest = {variable: value for variable, value in variables.items() if variable != found.begins}
    return Asked(
        key=(found.text, _encode(sorted(rest.items())), question.name, caller.grants),
        caller=caller,
        field=name,
        arguments=arguments,
        after=after,
        schema=schema,
        document=question.document,
        variables=variables,
        operation=question.name,
    )


def is_subscription(question: Question) -> bool:
    """Whether it is one."""
    return question.operation.operation is OperationType.SUBSCRIPTION


def _read(question: Question) -> _Read:
    """Remembered, since those who come back all at once ask what they asked before."""
    document = question.document
    root = _root(question.operation, document)
    begins = next(
        (
            argument.value.name.value
            for argument in root.arguments
            if argument.name.value == _AFTER and isinstance(argument.value, VariableNode)
        ),
        None,
    )
    uses = _Uses(begins or "")
    visit(document, uses)
    is_used_elsewhere = uses.count > 2  # noqa: PLR2004 - its definition and this use
    rest = document if is_used_elsewhere else visit(document, _WithoutAfter(root))
    return _Read(root=root, text=print_ast(rest), begins=None if is_used_elsewhere else begins)


def _root(definition: OperationDefinitionNode, document: DocumentNode) -> FieldNode:
    """The one field of a subscription, which validation sees to."""
    fragments = {found.name.value: found for found in document.definitions if hasattr(found, "type_condition")}  # type: ignore[attr-defined]
    selections = list(definition.selection_set.selections)
    while selections:
        node = selections.pop()
        if isinstance(node, FieldNode):
            return node
        if isinstance(node, InlineFragmentNode):
            selections += node.selection_set.selections
        elif isinstance(node, FragmentSpreadNode):
            selections += fragments[node.name.value].selection_set.selections  # type: ignore[attr-defined]
    raise GraphQLError("expected a field")


class _Uses(Visitor):
    """Counts where a variable is used, its definition included."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.count = 0

    def enter_variable(self, node: VariableNode, *_: Any) -> None:
        """One more."""
        self.count += node.name.value == self.name


class _WithoutAfter(Visitor):
    """Leaves out where the root field begins."""

    def __init__(self, root: FieldNode) -> None:
        super().__init__()
        self.root = root

    def enter_argument(self, node: ArgumentNode, _key: Any, _parent: Any, _path: Any, ancestors: Any) -> Any:
        """None leaves the argument as it is."""
        is_its = node.name.value == _AFTER and any(ancestor is self.root for ancestor in ancestors)
        return REMOVE if is_its and node in self.root.arguments else None
