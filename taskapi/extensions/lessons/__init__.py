"""Lessons on JWT: `flask lesson` copies small applications with failing tests, and checks them."""

from taskapi.extensions import Extension
from taskapi.extensions.lessons.command import lesson

EXTENSION = Extension(name="lessons", commands=(lesson,))
