"""
Results and errors cross processes: each public class that can be part of one can be pickled.
"""

import importlib
import inspect
import pickle
import pickletools
import pkgutil

import attrs
import pytest
from shotgun_api3 import Fault

import sgextended
from sgextended import (
    ActionMenu,
    Call,
    CallCancelled,
    Event,
    Failure,
    HandlerState,
    Link,
    Parked,
    PlannedWrite,
    Proxy,
    RetryPolicy,
    Trace,
    UndoEntry,
    UndoResult,
    Webhook,
    Write,
)
from sgextended.domain.batches import Batch, Report
from sgextended.domain.query_fields.query_field_values import NotComputed
from sgextended.domain.table_import.apply_import import ImportReport
from sgextended.domain.table_import.import_plan import ImportPlan, PlannedRow
from sgextended.domain.table_import.table_files import Table, TableRow
from sgextended.errors import SGExtendedError
from sgextended.observe.trace_report import Line, MethodCall, Sum
from sgextended.schema.validation import Problem

ENTRY = UndoEntry(number=1, method="update", entity_type="Shot", entity_id=2, old={"code": "a"}, new={"code": "b"})
WRITE = Write(method="update", entity_type="Shot", entity_id=2, data={"code": "b"})
ROW = PlannedRow(line=2, action="create", key="a", name="sh010", data={"code": "sh010"})
INSTANCES = [
    ActionMenu(entity_type="Shot", selected_ids=[1], extra={"view": "Default"}),
    Batch(first=0, requests=[{"request_type": "delete", "entity_type": "Shot", "entity_id": 1}], error=Fault("no")),
    Call(rpc="read", entity_type="Shot", error=Fault),
    Event(id=1, event_type="Shotgun_Shot_Change", new_value="ip"),
    Failure(item={"type": "Shot", "id": 1}, error=Fault("no")),
    ImportPlan(entity_type="Shot", identified_by=("code",), rows=[ROW]),
    ImportReport(written=[(ROW, {"type": "Shot", "id": 1})], error=Fault("no")),
    HandlerState(name="handler", mark=7),
    Line("a.py", 7, "main"),
    Link(id=1, type="Shot", name="sh010"),
    MethodCall(Line("a.py", 7, "main"), 1),
    NotComputed("sg_sum", "no summary"),
    Parked(id=7, attempts=1, error="no"),
    PlannedWrite(write=WRITE, old=None, new={"code": "b"}),
    Problem(("filters", 0), "no such field"),
    Proxy.parse("proxy.example:8080"),
    Report([Batch(first=0, requests=[], results=[])]),
    RetryPolicy(attempts=2),
    Sum(calls=1),
    Table(headers=["code"], rows=[]),
    TableRow(line=2, cells=["sh010"]),
    UndoResult(done=[ENTRY], left=[(ENTRY, "gone")]),
    Webhook(delivery_ids=["1"], notices=[{"id": "0"}]),
    ENTRY,
    ROW,
    WRITE,
]  # fmt: skip
#: Public attrs classes that no result and no error contains. `tests/test_site_settings.py` pickles a Site.
NOT_IN_RESULTS = {
    "Attribute", "BatchOptions", "Claim", "Column", "Condition", "ConditionGroup", "Conversion", "Endpoint",
    "EventFilter", "Field", "FollowOptions", "Gap", "Handler", "ImportOptions", "LinkNames", "Observation",
    "Options", "Outcome", "Position", "QueryFieldDefinition", "RecordClass", "Reference", "References",
    "SGExtended", "SGWorker", "Scope", "Site", "Wanted",
}  # fmt: skip
#: Modules that pickles may name: their names are the same on each version of Python. Dask, once it is imported, lets
#: tblib pickle exceptions; its workers have that too.
STABLE = {"sgextended", "shotgun_api3", "__builtin__", "attr", "collections", "copyreg", "pathlib", "_codecs", "tblib"}


def classes():
    """
    Return the classes of the package that are written in it, except those of the local site and of the command line.
    """
    apart = tuple(f"sgextended.{name}" for name in ("localsite", "cli", "pytest_plugin", "__main__"))
    modules = [each.name for each in pkgutil.walk_packages(sgextended.__path__, "sgextended.")]
    found = {
        each
        for name in modules
        if not name.startswith(apart)
        for each in vars(importlib.import_module(name)).values()
        if inspect.isclass(each) and each.__module__.split(".")[0] == "sgextended"
    }
    return sorted(found, key=lambda each: each.__qualname__)


CLASSES = classes()
IN_SGEXTENDED = [each for each in CLASSES if each.__module__ == "sgextended"]


def modules_of(pickled):
    """
    Return the modules that a pickle of protocol 2 imports from.
    """
    return {text.split(".")[0].split(" ")[0] for code, text, _ in pickletools.genops(pickled) if code.name == "GLOBAL"}


@pytest.mark.parametrize(
    "each", [each for each in CLASSES if each.__module__ == "sgextended"], ids=lambda each: each.__name__
)
def test_class_is_where_it_says(each):
    """
    A class that names ``sgextended`` as its module is there: pickle looks for it by these names.
    """
    assert getattr(sgextended, each.__qualname__) is each


def test_every_public_class_is_known():
    """
    A new public attrs class is in one of the two lists, so that its pickles are not forgotten.
    """
    public = {each.__name__ for each in CLASSES if attrs.has(each) and not each.__name__.startswith("_")}

    assert public == {type(each).__name__ for each in INSTANCES} | NOT_IN_RESULTS


@pytest.mark.parametrize("each", INSTANCES, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_instance_survives_pickling(each, protocol):
    """
    A copy has the same class and shows the same values.
    """
    copy = pickle.loads(pickle.dumps(each, protocol))

    assert type(copy) is type(each)
    assert repr(copy) == repr(each)


@pytest.mark.parametrize("each", INSTANCES, ids=lambda each: type(each).__name__)
def test_pickle_can_be_read_by_another_python(each):
    """
    A pickle of protocol 2 names only modules that exist on each version of Python.
    """
    assert modules_of(pickle.dumps(each, 2)) <= STABLE


@pytest.mark.parametrize(
    "each", [each for each in CLASSES if issubclass(each, SGExtendedError)], ids=lambda each: each.__name__
)
def test_error_with_its_cause_survives_pickling(each):
    """
    Each error of the package, also one that is not in `sgextended.errors`, keeps its class and message.
    """
    copy = pickle.loads(pickle.dumps(each("the message")))

    assert type(copy) is each
    assert str(copy) == "the message"


def test_trace_survives_pickling():
    """
    A worker may return its trace.
    """
    trace = Trace()
    trace.add(Call(rpc="read", entity_type="Shot"), MethodCall(Line("a.py", 7, "main"), 1))

    assert str(pickle.loads(pickle.dumps(trace))) == str(trace)


def test_cancelled_call_keeps_what_was_written():
    """
    `CallCancelled` keeps its attributes.
    """
    error = CallCancelled("cancelled", written=(("create", {"type": "Shot", "id": 1}),), result=7)
    copy = pickle.loads(pickle.dumps(error))

    assert (copy.written, copy.result) == (error.written, error.result)
