"""
The public signatures, fixed for type checkers; nothing here runs.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Dict, Iterator, List, Optional

from shotgun_api3.shotgun import Shotgun
from typing_extensions import assert_type

import sgextended
from sgextended import (
    AsyncSGExtended,
    ConfigurationError,
    HTTPStatusError,
    NativeClient,
    OutcomeUnknown,
    PoolTimeout,
    Proxy,
    RetryPolicy,
    Secret,
    SGExtended,
    SGPool,
    SGWorker,
    Site,
    TransportError,
    WorkerError,
)
from sgextended.domain.assets import find_assets
from sgextended.domain.tasks import find_tasks

Row = Dict[str, Any]


class Studio(SGExtended):
    """
    A studio's own class: an override with super(), and methods of its own.
    """

    def find(  # type: ignore[override]  # as Shotgun's types are narrower
        self,
        entity_type: str,
        filters: Any,
        fields: Optional[List[str]] = None,
        order: Optional[List[Dict[str, str]]] = None,
        filter_operator: Optional[str] = None,
        limit: int = 0,
        retired_only: bool = False,
        page: int = 0,
        include_archived_projects: bool = True,
        additional_filter_presets: Optional[List[Dict[str, Any]]] = None,
        *,
        query_fields: bool = False,
    ) -> List[Row]:
        """
        Find as ever, in the studio's order.
        """
        rows = super().find(entity_type, filters, fields, order, limit=limit, query_fields=query_fields)
        assert_type(rows, List[Any])
        return rows

    def find_late_tasks(self, entity: Row) -> List[Row]:
        """
        Use a method of the domain and the client.
        """
        return self.find_tasks(entity, status="ip") or self._sg.find("Task", [])


class Passing(SGExtended):
    """
    The shortest override: what comes after the second argument is passed on as it is.
    """

    def find(self, entity_type: str, filters: Any, *args: Any, **options: Any) -> List[Row]:  # type: ignore[override]  # as Shotgun's types are narrower
        """
        Find what is not on hold.
        """
        return super().find(entity_type, [*filters, ["sg_status_list", "is_not", "hld"]], *args, **options)


class Report(SGWorker):
    """
    A worker whose work takes one argument.
    """

    def __call__(self, project: Row) -> int:
        """
        Count the assets.
        """
        return len(self.find_assets(project=project))


def making() -> None:
    """
    Each way to make a wrapper gives one of the class.
    """
    assert_type(SGExtended(), SGExtended)
    assert_type(Studio(), Studio)
    assert_type(Studio(Shotgun("https://studio.example", "a", "b")), Studio)
    assert_type(Studio(site=Site.from_env()), Studio)
    assert_type(SGExtended("https://studio.example", "robot", "key"), SGExtended)
    assert_type(Studio("https://studio.example", login="ada", password="pw", connect=False), Studio)
    assert_type(Studio.from_shotgun(Shotgun("https://studio.example")), Studio)
    assert_type(Studio.current(), Studio)
    assert_type(sgextended.current(), SGExtended)
    assert_type(Studio().clone(), Studio)
    with Studio() as sg:
        assert_type(sg, Studio)
        assert_type(sg.site, Site)
        assert_type(sg.requests_sent, int)


def verbs(sg: SGExtended) -> None:
    """
    The native verbs, with rows as dicts.
    """
    assert_type(sg.connect(), None)
    assert_type(sg.find("Shot", [["id", "is", 1]], ["code"]), List[Any])
    assert_type(sg.find("Shot", [], ["sg_open_tasks"], query_fields=True), List[Any])
    assert_type(sg.find_iter("Shot", [], ["sg_open_tasks"], query_fields=True), Iterator[Any])
    assert_type(sg.find_one("Shot", []), Optional[Any])
    assert_type(sg.summarize("Shot", [], [{"field": "id", "type": "count"}]), Row)
    assert_type(sg.create("Shot", {"code": "a"}), Any)
    assert_type(sg.update("Shot", 1, {"code": "a"}), Any)
    assert_type(sg.delete("Shot", 1), bool)
    assert_type(sg.revive("Shot", 1), bool)
    assert_type(sg.batch([]), List[Any])
    assert_type(sg.upload("Shot", 1, "/a"), int)
    assert_type(sg.schema_read(), Dict[str, Dict[str, Any]])
    assert_type(sg.close(), None)


def forwarded(sg: Studio) -> None:
    """
    Names that are forwarded have the types of the stub.
    """
    assert_type(sg.followers({"type": "Shot", "id": 1}), List[Row])
    assert_type(sg.text_search("a", {"Shot": []}), Row)
    assert_type(sg.info(), Row)
    assert_type(sg.server_info, Row)
    assert_type(sg.base_url, str)
    assert_type(sg.add_user_agent("tk-maya 1.0"), None)
    sg.no_such_name()  # type: ignore[attr-defined]  # checkers keep seeing typos
    sg.find("Shot")  # type: ignore[call-arg]


def domain(sg: Studio, plain: Shotgun) -> None:
    """
    The functions of the domain are methods, and take a plain Shotgun as well.
    """
    shot = {"type": "Shot", "id": 1}
    assert_type(sg.find_tasks(shot, assignee=[shot], step="ANM"), List[Row])
    assert_type(sg.find_late_tasks(shot), List[Row])
    assert_type(find_tasks(sg, shot), List[Row])
    assert_type(find_tasks(plain, shot), List[Row])
    assert_type(find_assets(plain, project=shot), List[Row])
    sg.find_tasks(shot, nobody=1)  # type: ignore[call-arg]


def many(sg: Studio) -> None:
    """
    Work over many items keeps the types of the wrapper and of the results.
    """

    def count(own: Studio, project: Row) -> int:
        assert_type(own.find_late_tasks(project), List[Row])
        return len(own.find_assets(project=project))

    projects: List[Row] = sg.find_projects()
    assert_type(sg.map(count, projects, workers=4), Iterator[int])
    assert_type(Report.map(projects, workers=2), Iterator[Any])
    assert_type(Report()({"type": "Project", "id": 1}), int)
    with ThreadPoolExecutor() as executor:
        assert_type(executor.submit(Report(), projects[0]).result(), int)


def pools() -> None:
    """
    A lease has the type of what the pool's factory makes.
    """
    pool = SGPool(Studio, max_size=8, timeout=5, max_idle=60)
    assert_type(pool, SGPool[Studio])
    with pool.lease() as sg:
        assert_type(sg, Studio)
    with pool as same, same.lease(timeout=1.5) as sg:
        assert_type(sg, Studio)
    assert_type(pool.stats(), Dict[str, int])
    factory: Callable[[], Shotgun] = lambda: Shotgun("https://studio.example")  # noqa: E731
    with SGPool(factory).lease() as plain:
        assert_type(plain, Shotgun)


def sites() -> None:
    """
    Sites take texts where secrets and proxies are kept.
    """
    site = Site(url="https://studio.example", script_name="a", api_key="b", proxy="p:1", retry=RetryPolicy(attempts=1))
    assert_type(site.api_key, Optional[Secret])
    assert_type(site.proxy, Optional[Proxy])
    assert_type(Site.from_env("SG_", connections=24), Site)
    assert_type(NativeClient(site).clone(), NativeClient)
    assert_type(Secret("x").reveal(), str)


async def awaited(sg: SGExtended) -> None:
    """
    Under asyncio each method takes what it takes, and gives what it gives.
    """
    assert_type(sg.aio, AsyncSGExtended)
    assert_type(await sg.aio.find("Shot", [], ["code"], limit=3), List[Any])
    assert_type(await sg.aio.find_tasks({"type": "Shot", "id": 7}, status="ip"), List[Dict[str, Any]])
    assert_type(await sg.aio.info(), Dict[str, Any])
    assert_type(await sg.aio.run(len_of, "Shot", times=2), int)
    async for row in sg.aio.find_iter("Shot", [], page_size=100):
        assert_type(row, Any)
    await sg.aio.find("Shot", [], limitt=3)  # type: ignore[call-arg]
    await sg.aio.no_such_method()  # type: ignore[attr-defined]


def len_of(sg: SGExtended, entity_type: str, *, times: int) -> int:
    """
    Stand for a studio's function.
    """
    return len(sg.find(entity_type, [])) * times


def errors() -> None:
    """
    What errors tell.
    """
    try:
        sgextended.current().create("Shot", {})
    except OutcomeUnknown as error:
        assert_type(error.rpc, Optional[str])
    except HTTPStatusError as error:
        assert_type(error.errcode, int)
        assert_type(error.retry_after, Optional[float])
    except TransportError as error:
        assert_type(error.sent, bool)
    except PoolTimeout as error:
        assert_type(error.waited, Optional[float])
    except WorkerError as error:
        assert_type(error.item, Any)
    except ConfigurationError as error:
        assert_type(str(error), str)
