"""Where in a file an object stands: positions are looked up when somebody asks.

What is kept per object is a few words and a reference to its document's text; the node tree with its marks is made again
for the few objects that have a problem.
"""

from __future__ import annotations

from dataclasses import dataclass

from agw.errors import Position
from agw.resources import nodes, paths
from agw.resources.decode import composed
from agw.resources.objects import Source


@dataclass(frozen=True, slots=True)
class FileSource(Source):
    """A document, or a part of one, in a file.

    file: as the user named it. document: number in the file, from 1. line: lines of the file before `text`.
    text: the stretch of the file that was decoded as one. index: of the document in it. prefix: where in the document.
    """

    file: str = ""
    document: int = 0
    line: int = 0
    text: str = ""
    index: int = 0
    prefix: paths.Path = ()
    as_json: bool = False

    def position_of(self, path: str = "$") -> Position:
        """Position of the field at the JSON path, or of the deepest part of the path that is written."""
        node = composed(self.text, as_json=self.as_json)[self.index]
        if node is None:
            return Position(self.file)
        mark = nodes.find(node, (*self.prefix, *paths.parse(path)))
        return Position(self.file, self.line + mark.line + 1, mark.column + 1)
