"""How deleting can be asked for."""

from marshmallow import Schema

from taskapi.api.fields import Switch


class DeletionSchema(Schema):
    """Into the trash, or for good."""

    permanent = Switch(metadata={"description": "For good, without a stay in the trash."})
