"""
Requests for a local site that are nearly right, nonsense or harmful: calls, filters, forms, images, addresses, bytes.

`tests/localsite/server/` and `benchmarks/fuzz.py` share them. A request is plain data, so a failing one can be printed
and sent again.
"""

import gzip
import json
import random
import urllib.parse
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Sequence, Tuple

from fix_fuzz_images import picture
from fix_fuzz_sending import Sent

from sgextended.localsite.reading.filter_operators import RELATIONS
from sgextended.localsite.schema.entity_types import standard_schema

KEYS = [
    *("additional_filter_presets", "conditions", "current_page", "data_type", "direction", "entities", "entity"),
    *("entities_per_page", "entity_types", "field", "field_name", "fields", "filters", "grouping", "id", "name"),
    *("include_archived_projects", "logical_operator", "multi_entity_update_mode", "paging", "path", "project"),
    *("properties", "property_name", "relation", "request_type", "return_fields", "return_only", "sorts", "summaries"),
    *("text", "type", "url", "user", "value", "values", "local_path", "relative_path", "local_storage", "prefs"),
]
WORDS = [
    *("and", "asc", "between", "code", "contains", "count", "create", "desc", "entity", "entity.Shot.code", "exact"),
    *("in", "in_last", "is", "is_not", "Note", "or", "Project", "retired", "set", "Shot", "sg_sequence", "starts_with"),
    *("Task", "tasks.Task.content", "update", "Version", "$FROM$Task.entity", "month", "sum", "", "DAY", "this_file"),
    *("/Project/1/Shot", f"/Project/{2**70}", f"/Project/1/Shot/id/{2**70}", "/Project/\u00b2"),
    *("2024-01-01", "2024-01-01T00:00:00Z", "image", "sg_uploaded_movie", "tags", "task_assignees", "duration"),
]
SHOT = {"type": "Shot", "id": 1}
_FILTERS = {
    "logical_operator": "and",
    "conditions": [
        {"path": "code", "relation": "is", "values": ["x"]},
        {"logical_operator": "or", "conditions": [{"path": "project.Project.name", "relation": "in", "values": ["x"]}]},
        {"path": "created_at", "relation": "in_last", "values": [3, "DAY"]},
        {"path": "tasks", "relation": "is_not", "values": [{"type": "Task", "id": 1}]},
    ],
}
_FIELDS_SENT = [
    {"field_name": "code", "value": "y"},
    {"field_name": "project", "value": {"type": "Project", "id": 1}},
    {"field_name": "assets", "value": [], "multi_entity_update_mode": "add"},
    {"field_name": "sg_status_list", "value": "ip"},
]
_DATES = [{"field_name": name, "value": "2024-01-02"} for name in ("start_date", "due_date")]
_DATES += [{"field_name": "duration", "value": 480}, {"field_name": "splits", "value": []}]
_PATH = [{"field_name": "sg_uploaded_movie", "value": {"local_path": "/mnt/x", "name": "n", "content_type": "t"}}]
_PRESETS = [{"preset_name": "LATEST", "latest_by": "ENTITIES_CREATED_AT"}]
# A good request of each name, whose parts are replaced by anything at all.
GOOD = [
    ("read", {"type": "Shot", "filters": _FILTERS, "return_fields": ["code", "project.Project.name"], "return_only":
              "active", "paging": {"entities_per_page": 5, "current_page": 1}, "include_archived_projects": False,
              "sorts": [{"field_name": "code", "direction": "asc"}], "return_paging_info": True}),
    ("read", {"type": "Version", "filters": _FILTERS, "additional_filter_presets": _PRESETS}),
    ("summarize", {"type": "Shot", "filters": _FILTERS, "summaries": [{"field": "id", "type": "count", "value": 1}],
                   "grouping": [{"field": "created_at", "type": "month", "direction": "asc"}]}),
    ("create", {"type": "Shot", "fields": _FIELDS_SENT, "return_fields": ["id"]}),
    ("update", {"type": "Shot", "id": 1, "fields": _FIELDS_SENT, "multi_entity_update_mode": "set"}),
    ("update", {"type": "Task", "id": 1, "fields": _DATES}),
    ("update", {"type": "Version", "id": 1, "fields": _PATH}),
    ("delete", {"type": "Shot", "id": 2}),
    ("revive", {"type": "Shot", "id": 2}),
    ("batch", [{"request_type": "update", "type": "Shot", "id": 1, "fields": _FIELDS_SENT},
               {"request_type": "create", "type": "Shot", "fields": _FIELDS_SENT}]),
    ("schema_read", {"project": {"type": "Project", "id": 1}}),
    ("schema_entity_read", {"project": {"type": "Project", "id": 1}}),
    ("schema_field_read", {"type": "Shot", "field_name": "code", "project": {"type": "Project", "id": 1}}),
    ("schema_field_create", {"type": "Shot", "data_type": "list", "properties": [
        {"property_name": "name", "value": "N"}, {"property_name": "valid_values", "value": ["a"]}]}),
    ("schema_field_update", {"type": "Shot", "field_name": "code", "properties": [
        {"property_name": "description", "value": "d"}], "project": {"type": "Project", "id": 1}}),
    ("schema_field_delete", {"type": "Shot", "field_name": "sg_n"}),
    ("follow", {"user": {"type": "HumanUser", "id": 1}, "entity": SHOT}),
    ("unfollow", {"user": {"type": "HumanUser", "id": 1}, "entity": SHOT}),
    ("followers", {"entity": SHOT}),
    ("following", {"user": {"type": "HumanUser", "id": 1}, "project": {"type": "Project", "id": 1}}),
    ("note_thread_contents", {"note_id": 1, "entity_fields": {"Note": ["subject"], "Reply": ["content"]}}),
    ("query_display_name_cache", {"text": "some x", "entity_types": {"Shot": _FILTERS}, "project_ids": [1],
                                  "max_results": 5}),
    ("activity_stream", {"type": "Shot", "id": 1, "max_id": None, "min_id": 0, "limit": 5, "entity_fields":
                         {"Shot": ["code"]}}),
    ("nav_expand", {"path": "/Project/1", "seed_entity_field": "Version.entity", "entity_fields":
                    {"Shot": ["code"]}}),
    ("nav_search", {"root_path": "/", "seed_entity_field": "Version.entity", "search_criteria": {"search_string":
                    "x"}}),
    ("nav_search", {"root_path": "/", "seed_entity_field": None, "search_criteria": {"entity": SHOT}}),
    ("get_session_token", {}),
    ("preferences_read", {"prefs": ["hours_per_day"]}),
    ("user_subscriptions_read", {}),
    ("user_subscriptions_create", {"users": [{"humanUserId": 1, "subscription": ["x"]}]}),
    ("update_project_last_accessed_by_current_user", {"project_id": 1, "user_id": 1}),
    ("export_page", {"format": "csv", "page_id": 1, "layout_name": None}),
    ("work_schedule_read", {"start_date": "2024-01-01", "end_date": "2024-01-09", "project": None, "user": None}),
    ("work_schedule_update", {"date": "2024-01-01", "working": True, "description": None, "project": None, "user": None,
                              "recalculate_field": "due_date"}),
]  # fmt: skip


