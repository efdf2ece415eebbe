"""
A window that lists the shots of a project and filters them as the user types. It stays responsive during requests.

Set SHOTGUN_URL, SHOTGUN_SCRIPT_NAME and SHOTGUN_API_KEY, and run ``python examples/shot_browser.py``. To try it without
an account, serve a local site with ``sgextended site --demo``. It needs ``pip install 'sgextended[qt]' PySide6``.
"""

import sys
from typing import Any, Dict, List, Optional

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QApplication,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from sgextended import Failure, SGExtended
from sgextended.qt import BackgroundCall

COLUMNS = ["Shot", "Sequence", "Status", "Cut in", "Cut out", "Tasks"]


def count_tasks(sg: SGExtended, shot: Dict[str, Any]) -> int:
    """
    Return the number of tasks of a shot. The window calls it on several workers.
    """
    return sg.count("Task", [["entity", "is", shot]])


class ShotBrowser(QWidget):
    """
    A window with a list of projects, a table of shots that fills as they arrive, and a button that counts their tasks.
    """

    def __init__(self, sg: SGExtended, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.sg = sg
        self.setWindowTitle(f"Shots on {sg.site.url}")
        self.projects, self.words = QComboBox(), QLineEdit(placeholderText="part of a name")
        self.count, self.stop = QPushButton("Count tasks"), QPushButton("Stop")
        self.table, self.bar, self.status = QTreeWidget(), QProgressBar(textVisible=False), QLabel()
        self.projects.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.table.setHeaderLabels(COLUMNS)
        self.table.setRootIsDecorated(False)
        self.bar.setMaximumHeight(6)
        above = QHBoxLayout()
        for widget in (self.projects, self.words, self.count, self.stop):
            above.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.addLayout(above)
        for widget in (self.table, self.bar, self.status):
            layout.addWidget(widget)

        # One BackgroundCall per independent query, because running one again cancels its pending call.
        self.projects_call, self.shots_call, self.tasks_call = (
            BackgroundCall(self),
            BackgroundCall(self),
            BackgroundCall(self),
        )
        self.projects_call.done.connect(self.show_projects)
        self.shots_call.found.connect(self.add_shots)
        self.shots_call.done.connect(self.show_number)
        self.tasks_call.progress.connect(self.show_progress)
        self.tasks_call.done.connect(self.show_tasks)
        for call in (self.projects_call, self.shots_call, self.tasks_call):
            call.failed.connect(self.show_error)
            call.busy.connect(self.show_busy)
        self.projects.currentIndexChanged.connect(self.find_shots)
        self.words.textChanged.connect(self.find_shots)
        self.count.clicked.connect(self.count_tasks)
        self.stop.clicked.connect(self.stop_all)
        self.show_busy(False)
        self.projects_call.run(sg.find_projects, fields=["name"])

    def show_projects(self, projects: List[Dict[str, Any]]) -> None:
        for project in projects:
            self.projects.addItem(project["name"], project)

    def find_shots(self) -> None:
        """
        Start the query for the shots of the project. Each change of the typed text starts it again.
        """
        self.table.clear()
        self.tasks_call.cancel()
        filters = [["project", "is", {"type": "Project", "id": self.projects.currentData()["id"]}]]
        if self.words.text():
            filters.append(["code", "contains", self.words.text()])
        fields = ["code", "sg_sequence", "sg_status_list", "sg_cut_in", "sg_cut_out"]
        self.shots_call.run(self.sg.find_iter, "Shot", filters, fields, page_size=50)

    def add_shots(self, shots: List[Dict[str, Any]]) -> None:
        for shot in shots:
            sequence = (shot["sg_sequence"] or {}).get("name", "")
            cells = [shot["code"], sequence, shot["sg_status_list"], shot["sg_cut_in"], shot["sg_cut_out"]]
            item = QTreeWidgetItem(self.table, ["" if cell is None else str(cell) for cell in cells])
            item.setData(0, Qt.ItemDataRole.UserRole, {"type": "Shot", "id": shot["id"]})

    def items(self) -> List[QTreeWidgetItem]:
        return [self.table.topLevelItem(row) for row in range(self.table.topLevelItemCount())]

    def count_tasks(self) -> None:
        shots = [item.data(0, Qt.ItemDataRole.UserRole) for item in self.items()]
        self.tasks_call.map(self.sg, count_tasks, shots, workers=4, on_error="collect")

    def show_tasks(self, counts: List[Any]) -> None:
        for item, count in zip(self.items(), counts):
            item.setText(len(COLUMNS) - 1, "?" if isinstance(count, Failure) else str(count))
        self.status.setText(f"{sum(count for count in counts if isinstance(count, int))} tasks")

    def show_number(self, shots: List[Dict[str, Any]]) -> None:
        self.status.setText(f"{len(shots)} shots")

    def show_progress(self, done: int, failed: int, total: Optional[int]) -> None:
        self.bar.setRange(0, total or 0)
        self.bar.setValue(done + failed)

    def show_error(self, error: Exception) -> None:
        self.status.setText(f"<span style='color:#b00'>{error}</span>")

    def show_busy(self, _begins: bool) -> None:
        is_busy = any(call.is_busy for call in (self.projects_call, self.shots_call, self.tasks_call))
        self.bar.setRange(0, 0 if is_busy else 1)
        self.stop.setEnabled(is_busy)

    def stop_all(self) -> None:
        for call in (self.projects_call, self.shots_call, self.tasks_call):
            call.cancel()


def main() -> int:
    """
    Show the window until the user closes it, and return the exit status.
    """
    application = QApplication(sys.argv)
    window = ShotBrowser(SGExtended())
    window.resize(760, 480)
    window.show()
    return application.exec()


if __name__ == "__main__":
    sys.exit(main())
