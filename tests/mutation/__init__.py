"""Single faults, planted one by one: how many of them do the checks and the tests find?"""
