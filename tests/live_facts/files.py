"""
Local storages, uploads and thumbnails.
"""
# ruff: noqa: E501
# fmt: off

import datetime as dt
import tempfile
from pathlib import Path

from PIL import Image

from live_facts.fact import Facts, Says

fact = Facts()


def storage(live, **roots):
    """
    Return a local storage of its own with roots below a folder of its own, and that folder.
    """
    folder = f"/{live.name('disk')}"
    paths = {f"{platform}_path": root + folder for platform, root in (roots or {"linux": "/mnt"}).items()}
    return live.make("LocalStorage", code=live.name("storage"), **paths), folder


def path_of(live, value):
    """
    Return how a published file with this path reads, without the id of its Attachment.
    """
    found = live.get(live.make("PublishedFile", path=value), "path")
    assert found.pop("id") > 0
    return found


def refused(live, value):
    """
    Return the fault of a published file that is created with this path.
    """
    return live.fault(live.make, "PublishedFile", path=value)


def uploaded(live, link, name="note.txt", field=None, content=b"12345"):
    """
    Upload a file with a name and return the link to its Attachment.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        if name.endswith(".png"):
            Image.new("RGB", (8, 8)).save(path)
        else:
            path.write_bytes(content)
        return {"type": "Attachment", "id": live.sg.upload(link["type"], link["id"], str(path), field)}


class Delayed:
    """
    Within the block, thumbnails take a minute, and `pass_minute` lets it pass.
    """

    def __init__(self, live):
        self.store = live.site.store

    def __enter__(self):
        self.clock = self.store.clock
        now = self.clock()
        self.store.media.thumbnail_delay, self.store.clock = 60, lambda: now
        return self

    def pass_minute(self):
        now = self.clock() + dt.timedelta(seconds=90)
        self.store.clock = lambda: now

    def __exit__(self, *error):
        self.store.media.thumbnail_delay, self.store.clock = 0, self.clock


@fact("F567", "058/021", "M S", "a path under the root of any platform fills the paths of all three")
def paths_are_filled(live):
    """
    Compare the value written by the root of each platform.
    """
    link, folder = storage(live, linux="/mnt", mac="/Volumes", windows="P:")
    name = live.get(link, "code")
    keys = "local_path_linux", "local_path_mac", "local_path_windows", "relative_path", "local_storage"
    values = [path_of(live, {"local_path": f"{root}{folder}/a/b.ma"}) for root in ("/mnt", "/Volumes", "P:")]
    expected = [f"/mnt{folder}/a/b.ma", f"/Volumes{folder}/a/b.ma", f"P:{folder}/a/b.ma".replace("/", "\\"), "a/b.ma", {**link, "name": name}]
    return [[value[key] for key in keys] for value in values], [expected] * 3


@fact("F568", "058", "M S", "the deepest root wins, whichever is older; of two equal roots the newer row")
def deepest_root_wins(live):
    """
    Compare the storages of paths below nested and equal roots.
    """
    root = f"/mnt/{live.name('nested')}"
    make = lambda path: live.make("LocalStorage", code=live.name("storage"), linux_path=path)  # noqa: E731
    make(root), make(f"{root}/a/b")
    middle = make(f"{root}/a")
    make(f"{root}/c")
    newer = make(f"{root}/c")
    return [path_of(live, {"local_path": f"{root}/{below}"})["local_storage"]["id"] for below in ("a/x.ma", "c/x.ma")], [middle["id"], newer["id"]]


@fact("F569", "004r/url", "M S", "a local file has no url of the site; a root that is not set reads null")
def local_files_are_shown(live):
    """
    Compare the keys and the unset roots. The client adds url and local_path itself.
    """
    _link, folder = storage(live)
    value = path_of(live, {"local_path": f"/mnt{folder}/b.ma"})
    keys = {"link_type", "name", "content_type", "local_storage", "relative_path", "local_path_linux", "local_path_mac", "local_path_windows", "type"}
    return (set(value) - {"url", "local_path"}, value["link_type"], value["local_path_mac"], value["local_path_windows"]), (keys, "local", None, None)


fact("F571", "004r", "M S", "a path outside every root is refused", lambda live: (refused(live, {"local_path": "/no_root/a.ma"}), Says(r"Create failed for \[Attachment\]: Path /no_root/a\.ma doesn't match any defined Local Storage\.")))
fact("F571a", "004r", "M S", "so it is on an update", lambda live: (live.refusal("PublishedFile.path", {"local_path": "/no_root/a.ma"}), Says(r"Create failed for \[Attachment\]: Path /no_root/a\.ma doesn't match any defined Local Storage\.")))
fact("F572", "004r", "M S", "a relative path without a storage lacks a url", lambda live: (refused(live, {"relative_path": "a/b.ma"}), Says("invalid/missing url hash string 'url'")))
fact("F575", "004r", "M S", "content_type is guessed from the name", lambda live: (path_of(live, {"local_path": f"/mnt{storage(live)[1]}/a.ma"})["content_type"], "application/mathematica"))
fact("F576", "013r", "M S", "a file address is a web link; one with a space is refused", lambda live: ((path_of(live, {"url": "file:///mnt/a.ma"})["link_type"], refused(live, {"url": "file:///mnt/a b.ma"})), ("web", Says("Attachment"))))


@fact("F577", "PublishedFile", "M S", "a text for path is refused; the same path, name and version may be published twice")
def paths_are_published_twice(live):
    """
    Compare the fault and the number of published files.
    """
    path, name = {"local_path": f"/mnt{storage(live)[1]}/a.ma"}, live.name("published")
    for _time in range(2):
        live.make("PublishedFile", path=path, name=name, version_number=1)
    return (refused(live, "/mnt/a.ma"), len(live.ids("PublishedFile", ["name", "is", name]))), (Says("got String"), 2)


fact("F578", "LocalStorage", "M S", "a windows root is stored as sent", lambda live: (live.get(live.make("LocalStorage", code=live.name("storage"), windows_path="P:\\a\\b"), "windows_path"), "P:\\a\\b"))


@fact("F579", "013/039", "M S", "a file sent to no field is an Attachment of the row, named after the file")
def files_are_attached(live):
    """
    Compare the fields of the Attachment.
    """
    shot = live.make("Shot", code="s")
    row = live.row(uploaded(live, shot), "attachment_links", "filename", "display_name", "original_fname", "this_file")
    names = [row[key] for key in ("filename", "display_name", "original_fname")]
    return (row["attachment_links"], names, row["this_file"]["link_type"]), ([{**shot, "name": "s"}], ["note.txt"] * 3, "upload")


fact("F580", "Attachment/039", "M ?", "size and extension of an upload stay null", lambda live: ([live.get(uploaded(live, live.make("Shot")), field) for field in ("file_size", "file_extension")], [None, None]))
fact("F582", "url", "M S", "the value of an upload has url, name, content_type, link_type, type and id", lambda live: (set(live.get(uploaded(live, live.make("Shot")), "this_file")), {"url", "name", "content_type", "link_type", "type", "id"}))


@fact("F583", "image", "M S", "until a thumbnail is made, the image reads as the placeholder; is_not null finds it already")
def thumbnails_are_pending(live):
    """
    Compare the image of a version right after the upload.
    """
    version = live.make("Version")
    with Delayed(live):
        uploaded(live, version, "a.png", "image")
        return (live.get(version, "image"), live.found([version], ["image", "is_not", None])), (f"{live.site.url}/images/status/transient/thumbnail_pending.png", [0])


@fact("F584", "Attachment", "M ?", "processing_status is thumbnail_pending_us after an upload, and later null")
def files_are_processed(live):
    """
    Compare the status before and after the thumbnail is made.
    """
    with Delayed(live) as delayed:
        file = uploaded(live, live.make("Shot"), "a.png")
        before = live.get(file, "processing_status")
        delayed.pass_minute()
        return (before, live.get(file, "processing_status")), ("thumbnail_pending_us", None)


@fact("F585", "081", "M S", "the image that a dotted path reaches is the linked row's own")
def images_are_the_same(live):
    """
    Compare both addresses without their signatures.
    """
    shot = live.make("Shot")
    task = live.make("Task", entity=shot)
    uploaded(live, shot, "a.png", "image")
    return live.get(task, "entity.Shot.image").partition("?")[0], live.get(shot, "image").partition("?")[0]


@fact("F586", "image", "M ?", "the address of a thumbnail is signed and expires")
def thumbnails_are_signed(live):
    """
    Compare the parameters of the address.
    """
    shot = live.make("Shot")
    uploaded(live, shot, "a.png", "image")
    return live.get(shot, "image"), Says(r"\?.*expires=\d+.*signature=")


@fact("F587a", "006m", "M S", "the transcoding status of an uploaded mp4 becomes 1 when the transcode is done, and mp4 is filled")
def movies_are_transcoded(live):
    """
    Compare the status and the transcode before and after it is done.
    """
    version = live.make("Version")
    fields = "sg_uploaded_movie_transcoding_status", "sg_uploaded_movie_mp4"
    with Delayed(live) as delayed:
        movie = uploaded(live, version, "take.mp4", "sg_uploaded_movie")
        before = [live.get(version, field) for field in fields]
        delayed.pass_minute()
        status, mp4 = (live.get(version, field) for field in fields)
    return (before, status, mp4["name"], mp4["id"] != movie["id"], live.sg.download_attachment(mp4)), ([None, None], 1, "take.mp4", True, b"12345")


@fact("F587", "006m", "M S", "when the transcode of a movie is done, its status is 1, and mp4, image and filmstrip are filled", differs="The local site has no transcoder: an uploaded MP4 is its own transcode, but no image or filmstrip is made from a movie, and nothing from other formats.")
def movies_have_pictures(live):
    """
    Compare all fields that a transcode fills.
    """
    version = live.make("Version")
    uploaded(live, version, "take.mp4", "sg_uploaded_movie")
    filled = [live.get(version, field) is not None for field in ("sg_uploaded_movie_transcoding_status", "sg_uploaded_movie_mp4", "image", "filmstrip_image")]
    return filled, [True] * 4
