"""A process that records until it is killed, and says of each prediction when it is on the disk, and who seals."""

from __future__ import annotations

import sys
import threading

import audit_lab as al


def main(log: str, vault: str, name: str, *, seal: bool) -> None:
    recorder = al.Recorder(log, model="loans", version="7", vault=vault, seal=seal, seal_s=0.05, gather_s=0.001)
    guard = threading.Lock()
    told: set[int] = set()

    def work(thread: int) -> None:
        number = 0
        while True:
            tickets = [
                recorder.record(
                    {"who": name, "thread": thread, "number": number + each},
                    0.5,
                    prediction_id=f"{name}-{thread}-{number + each}",
                )
                for each in range(5)
            ]
            number += 5
            tickets[-1].wait()
            with guard:
                sys.stdout.write("".join(f"{ticket.prediction_id}\n" for ticket in tickets))
                sealing = None if recorder._sealing is None else recorder._sealing._process
                if sealing is not None and sealing.pid not in told:
                    told.add(sealing.pid)
                    sys.stdout.write(f"sealing {sealing.pid}\n")
                sys.stdout.flush()

    for thread in range(2):
        threading.Thread(target=work, args=(thread,)).start()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], seal=sys.argv[4] == "seal")
