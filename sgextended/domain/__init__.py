"""
What every studio asks its site for: plain functions that take ``sg`` first, one file per subject.

*sg* is an ``SGExtended``, a plain ``shotgun_api3.Shotgun`` or a ``Mockgun`` alike, and the same functions are the
methods of ``SGExtended``. In all of them:

- None is no restriction; an empty collection matches nothing, and costs no request.
- Where one value is taken, a collection of values is too: any of them matches.
- A *name* may be a glob such as ``"sh0*"``; case does not matter, as on the site.
- *fields* replaces the fields that come back, *extra_fields* adds to them; ``type`` and ``id`` always come.
- *filters* are native conditions that must hold as well.
"""
