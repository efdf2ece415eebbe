"""
The native methods that upload and download files, with progress and timeout.
"""

from typing import TYPE_CHECKING, Any, Dict, Optional, Tuple

from sgextended.client.native_client import NativeClient
from sgextended.client.transfers.transfer import ProgressCallback
from sgextended.errors import ConfigurationError
from sgextended.http.deadline import within
from sgextended.wrapper.native_methods import NativeMethods

if TYPE_CHECKING:
    import datetime


class TransferOverrides(NativeMethods):
    """
    The uploads and downloads of `SGExtended`.
    """

    _sg: Any  # the client for calls, with hooks
    _client: Any  # the private client; see `HooksMixin`

    def upload(
        self,
        entity_type: str,
        entity_id: int,
        path: str,
        field_name: Optional[str] = None,
        display_name: Optional[str] = None,
        tag_list: Optional[str] = None,
        created_at: "Optional[datetime.datetime]" = None,
        *,
        progress: Optional[ProgressCallback] = None,
        timeout: Optional[float] = None,
    ) -> int:
        """
        Upload a file to an entity and return the id of its Attachment, as ``shotgun_api3.Shotgun.upload``.

        The file is read in small pieces. If the storage accepts parts, several parts are sent at the same time.

        Args:
            entity_type: Type of the entity.

            entity_id: Its id.

            path: The file.

            field_name: A file field of the entity, or an image field. None: the file is linked to the entity.

            display_name: The name of the file on the site. None: its own name.

            tag_list: Tags of the Attachment, separated by commas.

            created_at: The creation time of the Attachment. None: now.

            progress: Called in this thread with the bytes sent so far and the size of the file, from 0 to the size. It
                is called often, never with less than before. An exception in it ends the upload, and is raised.

            timeout: Seconds for the whole upload. None: no limit while bytes are being sent.

        Raises:
            OutcomeUnknown: The file was sent, but it is unknown whether the site has created the Attachment.

            TransportError: The file did not arrive; this is also a ShotgunError, as native.

            ShotgunError: The site refused the file, or *path* is not a file.
        """
        with within(self, timeout):
            attachment_id: int = self._sg.upload(
                entity_type,
                entity_id,
                path,
                field_name,
                display_name,
                tag_list,
                *unless_none(created_at),
                **self._reporting(progress),
            )
        return attachment_id

    def _reporting(self, progress: Optional[ProgressCallback]) -> Dict[str, Any]:
        if progress is not None and not isinstance(self._client, NativeClient):
            msg = (
                "progress= is not supported: the wrapped client does not report the progress of a transfer. Use "
                "SGExtended.from_shotgun(sg)."
            )
            raise ConfigurationError(msg)
        return {} if progress is None else {"progress": progress}

    def upload_thumbnail(self, entity_type: str, entity_id: int, path: str, **kwargs: Any) -> int:
        """
        Upload an entity's thumbnail and return the id of its Attachment, as the native method.

        Args:
            entity_type: Type of the entity.

            entity_id: Its id.

            path: The image file.

            kwargs: Further arguments of `upload`, including *progress* and *timeout*.
        """
        kwargs.update(self._reporting(kwargs.pop("progress", None)))
        with within(self, kwargs.pop("timeout", None)):
            attachment_id: int = self._sg.upload_thumbnail(entity_type, entity_id, path, **kwargs)
        return attachment_id

    def download_attachment(
        self,
        attachment: Any = False,
        file_path: Optional[str] = None,
        attachment_id: Optional[int] = None,
        *,
        progress: Optional[ProgressCallback] = None,
        timeout: Optional[float] = None,
    ) -> Any:
        """
        Download a file. Return its bytes, or *file_path* after the file was written there, as the native method.

        A complete download is renamed to *file_path*. Before that, and if the download fails, an existing file stays
        unchanged. An expired link to the storage is renewed. The session is sent to the site only, never to the server
        that the site redirects to.

        Args:
            attachment: The value of a file field, a link to an Attachment, or its id. For None the result is None.

            file_path: The path of the new file. None: the bytes are returned.

            attachment_id: The id of the Attachment; another name for *attachment*.

            progress: Called in this thread with the bytes received so far and the size of the file, which is None if
                the server does not send it. It is called often, never with less than before. An exception in it ends
                the download.

            timeout: Seconds for the whole download. None: no limit while bytes arrive.

        Raises:
            ShotgunFileDownloadError: The file does not exist, or could not be received; this is also a
                `TransportError`.

            ThumbnailNotReady: The URL is that of the placeholder which the site shows while it makes a thumbnail.

            OSError: The file could not be written.
        """
        with within(self, timeout):
            return self._sg.download_attachment(attachment, file_path, attachment_id, **self._reporting(progress))


def unless_none(value: Any) -> Tuple[Any, ...]:
    """
    Return a last argument as a tuple; an empty tuple for None, since a Mockgun does not accept the argument.
    """
    return () if value is None else (value,)
