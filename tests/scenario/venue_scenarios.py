# SPDX-License-Identifier: MIT
"""Scenarios of a venue that refuses, says something of itself, or sends what none should."""
import re
import time

from lab import Lab
from shape import BBO, BOOK, COIN_BOOK, MARK, OKX_BOOKS, SPOT_BBO, SPOT_BOOK, USDM, counter, faults_since, healthy, venue_of


def rest_out_of_reach_leases_unanchored_after_ten_seconds(bin_dir, keep):
    """REST hangs from the start: nothing timed is leased for ten seconds, then it is, and a counter says on what."""
    with Lab(bin_dir, keep) as lab:
        lab.start_venue()
        lab.command(f"rest-hang {USDM}")
        lab.start_sentinel(lab.write_config(f"streams:\n  - {BOOK}\n  - {BBO}\n  - {OKX_BOOKS}", [USDM, "okx"]))
        lab.wait_until(lambda: any(s["fresh"] for s in lab.status()["streams"]), "the other venue is fresh")
        complaints = [f"{s['stream']} is fresh" for s in lab.status()["streams"] if s["fresh"] and s["stream"] != OKX_BOOKS]
        if counter(lab, "detector_unanchored_venues") != 0:
            complaints.append("unanchored before its time")
        lab.wait_fresh(15)
        if counter(lab, "detector_unanchored_venues") != 1 << 1:
            complaints.append(f"unanchored venues are {counter(lab, 'detector_unanchored_venues')}, not USD-M alone")
        if "out of reach" not in lab.flatline("status")[1] or not lab.status()["unanchored"]:
            complaints.append("flatline status does not say so")
        return complaints


def what_the_venue_says_of_itself_is_told_and_touches_no_lease(bin_dir, keep):
    """Maintenance on the status page; a symbol that the list calls halted, asked for because its book is quiet."""
    complaints = []
    with Lab(bin_dir, keep) as lab:
        lab.start_venue()
        lab.start_sentinel(lab.write_config(f"streams:\n  - {SPOT_BOOK}\n  - {SPOT_BBO}", ["binance-spot"]))
        watch = lab.watch()
        lab.wait_fresh()
        steps = (
            ("maintenance binance-spot", "unmaintenance binance-spot", "MAINTENANCE", "venue", "system_maintenance"),
            ("halt binance-spot/BTCUSDT/*", "unhalt binance-spot/BTCUSDT/*", "HALTED", "stream", "BREAK"),
        )
        for begin, end, kind, scope, word in steps:
            # The quiet market is what makes anybody ask.
            since_ns = lab.command("rate BTCUSDT 0")
            lab.command(begin)
            found = watch.wait(lambda r, kind=kind: r["type"] == "fault" and r["kind"] == kind, since_ns, 30)
            if not found or found["scope"] != scope or found["text"] != word:
                complaints.append(f"{kind}: {found}")
            lab.command(end)
            if not watch.wait(lambda r, kind=kind: r["type"] == "clear" and r["kind"] == kind, since_ns, 40):
                complaints.append(f"{kind} does not end")
            lab.command("rate BTCUSDT 50")
            lab.wait_fresh()
            others = {r["kind"] for r in faults_since(watch, since_ns)} - {kind, "SELF_STALL"}
            revoked = {r["stream"] for r in watch.since(since_ns) if r["type"] == "lapse" and r["revoked_by"]}
            complaints += [f"{kind}, too: {others} {revoked}"] if others or revoked else []
            time.sleep(5)  # a book that was well for so long is asked at once when it falls silent again
    return complaints


def okx_s_status_channel_is_faster_than_its_page_which_has_the_last_word(bin_dir, keep):
    """The page hangs: the channel alone raises and ends MAINTENANCE. The channel is mute: the page does, later."""
    complaints = []
    with Lab(bin_dir, keep) as lab:
        lab.start_venue()
        sentinel = lab.start_sentinel(lab.write_config(f"streams:\n  - {OKX_BOOKS}", ["okx"]))
        watch = lab.watch()
        lab.wait_fresh()

        def wait_for(what, since_ns, seconds):
            return watch.wait(lambda r: r["type"] == what and r["kind"] == "MAINTENANCE", since_ns, seconds)

        lab.command("rest-hang okx")
        since_ns = lab.command("maintenance okx")
        found = wait_for("fault", since_ns, 5)
        if not found or found["scope"] != "venue" or found["text"] != "WebSocket maintenance":
            complaints.append(f"by the channel: {found}")
        since_ns = lab.command("rst okx/*")  # whoever subscribes is told again: nothing new
        lab.wait_until(lambda: all(s["fresh"] and s["faults"] == ["MAINTENANCE"] for s in lab.status()["streams"]), "connected again", None, 30)
        if [r for r in watch.since(since_ns) if r.get("kind") == "MAINTENANCE"]:
            complaints.append("told again after a reconnect")
        since_ns = lab.command("unmaintenance okx")
        if not wait_for("clear", since_ns, 5):
            complaints.append("the channel does not end it")
        lab.wait_until(lambda: "okx: its status page tells nothing: HTTP 0" in sentinel.text(), "the page is missed", None, 40)
        lab.command("unrest-hang okx")
        lab.command("maintenance okx")
        since_ns = lab.command("mute okx/*/status")
        lab.command("unmaintenance okx")
        if not wait_for("clear", since_ns, 60):
            complaints.append("the page does not end it")
        others = {r["kind"] for r in faults_since(watch, 0)} - {"MAINTENANCE", "DOWN", "SELF_STALL"}
        complaints += [f"too: {others}"] if others else []
        if any(s["stream"].endswith("/status") for s in lab.status()["streams"]):
            complaints.append("the channel passes for a stream")
    return complaints


