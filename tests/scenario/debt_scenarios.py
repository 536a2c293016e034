# SPDX-License-Identifier: MIT
"""Scenarios of channels that are held against each other only once their own frames have shown that they may be."""
import json
import time

from lab import Lab
from shape import OKX_BBO, OKX_BOOKS, healthy

OTHER_BOOKS = "okx/ETH-USDT-SWAP/books"
OTHER_BBO = "okx/ETH-USDT-SWAP/bbo-tbt"


def debts(lab):
    """{stream: whether it owes what its book's other channels show}."""
    return {told["stream"]: told["book_debt"] for told in json.loads(lab.flatline("explain", "--json", OKX_BOOKS, OKX_BBO, OTHER_BOOKS, OTHER_BBO)[1])}


def mutes(lab):
    """Of every MUTE so far: (stream, what it is by), oldest first."""
    faults = [f for f in json.loads(lab.flatline("faults", "--json")[1]) if f["kind"] == "MUTE"]
    return [(f["stream"], f["evidence"]["by"]) for f in sorted(faults, key=lambda f: f["onset_ns"])]


def channels_of_okx_prove_each_other_after_a_minute_and_only_where_their_ids_agree(bin_dir, keep):
    """`books` and `bbo-tbt` of two instruments, one with `ids-ahead`: after a minute the other's find each other mute; ids that leap apart, or begin anew, then accuse nobody."""
    complaints = []
    with Lab(bin_dir, keep) as lab:
        lab.start_venue()
        lab.start_sentinel(lab.write_config("streams: [" + ", ".join((OKX_BOOKS, OKX_BBO, OTHER_BOOKS, OTHER_BBO)) + "]", ["okx"]))
        lab.wait_fresh()
        lab.command(f"ids-ahead {OTHER_BBO} 1000000")
        lab.command(f"mute {OKX_BOOKS} for 2s")
        time.sleep(4)
        if mutes(lab) or debts(lab)[OKX_BOOKS] != "CHECKING" or debts(lab)[OTHER_BOOKS] != "OFF":
            complaints.append(f"within the minute: {debts(lab)}, mute: {mutes(lab)}")
        lab.wait_until(lambda: debts(lab)[OKX_BOOKS] == debts(lab)[OKX_BBO] == "ON", "a minute bears it out", None, 90)
        for stream, by in ((OKX_BOOKS, 0), (OKX_BBO, 1)):
            lab.command(f"mute {stream} for 3s")  # what comes within a second would be a late answer
            lab.wait_until(lambda stream=stream, by=by: (stream, by) in mutes(lab), f"{stream} is mute", None, 10)
            time.sleep(3)
            lab.wait_fresh()
        if debts(lab)[OKX_BOOKS] != "ON" or debts(lab)[OKX_BBO] != "ON":
            complaints.append(f"silence took it back: {debts(lab)}")
        if debts(lab)[OTHER_BOOKS] != "OFF" or debts(lab)[OTHER_BBO] == "ON":
            complaints.append(f"ids that do not agree were believed: {debts(lab)}")
        lab.command(f"mute {OTHER_BOOKS} for 1500ms")
        lab.command(f"ids-ahead {OKX_BBO} 1000000")
        lab.wait_until(lambda: debts(lab)[OKX_BOOKS] == "OFF", "ids that leap apart put it off", None, 10)
        lab.command(f"reset {OTHER_BOOKS}")
        time.sleep(4)  # longer than a lease
        if mutes(lab) != [(OKX_BOOKS, 0), (OKX_BBO, 1)]:
            complaints.append(f"mute: {mutes(lab)}")
        lab.wait_until(lambda: healthy(lab), "ids that begin anew, of both channels, leave all well", None, 10)
    return complaints


SCENARIOS = (channels_of_okx_prove_each_other_after_a_minute_and_only_where_their_ids_agree,)
