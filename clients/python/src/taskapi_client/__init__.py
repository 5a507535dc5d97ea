"""A typed client of the Task API."""

from taskapi_client import models
from taskapi_client.async_client import AsyncTaskApi
from taskapi_client.async_pages import AsyncPages
from taskapi_client.auth import SessionAuth
from taskapi_client.client import TaskApi
from taskapi_client.errors import (
    ConnectionFailed,
    NotFound,
    ProblemError,
    RateLimited,
    SecondFactorRequired,
    SignedOut,
    TaskApiError,
    UnexpectedResponse,
    ValidationProblem,
    VersionMismatch,
)
from taskapi_client.models import *  # noqa: F403 - each resource and each body
from taskapi_client.pages import Pages
from taskapi_client.retries import RetryPolicy
from taskapi_client.session import VERSION
from taskapi_client.stores import FileStore, MemoryStore, Tokens, TokenStore

__version__ = VERSION
__all__ = [
    "AsyncPages",
    "AsyncTaskApi",
    "ConnectionFailed",
    "FileStore",
    "MemoryStore",
    "NotFound",
    "Pages",
    "ProblemError",
    "RateLimited",
    "RetryPolicy",
    "SecondFactorRequired",
    "SessionAuth",
    "SignedOut",
    "TaskApi",
    "TaskApiError",
    "TokenStore",
    "Tokens",
    "UnexpectedResponse",
    "ValidationProblem",
    "VersionMismatch",
    "__version__",
]
__all__ += models.__all__
