"""Functions a model may call while it answers: those built in, and how any call is answered.

A built-in tool is its definition for the request and a runner. Whatever a model calls gets a short
result; a mistake is a result too, so that the model can correct it. Pictures are cut and read by
what is handed in (`Sight`), for nothing here opens one.
"""

from augenblick.lab.tools.definitions import (
    BUILT_IN,
    built_in_name,
    definition,
    name_of,
    without_retired,
)
from augenblick.lab.tools.own import FunctionMistake, read_functions
from augenblick.lab.tools.picture_tools import Region, Sight
from augenblick.lab.tools.tool_calls import Toolbox

__all__ = [
    "BUILT_IN",
    "FunctionMistake",
    "Region",
    "Sight",
    "Toolbox",
    "built_in_name",
    "definition",
    "name_of",
    "read_functions",
    "without_retired",
]
