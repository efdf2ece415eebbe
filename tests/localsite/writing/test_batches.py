"""
Batches: their results, and the faults that roll them back.
"""

import pytest
from shotgun_api3 import Fault


def test_batch_answers_in_order(sg, make, project):
    """
    A batch answers each request where it stands.
    """
    shot, gone = make("Shot"), make("Shot")
    requests = [
        {
            "request_type": "create",
            "entity_type": "Shot",
            "data": {"project": project, "code": "new"},
            "return_fields": ["sg_status_list"],
        },
        {"request_type": "update", "entity_type": "Shot", "entity_id": shot["id"], "data": {"code": "changed"}},
        {"request_type": "delete", "entity_type": "Shot", "entity_id": gone["id"]},
    ]
    created, updated, deleted = sg.batch(requests)

    assert (created["code"], created["sg_status_list"]) == ("new", "wtg")
    assert updated == {**shot, "code": "changed"}
    assert deleted is True


@pytest.mark.parametrize("index", [0, 2])
@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"request_type": "create", "entity_type": "Shot", "data": {"foo": 1}}, r"Invalid field value, update fail"),
        ({"request_type": "update", "entity_type": "Shot", "entity_id": 10**6, "data": {}}, "Entity of type .* not"),
        ({"request_type": "delete", "entity_type": "Shot", "entity_id": 10**6}, "Entity of type .* not"),
        ({"request_type": "delete", "entity_type": "Nope", "entity_id": 1}, r"API delete\(\) invalid/missing string"),
    ],
)
def test_fault_of_a_batch_has_the_index_of_its_request(sg, make, bad, reason, index):
    """
    The first line of the fault is about the batch, and the second is the fault of the request that failed.
    """
    shot = make("Shot")
    requests = [{"request_type": "update", "entity_type": "Shot", "entity_id": shot["id"], "data": {"code": "x"}}] * 3
    requests[index] = bad

    with pytest.raises(
        Fault, match=rf"^API batch\(\) request with index {index} failed\.  All requests rolled back\.\n{reason}"
    ):
        sg.batch(requests)


@pytest.mark.parametrize(
    "bad", [{"foo": 1}, {"sg_status_list": "x"}, {"sg_sequence": {"type": "Sequence", "id": 10**6}}]
)
def test_batch_is_all_or_nothing(sg, make, project, bad):
    """
    One refused request leaves nothing of the whole batch behind.
    """
    shot = make("Shot", code="before")
    requests = [
        {"request_type": "create", "entity_type": "Shot", "data": {"project": project, "code": "new"}},
        {"request_type": "update", "entity_type": "Shot", "entity_id": shot["id"], "data": {"code": "changed"}},
        {"request_type": "create", "entity_type": "Shot", "data": {"project": project, **bad}},
    ]
    with pytest.raises(Fault):
        sg.batch(requests)

    assert sg.find("Shot", [["project", "is", project]], ["code"]) == [{**shot, "code": "before"}]


def test_batched_create_has_its_own_words_for_unknown_fields(sg, project):
    """
    In a batch, an unknown field is refused as the database layer does.
    """
    request = {"request_type": "create", "entity_type": "Version", "data": {"project": project, "foo": 1}}

    with pytest.raises(
        Fault, match=r"Invalid field value, update failed \[2 - Invalid field name: field \[Version.foo\] does"
    ):
        sg.batch([request])


@pytest.mark.parametrize("payload", [{"a": 1}, [{"request_type": "revive"}], [5]])
def test_malformed_batch_faults(call, payload):
    """
    A batch is a list of creates, updates and deletes.
    """
    assert (
        "API batch() expected" in (message := call("batch", payload)["message"]) or "'request_type' must be" in message
    )
