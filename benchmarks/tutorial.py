"""A task API as tutorials build it, for comparison: `jwt_required`, the ORM with eagerly loaded labels, marshmallow.

It has no revocation, rate limits, pages, filters, logs or metrics.
"""

import secrets
from datetime import date
from pathlib import Path

from flask import Flask, request
from flask_jwt_extended import JWTManager, create_access_token, get_jwt_identity, jwt_required
from flask_sqlalchemy import SQLAlchemy
from marshmallow import Schema, fields
from sqlalchemy import Column, ForeignKey, Table
from sqlalchemy.orm import Mapped, mapped_column, relationship, selectinload

db = SQLAlchemy()
task_labels = Table(
    "task_labels",
    db.metadata,
    Column("task_id", ForeignKey("task.id"), primary_key=True),
    Column("label_id", ForeignKey("label.id"), primary_key=True),
)


class Label(db.Model):
    """A label."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Task(db.Model):
    """A task."""

    id: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(index=True)
    title: Mapped[str]
    priority: Mapped[str]
    due_date: Mapped[date | None]
    labels: Mapped[list[Label]] = relationship(secondary=task_labels)


class LabelSchema(Schema):
    """A label in a response."""

    name = fields.String()


class TaskSchema(Schema):
    """A task in a response."""

    id = fields.Integer(dump_only=True)
    title = fields.String(required=True)
    priority = fields.String()
    due_date = fields.Date()
    labels = fields.List(fields.Pluck(LabelSchema, "name"), dump_only=True)


def create_app(folder: Path) -> Flask:
    app = Flask("tutorial")
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{folder / 'tutorial.db'}"
    app.config["JWT_SECRET_KEY"] = secrets.token_hex()
    db.init_app(app)
    JWTManager(app)
    app.add_url_rule("/tasks", view_func=list_tasks)
    app.add_url_rule("/tasks/<int:task_id>", view_func=show_task)
    app.add_url_rule("/tasks", view_func=create_task, methods=["POST"])
    with app.app_context():
        db.create_all()
        labels = [Label(name=name) for name in ("home", "garden", "work")]
        due = date(2030, 6, 1)
        for i in range(60):
            task = Task(owner="ada", title="Water the plants", priority="high", due_date=due)
            task.labels = labels[i % 2 : i % 2 + 2]
            db.session.add(task)
        db.session.commit()
        app.config["TOKEN"] = create_access_token("ada")
    return app


@jwt_required()
def list_tasks():
    mine = db.select(Task).filter_by(owner=get_jwt_identity()).order_by(Task.id.desc()).limit(20)
    return TaskSchema(many=True).dump(db.session.scalars(mine.options(selectinload(Task.labels))))


@jwt_required()
def show_task(task_id):
    return TaskSchema().dump(db.one_or_404(db.select(Task).filter_by(owner=get_jwt_identity(), id=task_id)))


@jwt_required()
def create_task():
    task = Task(owner=get_jwt_identity(), **TaskSchema().load(request.get_json()))
    db.session.add(task)
    db.session.commit()
    return TaskSchema().dump(task), 201
