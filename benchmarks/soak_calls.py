"""
What the threads of the soak do: each knows its own shots, so it knows what the site must answer.
"""

import itertools
import os
import random
import tempfile
import time
from collections import Counter, deque
from pathlib import Path
from typing import Any, Callable, Deque, Dict, List, Optional, Set, Tuple

from attrs import define, field, frozen
from shotgun_api3 import Fault

from sgextended import OutcomeUnknown, SGExtended, SGExtendedError

Row = Dict[str, Any]

OWN = 12  # shots that a thread works with; older ones are retired
NOT_DONE, DONE, PERHAPS = 0, 1, 2


@frozen
class World:
    """
    What is on the site from the beginning: the project of the threads' shots, another one, and the shots in that.
    """

    project: Row
    library: Row
    shots: List[Tuple[int, str]]


@define(eq=False)
class Shot:
    """
    What a thread knows of a shot of its own: a call that failed leaves more than one possibility.
    """

    id: int
    code: str
    descriptions: Set[str]
    retired: Set[bool] = field(factory=lambda: {False})


class Wrong(Exception):
    """
    An answer that cannot be right.
    """


class Actor:
    """
    One thread's calls.
    """

    def __init__(self, sg: SGExtended, world: World, name: str, seed: int) -> None:
        self.calls = 0
        self.errors: Counter[str] = Counter()
        self.wrong: List[str] = []
        self.states = bytearray()  # of each code that was ever asked to be created
        self.name, self._sg, self._world = name, sg, world
        self._dice = random.Random(f"{seed} {name}")
        self._shots: Deque[Shot] = deque()
        self._counter = itertools.count()

    def run(self, until: float) -> None:
        """
        Make calls until then.
        """
        while time.monotonic() < until:
            (does,) = self._dice.choices(CALLS, WEIGHTS)
            self.calls += 1
            try:
                does(self)
            except (SGExtendedError, Fault) as error:
                self.errors[type(error).__name__] += 1
            except Exception as error:  # noqa: BLE001 - it is what this looks for
                self.wrong.append(f"{self.name} {does.__name__}: {type(error).__name__}: {str(error)[:300]}")

    # --- Writes

    def create(self) -> None:
        code = self._new_code()
        data = {"code": code, "description": code, "project": self._world.project}
        try:
            made = self._sg.create("Shot", data, ["code", "description"])
        except OutcomeUnknown:
            self.states[-1] = PERHAPS
            self.errors["OutcomeUnknown"] += 1
            made = self._sg.find_one("Shot", [["code", "is", code]], ["code", "description"])
            if made is None:
                return
        self._take(made, code)
        self.states[-1] = DONE

    def create_three(self) -> None:
        codes = [self._new_code() for _ in range(3)]
        requests = [
            {
                "request_type": "create",
                "entity_type": "Shot",
                "data": {"code": code, "description": code, "project": self._world.project},
            }
            for code in codes
        ]
        try:
            made = self._sg.batch(requests)
        except OutcomeUnknown:
            self.states[-3:] = bytes([PERHAPS] * 3)
            self.errors["OutcomeUnknown"] += 1
            order = [{"field_name": "id", "direction": "asc"}]
            made = self._sg.find("Shot", [["code", "in", codes]], ["code", "description"], order)
            if not made:
                return
        self._expect([row["code"] for row in made] == codes, made)
        for code, row in zip(codes, made):
            self._take(row, code)
        self.states[-3:] = bytes([DONE] * 3)

    def update(self) -> None:
        shot = self._any()
        text = f"{shot.code} {next(self._counter)}"
        shot.descriptions.add(text)
        made = self._sg.update("Shot", shot.id, {"description": text})
        self._expect((made["id"], made["description"]) == (shot.id, text), made)
        shot.descriptions = {text}

    def retire(self) -> None:
        if len(self._shots) > OWN:
            shot = self._shots.popleft()
            self._expect(self._sg.delete("Shot", shot.id) is True or True in shot.retired, shot)

    def revive(self) -> None:
        shot = self._any()
        shot.retired = {False, True}
        self._sg.delete("Shot", shot.id)
        self._sg.revive("Shot", shot.id)
        shot.retired = {False}

    def upload(self) -> None:
        shot, content = self._any(), os.urandom(3_000)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "some.bin")
            path.write_bytes(content)
            number = self._sg.upload("Shot", shot.id, str(path))
        got = self._sg.download_attachment({"type": "Attachment", "id": number})
        self._expect(got == content, (number, len(got or b"")))

    # --- Reads

    def ask_by_code(self) -> None:
        shot = self._any()
        self._compare(self._sg.find_one("Shot", [["code", "is", shot.code]], ["code", "description"]), shot)

    def ask_by_id(self) -> None:
        shot = self._any()
        self._compare(self._sg.find_one("Shot", [["id", "is", shot.id]], ["code", "description"]), shot)

    def ask_for_several(self) -> None:
        shots = [self._any(), *list(self._shots)[-4:]]
        found = self._sg.find("Shot", [["code", "in", [shot.code for shot in shots]]], ["code", "description"])
        by_code = {row["code"]: row for row in found}
        self._expect(len(by_code) == len(found) and by_code.keys() <= {shot.code for shot in shots}, found)
        for shot in shots:
            self._compare(by_code.get(shot.code), shot)

    def ask_for_all(self) -> None:
        order = [{"field_name": "id", "direction": "asc"}]
        found = self._sg.find("Shot", [["project", "is", self._world.library]], ["code"], order)
        self._expect([(row["id"], row["code"]) for row in found] == self._world.shots, len(found))

    def ask_for_one_after_the_other(self) -> None:
        found = self._sg.find_iter("Shot", [["project", "is", self._world.library]], ["code"])
        read = [(row["id"], row["code"]) for row in found]
        self._expect(read == self._world.shots, len(read))

    def ask_for_some_and_leave(self) -> None:
        found = self._sg.find_iter("Shot", [["project", "is", self._world.library]], ["code"])
        self._expect((next(found)["id"]) == self._world.shots[0][0], "the first")

    def count(self) -> None:
        self._any()
        shots = list(self._shots)
        least = sum(shot.retired == {False} for shot in shots)
        answer = self._sg.summarize(
            "Shot", [["code", "in", [shot.code for shot in shots]]], [{"field": "id", "type": "count"}]
        )
        self._expect(least <= answer["summaries"]["id"] <= len(shots), answer)

    def ask_for_a_field(self) -> None:
        answer = self._sg.schema_field_read("Shot", "description")
        self._expect(answer["description"]["data_type"]["value"] == "text", answer)

    # --- What they share

    def _new_code(self) -> str:
        self.states.append(NOT_DONE)
        return f"{self.name}-{len(self.states) - 1:06}"

    def _any(self) -> Shot:
        if not self._shots:
            self.create()
        if not self._shots:
            raise SGExtendedError("There is no shot to work with yet.")
        return self._dice.choice(self._shots)

    def _take(self, made: Row, code: str) -> None:
        self._expect((made["code"], made["description"]) == (code, code), made)
        self._shots.append(Shot(made["id"], code, {code}))

    def _compare(self, row: Optional[Row], shot: Shot) -> None:
        if row is None:
            self._expect(True in shot.retired, shot)
        else:
            known = (row["id"], row["code"]) == (shot.id, shot.code)
            self._expect(known and row["description"] in shot.descriptions and False in shot.retired, (row, shot))

    @staticmethod
    def _expect(right: bool, about: object) -> None:
        if not right:
            raise Wrong(str(about))


#: How often each call comes.
MIX: Dict[Callable[[Actor], None], float] = {
    Actor.create: 14,
    Actor.create_three: 2,
    Actor.retire: 24,
    Actor.update: 12,
    Actor.revive: 2,
    Actor.upload: 0.5,
    Actor.ask_by_code: 16,
    Actor.ask_by_id: 16,
    Actor.ask_for_several: 6,
    Actor.ask_for_all: 1.5,
    Actor.ask_for_one_after_the_other: 0.5,
    Actor.ask_for_some_and_leave: 0.5,
    Actor.count: 3,
    Actor.ask_for_a_field: 2,
}
CALLS, WEIGHTS = list(MIX), list(MIX.values())