def places(value: Any, at: Tuple[Any, ...] = ()) -> Iterator[Tuple[Any, ...]]:
    """
    Yield the way to every part of a value.
    """
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        yield from places(part, (*at, key))


def replaced(value: Any, at: Tuple[Any, ...], new: Any) -> Any:
    """
    Return a copy of *value* in which the part at the end of the way *at* is another.
    """
    if not at:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[at[0]] = replaced(copy[at[0]], at[1:], new)
    return copy


_LIST = {
    "type": "SG.Widget.EntityQuery.EntityQueryPage",
    "settings": {"entity_type": "Task", "filters": _FILTERS, "sorts": [{"column": "content", "direction": "desc"}]},
    "children": {"list_content": {"settings": {"columns": ["content", {"column": "sg_status_list"}]}}},
}
_PAGE = {
    "type": "SG.Widget.Canvas",
    "settings": {"api_exportable": True, "layouts": [{"name": "l", "display_name": "L", "api_exportable": True}]},
    "children": {"l": _LIST},
}
#: Values of fields that other requests use: entity type, ids, field and a good value.
STORED = (
    ("PageSetting", (1, 2, 9001, 9002), "settings_json", _PAGE),
    ("Project", (1, 2), "tracking_settings", {"navchains": {"Shot": "Sequence,Shot", "Asset": "sg_asset_type,Asset"}}),
    ("Task", (1, 2, 3), "splits", [{"start": "2024-01-02", "end": "2024-01-03"}]),
    ("Task", (1, 2, 3), "start_date", "2024-01-02"),
    ("Task", (1, 2, 3), "duration", 960),
    ("Shot", (1, 2), "tag_list", ["a", "b"]),
    ("Version", (1, 2), "sg_uploaded_movie", {"url": "http://[::1/x", "name": "n"}),
    ("Attachment", (1, 2), "this_file", {"url": "http://x/y", "name": "n"}),
    ("CustomEntity01", (1,), "code", "x"),
    ("LocalStorage", (1,), "linux_path", "/mnt"),
)
#: Requests that use them.
USES = (
    *(("export_page", {"format": "csv", "page_id": number, "layout_name": None}) for number in (1, 2, 9001, 9002)),
    ("nav_expand", {"path": "/Project/1", "seed_entity_field": "Version.entity", "entity_fields": None}),
    ("nav_expand", {"path": "/Project/1/Shot", "seed_entity_field": None, "entity_fields": None}),
    ("nav_search", {"root_path": "/Project/1", "seed_entity_field": "Task.entity",
                    "search_criteria": {"entity": SHOT}}),
    ("update", {"type": "Task", "id": 1, "fields": _DATES}),
    ("read", {"type": "Task", "filters": _FILTERS, "return_fields": ["splits", "start_date", "workload", "duration"]}),
    ("read", {"type": "PageSetting", "filters": {"logical_operator": "and", "conditions": []},
              "return_fields": ["settings_json", "page"]}),
    ("activity_stream", {"type": "Shot", "id": 1, "max_id": None, "min_id": None, "limit": 50, "entity_fields": {}}),
)  # fmt: skip
FORMS = (
    *("upload_file", "publish_thumbnail", "share_thumbnail", "api_get_upload_link_info"),
    *("api_get_upload_link_for_part", "api_complete_multipart_upload", "api_link_file"),
)
#: Numbers that JSON can write and few programs expect. They are written as text, because `json.dumps` refuses some.
NUMBERS = (
    *("1e400", "-1e400", "NaN", "Infinity", "1e-400", "-0", "0.1e1", str(2**31), str(-(2**31) - 1), str(2**63)),
    *(str(-(2**63) - 1), str(2**64), "9" * 200, "9" * 400, "9" * 5000, "1" * 400 + ".5", "1E+999", "0", "-1"),
)
TEXTS = (
    *("", "\0", "a\0b", "%", "_" * 50, "%a" * 1000, "\\", "'", '"', "x" * 20_000, "\u0130\u00df\U0001f600", "\u202e"),
    *("../../etc/passwd", "/etc/passwd", "..\\..\\x", "C:\\x", "file:///etc/passwd", "{{7*7}}", "<script>", "\r\nX: y"),
    *("9999-12-31", "0001-01-01", "2024-02-30", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "24:00"),
    *("\u0661\u0662", "9" * 5000, "1e400", "nan", "-0", " 12 ", "1_000", "2024-01-01T00:00:00.5+0530"),
)
#: Types whose rows let the caller in, so no request that writes may name them.
_KEYS_OF_CALLERS = (b"ApiUser", b"HumanUser", b"PermissionRuleSet", b"ClientUser")
_READING = ("read", "summarize", "schema_", "nav_", "activity_stream", "preferences_read", "query_", "note_thread")
_NUMBER = "\u2063%d\u2063"


