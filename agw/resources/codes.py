"""The codes of decoding problems, AGW1xxx: stable, one line of explanation each.

A code is never given another meaning and never used again once dropped. `agw help CODE` and the reference in docs print
this table; a test holds it to what the decoder reports.
"""

from __future__ import annotations

UNREADABLE = "AGW1001"
TOO_LARGE = "AGW1002"
NOT_UTF8 = "AGW1003"
NOTHING = "AGW1004"
SYNTAX = "AGW1010"
TAB = "AGW1011"
TRUNCATED = "AGW1012"
DUPLICATE_KEY = "AGW1013"
TAG = "AGW1014"
ALIAS = "AGW1015"
KEY = "AGW1016"
DEPTH = "AGW1017"
CONTROL = "AGW1018"
NOT_AN_OBJECT = "AGW1020"
IDENTITY = "AGW1021"
KIND = "AGW1022"
VERSION = "AGW1023"
GROUP = "AGW1024"
DUPLICATE_OBJECT = "AGW1025"
TYPE = "AGW1030"
UNKNOWN_FIELD = "AGW1031"
MISSING_FIELD = "AGW1032"
ENUM = "AGW1033"
NUMBER_RANGE = "AGW1034"
LENGTH = "AGW1035"
PATTERN = "AGW1036"
LIST_LENGTH = "AGW1037"
DUPLICATE_ITEM = "AGW1038"
MAP_SIZE = "AGW1039"
RULE = "AGW1040"
BASE64 = "AGW1041"
DURATION = "AGW1042"
HOSTNAME = "AGW1043"
NAME = "AGW1044"
SECRET_SIZE = "AGW1045"  # noqa: S105 - a code, not a secret

EXPLANATIONS: dict[str, str] = {
    UNREADABLE: "The file or folder does not exist or cannot be read; nothing of it is in effect.",
    TOO_LARGE: "The file is larger than 16 MiB; split it, or point at the file that holds manifests.",
    NOT_UTF8: "The file is not UTF-8 text; save it as UTF-8.",
    NOTHING: "The folder holds no *.yaml, *.yml or *.json file, so there is nothing to serve from it.",
    SYNTAX: "The text is not YAML (or JSON, in a .json file), so the document cannot be read at all.",
    TAB: "A tab stands where YAML allows only spaces; indent with spaces.",
    TRUNCATED: "The document ends in the middle of a value: a quote, bracket or brace is not closed, or the file is cut.",
    DUPLICATE_KEY: "One mapping has the same key twice; the API server would keep only one, so say which.",
    TAG: "A YAML tag asks for a type that manifests do not have; only !!str, !!int, !!float, !!bool, !!null, !!map, !!seq.",
    ALIAS: "Aliases expand to too much, or an anchor contains itself; write the values out.",
    KEY: "A mapping key is not text; put it in quotes.",
    DEPTH: "Values are nested more than 100 deep; no manifest is.",
    CONTROL: "The text has a control character that YAML does not allow.",
    NOT_AN_OBJECT: "A document must be a mapping with apiVersion, kind and metadata.",
    IDENTITY: "apiVersion or kind is missing or is not text, so the document says not what it is.",
    KIND: "The group has no such kind.",
    VERSION: "The kind exists, but not in that version of its group.",
    GROUP: "The kind exists, but in another API group.",
    DUPLICATE_OBJECT: "Two documents have the same kind, namespace and name; the first stays, the second is left out.",
    TYPE: "A field holds another type than its schema says; note that kubectl reads an unquoted yes, no, on, off as boolean.",
    UNKNOWN_FIELD: "The schema has no such field; the API server would refuse or silently drop it.",
    MISSING_FIELD: "A required field is missing, or is empty.",
    ENUM: "The field takes one of a few words only; they are case-sensitive.",
    NUMBER_RANGE: "The number is outside the bounds of its field.",
    LENGTH: "The text is shorter or longer than its field allows.",
    PATTERN: "The text has not the form that its field asks for.",
    LIST_LENGTH: "The list has fewer or more items than its field allows.",
    DUPLICATE_ITEM: "Two items of a list that must differ are the same.",
    MAP_SIZE: "The mapping has fewer or more entries than its field allows.",
    RULE: "Fields that are fine one by one do not go together; the message says which and why.",
    BASE64: "A value under a Secret's data is not base64; put plain text under stringData instead.",
    DURATION: "Not a Gateway API duration: one to four numbers with h, m, s or ms, such as 30s, 500ms or 1m30s; 0s is off.",
    HOSTNAME: "Not a DNS name in lower case; a listener or route may begin it with `*.`, and none may be an IP address.",
    NAME: "Not a Kubernetes name: lower-case letters, digits and `-` (and `.` where a name may have several labels).",
    SECRET_SIZE: "All values of a Secret together are larger than 1 MiB, which a cluster refuses.",
}
