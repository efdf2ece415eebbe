"""
A site where everything goes wrong now and then, in a process of its own, so that open files and threads are the
client's alone. ``python fix_chaos_site.py`` is that process.
"""

import collections
import json
import subprocess
import sys
import time
from typing import Any, Dict, List, Optional, Sequence

import sqlalchemy as sa
from fix_chaos_notes import LETTERS
from processes import unmeasured

from sgextended import SGExtended, Site
from sgextended.localsite import LocalSite
from sgextended.localsite.server import rpc_table as rpc

READ_TIMEOUT = 2.0  # seconds for clients; only what is stalled takes longer
STALL = 2.5
_LIBRARY = "library"

#: What goes wrong: every kind that the local site knows. Gateways lose answers (``when=after``); a status below 500
#: comes before anything is done. Updates do not stall: one that is repeated when its time is up may come after the next
#: one, and no client could tell.
PLAN = (
    "latency=0.02:rate=0.05",
    f"latency={STALL}:rpc=create+read,rate=0.004,next=6",
    "reset-before:rate=0.012",
    "reset-after:rate=0.012",
    "reset-during:rate=0.008",
    "close-after:rate=0.012",
    "hang-up:rate=0.012",
    "status=429:rate=0.006",
    "status=429:rate=0.002,next=1,retry-after=1",
    "status=500:rate=0.003",
    "status=500:rate=0.003,when=after",
    "status=502:rate=0.006",
    "status=502:rate=0.006,when=after",
    "status=503:rate=0.006,retry-after=0",
    "status=504:rate=0.006,when=after",
    "html:rate=0.004",
    "html:rate=0.004,when=after",
    "truncated:rate=0.006",
    "cut-off:rate=0.006",
    "garbled:rate=0.006",
    "trickle=0.05:rate=0.004",
    "refused=0.05:rate=0.003",
    "slammed=0.05:rate=0.003",
    "expired:rate=0.4",
    "truncated:rpc=api_get_upload_link_info+api_link_file,rate=0.1",
    "garbled:rpc=api_get_upload_link_info+api_link_file,rate=0.1",
)


class ChaosSite:
    """
    The site; a context manager.

    Args:
        tls: Whether it speaks HTTPS.

    Attributes:
        environment: The variables that lead a client to it.

        world: What is on it: ids, codes, and the schema in a few words.
    """

    def __init__(self, *, tls: bool = True) -> None:
        command = [sys.executable, __file__, "https" if tls else "http"]
        self._process = subprocess.Popen(
            command, env=unmeasured(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            self.environment, self.world = self._hear()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """
        End the process.
        """
        self._process.stdin.close()
        try:
            self._process.wait(20)
        finally:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()

    def site(self, **settings: Any) -> Site:
        """
        Return the way to it.
        """
        of = self.environment
        return Site(
            url=of["SHOTGUN_URL"],
            script_name=of["SHOTGUN_SCRIPT_NAME"],
            api_key=of["SHOTGUN_API_KEY"],
            ca_file=of.get("SHOTGUN_API_CACERTS"),
            **{"read_timeout": READ_TIMEOUT, **settings},
        )

    def misbehave(self, seed: int, plan: Sequence[str] = PLAN) -> None:
        """
        Let these things go wrong from now on, and no others.
        """
        self._ask([f"{spec}{',' if ':' in spec else ':'}seed={seed + at}" for at, spec in enumerate(plan)])

    def harvest(self) -> Dict[str, Any]:
        """
        Return what was done, once all is done that was begun.

        The shots, and the files with their names; the writes in the order of the ledger, each with its ids; how many
        calls of each name were carried out; and how often each kind of mishap happened.
        """
        return self._ask(None)

    def _ask(self, what: Optional[List[str]]) -> Any:
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        return self._hear()

    def _hear(self) -> Any:
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("The site has ended; its standard error says why.")
        return json.loads(line)


def serve(scheme: str) -> None:
    """
    Serve the site and do what the standard input says, line by line: what shall go wrong, or null to tell all.
    """
    rpc.INFO["api_max_entities_per_page"] = 25  # a find of several pages is cheap
    with LocalSite(tls=scheme == "https", direct_uploads=True) as site:
        person = site.add_user("jo", "secret", name="Jo")
        way = {"script_name": site.script_name, "api_key": site.api_key, "ca_file": site.ca_file}
        with SGExtended(site=Site(url=site.url, **way)) as sg:
            world = _fill(sg, person)
        _say([site.environment(), world])
        mishaps = []
        for line in sys.stdin:
            plan = json.loads(line)
            if plan is None:
                _say({**_harvest(site), "happened": _sums((mishap.kind, mishap.happened) for mishap in mishaps)})
                continue
            site.faults.clear()
            mishaps += [site.faults.add(spec) for spec in plan]
            _say(None)


def _say(what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def _sums(pairs: Any) -> Dict[str, int]:
    sums: Dict[str, int] = collections.Counter()
    for name, number in pairs:
        sums[name] += number
    return sums


def _fill(sg: SGExtended, person: Dict[str, Any]) -> Dict[str, Any]:
    project, library = (sg.create("Project", {"name": name}) for name in ("chaos", _LIBRARY))
    data = [{"code": f"{_LIBRARY} {number}", "project": library} for number in range(60)]
    shots = sg.batch([{"request_type": "create", "entity_type": "Shot", "data": each} for each in data])
    fields = sg.schema_field_read("Shot")
    # Events are half the price of a write, and nobody here reads them.
    sg.update("ApiUser", sg.find_one("ApiUser", [])["id"], {"generate_event_log_entries": False})
    return {
        "project": project["id"],
        "library": library["id"],
        "shots": [[shot["id"], shot["code"]] for shot in shots],
        "user": person["id"],
        "fields": [[name, about["data_type"]["value"]] for name, about in fields.items()],
        "types": len(sg.schema_read()),
    }


def _harvest(site: LocalSite) -> Dict[str, Any]:
    # What was stalled goes on although nobody waits for it any more.
    wait = STALL if any((mishap.value, mishap.happened > 0) == (STALL, True) for mishap in site.faults.mishaps) else 0
    seen = -1
    while seen != site.ledger.count():
        time.sleep(wait)
        seen, wait = site.ledger.count(), 0.3
        time.sleep(wait)
    with site.store.reading() as tx:
        shots, files, follows = tx.tables["Shot"], tx.tables["Attachment"], tx.tables.own.follows
        followed = set(tx.connection.execute(sa.select(follows.c.id).where(follows.c.type == "Shot")).scalars())
        query = sa.select(shots.c.id, shots.c.code, shots.c.description, shots.c.retired_at)
        found = tx.connection.execute(query.where(shots.c.code.not_like(f"{_LIBRARY} %"))).all()
        uploaded = [list(row) for row in tx.connection.execute(sa.select(files.c.id, files.c.display_name))]
    entries = [entry for entry in site.ledger.entries if entry.ok]
    return {
        "rows": [
            {
                "id": row.id,
                "code": row.code,
                "description": row.description,
                "retired": row.retired_at is not None,
                "followed": row.id in followed,
            }
            for row in found
        ],
        "files": uploaded,
        "ledger": [[entry.rpc, entry.ids] for entry in entries if entry.rpc in LETTERS],
        "executed": collections.Counter(entry.rpc for entry in entries),
    }


if __name__ == "__main__":
    serve(sys.argv[1])
