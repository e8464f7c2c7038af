"""Who may do what."""

from latewood.model.access import Role


def test_each_role_may_do_what_those_before_it_may():
    assert [[role.allows(needed) for needed in Role] for role in Role] == [
        [True, False, False, False],
        [True, True, False, False],
        [True, True, True, False],
        [True, True, True, True],
    ]
