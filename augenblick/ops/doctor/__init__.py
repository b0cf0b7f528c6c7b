"""Grades an endpoint: `python -m augenblick.doctor`. Asks it questions as the app does and looks.

`examine` is the whole examination as a function. Nothing here knows of Streamlit or of the store.
"""

from augenblick.core.model_cards import Finding, Mark
from augenblick.ops.doctor.examination import examine
from augenblick.ops.doctor.findings import Grade, Report

__all__ = ["Finding", "Grade", "Mark", "Report", "examine"]
