"""
A window that shows the shots of a project while the site is being asked: it never freezes, and what is typed counts.

Run it with ``python examples/shot_browser.py``, and SHOTGUN_URL, SHOTGUN_SCRIPT_NAME and SHOTGUN_API_KEY set; to try
it, ``sgextended site --demo`` serves a site. It needs ``pip install 'sgextended[qt]' PySide6``.
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
    Return how many tasks a shot has: what the window counts with several workers.
    """
    return sg.count("Task", [["entity", "is", shot]])


class ShotBrowser(QWidget):
    """
    Projects in a list, their shots in a table as they come, and the tasks of each counted on demand.
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

        # One BackgroundCall for each question: asked again, it drops what it was asked before.
        self.ask_projects, self.ask_shots, self.ask_tasks = (
            BackgroundCall(self),
            BackgroundCall(self),
            BackgroundCall(self),
        )
        self.ask_projects.done.connect(self.show_projects)
        self.ask_shots.found.connect(self.add_shots)
        self.ask_shots.done.connect(self.show_number)
        self.ask_tasks.progress.connect(self.show_progress)
        self.ask_tasks.done.connect(self.show_tasks)
        for asker in (self.ask_projects, self.ask_shots, self.ask_tasks):
            asker.failed.connect(self.show_error)
            asker.busy.connect(self.show_busy)
        self.projects.currentIndexChanged.connect(self.find_shots)
        self.words.textChanged.connect(self.find_shots)
        self.count.clicked.connect(self.count_tasks)
        self.stop.clicked.connect(self.stop_all)
        self.show_busy(False)
        self.ask_projects.run(sg.find_projects, fields=["name"])

    def show_projects(self, projects: List[Dict[str, Any]]) -> None:
        for project in projects:
            self.projects.addItem(project["name"], project)

    def find_shots(self) -> None:
        """
        Ask for the shots; with each letter that is typed, too.
        """
        self.table.clear()
        self.ask_tasks.cancel()
        filters = [["project", "is", {"type": "Project", "id": self.projects.currentData()["id"]}]]
        if self.words.text():
            filters.append(["code", "contains", self.words.text()])
        fields = ["code", "sg_sequence", "sg_status_list", "sg_cut_in", "sg_cut_out"]
        self.ask_shots.run(self.sg.find_iter, "Shot", filters, fields, page_size=50)

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
        self.ask_tasks.map(self.sg, count_tasks, shots, workers=4, on_error="collect")

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
        is_busy = any(asker.is_busy for asker in (self.ask_projects, self.ask_shots, self.ask_tasks))
        self.bar.setRange(0, 0 if is_busy else 1)
        self.stop.setEnabled(is_busy)

    def stop_all(self) -> None:
        for asker in (self.ask_projects, self.ask_shots, self.ask_tasks):
            asker.cancel()


def main() -> int:
    """
    Show the window until it is closed.
    """
    application = QApplication(sys.argv)
    window = ShotBrowser(SGExtended())
    window.resize(760, 480)
    window.show()
    return application.exec()


if __name__ == "__main__":
    sys.exit(main())
