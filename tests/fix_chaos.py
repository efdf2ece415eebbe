"""
Mixed calls by many threads, who know what the answers must be and note what came out.

`tests/test_chaos.py` and `benchmarks/chaos.py` share it. It does not know which client it drives, and calls only what
the official one has too.
"""

import gc
import random
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence

from fix_chaos_notes import Note, Notes, Shot

from sgextended import OutcomeUnknown

_RECENT = 20  # of its shots does a thread go on working with
_TOGETHER = 5  # shots are asked about at the same time


class Worker:
    """
    One thread's calls. Its shots are its own, so it knows what is true of them.

    Args:
        sg: The client.

        world: What is on the site, see `ChaosSite`.

        name: What the codes of its shots begin with.

        seed: What its choices begin from.
    """

    def __init__(self, sg: Any, world: Dict[str, Any], name: str, seed: int) -> None:
        self.name = name
        self.notes = Notes()
        self.at = "nothing"
        self._sg, self._world = sg, world
        self._random = random.Random(f"{seed} {name}")
        self._number = 0
        self._shots: List[Shot] = []

    def run(self, calls: int, deadline: float) -> None:
        """
        Make so many calls, as long as there is time.
        """
        for _ in range(calls):
            if time.monotonic() > deadline:
                return
            (call,) = self._random.choices(_CALLS, _WEIGHTS)
            fits = _MIX[call][1]
            shots = [shot for shot in self._shots if fits and fits(shot)]
            self.notes.calls += 1
            if fits is None:
                call(self)
            elif shots:
                call(self, self._random.choice(shots))
            else:
                self.create()

    # --- Writes

    def create(self) -> None:
        (code,) = self._new_codes(1)
        note = Note("create", [code], [f"{code} 0"], once=True)
        data = self._data(note, 0)
        self._write(note, lambda: self._sg.create("Shot", data, ["code"]), lambda made: made["code"] == code)

    def create_batch(self) -> None:
        codes = self._new_codes(2)
        note = Note("batch", codes, [f"{code} 0" for code in codes], once=True)
        requests = [
            {"request_type": "create", "entity_type": "Shot", "data": self._data(note, at)} for at in range(len(codes))
        ]
        self._write(note, lambda: self._sg.batch(requests), lambda made: [row["code"] for row in made] == codes)

    def update(self, shot: Shot) -> None:
        note = Note("update", [shot.code], self._new_values([shot]))
        wanted = (shot.id, note.values[0])
        self._write(
            note,
            lambda: self._sg.update("Shot", shot.id, {"description": note.values[0]}),
            lambda made: (made["id"], made["description"]) == wanted,
        )

    def update_batch(self, shot: Shot) -> None:
        others = [other for other in self._shots if other.retired == {False} and other is not shot]
        shots = [shot, *others[-2:]]
        note = Note("batch", [each.code for each in shots], self._new_values(shots))
        wanted = [(each.id, value) for each, value in zip(shots, note.values)]
        requests = [
            {"request_type": "update", "entity_type": "Shot", "entity_id": number, "data": {"description": value}}
            for number, value in wanted
        ]
        self._write(
            note,
            lambda: self._sg.batch(requests),
            lambda made: [(row["id"], row["description"]) for row in made] == wanted,
        )

    def delete(self, shot: Shot) -> None:
        known = shot.retired == {False}
        self._write(
            Note("delete", [shot.code], []),
            lambda: self._sg.delete("Shot", shot.id),
            lambda done: done is True or not known,
        )

    def revive(self, shot: Shot) -> None:
        known = shot.retired == {True}
        self._write(
            Note("revive", [shot.code], []),
            lambda: self._sg.revive("Shot", shot.id),
            lambda done: done is True or not known,
        )

    def follow(self, shot: Shot) -> None:
        self._write(
            Note("follow", [shot.code], []),
            lambda: self._sg.follow(self._user, {"type": "Shot", "id": shot.id}),
            lambda made: made["followed"] is True and made["entity"]["id"] == shot.id,
        )

    def unfollow(self, shot: Shot) -> None:
        self._write(
            Note("unfollow", [shot.code], []),
            lambda: self._sg.unfollow(self._user, {"type": "Shot", "id": shot.id}),
            lambda made: made["unfollowed"] is True and made["entity"]["id"] == shot.id,
        )

    def upload(self, shot: Shot) -> None:
        note = Note("upload", [shot.code], self._new_values([shot]), once=True)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "small.txt")
            path.write_bytes(b"small")
            self._write(
                note,
                lambda: self._sg.upload("Shot", shot.id, str(path), display_name=note.values[0]),
                lambda number: number > 0,
            )

    # --- Reads

    def find_by_id(self, shot: Shot) -> None:
        filters = [["id", "is", shot.id]]
        self._read("find_one", filters, shot, lambda row: self._is_true(shot, row), fields=["code", "description"])

    def find_by_code(self, shot: Shot) -> None:
        filters = [["code", "is", shot.code]]
        self._read("find_one", filters, shot, lambda row: self._is_true(shot, row), fields=["code", "description"])

    def find_page(self, _shot: Shot) -> None:
        shots = self._shots[-_TOGETHER:]
        codes = [shot.code for shot in shots]

        def are_true(rows: Any) -> bool:
            found = {row["code"]: row for row in rows}
            return (
                len(found) == len(rows)
                and found.keys() <= set(codes)
                and all(self._is_true(shot, found.get(shot.code)) for shot in shots)
            )

        self._read("find", [["code", "in", codes]], shots, are_true, fields=["code", "description"])

    def find_pages(self) -> None:
        filters = [["project", "is", {"type": "Project", "id": self._world["library"]}]]
        order = [{"field_name": "id", "direction": "asc"}]
        self._read(
            "find",
            filters,
            "the library",
            lambda rows: [[row["id"], row["code"]] for row in rows] == self._world["shots"],
            fields=["code"],
            order=order,
        )

    def summarize(self, _shot: Shot) -> None:
        shots = self._shots[-_TOGETHER:]
        least = sum(shot.retired == {False} for shot in shots)
        most = sum(False in shot.retired for shot in shots)
        self._read(
            "summarize",
            [["code", "in", [shot.code for shot in shots]]],
            shots,
            lambda answer: least <= answer["summaries"]["id"] <= most,
            summary_fields=[{"field": "id", "type": "count"}],
        )

    def followers(self, shot: Shot) -> None:
        possible = [[self._world["user"]] if followed else [] for followed in shot.followed]
        self._ask(
            "followers",
            shot,
            lambda: self._sg.followers({"type": "Shot", "id": shot.id}),
            lambda people: [person["id"] for person in people] in possible,
        )

    def schema(self) -> None:
        name, data_type = self._random.choice(self._world["fields"])
        self._ask(
            "schema_field_read",
            name,
            lambda: self._sg.schema_field_read("Shot", name),
            lambda answer: {key: about["data_type"]["value"] for key, about in answer.items()} == {name: data_type},
        )

    def whole_schema(self) -> None:
        self._ask(
            "schema_read",
            "all types",
            lambda: self._sg.schema_read(),  # noqa: PLW0108 - a broken client may fail to have it
            lambda answer: len(answer) == self._world["types"] and "sg_status_list" in answer["Shot"],
        )

    @staticmethod
    def _is_true(shot: Shot, row: Any) -> bool:
        if row is None:
            return True in shot.retired
        known = (row["id"], row["code"]) == (shot.id, shot.code) and row["description"] in shot.descriptions
        return known and False in shot.retired

    # --- What they share

    def _write(self, note: Note, call: Callable[[], Any], is_right: Callable[[Any], bool]) -> None:
        """
        Make a write, look at its answer, and note what came out.
        """
        about = f"{note.rpc} {note.codes}"
        try:
            answer = self._timed(about, call)
        except OutcomeUnknown as error:
            note.outcome, note.error = "unknown", self._counted(error)
        except Exception as error:  # noqa: BLE001 - the official client raises anything
            note.outcome, note.error = "failed", self._counted(error)
        else:
            note.outcome = "done"
            self._look(about, answer, is_right)
            if note.once:
                self._take_ids(note, answer)
        self.notes.writes.append(note)
        if note.does == "create":
            shots = [Shot(code) for code in note.codes]
            self._shots += shots if note.outcome == "done" else []
        else:
            shots = [shot for shot in self._shots if shot.code in note.codes]
        for shot in shots:
            shot.learn(note)
        del self._shots[:-_RECENT]

    @staticmethod
    def _take_ids(note: Note, answer: Any) -> None:
        try:
            rows = answer if note.rpc == "batch" else [answer]
            note.ids = [row if note.rpc == "upload" else row["id"] for row in rows]
        except (LookupError, TypeError):  # the answer to another call
            note.outcome = "failed"
        if len(note.ids) != len(note.codes):
            note.outcome = "failed"

    def _read(self, name: str, filters: Any, about: Any, is_right: Callable[[Any], bool], **options: Any) -> None:
        self._ask(name, about, lambda: getattr(self._sg, name)("Shot", filters, **options), is_right)

    def _ask(self, name: str, about: Any, call: Callable[[], Any], is_right: Callable[[Any], bool]) -> None:
        """
        Make a read and look at its answer.
        """
        try:
            answer = self._timed(f"{name} {about}", call)
        except Exception as error:  # noqa: BLE001 - as above
            self._counted(error)
        else:
            self.notes.answered[name] += 1
            self._look(f"{name} {about}", answer, is_right)

    def _look(self, asked: str, answer: Any, is_right: Callable[[Any], bool]) -> None:
        try:
            right = is_right(answer)
        except (AttributeError, LookupError, TypeError):  # the answer to another question has another form
            right = False
        if not right:
            self.notes.wrong.append(f"{asked}: {str(answer)[:300]}")

    def _timed(self, about: str, call: Callable[[], Any]) -> Any:
        self.at, started = about, time.monotonic()
        try:
            return call()
        finally:
            self.notes.longest = max(self.notes.longest, time.monotonic() - started)

    def _counted(self, error: Exception) -> str:
        name = type(error).__name__
        self.notes.errors[name] += 1
        return f"{name}: {error}"[:300]

    @property
    def _user(self) -> Dict[str, Any]:
        return {"type": "HumanUser", "id": self._world["user"]}

    def _data(self, note: Note, at: int) -> Dict[str, Any]:
        project = {"type": "Project", "id": self._world["project"]}
        return {"code": note.codes[at], "description": note.values[at], "project": project}

    def _new_codes(self, count: int) -> List[str]:
        self._number += count
        return [f"{self.name}-{self._number - at:05}" for at in range(count)]

    def _new_values(self, shots: Sequence[Shot]) -> List[str]:
        self._number += 1
        return [f"{shot.code} {self._number}" for shot in shots]


