"""Labels by their names, as tasks have them."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import select
from uuid_utils.compat import uuid7

from taskapi.database import db
from taskapi.labels.models import Label
from taskapi.resources.models import name_key
from taskapi.resources.ownership import is_owned, reserve_quota
from taskapi.resources.versions import save
from taskapi.security.tokens import caller


def get_or_create_labels(names: Iterable[str]) -> dict[UUID, str]:
    """Return the caller's labels of these names, sorted by name. Labels that do not exist are created."""
    wanted = {name_key(name): name for name in names}
    live = select(Label.name_key, Label.id, Label.name).where(is_owned(Label), Label.deleted_at.is_(None))
    rows = db.session.execute(live.where(Label.name_key.in_(wanted))).all() if wanted else ()
    found = {key: (label_id, name) for key, label_id, name in rows}
    for label in _make({key: name for key, name in wanted.items() if key not in found}):
        found[label.name_key] = (label.id, label.name)
    return dict(found[key] for key in sorted(found))


def _make(names: dict[str, str]) -> list[Label]:
    labels = [Label(id=uuid7(), owner_id=caller().id, name=name, name_key=key) for key, name in names.items()]
    if labels:
        reserve_quota(Label, len(labels))
        save(*labels)
    return labels
