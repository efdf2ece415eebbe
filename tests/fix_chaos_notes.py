"""
What the threads of a chaos run write down, and the judgement of it by what the site says of itself.
"""

import collections
import json
import re
from typing import Any, Counter, DefaultDict, Dict, List, Optional, Set, Tuple

from attrs import asdict, define, field

#: Each kind of write as the ledger has it, by one letter.
LETTERS = {"create": "c", "update": "u", "delete": "d", "revive": "r", "batch": "b", "follow": "f", "unfollow": "n"}


@define
class Note:
    """
    One write: what was asked for, and what came out.

    Attributes:
        rpc: The call's name on the wire; ``"upload"`` for an upload, which is several.

        codes: The shots that it was about.

        values: Their descriptions, or the name of their new file, where it set them.

        once: Whether a second execution would do it again.

        outcome: ``"done"``, ``"unknown"`` when the client said so, else ``"failed"``.

        ids: The ids that a create or an upload returned.

        error: What was raised, its class first.
    """

    rpc: str
    codes: List[str]
    values: List[str]
    once: bool = False
    outcome: str = ""
    ids: List[int] = field(factory=list)
    error: Optional[str] = None

    @property
    def does(self) -> str:
        """
        What it does to each of its shots.
        """
        return self.rpc if self.rpc != "batch" else "create" if self.once else "update"

    @property
    def times(self) -> str:
        """
        How often the site may have done it, as part of a regular expression.
        """
        if self.outcome == "failed":
            return "{0}"
        return f"{{{int(self.outcome == 'done')},{1 if self.once else ''}}}"


@define
class Notes:
    """
    What all threads of one client wrote down.

    Attributes:
        writes: Their writes, those to one shot in the order in which they were made.

        wrong: Answers that were those to other questions, or not true.

        hung: What threads were at that did not end.

        answered: How many reads of each name were answered.

        errors: How many calls raised each class.

        calls: How many calls were made.

        seconds: How long it took.

        longest: Seconds of the longest call.
    """

    writes: List[Note] = field(factory=list)
    wrong: List[str] = field(factory=list)
    hung: List[str] = field(factory=list)
    answered: Counter[str] = field(factory=collections.Counter)
    errors: Counter[str] = field(factory=collections.Counter)
    calls: int = 0
    seconds: float = 0.0
    longest: float = 0.0

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Notes":
        state = json.loads(text)
        state["writes"] = [Note(**note) for note in state["writes"]]
        for name in ("answered", "errors"):
            state[name] = collections.Counter(state[name])
        return cls(**state)

    def add(self, other: "Notes") -> None:
        """
        Take in what others wrote down at the same time.
        """
        self.writes += other.writes
        self.wrong += other.wrong
        self.hung += other.hung
        self.answered += other.answered
        self.errors += other.errors
        self.calls += other.calls
        self.seconds, self.longest = max(self.seconds, other.seconds), max(self.longest, other.longest)


@define
class Shot:
    """
    One shot as its thread knows it: each attribute is the set of what may be true.
    """

    code: str
    id: Optional[int] = None
    exists: Set[bool] = field(factory=lambda: {False})
    descriptions: Set[str] = field(factory=set)
    retired: Set[bool] = field(factory=lambda: {False})
    followed: Set[bool] = field(factory=lambda: {False})
    files: Dict[str, Note] = field(factory=dict)
    told: List[str] = field(factory=list)
    pattern: str = ""
    generous: str = ""

    def learn(self, note: Note) -> None:
        """
        Take in a write: what was done is true, what failed may be, since not every client tells the truth.
        """
        at = note.codes.index(self.code)
        self.told.append(" ".join(filter(None, [note.rpc, note.outcome, note.error])))
        if note.rpc == "upload":
            self.files[note.values[0]] = note
            return
        letter = LETTERS[note.rpc]
        self.pattern += letter + note.times
        self.generous += letter + ("+" if note.outcome == "done" else "*")
        if note.does == "create":
            self._learn("exists", True, note.outcome)
            if note.outcome == "done":
                self.id = note.ids[at]
        if note.does in {"create", "update"}:
            self._learn("descriptions", note.values[at], note.outcome)
        elif note.does in {"delete", "revive"}:
            self._learn("retired", note.does == "delete", note.outcome)
        else:
            self._learn("followed", note.does == "follow", note.outcome)

    def _learn(self, name: str, value: Any, outcome: str) -> None:
        setattr(self, name, {value} if outcome == "done" else getattr(self, name) | {value})


@define
class Verdict:
    """
    What a client is to answer for; each list names the shots and what happened to them.

    Attributes:
        duplicates: Shots and files that are on the site more often than they were asked for.

        lost: Writes that were acknowledged and are not on the site.

        denied: Writes that failed, although the site did them, and were not said to be uncertain.

        unexplained: Shots to which the site did something else than the client noted.
    """

    duplicates: List[str] = field(factory=list)
    lost: List[str] = field(factory=list)
    denied: List[str] = field(factory=list)
    unexplained: List[str] = field(factory=list)


def judge(notes: Notes, harvest: Dict[str, Any]) -> Verdict:
    """
    Return what is wrong, by the notes and by what the site says of itself (`ChaosSite.harvest`).
    """
    verdict = Verdict()
    shots: Dict[str, Shot] = {}
    for note in notes.writes:
        for code in note.codes:
            shots.setdefault(code, Shot(code)).learn(note)
    rows: DefaultDict[str, List[Any]] = collections.defaultdict(list)
    for row in harvest["rows"]:
        rows[row["code"]].append(row)
    done: DefaultDict[int, str] = collections.defaultdict(str)
    for rpc, ids in harvest["ledger"]:
        for entity_id in ids:
            done[entity_id] += LETTERS[rpc]
    for shot in shots.values():
        _judge_shot(verdict, shot, [(row, done[row["id"]]) for row in rows.pop(shot.code, [])])
        _judge_files(verdict, shot, harvest["files"])
    verdict.unexplained += [f"{code} is on the site, and nobody noted it" for code in rows]
    return verdict


def _judge_shot(verdict: Verdict, shot: Shot, found: List[Tuple[Dict[str, Any], str]]) -> None:
    what = f"{shot.code}: noted {shot.told}; on the site {[row for row, _done in found]}; done {[d for _r, d in found]}"
    verdict.duplicates += [what] * (len(found) - 1)
    row, done = next(((row, done) for row, done in found if row["id"] == shot.id), found[0] if found else (None, ""))
    if row is None:
        if shot.exists == {True}:
            verdict.lost.append(what)
    elif (
        shot.id not in {None, row["id"]}
        or row["description"] not in shot.descriptions
        or row["retired"] not in shot.retired
        or row["followed"] not in shot.followed
    ):
        verdict.lost.append(f"{what}; known {shot}")
    elif not re.fullmatch(shot.pattern, done):
        (verdict.denied if re.fullmatch(shot.generous, done) else verdict.unexplained).append(what)


def _judge_files(verdict: Verdict, shot: Shot, files: List[Tuple[int, str]]) -> None:
    for name, note in shot.files.items():
        ids = [number for number, its_name in files if its_name == name]
        what = f"file {name!r} of {shot.code}: noted {shot.told}, ids {note.ids}; on the site {ids}"
        verdict.duplicates += [what] * (len(ids) - 1)
        if note.outcome == "done" and note.ids[0] not in ids:
            verdict.lost.append(what)
        if note.outcome == "failed" and ids:
            verdict.denied.append(what)
