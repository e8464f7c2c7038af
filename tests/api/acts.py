"""What tests of mutations ask."""


class Acts:
    """Asks for mutations, and has their results."""

    def __init__(self, api):
        self._api = api

    def __call__(self, field, arguments, shown="", **variables):
        asked = f"mutation {{ {field}({arguments}) {{ __typename {shown} ... on Error {{ message }} }} }}"
        return self._api(asked, **variables)[field]

    def done(self, field, arguments, type_, shown, **variables):
        found = self(field, arguments, f"... on {type_} {{ position {shown} }}", **variables)
        assert found.pop("__typename") == type_, found
        return found

    def refused(self, field, arguments, shown="", **variables):
        found = self(field, arguments, shown, **variables)
        return found.pop("__typename"), found["message"]