def _any(_shot: Shot) -> bool:
    return True


def _live(shot: Shot) -> bool:
    return shot.retired == {False}


def _perhaps_live(shot: Shot) -> bool:
    return False in shot.retired


def _perhaps_retired(shot: Shot) -> bool:
    return True in shot.retired


# How often each call comes, and what kind of shot it takes; None: none at all.
_MIX: Dict[Callable[..., None], Any] = {
    Worker.create: (16, None),
    Worker.create_batch: (4, None),
    Worker.update: (15, _live),
    Worker.update_batch: (4, _live),
    Worker.delete: (7, _perhaps_live),
    Worker.revive: (7, _perhaps_retired),
    Worker.follow: (4, _live),
    Worker.unfollow: (3, _live),
    Worker.upload: (0.5, _live),
    Worker.find_by_id: (15, _any),
    Worker.find_by_code: (8, _any),
    Worker.find_page: (5, _any),
    Worker.find_pages: (2, None),
    Worker.summarize: (4, _any),
    Worker.followers: (2, _live),
    Worker.schema: (3.4, None),
    Worker.whole_schema: (0.1, None),
}
_CALLS, _WEIGHTS = list(_MIX), [weight for weight, _fits in _MIX.values()]


def work(
    make_client: Callable[[int], Any],
    world: Dict[str, Any],
    *,
    seed: int,
    calls: int,
    threads: int = 16,
    limit: float = 120.0,
    grace: float = 30.0,
    name: str = "t",
) -> Notes:
    """
    Return what so many threads noted that made so many calls together.

    Args:
        make_client: Gives each thread its client, by its number.

        world: What is on the site, see `ChaosSite`.

        seed: What all choices begin from.

        calls: How many, of all threads together.

        threads: How many.

        limit: Seconds after which no more calls are begun.

        grace: Seconds after that, after which a call that is not over counts as hung.

        name: What the codes of all shots begin with.
    """
    workers = [Worker(make_client(at), world, f"{name}{at:02}", seed) for at in range(threads)]
    started = time.monotonic()
    crashes: List[BaseException] = []

    def run(worker: Worker) -> None:
        try:
            worker.run(calls // threads, started + limit)
        except BaseException as error:  # noqa: BLE001 - raised below
            crashes.append(error)

    running = [threading.Thread(target=run, args=(worker,), name=worker.name, daemon=True) for worker in workers]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(max(0.0, started + limit + grace - time.monotonic()))
    if crashes:
        raise crashes[0]
    notes = Notes()
    for thread, worker in zip(running, workers):
        notes.add(worker.notes)
        if thread.is_alive():
            notes.hung.append(f"{worker.name} at {worker.at}\n{_stack_of(thread)}")
    notes.seconds = time.monotonic() - started
    return notes


def work_elsewhere(pipe: Any, sg: Any, world: Dict[str, Any], options: Dict[str, Any]) -> None:
    """
    Do `work` with one client in another process, and send the notes through a pipe.
    """
    pipe.send(work(lambda _: sg, world, **options).to_json())
    pipe.close()


def resources() -> Dict[str, int]:
    """
    Return how many files and threads this process has open; no files where the system does not tell.

    The one thread that watches over all deadlines of a process is nobody's, and is not counted.
    """
    gc.collect()
    folder = Path("/proc/self/fd")
    threads = [thread for thread in threading.enumerate() if thread.name != "sgextended-watchdog"]
    return {"files": len(list(folder.iterdir())) if folder.exists() else 0, "threads": len(threads)}


def _stack_of(thread: threading.Thread) -> str:
    frame = sys._current_frames().get(thread.ident)
    return "".join(traceback.format_stack(frame)[-4:])
