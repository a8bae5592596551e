"""Series of several echoes and of paths."""

from collector.path_results import LINE, PATH_RESULTS, ROUTE
from vedette_collector.exposition.kinds import icmp, path
from vedette_collector.exposition.text import Series, labels

LINE_RESULT, ROUTE_RESULT = PATH_RESULTS


def test_several_echoes_have_loss_and_round_trip_statistics() -> None:
    out = Series(labels((("check", LINE.name),)))
    icmp.write(out, LINE_RESULT)
    assert out.blocks["vedette_icmp_loss_ratio"] == 'vedette_icmp_loss_ratio{check="line"} 0.25\n'
    assert out.blocks["vedette_icmp_rtt_seconds"].splitlines() == [
        'vedette_icmp_rtt_seconds{check="line",stat="min"} 0.001',
        'vedette_icmp_rtt_seconds{check="line",stat="median"} 0.002',
        'vedette_icmp_rtt_seconds{check="line",stat="max"} 0.006',
        'vedette_icmp_rtt_seconds{check="line",stat="stddev"} 0.0005',
    ]


def test_a_path_is_numbers_and_no_address_is_a_label() -> None:
    out = Series(labels((("check", ROUTE.name),)))
    path.write(out, ROUTE_RESULT)
    page = "".join(out.blocks.values())
    assert 'vedette_path_hops{check="route"} 3\n' in page
    assert 'vedette_path_reached{check="route"} 1\n' in page
    assert 'vedette_path_silent_hops{check="route"} 1\n' in page
    assert 'vedette_path_changes_total{check="route"} 7\n' in page
    assert 'vedette_path_hop_rtt_seconds{check="route",ttl="3"} 0.009\n' in page
    assert 'ttl="2"' not in page
    assert "198.51.100.1" not in page
    assert "5feceb66ffc86f38" not in page
