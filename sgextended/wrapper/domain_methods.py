"""
The functions of `sgextended.domain`, as methods of `SGExtended`.

Each method is the function itself; its first argument, the client, is the wrapper. Type checkers read the same lines in
``domain_methods.pyi``: without a stub, each checker may infer another type for such a name.
"""

from sgextended.domain import (
    assets,
    bookings,
    bulk_writes,
    entities,
    episodes,
    files,
    notes,
    playlists,
    projects,
    published_files,
    publishing,
    sequences,
    shots,
    startable_tasks,
    statuses,
    steps,
    storage_paths,
    structures,
    tasks,
    time_logs,
    users,
    versions,
)
from sgextended.domain import field_history as histories
from sgextended.domain import resolve as addresses
from sgextended.domain.query_fields import page_records, query_field_values
from sgextended.domain.typed import read_write
from sgextended.events import event_stream


class DomainMethods:
    """
    The methods that find and change entities of a production.
    """

    find_projects = projects.find_projects
    find_assets = assets.find_assets
    find_shots = shots.find_shots
    find_sequences = sequences.find_sequences
    find_episodes = episodes.find_episodes
    find_tasks = tasks.find_tasks
    find_startable_tasks = startable_tasks.find_startable_tasks
    find_versions = versions.find_versions
    latest_versions = versions.latest_versions
    find_published_files = published_files.find_published_files
    latest_published_files = published_files.latest_published_files
    find_unfinished_publishes = publishing.find_unfinished_publishes
    find_upstream_files = published_files.find_upstream_files
    find_downstream_files = published_files.find_downstream_files
    find_playlists = playlists.find_playlists
    find_playlist_versions = playlists.find_playlist_versions
    find_notes = notes.find_notes
    find_note_threads = notes.find_note_threads
    find_time_logs = time_logs.find_time_logs
    find_bookings = bookings.find_bookings
    find_users = users.find_users
    add_query_fields = query_field_values.add_query_fields
    find_page = page_records.find_page
    find_groups = users.find_groups
    find_departments = users.find_departments
    me = users.me
    find_steps = steps.find_steps
    find_statuses = statuses.find_statuses
    find_by_ids = entities.find_by_ids
    get = entities.get
    count = entities.count
    exists = entities.exists
    group_by = entities.group_by
    resolve = addresses.resolve
    entity_url = addresses.entity_url
    field_history = histories.field_history
    events = event_stream.events
    translate_path = storage_paths.translate_path
    find_as = read_write.find_as
    find_iter_as = read_write.find_iter_as
    get_as = read_write.get_as
    create_as = read_write.create_as
    update_as = read_write.update_as

    create_many = bulk_writes.create_many
    update_many = bulk_writes.update_many
    delete_many = bulk_writes.delete_many
    set_status = bulk_writes.set_status
    ensure = entities.ensure
    copy_entity = entities.copy_entity
    copy_structure = structures.copy_structure
    assign = tasks.assign
    unassign = tasks.unassign
    add_to_playlist = playlists.add_to_playlist
    remove_from_playlist = playlists.remove_from_playlist
    order_playlist = playlists.order_playlist
    add_note = notes.add_note
    reply = notes.reply
    log_time = time_logs.log_time
    create_version = versions.create_version
    publish = publishing.publish
    upload_many = files.upload_many
    download_many = files.download_many
