from realtime.transport.latest import Latest
from realtime.transport.telemetry import Meter


def test_what_overtakes_is_newest_and_what_is_overtaken_is_counted() -> None:
    meter = Meter()
    latest: Latest[int] = Latest(meter, "overtaken")
    assert latest.take(0) is None
    for n in (1, 2, 3):
        latest.put(n)
    assert latest.take(0) == 3
    assert latest.take(0) is None
    assert meter.take().counts == {"dropped.overtaken": 2}
