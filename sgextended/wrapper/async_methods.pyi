"""
Signatures of the methods of `AsyncSGExtended`: those of the methods of `SGExtended`, awaited. See ``async_methods.py``.
"""

from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import AbstractContextManager
from os import PathLike
from typing import Any, Generic, TypeVar

from shotgun_api3.shotgun import ServerCapabilities
from typing_extensions import Concatenate, ParamSpec

from sgextended.extended import SGExtended
from sgextended.observe.trace_report import Trace
from sgextended.writes.dry_run import Plan
from sgextended.writes.undo import UndoLog

_P = ParamSpec("_P")
_R = TypeVar("_R")
_R_co = TypeVar("_R_co", covariant=True)

class _Awaited(Generic[_P, _R_co]):
    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> Coroutine[Any, Any, _R_co]: ...

class _Looped(Generic[_P, _R_co]):
    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> AsyncGenerator[_R_co]: ...

def awaited(method: Callable[Concatenate[Any, _P], _R]) -> _Awaited[_P, _R]: ...
def looped(method: Callable[Concatenate[Any, _P], Iterator[_R]]) -> _Looped[_P, _R]: ...

class AsyncMethods:
    @property
    def server_caps(self) -> Coroutine[Any, Any, ServerCapabilities]: ...
    @property
    def server_info(self) -> Coroutine[Any, Any, dict[str, Any]]: ...
    def as_current(self) -> AbstractContextManager[SGExtended]: ...
    def deadline(self, seconds: float | None) -> AbstractContextManager[None]: ...
    def dry_run(self) -> AbstractContextManager[Plan]: ...
    def trace(self) -> AbstractContextManager[Trace]: ...
    def undoable(self, path: str | PathLike[str] | None = None) -> AbstractContextManager[UndoLog]: ...
    async def run(self, function: Callable[Concatenate[Any, _P], _R], *args: _P.args, **kwargs: _P.kwargs) -> _R: ...
    events = looped(SGExtended.events)
    find_iter = looped(SGExtended.find_iter)
    find_iter_as = looped(SGExtended.find_iter_as)
    map = looped(SGExtended.map)
    activity_stream_read = awaited(SGExtended.activity_stream_read)
    add_note = awaited(SGExtended.add_note)
    add_query_fields = awaited(SGExtended.add_query_fields)
    add_to_playlist = awaited(SGExtended.add_to_playlist)
    add_user_agent = awaited(SGExtended.add_user_agent)
    assign = awaited(SGExtended.assign)
    authenticate_human_user = awaited(SGExtended.authenticate_human_user)
    batch = awaited(SGExtended.batch)
    close = awaited(SGExtended.close)
    copy_entity = awaited(SGExtended.copy_entity)
    count = awaited(SGExtended.count)
    create = awaited(SGExtended.create)
    create_as = awaited(SGExtended.create_as)
    create_many = awaited(SGExtended.create_many)
    create_version = awaited(SGExtended.create_version)
    delete = awaited(SGExtended.delete)
    delete_many = awaited(SGExtended.delete_many)
    download_attachment = awaited(SGExtended.download_attachment)
    download_many = awaited(SGExtended.download_many)
    ensure = awaited(SGExtended.ensure)
    entity_types = awaited(SGExtended.entity_types)
    entity_url = awaited(SGExtended.entity_url)
    exists = awaited(SGExtended.exists)
    export_page = awaited(SGExtended.export_page)
    field_history = awaited(SGExtended.field_history)
    find = awaited(SGExtended.find)
    find_as = awaited(SGExtended.find_as)
    find_assets = awaited(SGExtended.find_assets)
    find_bookings = awaited(SGExtended.find_bookings)
    find_by_ids = awaited(SGExtended.find_by_ids)
    find_departments = awaited(SGExtended.find_departments)
    find_downstream_files = awaited(SGExtended.find_downstream_files)
    find_episodes = awaited(SGExtended.find_episodes)
    find_groups = awaited(SGExtended.find_groups)
    find_notes = awaited(SGExtended.find_notes)
    find_one = awaited(SGExtended.find_one)
    find_page = awaited(SGExtended.find_page)
    find_playlist_versions = awaited(SGExtended.find_playlist_versions)
    find_playlists = awaited(SGExtended.find_playlists)
    find_projects = awaited(SGExtended.find_projects)
    find_published_files = awaited(SGExtended.find_published_files)
    find_sequences = awaited(SGExtended.find_sequences)
    find_shots = awaited(SGExtended.find_shots)
    find_startable_tasks = awaited(SGExtended.find_startable_tasks)
    find_statuses = awaited(SGExtended.find_statuses)
    find_steps = awaited(SGExtended.find_steps)
    find_tasks = awaited(SGExtended.find_tasks)
    find_note_threads = awaited(SGExtended.find_note_threads)
    find_time_logs = awaited(SGExtended.find_time_logs)
    find_upstream_files = awaited(SGExtended.find_upstream_files)
    find_users = awaited(SGExtended.find_users)
    find_versions = awaited(SGExtended.find_versions)
    follow = awaited(SGExtended.follow)
    followers = awaited(SGExtended.followers)
    following = awaited(SGExtended.following)
    get = awaited(SGExtended.get)
    get_as = awaited(SGExtended.get_as)
    get_attachment_download_url = awaited(SGExtended.get_attachment_download_url)
    get_auth_cookie_handler = awaited(SGExtended.get_auth_cookie_handler)
    get_session_token = awaited(SGExtended.get_session_token)
    group_by = awaited(SGExtended.group_by)
    info = awaited(SGExtended.info)
    latest_published_files = awaited(SGExtended.latest_published_files)
    find_unfinished_publishes = awaited(SGExtended.find_unfinished_publishes)
    latest_versions = awaited(SGExtended.latest_versions)
    log_time = awaited(SGExtended.log_time)
    me = awaited(SGExtended.me)
    nav_expand = awaited(SGExtended.nav_expand)
    nav_search_entity = awaited(SGExtended.nav_search_entity)
    nav_search_string = awaited(SGExtended.nav_search_string)
    note_thread_read = awaited(SGExtended.note_thread_read)
    order_playlist = awaited(SGExtended.order_playlist)
    preferences_read = awaited(SGExtended.preferences_read)
    publish = awaited(SGExtended.publish)
    reconcile = awaited(SGExtended.reconcile)
    remove_from_playlist = awaited(SGExtended.remove_from_playlist)
    reply = awaited(SGExtended.reply)
    reset_user_agent = awaited(SGExtended.reset_user_agent)
    resolve = awaited(SGExtended.resolve)
    revive = awaited(SGExtended.revive)
    schema = awaited(SGExtended.schema)
    schema_entity_read = awaited(SGExtended.schema_entity_read)
    schema_field_create = awaited(SGExtended.schema_field_create)
    schema_field_delete = awaited(SGExtended.schema_field_delete)
    schema_field_read = awaited(SGExtended.schema_field_read)
    schema_field_update = awaited(SGExtended.schema_field_update)
    schema_read = awaited(SGExtended.schema_read)
    set_session_uuid = awaited(SGExtended.set_session_uuid)
    set_status = awaited(SGExtended.set_status)
    share_thumbnail = awaited(SGExtended.share_thumbnail)  # type: ignore[arg-type]  # its **kwargs might hold a self
    site_schema = awaited(SGExtended.site_schema)
    summarize = awaited(SGExtended.summarize)
    text_search = awaited(SGExtended.text_search)
    translate_path = awaited(SGExtended.translate_path)
    unassign = awaited(SGExtended.unassign)
    unfollow = awaited(SGExtended.unfollow)
    update = awaited(SGExtended.update)
    update_as = awaited(SGExtended.update_as)
    update_many = awaited(SGExtended.update_many)
    update_project_last_accessed = awaited(SGExtended.update_project_last_accessed)
    upload = awaited(SGExtended.upload)
    upload_filmstrip_thumbnail = awaited(SGExtended.upload_filmstrip_thumbnail)  # type: ignore[arg-type]  # its **kwargs might hold a self
    upload_many = awaited(SGExtended.upload_many)
    upload_thumbnail = awaited(SGExtended.upload_thumbnail)  # type: ignore[arg-type]  # its **kwargs might hold a self
    user_subscriptions_create = awaited(SGExtended.user_subscriptions_create)
    user_subscriptions_read = awaited(SGExtended.user_subscriptions_read)
    work_schedule_read = awaited(SGExtended.work_schedule_read)
    work_schedule_update = awaited(SGExtended.work_schedule_update)
