"""Tasks of a signed-in user in Django REST framework: a ModelViewSet, Simple JWT and cursor pages."""

import os
import sys
from datetime import timedelta
from uuid import uuid4

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application

settings.configure(
    SECRET_KEY="a secret of this benchmark alone, 32 bytes and more",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "rest_framework", __name__],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.common.CommonMiddleware",
    ],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": f"{os.environ['PEER_FOLDER']}/django.db",
            "CONN_MAX_AGE": None,
            "OPTIONS": {
                "init_command": "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL",
                "transaction_mode": "IMMEDIATE",
            },
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
    SIMPLE_JWT={"ACCESS_TOKEN_LIFETIME": timedelta(hours=1)},
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTAuthentication"],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    },
)
sys.modules.setdefault("django_tasks", sys.modules[__name__])
django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, models  # noqa: E402
from django.urls import include, path  # noqa: E402
from rest_framework.decorators import api_view, permission_classes  # noqa: E402
from rest_framework.pagination import CursorPagination  # noqa: E402
from rest_framework.permissions import AllowAny  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.routers import DefaultRouter  # noqa: E402
from rest_framework.serializers import ModelSerializer  # noqa: E402
from rest_framework.viewsets import ModelViewSet  # noqa: E402
from rest_framework_simplejwt.tokens import AccessToken  # noqa: E402


class Task(models.Model):
    """A task."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE)
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True, default="")
    status = models.CharField(max_length=16, default="todo")
    priority = models.CharField(max_length=16, default="none")
    due_date = models.DateField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        """Its table."""

        app_label = "django_tasks"
        indexes = (models.Index(fields=["owner", "-created_at"]),)


class TaskSerializer(ModelSerializer):
    """A task as JSON."""

    class Meta:
        """Its fields."""

        model = Task
        exclude = ("owner",)


class Pages(CursorPagination):
    """Pages of 20 tasks, the newest first."""

    page_size = 20
    ordering = "-created_at"


class TaskViewSet(ModelViewSet):
    """The tasks of the user."""

    serializer_class = TaskSerializer
    pagination_class = Pages

    def get_queryset(self):
        """Return only the user's own tasks."""
        return Task.objects.filter(owner=self.request.user)

    def perform_create(self, serializer):
        """Save a task for the user."""
        serializer.save(owner=self.request.user)


@api_view(["POST"])
@permission_classes([AllowAny])
def prepare(_request):
    """Add a user, and return a token. It stands for the sign-in, which is not measured."""
    call_command("migrate", run_syncdb=True, verbosity=0)
    if Task._meta.db_table not in connection.introspection.table_names():
        with connection.schema_editor() as editor:
            editor.create_model(Task)
    user = User.objects.create(username=str(uuid4()))
    return Response({"token": str(AccessToken.for_user(user))})


router = DefaultRouter()
router.register("tasks", TaskViewSet, basename="task")
urlpatterns = [path("prepare", prepare), path("", include(router.urls))]
application = get_wsgi_application()
