"""
Hypothesis strategies: what goes over the wire, in both directions, and the odd things that only look like it.
"""

import datetime
import json

from hypothesis import strategies as st

# Texts of 20 characters, or nearly, that some reader of datetimes takes for one.
ODD_TEXTS = [
    "0000-01-01T00:00:00Z",  # no such year
    "0001-01-01T00:00:00Z",  # too early for some zones
    "9999-12-31T23:59:59Z",  # too late for others
    "2024-02-30T12:00:00Z",  # no such day
    "2024-02-29T12:00:00Z",
    "2023-02-29T12:00:00Z",
    "2024-13-01T00:00:00Z",
    "2024-01-01T24:00:00Z",
    "2024-01-01T00:00:60Z",
    "2024-01-01t00:00:00z",  # lower case, which strptime reads
    "2024-01-01 00:00:00Z",
    "2024-01-01T00:00:00+",
    "2024-01-01T00:00:00\n",
    "2024-01-01T00:00:0Z\n",
    "2024-01-01T00:00:00Z\n",  # 21 characters
    "2024-01-01T00:00:00.",
    "20240101T000000.1234",
    "\uff12\uff10\uff12\uff14-01-01T00:00:00Z",  # full-width digits
    "2024-0\u0661-01T00:00:00Z",  # an Arabic one
    "2024-01-01T00:00:00\uff3a",  # a full-width Z
    " 2024-01-01T00:00:0Z",
    "2024/01/01T00:00:00Z",
    "2024-01-01T00-00-00Z",
    "12345678901234567890",
    "20240101 2024010112Z",
    "aaaaaaaaaaaaaaaaaaaa",
    "2024-01-01T00:00Z123",
    "20240101T00:00:00123",  # the official client's pattern takes it, and strptime does not
    "20240101000000000000",
    "2024-01-01",
    "",
]

# Both edges of a day that is 23 or 25 hours long, in the zones that the tests set.
EDGES = [
    "2024-03-10T09:59:59Z", "2024-03-10T10:00:00Z", "2024-11-03T08:30:00Z", "2024-11-03T09:30:00Z",
    "2024-03-31T00:59:59Z", "2024-03-31T01:00:00Z", "2024-10-27T00:30:00Z", "2024-10-27T01:30:00Z",
    "2024-04-06T14:59:59Z", "2024-04-06T15:00:00Z", "2024-10-05T15:30:00Z", "2012-07-01T00:00:00Z",
    "1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "2038-01-19T03:14:08Z",
]  # fmt: skip

datetimes = st.datetimes(datetime.datetime(1971, 1, 1), datetime.datetime(2037, 12, 31))
fixed_zones = st.integers(-14 * 60, 14 * 60).map(lambda m: datetime.timezone(datetime.timedelta(minutes=m)))

#: What a site sends for a datetime.
wire_datetimes = st.one_of(datetimes.map(lambda at: at.strftime("%Y-%m-%dT%H:%M:%SZ")), st.sampled_from(EDGES))

#: Texts in an answer: datetimes, what looks like them, and any others.
wire_texts = st.one_of(
    wire_datetimes,
    st.sampled_from(ODD_TEXTS),
    st.from_regex(r"\A\d{4}\D?(0[1-9]|1[0-2])\D?([12]\d|0[1-9]|3[01])\D?([01]\d|2[0-3])\D?[0-5]\d\D?[0-5]\d\D?\Z"),
    st.text(min_size=20, max_size=20),
    st.text(max_size=5),
    st.sampled_from(["&lt;b&gt;", "a &lt; b", "&amp;lt;"]),
)

_scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False)
)


def _nested(leaves, *, keys=None, **kinds):
    keys = st.text(max_size=6) if keys is None else keys
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4),
            st.dictionaries(keys, inner, max_size=4),
            *(kind(inner) for kind in kinds.values()),
        ),
        max_leaves=12,
    )


#: Any answer of a site, as Python reads its JSON.
answers = _nested(st.one_of(_scalars, wire_texts))

#: The same as the bytes that come.
answer_bodies = answers.map(lambda value: json.dumps(value).encode())

_sent_leaves = st.one_of(
    _scalars,
    st.text(max_size=8, alphabet=st.characters(exclude_categories=["Cs"])),
    datetimes,
    st.datetimes(timezones=fixed_zones),
    st.datetimes(),
    st.dates(),
)

#: Anything that a call may be given.
arguments = _nested(_sent_leaves, tuples=lambda inner: st.lists(inner, max_size=3).map(tuple))

_links = st.fixed_dictionaries(
    {},
    optional={
        "link_type": st.sampled_from(["local", "upload", "web", None]),
        "local_path_linux": st.one_of(st.none(), st.just(""), st.just("/proj/a.exr")),
        "local_path_mac": st.just("/Volumes/proj/a.exr"),
        "url": st.just("https://elsewhere.example"),
        "name": st.sampled_from(["a.exr", "&lt;nested&gt;"]),
    },
)
record = st.dictionaries(
    st.sampled_from(["type", "id", "code", "image", "sg_path", "due_date"]),
    st.one_of(_scalars, wire_texts, _links, st.lists(_links, max_size=2)),
    max_size=5,
)

#: What a call returns where records are expected.
returned_records = st.one_of(
    st.none(), st.just([]), st.just({}), record, st.lists(st.one_of(record, _scalars, st.just("&lt;")), max_size=4)
)

#: Answers to ``read``, and what comes in the place of one.
page_bodies = st.one_of(
    st.lists(st.one_of(record, record, record, _scalars, wire_texts), max_size=4).map(
        lambda records: json.dumps({"results": {"entities": records, "paging_info": {}}}, ensure_ascii=False)
    ),
    answers.map(json.dumps),
).map(lambda text: text.encode("utf-8", "surrogatepass"))


def to_wire(seconds):
    """
    Return what a site sends for a moment, in seconds since the epoch.
    """
    return (datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def near(moments, *, within=3 * 3600):
    """
    What a site sends for a moment that is at most so many seconds away from one of *moments*.
    """
    return st.builds(
        lambda moment, away: to_wire(moment + away), st.sampled_from(moments), st.integers(-within, within)
    )


#: How JSON may write the letter in which datetimes end.
SPELLINGS = ["Z", "z", "\\u005a", "\\u005A", "\\u007a"]


def page_bodies_with(texts):
    """
    Answers to ``read`` that hold *texts* as fields, in links, in lists of links and in local files.
    """
    link = st.fixed_dictionaries(
        {"type": st.just("Task"), "id": st.integers(1, 9)}, optional={"name": texts, "Z": st.lists(texts, max_size=2)}
    )
    file = st.fixed_dictionaries(
        {"link_type": st.sampled_from(["local", "upload"])},
        optional={
            "local_path_linux": st.sampled_from(["/proj/a&lt;b.exr", "", None]),
            "name": texts,
            "created_at": texts,
        },
    )
    plain = st.sampled_from([None, True, 7, 0.5, "", "Zz", "a &lt; Z", "&lt;b&gt;", "Ends in z"])
    value = st.one_of(texts, texts, plain, link, st.lists(st.one_of(link, texts), max_size=3), file)
    one = st.dictionaries(st.sampled_from(["created_at", "updated_at", "code", "sg_path", "Z"]), value, max_size=5)
    return st.builds(_page_body, st.lists(one, min_size=1, max_size=4), st.sampled_from(SPELLINGS), st.booleans())


def _page_body(records, spelling, only_once):
    text = json.dumps({"results": {"entities": records, "paging_info": {"has_next_page": False}}})
    return text.replace("Z", spelling, 1 if only_once else -1).encode()