def dials(sentinel, venue):
    return len(re.findall(rf"{venue}/\S+: (?:connected|connect failed)", sentinel.text()))


def refused_with_429_a_venue_is_left_alone_and_the_others_are_not(bin_dir, keep):
    """429 on both routes of USD-M with Retry-After 6 s, then without one: no dial of it meanwhile; OKX reconnects."""
    with Lab(bin_dir, keep) as lab:
        lab.start_venue()
        streams = (BOOK, MARK, OKX_BOOKS)
        sentinel = lab.start_sentinel(lab.write_config("streams:\n" + "\n".join(f"  - {s}" for s in streams), [USDM, "okx"]))
        lab.wait_fresh()
        complaints = []
        for refusal, most in ((f"refuse {USDM} 429 6", 2), (f"refuse {USDM} 429", 3)):
            lab.command(refusal)
            before, before_okx = dials(sentinel, USDM), dials(sentinel, "okx")
            lab.command(f"rst {USDM}/*")
            lab.command("rst okx/*")
            time.sleep(5.0)
            made = dials(sentinel, USDM) - before  # two lines may both be under way when the first refusal comes
            if not 1 <= made <= most:
                complaints.append(f"{refusal}: {made} attempts in 5 s")
            if dials(sentinel, "okx") == before_okx:
                complaints.append(f"{refusal}: OKX did not reconnect")
            lab.command(f"refuse {USDM} off")
            lab.wait_until(lambda: healthy(lab), "all is well again", None, 40)
        return complaints


def connections_cut_at_once_are_not_made_faster_than_a_tenth_of_the_budget(bin_dir, keep):
    """Every connection reset as soon as it is there, for 20 s: never over 30 attempts a venue (a tenth of 300 in 5 min)."""
    with Lab(bin_dir, keep) as lab:
        lab.start_venue()
        sentinel = lab.start_sentinel(lab.write_config(f"streams:\n  - {BOOK}\n  - {MARK}\n  - {OKX_BOOKS}", [USDM, "okx"]))
        lab.wait_fresh()
        end = time.monotonic() + 20
        while time.monotonic() < end:
            for target in (f"rst {USDM}/*", "rst okx/*"):
                lab.command(target)
            time.sleep(0.05)
        text = sentinel.text()
        complaints = []
        for venue in (USDM, "okx"):
            made = len(re.findall(rf"{venue}/\S+: connected", text))
            if not 3 <= made <= 30:
                complaints.append(f"{venue}: {made} connections in 20 s")
        return complaints


def hostile_framing_of_every_kind_is_a_clean_down(bin_dir, keep):
    """Each kind of broken framing the venue offers, on all four venues in turn: DOWN, nothing else, and back again."""
    kinds = ("rsv1", "rsv3", "badutf8", "unknown-opcode", "unknown-control", "orphan-continuation", "fragmented-ping", "large", "masked",
             "oversize", "bad-length", "long-length", "ping-oversize", "close-short", "close-1005")
    targets = {SPOT_BOOK: "binance-spot/*", BOOK: f"{USDM}/public", COIN_BOOK: "binance-coinm/*", OKX_BOOKS: "okx/public"}
    with Lab(bin_dir, keep) as lab:
        lab.start_venue()
        body = "streams:\n" + "\n".join(f"  - {s}" for s in targets)
        sentinel = lab.start_sentinel(lab.write_config(body, [venue_of(s) for s in targets]))
        watch = lab.watch()
        lab.wait_fresh()
        complaints = []
        for i, kind in enumerate(kinds):
            since_ns = lab.command(f"hostile {list(targets.values())[i % 4]} {kind}")
            if watch.wait(lambda r: r["type"] == "fault" and r["kind"] == "DOWN", since_ns, 5) is None:
                complaints.append(f"{kind}: not DOWN")
            lab.wait_until(lambda: healthy(lab), f"well again after {kind}")
            more = {f["kind"] for f in faults_since(watch, since_ns)} - {"DOWN", "SELF_STALL"}
            if more:
                complaints.append(f"{kind}: {sorted(more)}")
        if not sentinel.alive():
            complaints.append("the daemon died")
        return complaints


SCENARIOS = (
    rest_out_of_reach_leases_unanchored_after_ten_seconds,
    what_the_venue_says_of_itself_is_told_and_touches_no_lease,
    okx_s_status_channel_is_faster_than_its_page_which_has_the_last_word,
    refused_with_429_a_venue_is_left_alone_and_the_others_are_not,
    connections_cut_at_once_are_not_made_faster_than_a_tenth_of_the_budget,
    hostile_framing_of_every_kind_is_a_clean_down,
)