class Fuzz:
    """
    Makes requests at random.

    Args:
        seed: Two of the same seed make the same requests.

        auth: The credentials that most requests carry.
    """

    def __init__(self, seed: int, auth: Dict[str, str]) -> None:
        self.random = random.Random(seed)
        self._auth = auth
        self._types = sorted(standard_schema().types)
        self._makers: Sequence[Tuple[Callable[[], Sent], int]] = (
            (self._mutated, 40),
            (self._filtered, 25),
            (self._stored, 6),
            (self._form, 12),
            (self._picture, 8),
            (self._address, 12),
            (self._bytes, 3),
        )

    def request(self) -> Sent:
        """
        Return the next request.
        """
        makers, weights = zip(*self._makers)
        while True:
            sent: Sent = self.random.choices(makers, weights)[0]()
            if not self._locks_out(sent):
                return sent

    def _locks_out(self, sent: Sent) -> bool:
        writes = sent.method == "POST" and not any(f'"{name}'.encode() in sent.body[:60] for name in _READING)
        return writes and any(name in sent.body for name in _KEYS_OF_CALLERS)

    def _rpc(self, kind: str, method: str, payload: Any) -> Sent:
        numbers: List[str] = []

        def plain(value: Any) -> Any:
            if isinstance(value, _Raw):
                numbers.append(value.text)
                return _NUMBER % (len(numbers) - 1)
            if isinstance(value, dict):
                return {str(key): plain(part) for key, part in value.items()}
            return [plain(part) for part in value] if isinstance(value, (list, tuple)) else value

        auth: Any = self._auth if self.random.random() < 0.95 else self._value()
        text = json.dumps({"method_name": method, "params": [plain(auth), plain(payload)]})
        for number, written in enumerate(numbers):
            text = text.replace(json.dumps(_NUMBER % number), written)
        body = text.encode()
        headers = {"content-type": "application/json"}
        if self.random.random() < 0.02:
            body, headers["content-encoding"] = gzip.compress(body), "gzip"
        return Sent(kind, "POST", "/api3/json", headers, body)

    def _mutated(self) -> Sent:
        method, payload = self.random.choice(GOOD)
        for _change in range(self.random.randint(1, 3)):
            at = self.random.choice(list(places(payload)))
            payload = replaced(payload, at, self._value())
        if isinstance(payload, dict) and self.random.random() < 0.3:
            payload = {self.random.choice(KEYS): self._value(), **payload}
        return self._rpc("call", method, payload)

    def _stored(self) -> Sent:
        """
        A write of a value that other requests use later, such as the settings of a page, or a request that uses it.
        """
        if self.random.random() < 0.4:
            return self._rpc("stored", *self.random.choice(USES))
        entity_type, ids, field, value = self.random.choice(STORED)
        for _change in range(self.random.randint(0, 2)):
            value = replaced(value, self.random.choice(list(places(value))), self._value())
        fields = [{"field_name": field, "value": value}]
        return self._rpc("stored", "update", {"type": entity_type, "id": self.random.choice(ids), "fields": fields})

    def _value(self, depth: int = 0) -> Any:
        chosen = self.random.random()
        if chosen < 0.25:
            return self.random.choice(WORDS)
        if chosen < 0.35:
            return self.random.choice(self._types)
        if chosen < 0.5:
            return _Raw(self.random.choice(NUMBERS))
        if chosen < 0.65:
            return self.random.choice(TEXTS)
        if chosen < 0.7:
            return "\ud800" if self.random.random() < 0.3 else self._text()
        if chosen < 0.78:
            return self.random.choice((None, True, False, 0, 1, -1, 1.5))
        if depth > 3:
            return None
        if chosen < 0.86:
            return {"type": self.random.choice(self._types), "id": self._value(4)}
        if chosen < 0.93:
            return {self.random.choice(KEYS): self._value(depth + 1) for _each in range(self.random.randrange(4))}
        some = [self._value(depth + 1) for _each in range(self.random.randrange(4))]
        return some * (1 if depth else self.random.choice((1, 1, 1, 3, 40)))

    def _text(self) -> str:
        return "".join(chr(self.random.choice((*range(128), 0xE9, 0x301, 0x1F600))) for _each in range(8))

    def _filtered(self) -> Sent:
        """
        A read or a summary whose parts have the right form: paths that exist, and relations that fields have.
        """
        entity_type = self.random.choice(self._types)
        payload: Dict[str, Any] = {"type": entity_type, "filters": self._group(entity_type, 0)}
        if self.random.random() < 0.6:
            payload["return_fields"] = [self._path(entity_type) for _each in range(self.random.choice((1, 5, 40)))]
            payload["sorts"] = [
                {"field_name": self._path(entity_type), "direction": self.random.choice(("asc", "desc"))}
                for _each in range(self.random.choice((0, 1, 3, 70)))
            ]
            pages = (1, 500, 5000, 0, -1, 2**31, _Raw("1e400"))
            payload["paging"] = {key: self.random.choice(pages) for key in ("entities_per_page", "current_page")}
            return self._rpc("filter", "read", payload)
        kinds = ("count", "sum", "average", "maximum", "minimum", "record_count", "earliest", "latest", "checked")
        payload["summaries"] = [
            {"field": self._path(entity_type), "type": self.random.choice((*kinds, "status_list", "percentage"))}
            for _each in range(self.random.choice((1, 3, 30)))
        ]
        groups = ("exact", "month", "oneday", "firstletter", "tens", "thousands", "clustered_date", "entitytype")
        payload["grouping"] = [
            {"field": self._path(entity_type), "type": self.random.choice(groups), "direction": "asc"}
            for _each in range(self.random.choice((0, 1, 2, 20)))
        ]
        return self._rpc("filter", "summarize", payload)

    def _path(self, entity_type: str, deepest: int = 6) -> str:
        schema, parts = standard_schema(), []
        for _step in range(self.random.choice((1, 1, 1, 2, 3, deepest))):
            fields = list(schema[entity_type].fields.values())
            links = [each for each in fields if each.data_type in {"entity", "multi_entity"} and each.valid_types]
            if not links:
                break
            link = self.random.choice(links)
            entity_type = self.random.choice(sorted(link.valid_types))
            if entity_type not in schema.types:
                return link.name
            parts += [link.name, entity_type]
        return ".".join([*parts, self.random.choice(sorted(schema[entity_type].fields))])

    def _group(self, entity_type: str, depth: int) -> Dict[str, Any]:
        conditions: List[Any] = []
        for _each in range(self.random.choice((1, 1, 2, 3, 60)) if depth == 0 else 1):
            if depth < 300 and self.random.random() < (0.1 if depth < 3 else 0.97):
                conditions.append(self._group(entity_type, depth + 1))
            else:
                conditions.append(self._condition(entity_type))
        return {"logical_operator": self.random.choice(("and", "or")), "conditions": conditions}

    def _condition(self, entity_type: str) -> Dict[str, Any]:
        path = self._path(entity_type, deepest=40)
        if self.random.random() < 0.1:
            other = self.random.choice(self._types)
            path = f"$FROM${other}.{self._path(other)}.id"
        holder, field = (["", entity_type, *path.split(".")])[-2:]
        found = standard_schema().field(holder, field)
        relations = RELATIONS.get(found.data_type, ("is",)) if found is not None else ("is",)
        relation = self.random.choice(relations)
        count = {"between": 2, "in_last": 2, "in_next": 2}.get(relation, 1)
        if relation in {"in", "not_in"}:
            count = self.random.choice((0, 1, 3, 3000))
        values = [self._value(4) for _each in range(min(count, 3))]
        if count > 3:
            values = [*values, *range(count)]
        if relation in {"in_last", "in_next", "not_in_last", "not_in_next"}:
            values = [self.random.choice((1, 10**6, 2**40, _Raw("1e400"))), self.random.choice(("YEAR", "MONTH", "x"))]
        return {"path": path, "relation": relation, "values": values}

    def _fields(self) -> Dict[str, str]:
        words = ("Shot", "1", "Shot_1", "Attachment", "image", "1\nx\ny\nAttachment", "0" * 32, "0" * 32 + "\n", *TEXTS)
        names = ("entity_type", "entity_id", "field_name", "display_name", "tag_list", "created_at", "filename")
        names += ("upload_id", "upload_type", "part_number", "etags", "upload_link_info", "entities", "source_entity")
        chosen = {self.random.choice((*names, "filmstrip")): self.random.choice(words)[:2000] for _each in range(4)}
        return {"entity_type": "Shot", "entity_id": "1", **chosen, **self._auth}

    def _multipart(self, kind: str, form: str, fields: Dict[str, str], file: bytes, filename: str) -> Sent:
        head = 'Content-Disposition: form-data; name="'
        parts = [f'--b\r\n{head}{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields.items()]
        parts += parts[:1] if self.random.random() < 0.1 else []
        parts.append(f'--b\r\n{head}file"; filename="{filename}"\r\n\r\n'.encode() + file + b"\r\n")
        body = b"".join(parts) + (b"--b--\r\n" if self.random.random() < 0.95 else b"")
        return Sent(kind, "POST", f"/upload/{form}", {"content-type": "multipart/form-data; boundary=b"}, body)

    def _form(self) -> Sent:
        form, fields = self.random.choice(FORMS), self._fields()
        if self.random.random() < 0.3:
            body = urllib.parse.urlencode(fields).encode()
            return Sent("form", "POST", f"/upload/{form}", {"content-type": "application/x-www-form-urlencoded"}, body)
        file = bytes(self.random.randrange(256) for _each in range(self.random.choice((0, 10, 300))))
        return self._multipart("form", form, fields, file, self.random.choice(TEXTS)[:300])

    def _picture(self) -> Sent:
        form, name = "publish_thumbnail", self.random.choice(("a.png", "a.jpg", "a.tif", "a.gif", "a.tga", "a"))
        fields = {"entity_type": "Shot", "entity_id": "1", **self._auth}
        if self.random.random() < 0.3:
            fields["filmstrip"] = "1"
        if self.random.random() < 0.3:
            form = "upload_file"
        return self._multipart("image", form, fields, picture(self.random), name)

    def _address(self) -> Sent:
        odd = (
            "..",
            "%00",
            "%2e%2e%2f",
            "%5c..%5c",
            "\\",
            "%ff",
            "0",
            "1",
            "-1",
            str(2**63),
            "9" * 400,
            "Shot",
            "x" * 3000,
        )
        known = (
            "file_serve/attachment",
            "storage/attachment",
            "storage/thumbnail",
            "thumbnail/full",
            "records",
            "detail",
        )
        known += (
            "calls/after",
            "pages",
            "upload/get_thumbnail_url",
            "images",
            "storage/upload",
            "healthz",
            "calls",
            "",
        )
        parts = [self.random.choice(known), *(self.random.choice(odd) for _each in range(self.random.randrange(4)))]
        path = "/" + "/".join(parts)
        if self.random.random() < 0.3:
            path = f"/records/{self.random.choice(self._types)}"
        names = (
            "page",
            "sort",
            "fields",
            "filter",
            "q",
            "expires",
            "signature",
            "columns",
            "field",
            "relation",
            "value",
        )
        values = (*TEXTS[:20], "1", "-1", "code", "entity.Shot.code", "9" * 30)
        pairs = [
            (self.random.choice(names), self.random.choice(values)[:500]) for _each in range(self.random.randrange(4))
        ]
        if pairs:
            path += "?" + urllib.parse.urlencode(pairs)
        method = self.random.choice(("GET", "GET", "GET", "HEAD", "PUT", "POST", "DELETE"))
        headers = {"cookie": self.random.choice(("_session_id=x", "a=b", ";;"))} if self.random.random() < 0.2 else {}
        return Sent("address", method, path, headers, b"" if method in {"GET", "HEAD"} else b"x" * 50)

    def _bytes(self) -> Sent:
        good = b'POST /api3/json HTTP/1.1\r\nHost: x\r\nContent-Length: 23\r\n\r\n{"method_name": "info"}'
        bad = bytearray(good)
        for _change in range(self.random.randrange(1, 12)):
            bad[self.random.randrange(len(bad))] = self.random.randrange(256)
        return Sent("bytes", "", "", {}, bytes(bad))


class _Raw(NamedTuple):
    """
    A number as JSON writes it.
    """

    text: str
