"""CSV files of Todoist, TickTick, Asana, Trello and Vikunja, for imports."""

from taskapi.extensions import Extension
from taskapi.extensions.csv_applications.applications import init_applications

EXTENSION = Extension(name="csv_applications", requires=("csv_imports", "imports"), init=init_applications)
