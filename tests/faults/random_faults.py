"""Faults at random places, drawn from one seed."""

from dataclasses import dataclass
from random import Random

from tests.faults.packets import Fault, Packet

AT_COMMIT = [Fault.BEFORE, Fault.AFTER, Fault.DROPPED, Fault.STALLED]
# The weights: elsewhere silence costs a request's whole time.
ELSEWHERE = {Fault.BEFORE: 8, Fault.AFTER: 8, Fault.DROPPED: 1, Fault.STALLED: 3}


@dataclass
class RandomFaults:
    """Gives one of so many COMMITs a fault, and one of so many other statements."""

    random: Random
    of_commits: float = 0.15
    of_others: float = 0.01

    def __call__(self, packet: Packet) -> Fault | None:
        dice = self.random.random()
        if packet.is_commit:
            return self.random.choice(AT_COMMIT) if dice < self.of_commits else None
        if dice < self.of_others:
            return self.random.choices([*ELSEWHERE], [*ELSEWHERE.values()])[0]
        return None
