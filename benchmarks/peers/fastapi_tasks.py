"""Tasks of a signed-in user as the full-stack FastAPI template writes its items: SQLModel, PyJWT, synchronous views."""

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Annotated
from uuid import UUID, uuid4

import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import OAuth2PasswordBearer
from sqlalchemy import event
from sqlmodel import Field, Session, SQLModel, create_engine, desc, func, select

KEY = "a secret of this benchmark alone, 32 bytes and more"
engine = create_engine(f"sqlite:///{os.environ['PEER_FOLDER']}/fastapi.db", connect_args={"check_same_thread": False})
bearer = OAuth2PasswordBearer(tokenUrl="/token")
app = FastAPI()


@event.listens_for(engine, "connect")
def use_wal(connection, _record):
    """Let readers and the writer work at the same time, as the other servers do."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")


class User(SQLModel, table=True):
    """A user."""

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    is_active: bool = True


class TaskBase(SQLModel):
    """What a client writes."""

    title: str = Field(min_length=1, max_length=200)
    description: str = ""
    status: str = "todo"
    priority: str = "none"
    due_date: date | None = None


class Task(TaskBase, table=True):
    """A task."""

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    created_at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    updated_at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    owner_id: UUID = Field(foreign_key="user.id", index=True)


class TaskPublic(TaskBase):
    """What a client reads."""

    id: UUID
    owner_id: UUID
    created_at: datetime
    updated_at: datetime


class TasksPublic(SQLModel):
    """A page."""

    data: list[TaskPublic]
    count: int


def get_session() -> Iterator[Session]:
    """Yield a session for a request."""
    with Session(engine) as session:
        yield session


SessionDependency = Annotated[Session, Depends(get_session)]


def get_current_user(session: SessionDependency, token: Annotated[str, Depends(bearer)]) -> User:
    """Return the user of the token."""
    try:
        user_id = jwt.decode(token, KEY, algorithms=["HS256"])["sub"]
    except jwt.InvalidTokenError as error:
        raise HTTPException(403, "Could not validate credentials") from error
    user = session.get(User, UUID(user_id))
    if user is None or not user.is_active:
        raise HTTPException(404, "User not found")
    return user


CurrentUser = Annotated[User, Depends(get_current_user)]


@app.post("/prepare")
def prepare(session: SessionDependency) -> dict[str, str]:
    """Add a user, and return a token. It stands for the sign-in, which is not measured."""
    SQLModel.metadata.create_all(engine)
    user = User()
    session.add(user)
    session.commit()
    claims = {"sub": str(user.id), "exp": datetime.now(UTC) + timedelta(days=8)}
    return {"token": jwt.encode(claims, KEY, "HS256")}


@app.get("/tasks/", response_model=TasksPublic)
def list_tasks(session: SessionDependency, user: CurrentUser, skip: int = 0, limit: int = 20):
    """List tasks."""
    count = session.exec(select(func.count()).select_from(Task).where(Task.owner_id == user.id)).one()
    newest = select(Task).where(Task.owner_id == user.id).order_by(desc(Task.created_at))
    return TasksPublic(data=session.exec(newest.offset(skip).limit(limit)).all(), count=count)


@app.get("/tasks/{task_id}", response_model=TaskPublic)
def show_task(session: SessionDependency, user: CurrentUser, task_id: UUID):
    """Show a task."""
    task = session.get(Task, task_id)
    if task is None:
        raise HTTPException(404, "Task not found")
    if task.owner_id != user.id:
        raise HTTPException(403, "Not enough permissions")
    return task


@app.post("/tasks/", response_model=TaskPublic, status_code=201)
def create_task(session: SessionDependency, user: CurrentUser, values: TaskBase):
    """Add a task."""
    task = Task.model_validate(values, update={"owner_id": user.id})
    session.add(task)
    session.commit()
    session.refresh(task)
    return task
