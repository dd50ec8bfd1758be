# Types of the names that `__init__.py` loads when they are first used.
from workloads.fixed_point import IntegerModel as IntegerModel
from workloads.importers import Choices as Choices
from workloads.importers import Formats as Formats
from workloads.importers import import_model as import_model
from workloads.importers import import_with_report as import_with_report
from workloads.interface import accuracy as accuracy
from workloads.interface import load_model as load_model
from workloads.interface import quantize as quantize
from workloads.interface import record_trace as record_trace
from workloads.model import Model as Model
from workloads.tasks import own_task as own_task
