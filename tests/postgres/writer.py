"""A writer process: appends small batches for ever and prints the seed and number of each that is acknowledged."""

import os
import random
import sys
from uuid import UUID

from latewood_eventlog.database import DatabaseUrl, connect
from latewood_eventlog.log import EventLog
from postgres.ledger import happened, to, together


def batch_of(seed: int, number: int):
    """The batch with this number of the writer with this seed: one to five events in one or two streams."""
    chance = random.Random(f"{seed}/{number}")
    size = chance.randint(1, 5)
    data = f'{{"seed":{seed},"number":{number},"size":{size}}}'
    events = [happened(data=data, event_id=UUID(int=(seed << 64) | (number << 8) | i)) for i in range(size)]
    split = chance.randint(0, size)
    streams = (f"s{chance.randint(0, 9)}", f"t{chance.randint(0, 9)}")
    return together(to(streams[0], *events[:split]), to(streams[1], *events[split:], project=f"p{seed % 3}"))


if __name__ == "__main__":
    seed = int(sys.argv[1])
    log = EventLog(connect(DatabaseUrl.parse(os.environ["LATEWOOD_DATABASE_URL"]), role="engine"))
    number = 0
    while True:
        log.append(batch_of(seed, number))
        os.write(1, f"{seed} {number}\n".encode())
        number += 1
