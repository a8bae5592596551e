"""When a route is another one."""

from vedette_agent.path.routes import KEPT, Routes, named


def test_the_same_hops_are_the_same_route() -> None:
    routes = Routes("t")
    first = routes.take(["a", "b", "t"], is_whole=True)
    assert (first.is_changed, first.changes) == (False, 0)
    assert routes.take(["a", "b", "t"], is_whole=True) == first
    assert first.name == named(("a", "b", "t"))


def test_a_silent_hop_is_no_change_whether_it_falls_silent_or_speaks() -> None:
    routes = Routes("t")
    first = routes.take(["a", None, "c", "t"], is_whole=True)
    for hops in (["a", "b", "c", "t"], ["a", "b", None, "t"], [None, None, None, "t"], ["a", "b", "c"]):
        again = routes.take(hops, is_whole=hops[-1] == "t")
        assert (again.name, again.is_changed) == (first.name, False), hops


def test_what_runs_learn_adds_up() -> None:
    """The second hop was seen in one run, the third in another: a run that contradicts either is a change."""
    routes = Routes("t")
    routes.take(["a", "b", None, "t"], is_whole=True)
    routes.take(["a", None, "c", "t"], is_whole=True)
    assert routes.take(["a", "x", None, "t"], is_whole=True).is_changed


def test_another_hop_and_another_length_are_changes() -> None:
    routes = Routes("t")
    routes.take(["a", "b", "t"], is_whole=True)
    assert routes.take(["a", "x", "t"], is_whole=True).changes == 1
    assert routes.take(["a", None, None, "t"], is_whole=True).changes == 2
    assert routes.take(["a", "x"], is_whole=False).changes == 2  # the one before, as far as it goes
    assert routes.take(["x"], is_whole=False).changes == 3


def test_a_route_that_comes_back_has_its_name_back() -> None:
    routes = Routes("t")
    first = routes.take(["a", "b", "t"], is_whole=True)
    other = routes.take(["a", "x", "t"], is_whole=True)
    back = routes.take(["a", None, "t"], is_whole=True)  # the latest one that agrees
    assert (back.name, back.is_changed) == (other.name, False)
    assert routes.take(["a", "b", "t"], is_whole=True) == (first.name, True, 2)


def test_a_run_without_any_hop_says_nothing() -> None:
    routes = Routes("t")
    assert routes.take([None, None], is_whole=False) == (None, False, 0)
    first = routes.take(["a", "t"], is_whole=True)
    assert routes.take([], is_whole=False) == first
    assert routes.take(["a", "t"], is_whole=True) == first


def test_few_routes_are_kept_however_many_there_are() -> None:
    routes = Routes("t")
    for number in range(100):
        seen = routes.take(["a", f"b{number}", "t"], is_whole=True)
    assert seen.changes == 99
    assert len(routes._known) == KEPT
