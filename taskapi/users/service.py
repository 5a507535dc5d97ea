"""Changing how a person stands, in the order that security asks for: lock, look, void what was issued, record."""

from collections.abc import Iterable, Iterator
from uuid import UUID

from sqlalchemy import and_, or_, select

from taskapi.api import invalid, problem
from taskapi.audit import Event, record
from taskapi.database import db, reader, rls_user
from taskapi.resources.versions import lock_owner
from taskapi.security.rbac import Role
from taskapi.users.models import User, holds

_IN_POWER = and_(User.active, holds(Role.ADMIN))
_AT_ONCE = 1000


def everybody() -> Iterator[UUID]:
    """Yield the ids of all accounts, a few at a time."""
    last = UUID(int=0)
    while ids := reader().scalars(select(User.id).where(User.id > last).order_by(User.id).limit(_AT_ONCE)).all():
        yield from ids
        last = ids[-1]


def lock_account(user_id: UUID) -> User:
    """Return an account for changing it, or answer 404.

    Every administrator is locked with it, in one order: where two demote each other, the second waits, and then sees
    that there is no other. Only their standing is locked, not what refers to them.
    """
    together = select(User).where(or_(User.id == user_id, _IN_POWER)).order_by(User.id)
    locked = db.session.scalars(
        together.with_for_update(key_share=True), execution_options={"populate_existing": True}
    ).all()
    return next((user for user in locked if user.id == user_id), None) or problem("not_found")


def change_roles(user: User, roles: Iterable[str], actor_id: UUID | None = None) -> None:
    """Give a locked account these roles. Its access tokens are void at once; a refresh brings the new roles."""
    before, after = user.roles, [role.value for role in Role if role in set(roles)]
    if not after:
        invalid("json", {"roles": ["Must have at least one."]})
    if after == before:
        return
    if Role.ADMIN not in after:
        _keep_an_admin(user)
    user.roles = after
    user.epoch += 1  # the tokens issued before are revoked
    record(Event.ROLES_CHANGED, actor_id=actor_id, subject_id=user.id, before=before, after=after)


def change_active(user: User, active: bool, actor_id: UUID | None = None) -> None:
    """Let a locked account in, or shut it out."""
    if active == user.active:
        return
    if not active:
        _keep_an_admin(user)
    user.active = active
    user.epoch += 1  # the tokens issued before are revoked
    record(Event.ACTIVATED if active else Event.DEACTIVATED, actor_id=actor_id, subject_id=user.id)


def erase(user: User, actor_id: UUID | None = None) -> None:
    """Delete a locked account and every row that it owns; the database takes them along.

    Its tokens are revoked by that: nobody is let in for an account that does not exist.
    """
    _keep_an_admin(user)
    with rls_user(user.id):
        lock_owner(user.id, 0)  # as every writer of the person's rows does first, or the two would wait for each other
    record(Event.DELETED, actor_id=actor_id, subject_id=user.id)
    db.session.delete(user)


def _keep_an_admin(user: User) -> None:
    """Answer 409 where nobody but this person could manage the others."""
    if not user.active or Role.ADMIN not in user.roles:
        return
    if db.session.execute(select(User.id).where(User.id != user.id, _IN_POWER).limit(1)).first() is None:
        problem("last_admin")
